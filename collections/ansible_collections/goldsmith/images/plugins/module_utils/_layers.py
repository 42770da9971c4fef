# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several layers become one with the same effect on whatever lies below them.

Layers are tars of changes, with whiteouts for what they remove
(https://github.com/opencontainers/image-spec/blob/main/layer.md): ``.wh.NAME`` removes NAME of the layers below, and
``.wh..wh..opq`` in a directory hides all that the layers below have in it.
"""

from __future__ import annotations

import posixpath
import tarfile
from copy import copy
from dataclasses import dataclass, field
from typing import IO, Iterator, Optional, Sequence, cast

from ansible_collections.goldsmith.images.plugins.module_utils._archive import Writer, portable
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_WHITEOUT = ".wh."
_META = ".wh..wh."
_OPAQUE = ".wh..wh..opq"


@dataclass
class _Inode:
    """A file's content and attributes; several paths may share one.

    Attributes:
        info: Its header in the layer that it comes from.
        tar: That layer; None for a directory that no layer has an entry for.
        below: Path of the file below the merged layers whose hard link it is.
        written: Path under which the merged layer has it already.
    """

    info: tarfile.TarInfo
    tar: Optional[tarfile.TarFile] = None
    below: str = ""
    written: str = ""


@dataclass
class _Node:
    """What the layers so far say of a path.

    Attributes:
        inode: What is there; None where only something inside the directory changed, or where the path is removed.
        removed: Nothing of below is there.
        opaque: It is a directory in which nothing of below is seen.
        children: What is said of paths inside.
    """

    inode: Optional[_Inode] = None
    removed: bool = False
    opaque: bool = False
    children: dict[str, _Node] = field(default_factory=dict)

    @property
    def is_directory(self) -> bool:
        return not self.removed and (self.inode is None or self.inode.info.isdir())

    @property
    def hides_below(self) -> bool:
        return self.opaque or not self.is_directory


def merge(layers: Sequence[IO[bytes]], target: IO[bytes], bottom: bool = False) -> str:
    """Write one layer that does what the layers do one after the other, and return its digest (its diff_id).

    Args:
        layers: Uncompressed, seekable tars, lowest first.
        target: Where the tar goes.
        bottom: Whether nothing lies below them, so that the result needs no whiteouts: a root file system.

    Raises:
        Fault: They cannot be one layer: a path leads out of the image, or a file is a hard link to one that lies below
            the layers and that they remove, so that its content is not in them.
    """
    root = _Node()
    for layer in layers:
        layer.seek(0)
        _apply(root, tarfile.open(fileobj=layer, mode="r:"))  # noqa: SIM115 its files are read when the result is written
    writer = Writer(target)
    with tarfile.open(fileobj=cast("IO[bytes]", writer), mode="w|", format=tarfile.PAX_FORMAT) as merged:
        _write(root, root, merged, covered=bottom)
    return writer.digest


def _apply(root: _Node, tar: tarfile.TarFile) -> None:
    """Add a layer. Its whiteouts come first, wherever they stand: they are about the layers below it only."""
    members = [(_path(info.name), info) for info in tar]
    for path, _info in members:
        folder, name = posixpath.split(path)
        if name == _OPAQUE:
            node = _folder(root, folder)
            node.opaque = True
            node.children.clear()
        elif name.startswith(_WHITEOUT) and not name.startswith(_META):
            _remove(root, posixpath.join(folder, name[len(_WHITEOUT) :]))
    for path, info in members:
        if not posixpath.basename(path).startswith(_WHITEOUT):
            _add(root, path, tar, info)


def _path(name: str) -> str:
    """Return a member's name as a path relative to the root, which itself is the empty path."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Fault(f"a layer has the path {name!r}, which leads out of the image; it cannot be merged.")
    return "/".join(parts)


def _folder(root: _Node, path: str) -> _Node:
    """Return a directory's node; where the layers so far have no directory, one is made."""
    node = root
    for part in path.split("/") if path else []:
        child = node.children.setdefault(part, _Node())
        if not child.is_directory:
            child = node.children[part] = _Node(_implied_directory(), opaque=True)
        node = child
    return node


def _implied_directory() -> _Inode:
    info = tarfile.TarInfo()
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return _Inode(info)


def _remove(root: _Node, path: str) -> None:
    folder, name = posixpath.split(path)
    node = _folder(root, folder)
    node.children[name] = _Node(removed=True)


def _add(root: _Node, path: str, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
    inode = _linked(root, _path(info.linkname), tar, info) if info.islnk() else _Inode(info, tar)
    if not path:
        root.inode = inode
        return
    folder, name = posixpath.split(path)
    siblings = _folder(root, folder).children
    before = siblings.get(name)
    if before and info.isdir():
        siblings[name] = _Node(
            inode, opaque=before.hides_below, children=before.children if before.is_directory else {}
        )
    else:
        siblings[name] = _Node(inode)


def _linked(root: _Node, target: str, tar: tarfile.TarFile, info: tarfile.TarInfo) -> _Inode:
    """Return the file that a hard link shares: of this layer, of one merged before, or of those below."""
    node: _Node | None = root
    for part in target.split("/"):
        node = node.children.get(part) if node else None
    if node and node.inode:
        return node.inode
    return _Inode(info, tar, below=target)


def _write(root: _Node, node: _Node, merged: tarfile.TarFile, path: str = "", covered: bool = False) -> None:
    """Write a directory and what is in it.

    Args:
        root: Of the tree.
        node: The directory.
        merged: The new layer.
        path: The directory's path.
        covered: Whether nothing of below is seen in it anyway, since a directory above it is opaque.
    """
    for info in _directory(node, path, covered):
        merged.addfile(info)
    covered = covered or node.opaque
    for name, child in sorted(node.children.items()):
        place = posixpath.join(path, name)
        if child.is_directory:
            _write(root, child, merged, place, covered)
        elif child.removed:
            if not covered:
                merged.addfile(tarfile.TarInfo(posixpath.join(path, _WHITEOUT + name)))
        elif child.inode:
            _write_file(root, child.inode, merged, place)


def _directory(node: _Node, path: str, covered: bool) -> Iterator[tarfile.TarInfo]:
    if node.inode:
        yield _renamed(node.inode.info, path or ".")
    if node.opaque and not covered:
        yield tarfile.TarInfo(posixpath.join(path, _OPAQUE))


def _write_file(root: _Node, inode: _Inode, merged: tarfile.TarFile, path: str) -> None:
    info = _renamed(inode.info, path)
    if inode.below and not inode.written:
        if _hidden(root, inode.below):
            raise Fault(
                f"{path} is a hard link to {inode.below} of a layer below, and a later layer removes that: the layers "
                f"cannot become one. Capture with squash: none or squash: all."
            )
        info.linkname = inode.below
    elif inode.written:
        info.type, info.linkname, info.size = tarfile.LNKTYPE, inode.written, 0
    inode.written = inode.written or path
    merged.addfile(info, inode.tar.extractfile(inode.info) if inode.tar and info.isreg() else None)


def _hidden(root: _Node, path: str) -> bool:
    """Whether the layers hide a path of below."""
    node: _Node | None = root
    for part in path.split("/"):
        if node is None or node.hides_below:
            break
        node = node.children.get(part)
    return node is not None


def _renamed(info: tarfile.TarInfo, name: str) -> tarfile.TarInfo:
    renamed = portable(copy(info))
    renamed.name = name
    return renamed
