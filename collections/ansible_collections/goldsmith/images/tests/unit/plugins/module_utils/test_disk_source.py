# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._disk_base import check
from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import lay_out
from ansible_collections.goldsmith.images.plugins.module_utils._disk_source import (
    firmware_of,
    format_of,
    kind,
    partitions_of,
)
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import finish
from ansible_collections.goldsmith.images.plugins.module_utils._ext4_tree import Detail, Entry, detail, entries
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

BIOS = "21686148-6449-6E6F-744E-656564454649"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"


def qcow2(version: int = 3, backing: int = 0, encryption: int = 0, features: int = 0) -> bytes:
    header = b"QFI\xfb" + struct.pack(">IQIIQI", version, backing, 0, 16, 1 << 30, encryption)
    return header + bytes(72 - len(header)) + struct.pack(">Q", features) + bytes(24)


def test_a_whole_image_is_taken_as_what_it_is() -> None:
    assert format_of(qcow2(), "x") == format_of(qcow2(version=2), "x") == "qcow2"
    assert format_of(bytes(104), "x") == "raw"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (qcow2(backing=104), "only the difference from another file"),
        (qcow2(encryption=2), "is encrypted"),
        (qcow2(features=1 << 2), "keeps its data in another file"),
        (qcow2(version=4), "of the version 4"),
        (qcow2()[:40], "cut off"),
        (b"KDMV" + bytes(100), r"is vmdk.*qemu-img convert -f vmdk"),
        (b"\xfd7zXZ\0" + bytes(98), r"is xz.*Unpack it first"),
    ],
)
def test_an_image_that_leads_elsewhere_or_cannot_be_read_is_refused_before_qemu_sees_it(
    header: bytes, said: str
) -> None:
    with pytest.raises(Fault, match=said):
        format_of(header, "debian.qcow2")


@pytest.mark.parametrize(
    ("at", "magic", "name"),
    [
        (0, b"XFSB", "xfs"),
        (0, b"LUKS\xba\xbe", "encrypted by LUKS"),
        (512, b"LABELONE", "a volume of LVM"),
        (1080, b"\x53\xef", "ext4"),
        (0x10040, b"_BHRfS_M", "btrfs"),
        (82, b"FAT32   ", "FAT"),
        (0, b"", ""),
    ],
)
def test_a_file_system_is_told_by_its_content(at: int, magic: bytes, name: str) -> None:
    beginning = bytearray(0x10080)
    beginning[at : at + len(magic)] = magic
    assert kind(bytes(beginning)) == name


def table(label: str, *partitions: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "device": "/a/disk1", "partitions": list(partitions)}


def test_partitions_keep_their_numbers_whatever_their_order() -> None:
    disk = table(
        "gpt",
        {"node": "/a/disk1p14", "start": 2048, "size": 6144, "type": BIOS},
        {"node": "/a/disk1p1", "start": 262144, "size": 100, "type": LINUX, "uuid": "A", "name": "root"},
    )
    found = partitions_of(disk)
    assert [(one.number, one.start, one.size) for one in found] == [(14, 1 << 20, 3 << 20), (1, 128 << 20, 51200)]
    assert (found[1].uuid, found[1].name) == ("A", "root")


@pytest.mark.parametrize(
    ("label", "types", "firmware"),
    [
        ("gpt", [BIOS, ESP, LINUX], ("bios", "uefi")),
        ("gpt", [ESP.lower(), LINUX], ("uefi",)),
        ("dos", ["83"], ("bios",)),
        ("dos", ["83", "ef"], ("bios", "uefi")),
        ("gpt", [LINUX], ()),
    ],
)
def test_a_disk_tells_what_it_starts_from(label: str, types: list[str], firmware: tuple[str, ...]) -> None:
    assert firmware_of(table(label, *({"type": one} for one in types))) == firmware


def test_a_directory_is_read_with_the_names_that_files_may_have() -> None:
    listing = b'/2/040755/0/0/.//\n/2/040755/0/0/..//\n/12/104755/3/4/a "b/7/\n/14/100644/0/0/two\nlines/1/\n\n'
    assert entries(listing) == [Entry(12, 0o104755, 3, 4, b'a "b', 7), Entry(14, 0o100644, 0, 0, b"two\nlines", 1)]


@pytest.mark.parametrize(
    "names",
    [b"/12/100644/0/0/../../etc/passwd/7/\n", b"/12/100644/0/0/a/7/\n/13/120777/0/0/a/7/\n", b"/12/100644/0/0//7/\n"],
)
def test_a_name_that_leads_out_of_its_directory_or_is_there_twice_is_refused(names: bytes) -> None:
    with pytest.raises(Fault, match="damaged"):
        entries(names)


def test_an_inode_tells_its_time_its_link_and_its_capabilities() -> None:
    told = (
        b" mtime: 0x6b03777e:00000001 -- x\nExtended attributes:\n  security.capability (4) = 01 00 00 02 \nEXTENTS:\n"
    )
    assert detail(told) == Detail(0x6B03777E + (1 << 32), None, b"\x01\0\0\x02")
    assert detail(b' mtime: 0xffffffff -- x\nFast link dest: "a"b"\n') == Detail(-1, b'a"b', b"")


def test_directories_that_are_links_do_not_lead_to_files_of_this_machine(tmp_path: Path) -> None:
    here, tree = tmp_path / "here", tmp_path / "tree"
    for folder in (here / "grub", here / "systemd/system", tree / "usr/sbin"):
        folder.mkdir(parents=True)
    for path in (here / "grub/grub.cfg", here / "hostname", tree / "usr/sbin/grub-mkconfig"):
        path.write_text("mine")
    (tree / "boot").symlink_to(here)
    (tree / "etc").symlink_to(here)
    with pytest.raises(Fault, match=r"/boot in the image is a link to .*here, and could lead out"):
        check(tree, "cloud.qcow2")
    with pytest.raises(Fault, match="/etc in the image is a link"):
        finish(tree, lay_out(1 << 30, ["bios"], "ext4", [], "web"), "web")
    assert (here / "hostname").read_text() == "mine"


def test_a_system_of_another_processor_or_without_grub_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="does not start by GRUB"):
        check(tmp_path, "cloud.qcow2")
    for path in ("boot/grub/grub.cfg", "usr/sbin/grub-mkconfig", "usr/bin/dpkg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"\x7fELF" + bytes(14) + struct.pack("<H", 62))
    check(tmp_path, "cloud.qcow2")
    (tmp_path / "usr/bin/dpkg").write_bytes(b"\x7fELF" + bytes(14) + struct.pack("<H", 183))
    with pytest.raises(Fault, match="another kind of processor"):
        check(tmp_path, "cloud.qcow2")
