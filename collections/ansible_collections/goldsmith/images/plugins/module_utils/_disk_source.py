# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a disk that another one is made from: what is in it, and why one cannot be taken.

Sources: QEMU's docs/interop/qcow2.txt for the header; sfdisk(8); each file system's own magic number.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import SECTOR, Layout, Partition
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import call, need, need_root
from ansible_collections.goldsmith.images.plugins.module_utils._ext4_tree import has
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_PROGRAMS = ("debugfs", "e2fsck", "mke2fs", "qemu-img", "sfdisk", "tar")

_QCOW2 = b"QFI\xfb"
_HEADER = 104
_EXTERNAL_DATA = 1 << 2
_OTHER_FORMATS = {
    b"KDMV": "vmdk",
    b"# Disk DescriptorFile": "vmdk",
    b"conectix": "vpc",
    b"vhdxfile": "vhdx",
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
_WHOLE = "Where you trust it, make a whole one of it: qemu-img convert -O qcow2 …"
_PACKED = ("gzip", "xz", "zstd", "zip")

_BIOS_TYPE = "21686148-6449-6E6F-744E-656564454649"
_ESP_TYPES = ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EF")
_KINDS = (
    (0, b"XFSB", "xfs"),
    (0, b"LUKS\xba\xbe", "encrypted by LUKS"),
    (0, b"hsqs", "squashfs"),
    (54, b"FAT", "FAT"),
    (82, b"FAT32", "FAT"),
    (SECTOR, b"LABELONE", "a volume of LVM"),
    (1080, b"\x53\xef", "ext4"),
    (4086, b"SWAPSPACE2", "swap"),
    (0x10040, b"_BHRfS_M", "btrfs"),
)
# Each takes more than an fstab's root, ESP and swap: the file systems below the root that hold files of the system.
_OTHER_MOUNT = re.compile(r"^\s*[^#\s]\S*\s+(/\S+)\s+(ext[234]|xfs|btrfs)\s", re.MULTILINE)


@dataclass(frozen=True)
class Original:
    """The file of an image.

    Attributes:
        path: The file.
        sha256: Its digest, in hexadecimal digits.
        format: ``raw`` or ``qcow2``.
    """

    path: Path
    sha256: str
    format: str


@dataclass(frozen=True)
class System:
    """The system on a disk.

    Attributes:
        layout: The disk; its root partition is the last one here, wherever it lies. Only that one has a mount point.
        features: Features of the root file system, as dumpe2fs names them.
        firmware: What it starts from: ``bios``, ``uefi`` or both.
    """

    layout: Layout
    features: tuple[str, ...]
    firmware: tuple[str, ...]


def need_programs() -> None:
    """See that this process is root, and has the programs that read such an image and write it again.

    Raises:
        Fault: It is not, or some are missing.
    """
    need_root()
    need(_PROGRAMS)


def original(path: Path, sha256: str | None) -> Original:
    """Return a file, whose digest has been computed.

    Args:
        path: The file.
        sha256: The digest that it has to have, or None.

    Raises:
        Fault: It is not there, is another one, or is no image that can be read safely.
    """
    try:
        with path.open("rb") as file:
            form = format_of(file.read(_HEADER), str(path))
            file.seek(0)
            digest = hashlib.sha256()
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
    except OSError as error:
        raise Fault(f"the disk image {path} cannot be read: {error.strerror}.") from error
    if sha256 and sha256.lower() != digest.hexdigest():
        raise Fault(
            f"the disk image {path} is not the one that `sha256` names: its digest is {digest.hexdigest()}. Fetch it "
            "anew, or correct `sha256` where the image was meant to change."
        )
    return Original(path, digest.hexdigest(), form)


def format_of(header: bytes, name: str) -> str:
    """Return the format of an image's file, ``raw`` where nothing else is known.

    This is not left to QEMU, as it would follow what the file names before anybody has looked at it.

    Args:
        header: Its first bytes.
        name: The file, for the messages.

    Raises:
        Fault: It is encrypted, needs other files, or is of another format.
    """
    for magic, form in _OTHER_FORMATS.items():
        if header.startswith(magic):
            do = "Unpack it first." if form in _PACKED else f"Convert it: qemu-img convert -f {form} -O qcow2 …"
            raise Fault(f"{name} is {form}; an image has to be raw or qcow2. {do}")
    if not header.startswith(_QCOW2):
        return "raw"
    if len(header) < 72:
        raise Fault(f"{name} is cut off: it has no whole header of qcow2. Fetch it anew.")
    version, backing = struct.unpack_from(">IQ", header, 4)
    (encryption,) = struct.unpack_from(">I", header, 32)
    if version not in (2, 3):
        raise Fault(f"{name} is qcow2 of the version {version}, which is not known here; 2 and 3 are.")
    if backing:
        raise Fault(f"{name} is only the difference from another file, which is not followed. {_WHOLE}")
    if encryption:
        raise Fault(f"{name} is encrypted. {_WHOLE}")
    if version == 3 and len(header) >= 80 and struct.unpack_from(">Q", header, 72)[0] & _EXTERNAL_DATA:
        raise Fault(f"{name} keeps its data in another file, which is not followed. {_WHOLE}")
    return "qcow2"


def unpacked(image: Original, raw: Path) -> System:
    """Write a disk as a raw, sparse file of its own, and return what is on it.

    Raises:
        Fault: There is no system on it that could be changed.
    """
    call(["qemu-img", "convert", "-f", image.format, "-O", "raw", image.path, raw])
    return system(raw, str(image.path))


def system(raw: Path, name: str) -> System:
    """Return the system on a raw disk.

    Args:
        raw: The disk's file.
        name: Name of the image, for the messages.

    Raises:
        Fault: There is none, or it cannot be changed.
    """
    try:
        table = _table(raw)
    except Fault as fault:
        raise Fault(f"{name} is not the image of a disk: sfdisk finds no partition table in it.") from fault
    if table.get("sectorsize", SECTOR) != SECTOR:
        raise Fault(f"{name} is of a disk with sectors of {table['sectorsize']} bytes; only {SECTOR} are handled.")
    there = partitions_of(table)
    kinds = {partition.number: _kind(raw, partition) for partition in there}
    roots = [
        partition
        for partition in there
        if kinds[partition.number] == "ext4"
        and any(has(raw, partition.start, path) for path in ("/etc/os-release", "/usr/lib/os-release"))
    ]
    if len(roots) != 1:
        listed = ", ".join(f"{number} is {kind or 'of no kind that is known'}" for number, kind in kinds.items())
        what = "no root file system of ext4" if not roots else "more than one system"
        raise Fault(f"{name} has {what}, and only one of ext4 can be changed. Its partitions: {listed or 'none'}.")
    root = roots[0]
    _see_whole(raw, root, name)
    told = _superblock(raw, root)
    fstab = call(["debugfs", "-R", "cat /etc/fstab", f"{raw}?offset={root.start}"])
    if others := sorted({mount for mount, _kind_of in _OTHER_MOUNT.findall(fstab) if mount != "/"}):
        raise Fault(f"{name} has file systems of their own for {', '.join(others)}; only the root's can be changed.")
    named = Partition(
        **{
            **vars(root),
            "mount": "/",
            "filesystem": "ext4",
            "name": told["volume"],
            "filesystem_uuid": told["uuid"],
        }
    )
    layout = Layout(
        size=raw.stat().st_size,
        uuid=str(table.get("id", "")),
        partitions=(*(one for one in there if one.number != root.number), named),
        table="gpt" if table["label"] == "gpt" else "msdos",
    )
    return System(layout, tuple(told["features"].split()), firmware_of(table))


def _see_whole(raw: Path, root: Partition, name: str) -> None:
    """See that a file system is whole; what its journal holds is written first."""
    try:
        call(["e2fsck", "-fn" if not _dirty(raw, root) else "-fp", f"{raw}?offset={root.start}"])
    except Fault as fault:
        raise Fault(f"the root file system of {name} is damaged, or was in use when it was copied: {fault}") from fault


def _dirty(raw: Path, root: Partition) -> bool:
    return "needs_recovery" in _superblock(raw, root)["features"]


def _superblock(raw: Path, root: Partition) -> dict[str, str]:
    told = call(["dumpe2fs", "-h", f"{raw}?offset={root.start}"])
    found = {}
    for key, name in (
        ("volume", "Filesystem volume name"),
        ("uuid", "Filesystem UUID"),
        ("features", "Filesystem features"),
    ):
        match = re.search(rf"^{name}: +(.*)$", told, re.MULTILINE)
        found[key] = match[1].strip() if match else ""
    if found["volume"] == "<none>":
        found["volume"] = ""
    return found


def partitions(raw: Path) -> list[Partition]:
    """Return the partitions of a raw disk."""
    return partitions_of(_table(raw))


def _table(raw: Path) -> dict[str, Any]:
    return dict(json.loads(call(["sfdisk", "--json", raw]))["partitiontable"])


def partitions_of(table: Mapping[str, Any]) -> list[Partition]:
    """Return the partitions in sfdisk's description of a disk, without those that only hold others."""
    device = table["device"]
    found = []
    for one in table.get("partitions", []):
        if one["type"] in ("5", "f", "85"):
            continue
        found.append(
            Partition(
                number=int(one["node"][len(device) :].lstrip("p")),
                name=one.get("name", ""),
                mount="",
                filesystem="",
                start=one["start"] * SECTOR,
                size=one["size"] * SECTOR,
                type=one["type"],
                uuid=one.get("uuid", ""),
                filesystem_uuid="",
            )
        )
    return found


def firmware_of(table: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a disk starts from, by its partitions."""
    types = {one["type"].upper() for one in table.get("partitions", [])}
    found = ["bios"] if table["label"] == "dos" or _BIOS_TYPE in types else []
    return tuple(found + (["uefi"] if types & set(_ESP_TYPES) else []))


def _kind(raw: Path, partition: Partition) -> str:
    with raw.open("rb") as file:
        file.seek(partition.start)
        return kind(file.read(min(partition.size, 0x10080)))


def kind(beginning: bytes) -> str:
    """Return the kind of a file system by its first 66 KiB; empty when it is not known here."""
    return next((name for at, magic, name in _KINDS if beginning[at : at + len(magic)] == magic), "")
