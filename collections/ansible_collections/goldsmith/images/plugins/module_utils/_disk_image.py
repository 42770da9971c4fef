# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container becomes the image of a bootable disk, written in a directory of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Mapping, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils import _disk_boot, _disk_tree
from ansible_collections.goldsmith.images.plugins.module_utils._disk_draft import drafted, to_disk
from ansible_collections.goldsmith.images.plugins.module_utils._disk_filesystems import (
    needed,
    sparse_file,
    write_esp,
    write_ext4,
)
from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import MIB, Layout, lay_out
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import call, need, need_root
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import Measure, measure
from ansible_collections.goldsmith.images.plugins.module_utils._disk_xfs import PROGRAMS, write_xfs
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_QEMU = {"qcow2": ("qcow2", "compat=1.1,lazy_refcounts=off"), "vmdk": ("vmdk", "subformat=streamOptimized")}
_ROOM_TO_START = 512 * MIB
PLACEHOLDER = 64 << 30
"""Size of a disk while the one that it gets is not known; nothing but places depends on it."""


@dataclass(frozen=True)
class Wanted:
    """The disk that is wanted.

    Attributes:
        size: Bytes, or None for what the content needs and a little more.
        firmware: What it starts from: ``bios``, ``uefi`` or both.
        filesystem: Of the root partition, and of others that name none.
        partitions: Others: each with ``mount``, ``size`` and ``filesystem``.
        seed: What all its identities follow from.
        format: ``raw``, ``qcow2`` or ``vmdk``.
        hostname: Name of the machine.
        epoch: Seconds since 1970 that no time in it is younger than.
    """

    size: int | None
    firmware: Sequence[str]
    filesystem: str
    partitions: Sequence[Mapping[str, Any]]
    seed: str
    format: str
    hostname: str
    epoch: int

    def layout(self) -> Layout:
        """Return where everything lies; a disk whose size is not known is a large one."""
        size = -(-(self.size or PLACEHOLDER) // MIB) * MIB
        return lay_out(size, self.firmware, self.filesystem, self.partitions, self.seed)

    def need_programs(self) -> None:
        """See that this process is root, and has the programs that write such a disk.

        Raises:
            Fault: It is not, or some are missing.
        """
        need_root()
        programs = ["sfdisk", "mke2fs", "debugfs", "tar", "grub-mkimage"]
        programs += ["mkfs.vfat", "mmd", "mcopy"] if "uefi" in self.firmware else []
        programs += PROGRAMS if "xfs" in [one.get("filesystem") for one in self.partitions] else []
        programs += ["qemu-img"] if self.format in _QEMU else []
        need(programs)


@dataclass(frozen=True)
class Place:
    """Where a disk is going to be; until then it is in a directory of its build there.

    Attributes:
        directory: The directory.
        name: The file's name.
        build_id: The build.
    """

    directory: Path
    name: str
    build_id: str


def write(client: Any, container: str, wanted: Wanted, place: Place) -> dict[str, Any]:
    """Write a disk.

    Args:
        client: A connected client.
        container: The container, which runs.
        wanted: The disk.
        place: Where to.

    Returns:
        What is to be known of it. Whatever goes wrong, nothing is left.

    Raises:
        Fault: The container is no system that could start, or it does not fit.
    """
    wanted.need_programs()
    layout = wanted.layout()
    _disk_boot.write_menu(client, container, layout)
    with drafted(place.directory, place.build_id) as work:
        return _write(client, container, wanted, work, place.name)


def _write(client: Any, container: str, wanted: Wanted, work: Path, name: str) -> dict[str, Any]:
    tree = work / "tree"
    _disk_tree.take(client, container, tree)
    layout = wanted.layout()
    _disk_tree.finish(tree, layout, wanted.hostname)
    _disk_boot.check(tree, wanted.firmware)
    _disk_boot.keep_modules(tree, wanted.firmware)
    cores = {kind: _disk_boot.core(tree, kind, layout, work) for kind in wanted.firmware}
    parts = _disk_tree.split(tree, layout, work)
    for part in parts:
        _disk_tree.clamp(part.tree, wanted.epoch)
    layout = _sized(wanted, layout, measure(tree))
    _need_room(work, sum(measure(part.tree).bytes for part in parts))
    disk = work / "disk.raw"
    sparse_file(disk, layout.size)
    call(["sfdisk", "--quiet", "--no-tell-kernel", "--no-reread", disk], given=layout.sfdisk())
    if "bios" in cores:
        _disk_boot.embed(disk, cores["bios"], tree / "usr/lib/grub/i386-pc/boot.img", layout)
    esp = layout.named("esp")
    if esp is not None:
        write_esp(disk, esp, cores["uefi"], wanted.epoch)
    for part in parts:
        number = part.partition.number
        current = next(one for one in layout.partitions if one.number == number)
        placed = part._replace(partition=current)
        if current.filesystem == "xfs":
            write_xfs(disk, placed, work)
        else:
            write_ext4(disk, placed, wanted.epoch, work)
        shutil.rmtree(part.tree)
    image = work / name
    convert(disk, image, wanted.format)
    to_disk(image)
    return {
        "path": str(image),
        "format": wanted.format,
        "size": image.stat().st_size,
        "virtual_size": layout.size,
        "partitions": told(layout),
        "firmware": list(wanted.firmware),
    }


def _sized(wanted: Wanted, layout: Layout, content: Measure) -> Layout:
    """Return the layout with the size that the disk gets, where none was asked for."""
    if wanted.size is not None:
        return layout
    beside = layout.size - layout.root.size
    root = int(content.bytes * 1.1) + _ROOM_TO_START
    root = -(-max(root, needed(content, root)) // MIB) * MIB
    return replace(wanted, size=beside + root).layout()


def _need_room(work: Path, content: int) -> None:
    # The raw disk, and what it is converted to.
    free = shutil.disk_usage(work).free
    if free < content * 2:
        raise Fault(_disk_tree.no_room(work, content * 2))


def convert(disk: Path, image: Path, form: str) -> None:
    """Give a raw disk the format that is wanted; the raw file is gone afterwards."""
    if form == "raw":
        disk.rename(image)
        return
    kind, options = _QEMU[form]
    call(["qemu-img", "convert", "-f", "raw", "-O", kind, "-o", options, disk, image])
    disk.unlink()


def told(layout: Layout) -> list[dict[str, Any]]:
    """Return the partitions as modules return them."""
    return [
        {
            "number": partition.number,
            "name": partition.name,
            "mount": partition.mount,
            "filesystem": partition.filesystem,
            "start": partition.start,
            "size": partition.size,
            "uuid": partition.uuid,
            "filesystem_uuid": partition.filesystem_uuid,
        }
        for partition in layout.partitions
    ]
