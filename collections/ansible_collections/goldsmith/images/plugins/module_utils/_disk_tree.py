# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root file system of a machine to be, taken out of a container, with what only a machine of its own has."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from ansible_collections.goldsmith.images.plugins.module_utils._container import last_lines
from ansible_collections.goldsmith.images.plugins.module_utils._disk_fstab import completed
from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import Layout, Partition
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

BLOCK = 4096
"""Bytes of a block of the file systems."""

# The kernel of the machine fills these itself.
_EMPTY = ("dev", "proc", "run", "sys")
_STUB_RESOLVER = "usr/lib/systemd/systemd-resolved"
_KEYGEN = "usr/bin/ssh-keygen"

HOST_KEYS_UNIT = "goldsmith-host-keys.service"
_HOST_KEYS = """\
[Unit]
Description=Make this machine's own SSH host keys
ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key
Before=ssh.service sshd.service ssh.socket

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
"""


def take(client: Any, container: str, tree: Path) -> None:
    """Copy a container's root file system into a new directory, with owners, modes, times and capabilities.

    Args:
        client: A connected client.
        container: The container.
        tree: The directory; it is made.

    Raises:
        Fault: There is no room.
    """
    tree.mkdir(mode=0o755)
    excluded = [f"--exclude={name}/*" for name in _EMPTY]
    command = ["tar", "-x", "-C", str(tree), "-p", "--same-owner", "--numeric-owner", "--xattrs", "--xattrs-include=*"]
    process = subprocess.Popen(
        [*command, "--anchored", *excluded, "-f", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    pipe, errors = process.stdin, process.stderr
    if pipe is None or errors is None:
        raise ValueError("no pipes")
    broken = False
    try:
        for chunk in client.api.export(container):
            pipe.write(chunk)
        pipe.close()
    except BrokenPipeError:
        broken = True
    finally:
        said = errors.read().decode(errors="replace")
        errors.close()
        status = process.wait()
    if status or broken:
        if "No space left" in said:
            raise Fault(no_room(tree, 0))
        raise Fault(f"the container's files cannot be laid out in {tree}: {last_lines(said)}")


def no_room(place: Path, needed: int) -> str:
    """Return what to say when the disk of this machine is full."""
    free = shutil.disk_usage(str(place.parent)).free
    more = f"; about {needed >> 20} MiB are needed there" if needed else ""
    return (
        f"there is no room on this machine in {place.parent}: {free >> 20} MiB are free{more}. Make room, or choose "
        "another place by `directory`."
    )


def finish(tree: Path, layout: Layout, hostname: str) -> None:
    """Write what a container has from its engine, and take out what no two machines may share.

    Args:
        tree: The root file system.
        layout: The disk that it goes to.
        hostname: The machine's name.

    Raises:
        Fault: A directory that is written to is a link.
    """
    see_inside(tree, "etc/ssh", "etc/systemd/system/multi-user.target.wants")
    (tree / ".dockerenv").unlink(missing_ok=True)
    etc = tree / "etc"
    _write(etc / "hostname", f"{hostname}\n")
    _write(etc / "hosts", _hosts(hostname))
    resolver = etc / "resolv.conf"
    resolver.unlink(missing_ok=True)
    if (tree / _STUB_RESOLVER).exists() or (tree / _STUB_RESOLVER.replace("usr/", "", 1)).exists():
        resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    else:
        _write(resolver, "")
    fstab = etc / "fstab"
    before = fstab.read_text(encoding="utf-8") if fstab.exists() else ""
    _write(fstab, completed(before, layout))
    for mount in (*_EMPTY, *(partition.mount.lstrip("/") for partition in layout.mounted)):
        (tree / mount).mkdir(parents=True, exist_ok=True)
    _write(etc / "machine-id", "")
    for key in (etc / "ssh").glob("ssh_host_*_key*"):
        key.unlink()
    units = etc / "systemd/system"
    if (tree / _KEYGEN).exists() and units.is_dir():
        _write(units / HOST_KEYS_UNIT, _HOST_KEYS)
        wanted = units / "multi-user.target.wants"
        wanted.mkdir(exist_ok=True)
        if not (wanted / HOST_KEYS_UNIT).is_symlink():
            (wanted / HOST_KEYS_UNIT).symlink_to(f"/etc/systemd/system/{HOST_KEYS_UNIT}")


def see_inside(tree: Path, *folders: str) -> None:
    """See that what is written to directories of a tree stays in it: that none on the way there is a link.

    Raises:
        Fault: One is; it may lead to a directory of this machine.
    """
    for folder in folders:
        for path in (Path(folder), *Path(folder).parents):
            if (tree / path).is_symlink():
                raise Fault(
                    f"/{path} in the image is a link to {(tree / path).readlink()}, and could lead out of the image. "
                    "Have a directory there."
                )


def _hosts(hostname: str) -> str:
    full, short = hostname, hostname.partition(".")[0]
    names = full if full == short else f"{full} {short}"
    return (
        f"127.0.0.1\tlocalhost\n127.0.1.1\t{names}\n\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
    )


def _write(path: Path, text: str) -> None:
    """Write a file of the machine's, whose mode stays as it is; a link there is replaced, as it may lead out."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.is_file() and not path.is_symlink() else 0o644
    if path.is_symlink():
        path.unlink()
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def clamp(tree: Path, epoch: int) -> None:
    """Let nothing be younger than a time, in seconds since 1970, so that the time of this build does not show."""
    for path in _paths(tree):
        if path.lstat().st_mtime > epoch:
            os.utime(path, (epoch, epoch), follow_symlinks=False)


class Part(NamedTuple):
    """A partition and the tree that goes into it."""

    partition: Partition
    tree: Path


def split(tree: Path, layout: Layout, work: Path) -> list[Part]:
    """Take out what goes into partitions of its own; empty directories stay in its place.

    Returns:
        The parts whose partitions hold files, the root partition last.
    """
    parts = []
    for partition in reversed(layout.mounted):
        if partition.mount == "/" or partition.filesystem == "vfat":
            continue
        here = tree / partition.mount.lstrip("/")
        there = work / f"tree-{partition.number}"
        found = here.stat()
        here.rename(there)
        here.mkdir()
        os.chown(here, found.st_uid, found.st_gid)
        here.chmod(stat.S_IMODE(found.st_mode))
        parts.append(Part(partition, there))
    return [*parts, Part(layout.root, tree)]


class Measure(NamedTuple):
    """What a tree holds: bytes in whole blocks, and inodes."""

    bytes: int
    inodes: int


def measure(tree: Path) -> Measure:
    """Return what a file system for a tree has to hold."""
    size = inodes = 0
    linked = set()
    for path in _paths(tree):
        found = path.lstat()
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if found.st_ino in linked:
                continue
            linked.add(found.st_ino)
        inodes += 1
        if stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode):
            size += max(-(-found.st_size // BLOCK), stat.S_ISDIR(found.st_mode)) * BLOCK
    return Measure(size, inodes)


def _paths(tree: Path) -> Iterator[Path]:
    """Yield a tree and all in it, whatever is in a directory before the directory itself."""
    with os.scandir(tree) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _paths(Path(entry.path))
            else:
                yield Path(entry.path)
    yield tree
