# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container becomes the image of the disk that it was taken from: all is as it was, but for the root's files."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils import _disk_boot, _disk_tree
from ansible_collections.goldsmith.images.plugins.module_utils._disk_draft import drafted, to_disk
from ansible_collections.goldsmith.images.plugins.module_utils._disk_filesystems import sparse_file, write_ext4
from ansible_collections.goldsmith.images.plugins.module_utils._disk_image import Place, convert, told
from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import MIB, Layout
from ansible_collections.goldsmith.images.plugins.module_utils._disk_source import (
    Original,
    System,
    partitions,
    unpacked,
)
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import call
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import Part
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


@dataclass(frozen=True)
class Rewritten:
    """The disk that is wanted.

    Attributes:
        original: The image that it is made from.
        size: Bytes, or None for those of the original.
        format: ``raw``, ``qcow2`` or ``vmdk``.
        hostname: Name of the machine.
        epoch: Seconds since 1970 that no time in it is younger than.
    """

    original: Original
    size: int | None
    format: str
    hostname: str
    epoch: int


def rewrite(client: Any, container: str, wanted: Rewritten, place: Place) -> dict[str, Any]:
    """Write a disk.

    Args:
        client: A connected client.
        container: The container, which runs; its base is the original's root file system.
        wanted: The disk.
        place: Where to.

    Returns:
        What is to be known of it. Whatever goes wrong, nothing is left.

    Raises:
        Fault: The container is no system that could start, or it does not fit.
    """
    with drafted(place.directory, place.build_id) as work:
        before, disk, tree = work / "original.raw", work / "disk.raw", work / "tree"
        found = unpacked(wanted.original, before)
        _disk_boot.write_menu(client, container, found.layout)
        copy_around(before, disk, found.layout)
        before.unlink()
        layout = _grown(disk, found, wanted)
        _disk_tree.take(client, container, tree)
        _disk_tree.finish(tree, layout, wanted.hostname)
        _disk_boot.check(tree, ())
        _disk_tree.clamp(tree, wanted.epoch)
        write_ext4(disk, Part(layout.root, tree), wanted.epoch, work, found.features)
        shutil.rmtree(tree)
        image = work / place.name
        convert(disk, image, wanted.format)
        to_disk(image)
        return {
            "path": str(image),
            "format": wanted.format,
            "size": image.stat().st_size,
            "virtual_size": layout.size,
            "partitions": told(layout),
            "firmware": list(found.firmware),
        }


def copy_around(before: Path, disk: Path, layout: Layout) -> None:
    """Copy a disk into a sparse file, but for its root file system: of that, nothing that was deleted is to stay."""
    sparse_file(disk, layout.size)
    root = layout.root
    with before.open("rb") as source, disk.open("r+b") as target:
        for start, end in ((0, root.start), (root.start + root.size, layout.size)):
            for at in range(start, end, MIB):
                source.seek(at)
                chunk = source.read(min(MIB, end - at))
                if chunk.count(0) != len(chunk):
                    target.seek(at)
                    target.write(chunk)


def _grown(disk: Path, found: System, wanted: Rewritten) -> Layout:
    """Give the disk its size, and what there is more of it to the root partition."""
    layout, size = found.layout, wanted.size
    if size is None or size == layout.size:
        return layout
    size = -(-size // MIB) * MIB
    name = wanted.original.path
    if size < layout.size:
        raise Fault(
            f"`size` is {size >> 20} MiB, and the disk of {name} has {layout.size >> 20} MiB; it can only grow. Give "
            "more, or leave `size` out."
        )
    if any(one.start > layout.root.start for one in layout.partitions):
        raise Fault(f"the root partition of {name} cannot grow: another one lies behind it. Leave `size` out.")
    os.truncate(disk, size)
    quietly = ["--quiet", "--no-tell-kernel", "--no-reread"]
    if layout.table == "gpt":
        call(["sfdisk", *quietly, "--relocate", "gpt-bak-std", disk])
    call(["sfdisk", *quietly, "-N", layout.root.number, disk], given=", +\n")
    after = next(one.size for one in partitions(disk) if one.number == layout.root.number)
    return replace(layout, size=size, partitions=(*layout.partitions[:-1], replace(layout.root, size=after)))
