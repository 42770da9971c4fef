# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything lies on a disk: partitions with their places, names and identities. Pure.

Sources: UEFI specification 2.10, chapter 5 (GPT); GRUB's manual, "BIOS installation"; the Discoverable Partitions
Specification, https://uapi-group.org/specifications/specs/discoverable_partitions_specification/
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

SECTOR = 512
MIB = 1 << 20

BIOS_SIZE = MIB
ESP_SIZE = 64 * MIB
# Both tables of a GPT take less than this, each at its end of the disk.
_EDGE = MIB
_LEAST = 16 * MIB
XFS_LEAST = 300 * MIB
"""What mkfs.xfs makes at least, from xfsprogs 5.19 on."""

_BIOS_TYPE = "21686148-6449-6E6F-744E-656564454649"
_ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_ROOT_TYPE = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
_DATA_TYPE = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"

_NAMESPACE = uuid.UUID("5b0c6f5e-6d0e-5a0b-9a3c-7c4b0f7a6f10")
_LABEL_LENGTHS = {"ext4": 16, "xfs": 12}


@dataclass(frozen=True)
class Partition:
    """A partition.

    Attributes:
        number: Its number, counted from 1.
        name: Its name in the partition table, and the label of its file system.
        mount: Where it is mounted; empty for one that is not.
        filesystem: ``ext4``, ``xfs``, ``vfat``, or empty for none.
        start: First byte.
        size: Bytes.
        type: GUID of its kind.
        uuid: Its own GUID.
        filesystem_uuid: That of its file system, as ``/dev/disk/by-uuid`` names it.
    """

    number: int
    name: str
    mount: str
    filesystem: str
    start: int
    size: int
    type: str
    uuid: str
    filesystem_uuid: str


@dataclass(frozen=True)
class Layout:
    """A disk: its size in bytes, its GUID, its partitions, the root partition last, and GRUB's name of its table."""

    size: int
    uuid: str
    partitions: tuple[Partition, ...]
    table: str = "gpt"

    @property
    def root(self) -> Partition:
        """The partition of the root file system."""
        return self.partitions[-1]

    def named(self, name: str) -> Partition | None:
        """Return the partition of a name."""
        return next((partition for partition in self.partitions if partition.name == name), None)

    @property
    def mounted(self) -> list[Partition]:
        """The partitions that are mounted, those that lie inside of others last."""
        there = [partition for partition in self.partitions if partition.mount]
        return sorted(
            there, key=lambda partition: (partition.mount.count("/"), partition.mount != "/", partition.mount)
        )

    def sfdisk(self) -> str:
        """Return the disk as the program ``sfdisk`` reads it."""
        head = ["label: gpt", f"label-id: {self.uuid}", "unit: sectors", f"first-lba: {_EDGE // SECTOR}", ""]
        return "\n".join(head + [_line(partition) for partition in self.partitions]) + "\n"


def _line(partition: Partition) -> str:
    fields = {
        "start": str(partition.start // SECTOR),
        "size": str(partition.size // SECTOR),
        "type": partition.type,
        "uuid": partition.uuid,
        "name": f'"{partition.name}"',
    }
    return f"{partition.number} : " + ", ".join(f"{key}={value}" for key, value in fields.items())


def lay_out(
    size: int,
    firmware: Iterable[str],
    filesystem: str,
    partitions: Iterable[Mapping[str, object]],
    seed: str,
) -> Layout:
    """Return the layout of a disk. The root partition is the last one, so that it can grow.

    Args:
        size: Bytes of the whole disk, a multiple of a MiB.
        firmware: What it is to start from: ``bios``, ``uefi`` or both.
        filesystem: That of the root partition, and of others that name none.
        partitions: File systems of their own: each with ``mount``, ``size`` in bytes, and ``filesystem`` or None.
        seed: All GUIDs follow from it: the same seed, the same disk.

    Raises:
        Fault: A mount point is wrong or there twice, or the disk is too small for its partitions.
    """
    wanted: list[tuple[str, str, str, int, str]] = []
    if "bios" in firmware:
        wanted.append(("bios", "", "", BIOS_SIZE, _BIOS_TYPE))
    if "uefi" in firmware:
        wanted.append(("esp", "/boot/efi", "vfat", ESP_SIZE, _ESP_TYPE))
    for item in partitions:
        mount = _checked(str(item["mount"]), [one[1] for one in wanted])
        kind = str(item.get("filesystem") or filesystem)
        length = _rounded(int(str(item["size"])))
        if kind == "xfs" and length < XFS_LEAST:
            raise Fault(
                f"the partition {mount} of {length // MIB} MiB is too small for xfs, which takes {XFS_LEAST // MIB} "
                "MiB at least. Give it more, or have ext4 there."
            )
        wanted.append((mount.strip("/").replace("/", "-"), mount, kind, length, _DATA_TYPE))
    before = sum(one[3] for one in wanted)
    rest = size - 2 * _EDGE - before
    if rest < _LEAST:
        least = 2 * _EDGE + before + _LEAST
        raise Fault(
            f"a disk of {size // MIB} MiB is too small: its table and the partitions beside the root partition take "
            f"{(2 * _EDGE + before) // MIB} MiB. Give it more than {least // MIB} MiB, or the partitions less."
        )
    wanted.append(("root", "/", filesystem, rest, _ROOT_TYPE))
    start = _EDGE
    made = []
    for number, (name, mount, kind, length, type_) in enumerate(wanted, 1):
        what = mount or name
        made.append(
            Partition(
                number=number,
                name=name[: _LABEL_LENGTHS.get(kind, 36)],
                mount=mount,
                filesystem=kind,
                start=start,
                size=length,
                type=type_,
                uuid=_guid(seed, f"partition {what}"),
                filesystem_uuid=_filesystem_uuid(seed, what, kind),
            )
        )
        start += length
    return Layout(size, _guid(seed, "disk"), tuple(made))


def _checked(mount: str, others: Iterable[str]) -> str:
    path = "/" + mount.strip("/")
    if not mount.startswith("/") or path == "/" or "//" in path or {".", ".."} & set(path.split("/")):
        raise Fault(f"{mount!r} cannot be a partition's mount point; give an absolute path, such as /var.")
    if path.split("/")[1] in ("boot", "dev", "etc", "proc", "run", "sys", "usr", "bin", "lib", "sbin"):
        raise Fault(f"{path} cannot be a partition of its own: the system needs it before it mounts anything.")
    if any(char in path for char in ' \t\n\\"#,'):
        raise Fault(
            f"{mount!r} cannot be a partition's mount point: it holds a character that fstab(5) has its own use for."
        )
    if path in others:
        raise Fault(f"two partitions are to be mounted at {path}; name it once.")
    return path


def _rounded(size: int) -> int:
    """Round up to whole MiB, at which partitions begin."""
    return max(-(-size // MIB) * MIB, _LEAST)


def _guid(seed: str, what: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{seed}\n{what}")).upper()


def _filesystem_uuid(seed: str, what: str, kind: str) -> str:
    if not kind:
        return ""
    found = _guid(seed, f"file system {what}")
    # A FAT has a number of 32 bits.
    return f"{found[:4]}-{found[4:8]}" if kind == "vfat" else found.lower()
