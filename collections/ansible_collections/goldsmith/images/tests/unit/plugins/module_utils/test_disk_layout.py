# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._disk_fstab import completed, fstab
from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import MIB, Layout, lay_out
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

GIB = 1 << 30
MOUNTS = ["/home", "/opt", "/srv", "/tmp", "/var", "/var/log", "/var-log", "/var/log/audit", "/var/tmp"]

firmwares = st.sets(st.sampled_from(["bios", "uefi"]), min_size=1).map(sorted)
partitions = st.lists(st.sampled_from(MOUNTS), unique=True).flatmap(
    lambda mounts: st.tuples(
        *(st.integers(1, 300 * MIB).map(lambda size, mount=mount: {"mount": mount, "size": size}) for mount in mounts)
    )
)


def disk(*mounts: str, size: int = 8 * GIB, seed: str = "web") -> Layout:
    return lay_out(size, ["bios", "uefi"], "ext4", [{"mount": mount, "size": 64 * MIB} for mount in mounts], seed)


@given(st.integers(4 * GIB // MIB, 64 * GIB // MIB), firmwares, partitions)
def test_partitions_fill_the_disk_without_touching_each_other_or_its_tables(size, firmware, wanted) -> None:
    layout = lay_out(size * MIB, firmware, "ext4", wanted, "web")
    end = MIB
    for partition in layout.partitions:
        assert partition.start == end and partition.start % MIB == 0 and partition.size >= MIB
        end = partition.start + partition.size
    assert end == layout.size - MIB
    assert [partition.number for partition in layout.partitions] == list(range(1, len(layout.partitions) + 1))
    for item in wanted:
        assert next(one for one in layout.partitions if one.mount == item["mount"]).size >= item["size"]


@given(firmwares, partitions)
def test_every_identity_is_there_once_and_the_same_seed_gives_the_same(firmware, wanted) -> None:
    layout, again = (lay_out(8 * GIB, firmware, "ext4", wanted, "web") for _time in range(2))
    assert layout == again
    found = [layout.uuid, *(one.uuid for one in layout.partitions)]
    found += [one.filesystem_uuid for one in layout.partitions if one.filesystem_uuid]
    assert len(set(found)) == len(found)
    assert all(uuid.UUID(one) for one in found if len(one) > 9)
    other = lay_out(8 * GIB, firmware, "ext4", wanted, "db")
    assert not {one.uuid for one in layout.partitions} & {one.uuid for one in other.partitions}


@given(st.permutations(MOUNTS))
def test_what_lies_inside_of_another_file_system_is_mounted_after_it(mounts) -> None:
    order = [one.mount for one in disk(*mounts).mounted]
    assert order[0] == "/"
    assert all(order.index("/var") < order.index(inside) for inside in ("/var/log", "/var/tmp"))
    assert order.index("/var/log") < order.index("/var/log/audit")


def test_the_root_partition_is_the_last_one_so_that_it_can_grow() -> None:
    layout = disk("/var", "/home")
    assert layout.root.mount == "/" and layout.root == max(layout.partitions, key=lambda one: one.start)


def test_a_fat_has_an_identity_that_fits_it_and_an_ext4_a_label_that_does() -> None:
    layout = disk("/srv/a-very-long-name-of-a-directory")
    esp = layout.named("esp")
    assert esp is not None and re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{4}", esp.filesystem_uuid)
    assert all(len(one.name) <= 16 for one in layout.partitions)


def test_a_disk_that_its_partitions_fill_is_refused_with_what_it_takes() -> None:
    with pytest.raises(Fault, match=r"512 MiB is too small.* take 579 MiB"):
        disk(*MOUNTS[:8], size=512 * MIB)


@pytest.mark.parametrize("mount", ["var", "/", "/../x", "/a//b", "/usr", "/etc", "/boot", "/a b", "/a#b", '/a"b'])
def test_what_cannot_be_a_file_system_of_its_own_is_refused(mount: str) -> None:
    with pytest.raises(Fault):
        disk(mount)


def test_a_mount_point_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Fault, match="/var; name it once"):
        disk("/var", "/var/")


def test_the_table_names_file_systems_by_their_identity_with_the_benchmarks_options() -> None:
    layout = disk("/var/tmp", "/home", "/srv")
    lines = {line.split()[1]: line.split() for line in fstab(layout).splitlines()}
    assert lines["/"][0] == f"UUID={layout.root.filesystem_uuid}" and lines["/"][5] == "1"
    assert "x-systemd.growfs" in lines["/"][3]
    assert {"nodev", "nosuid", "noexec"} <= set(lines["/var/tmp"][3].split(","))
    assert {"nodev", "nosuid"} <= set(lines["/home"][3].split(","))
    assert "nodev" in lines["/srv"][3]
    assert "nofail" in lines["/boot/efi"][3]


def test_a_line_of_the_table_that_is_there_stays_as_it_is() -> None:
    layout = disk("/var")
    own = "# mine\nUUID=x / ext4 defaults,discard 0 1\ntmpfs /tmp tmpfs nosuid 0 0"
    told = completed(own, layout)
    assert told.startswith(own + "\n") and [line.split()[1] for line in told.splitlines()[3:]] == ["/var", "/boot/efi"]
    assert completed(told, layout) == told


def test_an_xfs_is_named_by_the_table_and_is_large_enough_for_mkfs() -> None:
    wanted = {"mount": "/srv", "size": 300 * MIB, "filesystem": "xfs"}
    layout = lay_out(8 * GIB, ["bios"], "ext4", [wanted], "web")
    uuid_of_it = next(one.filesystem_uuid for one in layout.partitions if one.filesystem == "xfs")
    assert f"UUID={uuid_of_it} /srv xfs defaults,nodev 0 0\n" in fstab(layout)
    with pytest.raises(Fault, match=r"/srv of 299 MiB is too small for xfs, which takes 300 MiB at least"):
        lay_out(8 * GIB, ["bios"], "ext4", [{**wanted, "size": 299 * MIB}], "web")
