# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File systems written straight into a disk's file at their places: no mount, no loop device.

Sources: mke2fs(8), mke2fs.conf(5), debugfs(8), mkfs.fat(8), mtools(1).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Collection

from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import SECTOR, Partition
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import call
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import BLOCK, Measure, Part, measure
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

# Said here and not left to this machine's own file, so that every machine makes the same, one that GRUB 2.06 and
# kernels from 5.10 on can read.
_MKE2FS = """\
[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
enable_periodic_fsck = 0
blocksize = 4096
inode_size = 256
inode_ratio = 16384

[fs_types]
ext4 = {
  features = @FEATURES@
}
"""
_FEATURES = ("has_journal", "extent", "huge_file", "flex_bg", "metadata_csum", "64bit", "dir_nlink", "extra_isize")
_RESERVED_PERCENT = 1
_SPARE_INODES = 4096
_GROUP = 128 << 20
_JOURNALS = (
    *((128 << 20, 4 << 20), (1 << 30, 16 << 20), (2 << 30, 32 << 20), (16 << 30, 64 << 20)),
    *((32 << 30, 128 << 20), (64 << 30, 256 << 20), (128 << 30, 512 << 20)),
)


def needed(content: Measure, size: int) -> int:
    """Return the bytes that an ext4 file system of about a size needs for a content."""
    groups = -(-size // _GROUP)
    tables = max(content.inodes + _SPARE_INODES, size // 16384) * 256 + groups * 2 * BLOCK
    # Room to grow to the thousandfold is kept beside each copy of the group descriptors.
    descriptors = min(groups * 1024 * 64 // BLOCK + 2, 1026) * BLOCK
    copies = 2 + len([base for base in (3, 5, 7) for power in range(1, 20) if base**power < groups])
    return int(content.bytes * 1.02) + tables + descriptors * copies + _journal(size) + (4 << 20)


def _journal(size: int) -> int:
    """Return the size of the journal that mke2fs makes (ext2fs_default_journal_size)."""
    return next((journal for below, journal in _JOURNALS if size < below), 1 << 30)


def write_ext4(disk: Path, part: Part, epoch: int, work: Path, known: Collection[str] = _FEATURES) -> None:
    """Make an ext4 file system with a tree in it.

    Args:
        disk: The disk's file.
        part: The partition and what goes into it.
        epoch: Seconds since 1970, for all times but those of the files' last changes.
        work: Directory for files.
        known: Features beyond which none is used, as the boot loader may be older than they are.

    Raises:
        Fault: The tree does not fit.
    """
    partition, tree = part
    content = measure(tree)
    least = needed(content, partition.size)
    if least > partition.size:
        raise Fault(
            f"the partition {partition.mount} of {partition.size >> 20} MiB is too small for what it is to hold: "
            f"{content.bytes >> 20} MiB in {content.inodes} files. Give it {-(-least >> 20)} MiB at least."
        )
    config = work / "mke2fs.conf"
    features = ",".join(feature for feature in _FEATURES if feature in known)
    config.write_text(_MKE2FS.replace("@FEATURES@", features), encoding="ascii")
    inodes = max(partition.size // 16384, content.inodes + _SPARE_INODES)
    extended = f"offset={partition.start},hash_seed={partition.filesystem_uuid},root_owner=0:0,nodiscard"
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, "-E", extended, "-U", partition.filesystem_uuid]
    command += ["-L", partition.name, "-m", _RESERVED_PERCENT, "-N", inodes, disk, f"{partition.size >> 10}k"]
    call(command, env={"MKE2FS_CONFIG": str(config), "E2FSPROGS_FAKE_TIME": str(epoch)})
    _settle(disk, part, epoch)


def _settle(disk: Path, part: Part, epoch: int) -> None:
    """Set what mke2fs takes from this machine, times of access and change, or leaves out, the top directory's mode."""
    at = f"{disk}?offset={part.partition.start}"
    stats = call(["dumpe2fs", "-h", at])
    total, free = (int(_found(rf"^{name}: +(\d+)$", stats)) for name in ("Inode count", "Free inodes"))
    top = part.tree.stat()
    lines = [
        f"sif <2> mode 0{0o40000 | (top.st_mode & 0o7777):o}",
        f"sif <2> uid {top.st_uid}",
        f"sif <2> gid {top.st_gid}",
        f"sif <2> mtime @{int(top.st_mtime)}",
    ]
    # mke2fs takes inodes one after the other; the first ten are its own.
    for inode in (2, *range(11, total - free + 1)):
        lines += [f"sif <{inode}> {field} @{epoch}" for field in ("atime", "ctime", "crtime")]
    call(["debugfs", "-w", "-f", "-", at], given="\n".join(lines) + "\n", env={"E2FSPROGS_FAKE_TIME": str(epoch)})


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise Fault(f"dumpe2fs does not tell what was asked for ({pattern})")
    return match[1]


def write_esp(disk: Path, partition: Partition, program: Path, epoch: int) -> None:
    """Make the EFI system partition, with the program that a firmware starts where nothing else is said.

    Args:
        disk: The disk's file.
        partition: Its place.
        program: The program.
        epoch: Seconds since 1970, for all times.
    """
    clock = {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": os.devnull}
    number = partition.filesystem_uuid.replace("-", "")
    # --invariant comes first, as it sets an identity too.
    command: list[object] = ["mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-i", number]
    command += ["-n", partition.name.upper()]
    command += ["--offset", partition.start // SECTOR, disk, partition.size >> 10]
    call(command, env=clock)
    os.utime(program, (epoch, epoch))
    at = f"{disk}@@{partition.start}"
    call(["mmd", "-i", at, "::/EFI", "::/EFI/BOOT"], env=clock)
    call(["mcopy", "-m", "-i", at, program, "::/EFI/BOOT/BOOTX64.EFI"], env=clock)


def sparse_file(path: Path, size: int) -> None:
    """Make a file of a size that takes no room yet."""
    with path.open("xb") as file:
        file.truncate(size)
