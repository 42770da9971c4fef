# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An XFS file system with a tree in it, written into a disk's file without a mount.

Sources: mkfs.xfs(8), xfs_db(8), xfs_repair(8).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._disk_filesystems import sparse_file
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import call
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import BLOCK, Measure, Part, measure
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._xfs_proto import prototype

PROGRAMS = ("mkfs.xfs", "xfs_db", "xfs_repair", "dd")

# Said here, so that every machine makes the same, one that kernels from 5.10 on can read.
_METADATA = "crc=1,finobt=1,reflink=1,rmapbt=0,bigtime=1,inobtcount=1"
_INODE = 512
_LOG = 64 << 20


def needed(content: Measure, size: int) -> int:
    """Return the bytes that an XFS file system of about a size needs for a content."""
    inodes = int(content.inodes * 1.1) * _INODE
    return int(content.bytes * 1.02) + inodes + max(_LOG, size >> 11) + size // 100 + (4 << 20)


def write_xfs(disk: Path, part: Part, work: Path) -> None:
    """Make an XFS file system with a tree in it. All its times are those of its making.

    Args:
        disk: The disk's file; where the partition lies, nothing has been written.
        part: The partition and what goes into it.
        work: Directory for files.

    Raises:
        Fault: The tree does not fit, or holds what mkfs.xfs cannot fill a file system with.
    """
    partition, tree = part
    content = measure(tree)
    least = needed(content, partition.size)
    if least > partition.size:
        raise Fault(
            f"the partition {partition.mount} of {partition.size >> 20} MiB is too small for what it is to hold: "
            f"{content.bytes >> 20} MiB in {content.inodes} files. Give it {-(-least >> 20)} MiB at least."
        )
    try:
        proto = prototype(tree)
    except Fault as fault:
        raise Fault(f"{fault}. Take it out of {partition.mount} by a layer, or have ext4 there.") from fault
    # mkfs.xfs writes from the beginning of a file only.
    alone, described = work / f"xfs-{partition.number}", work / f"xfs-{partition.number}.proto"
    described.write_bytes(proto.text)
    sparse_file(alone, partition.size)
    command: list[object] = ["mkfs.xfs", "-q", "-K", "-s", "size=512", "-d", f"file=0,noalign,name={alone}"]
    command += ["-m", f"{_METADATA},uuid={partition.filesystem_uuid}", "-i", "nrext64=0"]
    command += ["-L", partition.name, "-p", described]
    call(command, cwd=tree)
    _see_whole(alone, partition.mount, proto.sizes)
    if proto.modes:
        settings = [f"path {path}\nwrite core.mode 0{mode:o}\n" for path, mode in sorted(proto.modes.items())]
        call(["xfs_db", "-x", "-f", alone], given=os.fsencode("".join(settings)))
    call(["xfs_repair", "-n", "-f", alone])
    place = f"seek={partition.start}"
    call(["dd", f"if={alone}", f"of={disk}", "bs=64K", "oflag=seek_bytes", place, "conv=sparse,notrunc", "status=none"])
    alone.unlink()
    described.unlink()


def _see_whole(alone: Path, mount: str, sizes: Mapping[str, int]) -> None:
    """See that each file has all its blocks.

    mkfs.xfs asks for them in one piece. Where there is none so large, it takes a smaller one and writes beyond its end.

    Raises:
        Fault: One has not.
    """
    paths = [path for path, size in sizes.items() if size > BLOCK]
    asked = "".join(f"path {path}\nprint core.nblocks\n" for path in paths)
    told = re.findall(r"^core\.nblocks = (\d+)$", call(["xfs_db", "-r", "-f", alone], given=os.fsencode(asked)), re.M)
    blocks = dict(zip(paths, map(int, told)))
    for path in paths:
        if blocks.get(path, 0) * BLOCK < sizes[path]:
            raise Fault(
                f"{mount} is too full for {path} of {sizes[path] >> 20} MiB, which mkfs.xfs writes in one piece, into "
                "a quarter of the partition. Give it more, or have ext4 there."
            )
