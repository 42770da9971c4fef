# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of an ext4 file system that lies in a disk's file, taken out by debugfs: no mount, no loop device.

debugfs is told numbers of inodes alone and writes into one flat directory; names are put to them here, so that an image
made with ill intent cannot lead out of the tree. Its own ``rdump`` loses set-user-ID bits, hard links and capabilities.

Sources: debugfs(8); the kernel's Documentation/filesystems/ext4/inodes.rst for times.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple

from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import printed
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import no_room
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

ROOT = 2
"""Number of the top directory."""
CAPABILITY = "security.capability"

_SKIPPED = (b"dev", b"proc", b"run", b"sys", b"lost+found")
_ENTRY = re.compile(rb"/(\d+)/([0-7]+)/(\d+)/(\d+)/([^/]*)/(\d*)/\n")
_ASKED = re.compile(rb"^debugfs: (?:ls -p|stat) <(\d+)>\n", re.MULTILINE)
_TIME = re.compile(rb"^ mtime: 0x([0-9a-f]{8})(?::([0-9a-f]{8}))?", re.MULTILINE)
_FAST_LINK = re.compile(rb'^Fast link dest: "(.*)"\n*\Z', re.MULTILINE | re.DOTALL)
_CAPABILITY = re.compile(rb"^  security\.capability \(\d+\) = ([0-9a-f ]+)$", re.MULTILINE)


class Entry(NamedTuple):
    """A name in a directory: number of the inode, mode with the kind, owner, group, name, and bytes of a file."""

    inode: int
    mode: int
    uid: int
    gid: int
    name: bytes
    size: int


class Detail(NamedTuple):
    """What else an inode says: seconds since 1970 of its last change, where a short link leads, its capabilities."""

    mtime: int
    link: bytes | None
    capability: bytes


def entries(listing: bytes) -> list[Entry]:
    """Return what debugfs's ``ls -p`` says of a directory, without itself and the one above.

    Raises:
        Fault: A name is none that a file can have, or is there twice.
    """
    found = []
    for match in _ENTRY.finditer(listing):
        inode, mode, uid, gid, name, size = match.groups()
        if int(inode) and name not in (b".", b".."):
            found.append(Entry(int(inode), int(mode, 8), int(uid), int(gid), name, int(size or 0)))
    names = [entry.name for entry in found]
    if len(set(names)) != len(names) or any(not name or b"\0" in name for name in names):
        raise Fault("the image's root file system is damaged: a directory in it has a name twice, or an empty one.")
    # debugfs writes a line for each, those of unused places too; a name with a slash in it would be missing here.
    if _ENTRY.sub(b"", listing).replace(b"/0/000000/0/0//0/\n", b"").strip():
        raise Fault("the image's root file system is damaged: a directory in it has a name that no file can have.")
    return found


def detail(told: bytes) -> Detail:
    """Return what debugfs's ``stat`` says of an inode.

    Raises:
        Fault: It says something else.
    """
    time = _TIME.search(told)
    if time is None:
        raise Fault("debugfs does not tell of a file in the image when it was changed")
    seconds = int(time[1], 16)
    seconds -= (seconds & 0x80000000) << 1
    link, capability = _FAST_LINK.search(told), _CAPABILITY.search(told)
    return Detail(
        seconds + ((int(time[2] or b"0", 16) & 3) << 32),
        link[1] if link else None,
        bytes.fromhex(capability[1].decode("ascii")) if capability else b"",
    )


def has(disk: Path, start: int, path: str) -> bool:
    """Tell whether there is a file in the file system at an offset of a disk; no link is followed."""
    return b"Inode: " in printed(["debugfs", "-R", f"stat {path}", f"{disk}?offset={start}"])


def take_out(disk: Path, start: int, tree: Path, work: Path) -> None:
    """Copy a file system into a new directory, with owners, modes, times, hard links and capabilities.

    What the kernel fills itself (``/dev`` and others), devices and sockets are left out.

    Args:
        disk: The disk's file.
        start: Where the file system begins, in bytes. It has been checked by e2fsck.
        tree: The directory; it is made.
        work: Directory for files, on the same file system.

    Raises:
        Fault: It is damaged, or there is no room.
    """
    at = f"{disk}?offset={start}"
    folders = _folders(at)
    found = {entry.inode: entry for listed in folders.values() for entry in listed}
    details = {inode: detail(told) for inode, told in _asked(at, "stat", [ROOT, *found]).items()}
    missing = {ROOT, *found} - set(details)
    if missing:
        raise Fault("the image's root file system is damaged: debugfs cannot read all of it")
    contents = [
        entry
        for entry in found.values()
        if stat.S_ISREG(entry.mode) or (stat.S_ISLNK(entry.mode) and details[entry.inode].link is None)
    ]
    needed = sum(entry.size for entry in contents)
    if needed > shutil.disk_usage(work).free:
        raise Fault(no_room(tree, needed))
    flat = work / "inodes"
    flat.mkdir()
    requests = "".join(f"dump <{entry.inode}> {flat.name}/{entry.inode}\n" for entry in contents)
    printed(["debugfs", "-f", "-", at], given=requests, cwd=work)
    for entry in contents:
        path = flat / str(entry.inode)
        if not path.is_file() or path.stat().st_size != entry.size:
            raise Fault(f"{entry.name!r} cannot be read from the image; is there room in {work}?")
    tree.mkdir(mode=0o755)
    top = _top(at)
    _Laying(folders, details, flat, {}).lay(tree, ROOT)
    _settle(tree, top, details[ROOT])
    flat.rmdir()


def _top(at: str) -> Entry:
    told = printed(["debugfs", "-R", f"ls -p <{ROOT}>", at])
    for match in _ENTRY.finditer(told):
        if match[5] == b".":
            return Entry(ROOT, int(match[2], 8), int(match[3]), int(match[4]), b".", 0)
    raise Fault("the image's root file system is damaged: it has no top directory")


def _folders(at: str) -> dict[int, list[Entry]]:
    """Return what is in each directory, by the directory's number."""
    found: dict[int, list[Entry]] = {}
    level = [ROOT]
    while level:
        for inode, told in _asked(at, "ls -p", level).items():
            listed = entries(told)
            found[inode] = [
                entry
                for entry in listed
                if stat.S_IFMT(entry.mode) in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO)
                and not (inode == ROOT and entry.name == b"lost+found")
            ]
        below = []
        for inode in level:
            for entry in found.get(inode, []):
                if stat.S_ISDIR(entry.mode):
                    if entry.inode in found or entry.inode in below:
                        raise Fault("the image's root file system is damaged: a directory lies in two others.")
                    if inode == ROOT and entry.name in _SKIPPED:
                        found[entry.inode] = []
                    else:
                        below.append(entry.inode)
        level = below
    return found


def _asked(at: str, request: str, inodes: Iterable[int]) -> Mapping[int, bytes]:
    """Return debugfs's answers to the same request for many inodes."""
    requests = "".join(f"{request} <{inode}>\n" for inode in inodes)
    told = printed(["debugfs", "-f", "-", at], given=requests)
    pieces = _ASKED.split(told)
    return {int(number): text for number, text in zip(pieces[1::2], pieces[2::2])}


@dataclass(frozen=True)
class _Laying:
    """A tree on its way: what is in each directory, what inodes say, their contents, and where each went first."""

    folders: Mapping[int, list[Entry]]
    details: Mapping[int, Detail]
    flat: Path
    laid: dict[int, Path]

    def lay(self, folder: Path, number: int) -> None:
        """Fill a directory; its own mode and time come after that."""
        for entry in self.folders[number]:
            path = folder / os.fsdecode(entry.name)
            if entry.inode in self.laid:
                os.link(self.laid[entry.inode], path, follow_symlinks=False)
                continue
            if stat.S_ISDIR(entry.mode):
                path.mkdir(mode=0o700)
                self.lay(path, entry.inode)
            else:
                self._make(path, entry)
                self.laid[entry.inode] = path
            _settle(path, entry, self.details[entry.inode])

    def _make(self, path: Path, entry: Entry) -> None:
        content, link = self.flat / str(entry.inode), self.details[entry.inode].link
        if stat.S_ISREG(entry.mode):
            content.rename(path)
        elif stat.S_ISFIFO(entry.mode):
            os.mkfifo(path)
        elif link is not None:
            path.symlink_to(os.fsdecode(link))
        else:
            path.symlink_to(os.fsdecode(content.read_bytes()))
            content.unlink()


def _settle(path: Path, entry: Entry, known: Detail) -> None:
    """Give a file its owner, mode, capabilities and time, in that order: a new owner takes away the next two."""
    os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    if not stat.S_ISLNK(entry.mode):
        path.chmod(stat.S_IMODE(entry.mode))
        if known.capability:
            os.setxattr(path, CAPABILITY, known.capability)
    os.utime(path, (known.mtime, known.mtime), follow_symlinks=False)
