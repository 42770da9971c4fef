"""Disks of snapshots that were written block by block: kept as sparse files, and made file systems of machines.

Nothing is mounted: sfdisk tells the partitions, debugfs reads ext4.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK = 512 * 1024
"""Bytes of a block (https://docs.aws.amazon.com/ebs/latest/userguide/ebsapi-elements.html)."""

_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_USER = re.compile(r"^ *default_user:\n(?: +.*\n)*? +name: *(\S+)", re.MULTILINE)
_LISTED = re.compile(r"^/\d+/([0-7]+)/\d+/\d+/([^/]+)/")  # inode, mode, owner, group, name
_SYSTEM = "/etc/passwd"  # debugfs follows no link


@dataclass
class Disk:
    """The blocks of a snapshot.

    Attributes:
        path: Sparse file with all of them.
        indexes: Which were written; the others are zero.
    """

    path: Path
    indexes: set[int] = field(default_factory=set)

    @classmethod
    def create(cls, path: Path, size: int, parent: Disk | None = None) -> Disk:
        """Make a disk of so many bytes, which begins with the blocks of another one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if parent is None:
            path.touch()
        else:
            _run(["cp", "--sparse=always", str(parent.path), str(path)]).check_returncode()
        os.truncate(path, size)
        return cls(path, set(parent.indexes) if parent else set())

    def write(self, index: int, data: bytes) -> None:
        """Keep a block."""
        with self.path.open("r+b") as file:
            file.seek(index * BLOCK)
            file.write(data)
        self.indexes.add(index)

    def read(self, index: int) -> bytes:
        """Return a block."""
        with self.path.open("rb") as file:
            file.seek(index * BLOCK)
            return file.read(BLOCK)

    def copy(self, path: Path) -> Disk:
        """Return the same disk as another file; neither is written any more."""
        path.hardlink_to(self.path)
        return Disk(path, self.indexes)

    def discard(self) -> None:
        """Throw it away."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class System:
    """The system on a disk that a machine can be started from.

    Attributes:
        root: Offset of its root file system in bytes.
        user: User that cloud-init makes, and gives the key to.
    """

    root: int
    user: str


def system(disk: Path) -> System | None:
    """Return the system on a disk, or None if there is none that the lab can read: ext4 in a partition."""
    for offset in _partitions(disk):
        if _debugfs(disk, offset, f"cat {_SYSTEM}"):
            found = _USER.search(_debugfs(disk, offset, "cat /etc/cloud/cloud.cfg"))
            return System(offset, found[1] if found else "root")
    return None


def import_system(api: Any, disk: Path, found: System, reference: str, label: str) -> None:
    """Make an image in the engine of the system on a disk.

    Args:
        api: The engine's API.
        disk: The disk.
        found: What `system` has returned.
        reference: Repository and tag of the image.
        label: A label with its value, as a Dockerfile has it.
    """
    with tempfile.TemporaryDirectory(prefix="goldsmith-lab-", dir=disk.parent) as place:
        tree = Path(place) / "tree"
        tree.mkdir()
        _debugfs(disk, found.root, f"rdump / {tree}")
        _restore_modes(disk, found.root, tree)
        shutil.rmtree(tree / "lost+found", ignore_errors=True)
        repository, _, tag = reference.partition(":")
        command = ["tar", "-C", str(tree), "--numeric-owner", "-cf", "-", "."]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as packed:
            answer = api.import_image_from_stream(packed.stdout, repository, tag, changes=[f"LABEL {label}"])
        if packed.returncode or '"error"' in answer:
            raise OSError(f"the disk {disk.name} could not be made an image: {answer}")


def _partitions(disk: Path) -> list[int]:
    """Return the offsets of a disk's partitions in bytes."""
    done = _run(["sfdisk", "--json", str(disk)])
    if done.returncode:
        return []
    table = json.loads(done.stdout)["partitiontable"]
    return [one["start"] * table.get("sectorsize", 512) for one in table.get("partitions", [])]


def _debugfs(disk: Path, offset: int, request: str) -> str:
    """Return what debugfs prints for a request; empty where there is no such file, or no such file system."""
    done = _run(["debugfs", "-R", request, f"{disk}?offset={offset}"])
    return done.stdout


def _restore_modes(disk: Path, offset: int, tree: Path) -> None:
    """Give files their set-user-ID and set-group-ID bits, which debugfs loses as it changes the owner last."""
    folders = ["/" + str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_dir() and not path.is_symlink()]
    requests = tree.with_name("requests")
    requests.write_text("".join(f'ls -p "{folder}"\n' for folder in folders if '"' not in folder))
    folder = ""
    for line in _run(["debugfs", "-f", str(requests), f"{disk}?offset={offset}"]).stdout.splitlines():
        if line.startswith("debugfs: ls -p "):
            folder = line.split('"')[1]
        elif found := _LISTED.match(line):
            mode = int(found[1], 8)
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                Path(f"{tree}{folder}/{found[2]}").chmod(stat.S_IMODE(mode))


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": _PATH, "LC_ALL": "C"}
    return subprocess.run(
        command, capture_output=True, check=False, env=environment, encoding="utf-8", errors="replace"
    )
