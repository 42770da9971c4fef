# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is on a machine that decides which controls apply to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _system_look
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._places import Places


def put(root: Path, name: str, text: str = "") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_paths_are_there_as_files_directories_matches_and_links_to_nowhere(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz-6.1")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/broken").symlink_to("nowhere")
    wanted = ["/etc/broken", "/boot", "/boot/vmlinuz-*", "/boot/initrd*", "/etc/none", "/etc/bro*"]
    assert _system_look.present(wanted, Places(tmp_path)) == ["/etc/broken", "/boot", "/boot/vmlinuz-*"]
    with pytest.raises(Fault, match="'etc' is not an absolute path"):
        _system_look.present(["etc"], Places(tmp_path))


def test_packages_are_those_of_dpkg_and_rpm(tmp_path: Path) -> None:
    assert _system_look.packages(Drafts(tmp_path), tmp_path, lambda: pytest.fail("rpm has no database")) == []
    paragraphs = [
        f"Package: {name}\nStatus: {status}\nVersion: 1\n"
        for name, status in (("sudo", "install ok installed"), ("ntp", "deinstall ok config-files"))
    ]
    put(tmp_path, "var/lib/dpkg/status", "\n".join(paragraphs))
    put(tmp_path, "var/lib/rpm/rpmdb.sqlite")
    assert _system_look.packages(Drafts(tmp_path), tmp_path, lambda: "gpg-pubkey\nbash\nbash\n") == ["bash", "sudo"]


def test_mounts_are_those_of_now_and_of_the_next_boot(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/mountinfo", "22 1 8:1 / / rw - ext4 a rw\n")
    put(tmp_path, "etc/fstab", "/dev/sdb /home ext4 defaults\n/dev/sda / ext4 defaults\n")
    assert _system_look.mounts(tmp_path) == ["/", "/home"]


def test_the_boot_loaders_files_are_found(tmp_path: Path) -> None:
    assert _system_look.boot_loader(Places(tmp_path)) == []
    put(tmp_path, "boot/grub/grub.cfg")
    put(tmp_path, "boot/efi/EFI/debian/grub.cfg")
    assert _system_look.boot_loader(Places(tmp_path)) == ["/boot/grub/grub.cfg", "/boot/efi/EFI/debian/grub.cfg"]


def test_profiles_of_apparmor_are_told_by_what_becomes_of_a_breach(tmp_path: Path) -> None:
    assert _system_look.apparmor(tmp_path) == {"enabled": False, "enforce": [], "complain": []}
    put(tmp_path, "sys/module/apparmor/parameters/enabled", "Y\n")
    put(
        tmp_path, "sys/kernel/security/apparmor/profiles", "man_filter (enforce)\n/usr/bin/x (y) (complain)\nz (kill)\n"
    )
    assert _system_look.apparmor(tmp_path) == {
        "enabled": True,
        "enforce": ["man_filter"],
        "complain": ["/usr/bin/x (y)"],
    }
