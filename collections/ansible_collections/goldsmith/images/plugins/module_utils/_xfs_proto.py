# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree as the prototype that mkfs.xfs fills a new file system from, without a mount.

Sources: mkfs.xfs(8), "-p protofile"; for what it makes of it, ``mkfs/proto.c`` of xfsprogs 6.1.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Iterator, NamedTuple

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_KINDS = {
    stat.S_IFREG: "-",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFIFO: "p",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
}
# A word ends at a blank; a colon at its beginning makes a comment, a dollar the end of a directory. The others would
# have to be quoted for xfs_db.
_UNSPEAKABLE = re.compile(rb"^[:$]|[\s\"'\\\\]")
# Of the machine that the tree lies on.
_PASSED_OVER = {"security.selinux"}
_TOLD = 3


class Proto(NamedTuple):
    """What a file system is to be filled with.

    Attributes:
        text: The prototype; files are named by their paths from the top of the tree.
        modes: The modes that it cannot say, by path: sticky ones, and those below a directory that passes its group on.
        sizes: Bytes of the files, by path.
    """

    text: bytes
    modes: dict[str, int]
    sizes: dict[str, int]


def prototype(tree: Path) -> Proto:
    """Return the prototype of a tree.

    Args:
        tree: The tree.

    Raises:
        Fault: It holds what no prototype can: extended attributes, hard links, blanks in names, sockets.
    """
    refused = list(_refused(tree))
    if refused:
        more = f" and {len(refused) - _TOLD} more" if len(refused) > _TOLD else ""
        raise Fault(f"mkfs.xfs cannot fill a file system with {'; '.join(refused[:_TOLD])}{more}")
    top = tree.lstat()
    proto = Proto(b"", {}, {})
    lines = [b"/", b"0 0", _described(top), *_lines(tree, tree, proto), b"$"]
    if top.st_mode & stat.S_ISVTX:
        proto.modes["/"] = top.st_mode
    return proto._replace(text=b"\n".join(lines) + b"\n")


def _lines(directory: Path, tree: Path, proto: Proto) -> Iterator[bytes]:
    inherits = directory.lstat().st_mode & stat.S_ISGID
    for path in sorted(directory.iterdir(), key=os.fsencode):
        found, below = path.lstat(), path.relative_to(tree)
        kind = stat.S_IFMT(found.st_mode)
        line = os.fsencode(path.name) + b" " + _described(found)
        if kind == stat.S_IFREG:
            line += b" " + os.fsencode(below)
            proto.sizes[f"/{below}"] = found.st_size
        elif kind == stat.S_IFLNK:
            line += b" " + _target(path)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            line += b" %d %d" % (os.major(found.st_rdev), os.minor(found.st_rdev))
        yield line
        is_directory = kind == stat.S_IFDIR
        # mkfs.xfs gives a directory the bit of the one that it lies in.
        if found.st_mode & stat.S_ISVTX or (is_directory and inherits and not found.st_mode & stat.S_ISGID):
            proto.modes[f"/{below}"] = found.st_mode
        if is_directory:
            yield from _lines(path, tree, proto)
            yield b"$"


def _target(path: Path) -> bytes:
    return os.readlink(os.fsencode(path))  # noqa: PTH115  a Path would leave out what it can do without


def _described(found: os.stat_result) -> bytes:
    """Return kind, mode and owner: such as ``d--755 0 0``."""
    mode = found.st_mode
    setuid, setgid = ("u" if mode & stat.S_ISUID else "-"), ("g" if mode & stat.S_ISGID else "-")
    kind = _KINDS[stat.S_IFMT(mode)]
    return f"{kind}{setuid}{setgid}{mode & 0o777:03o} {found.st_uid} {found.st_gid}".encode()


def _refused(tree: Path) -> Iterator[str]:
    """Yield what cannot be in a prototype, and why."""
    linked: dict[int, Path] = {}
    for path in [tree, *sorted(tree.rglob("*"))]:
        found, told = path.lstat(), f"/{path.relative_to(tree)}" if path != tree else "/"
        if path != tree and _UNSPEAKABLE.search(os.fsencode(path.name)):
            yield f"{told!r}: its name holds a blank, a quote or a backslash, or begins with : or $"
        elif path.is_symlink() and _UNSPEAKABLE.search(_target(path)):
            yield f"{told}: what it links to holds a blank, a quote or a backslash, or begins with : or $"
        elif stat.S_IFMT(found.st_mode) not in _KINDS:
            yield f"{told}: it is a socket"
        elif found.st_nlink > 1 and not path.is_dir() and linked.setdefault(found.st_ino, path) != path:
            yield f"{told}: it is a hard link to /{linked[found.st_ino].relative_to(tree)}"
        elif attributes := sorted(set(os.listxattr(path, follow_symlinks=False)) - _PASSED_OVER):
            yield f"{told}: it has the extended attribute {attributes[0]}"
