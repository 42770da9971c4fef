# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted, and what is to be mounted at boot."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._mounts import Mount, _plain, mounted, planned

MOUNTINFO = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:5 / /mnt/my\040disk rw,nosuid master:2 propagate_from:1 - tmpfs tmpfs rw,size=64k
24 22 0:6 / /run rw - tmpfs tmpfs
broken line
"""

FSTAB = r"""# <file system> <mount point> <type> <options>
UUID=1 / ext4 errors=remount-ro 0 1
UUID=2 none swap sw 0 0
/dev/sdb1	/my\040data	xfs
"""


def test_what_is_mounted_is_read_with_its_options_and_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTINFO)
    assert mounted(tmp_path) == [
        Mount("/", "/dev/sda1", "ext4", ("rw", "relatime", "errors=remount-ro"), "8:1 /"),
        Mount("/mnt/my disk", "tmpfs", "tmpfs", ("rw", "nosuid", "size=64k"), "0:5 /"),
        Mount("/run", "tmpfs", "tmpfs", ("rw",), "0:6 /"),
    ]


def test_what_is_to_be_mounted_is_read_without_swap(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").write_text(FSTAB)
    assert planned(tmp_path) == [
        Mount("/", "UUID=1", "ext4", ("errors=remount-ro",)),
        Mount("/my data", "/dev/sdb1", "xfs", ("defaults",)),
    ]


def test_a_machine_without_these_files_has_nothing_mounted(tmp_path: Path) -> None:
    assert (mounted(tmp_path), planned(tmp_path)) == ([], [])


@given(st.text(st.characters(max_codepoint=127)))
def test_any_name_comes_back_as_it_was_escaped(name: str) -> None:
    escaped = "".join(f"\\{ord(one):03o}" if one in " \t\n\\" else one for one in name)
    assert _plain(escaped) == name
