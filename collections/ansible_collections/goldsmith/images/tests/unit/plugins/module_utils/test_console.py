# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a serial console says of a boot."""

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._console import dead_end, has_booted, last_words, plain


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Booting from Hard Disk...\r\nBoot failed: not a bootable disk\r\n", "the firmware finds nothing to boot"),
        ('BdsDxe: failed to load Boot0001 "UEFI Misc Device"\r\nUEFI Interactive Shell v2.2\r\n', "no boot loader for UEFI"),
        ("error: no such device: 1b2c.\r\nEntering rescue mode...\r\ngrub rescue> ", "does not find its files"),
        ("\x1b[H\x1b[J   GNU GRUB  version 2.06\r\n\r\ngrub> ", "the boot loader has no menu"),
        ("error: file `/boot/vmlinuz' not found.\r\nerror: you need to load the kernel first.\r\n", "cannot load the kernel"),
        ("[    1.5] Kernel panic - not syncing: No working init found.\r\n", "the kernel panics"),
        ("ALERT!  UUID=1b2c does not exist.  Dropping to a shell!\r\n\r\n(initramfs) ", "does not find the root file system"),
        ('You are in emergency mode. After logging in, type "journalctl -xb"', "stops in emergency mode"),
        ("GRUB loading.\r\nWelcome to GRUB!\r\n", ""),
        ("[    0.0] Kernel command line: root=UUID=1b2c panic=30\r\n", ""),
        ("Debian GNU/Linux 12 web ttyS0\r\n\r\nweb login: ", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_boot_that_cannot_go_on_is_told_from_one_that_takes_its_time(text: str, why: str) -> None:
    assert bool(dead_end(text)) == bool(why)
    assert why in dead_end(text)


@pytest.mark.parametrize(
    ("text", "booted"),
    [
        ("Debian GNU/Linux 12 web ttyS0\r\n\r\nweb login: ", True),
        ("\r\nweb login: [   30.1] cloud-init[522]: Cloud-init finished\r\n", True),
        ("\x1b[0mweb login: ", True),
        ("         Starting systemd-logind.service - User Login Management...\r\n", False),
        ("[  OK  ] Reached target getty.target - Login Prompts.\r\n", False),
    ],
)
def test_a_console_that_asks_for_a_login_has_booted(text: str, booted: bool) -> None:
    assert has_booted(text) == booted


def test_the_last_lines_are_shown_without_what_only_colours_them() -> None:
    text = "\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS\r\n\r\n[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mssh\x1b[0m.\r\n"
    assert plain(text).split() == ["SeaBIOS", "[", "OK", "]", "Started", "ssh."]
    assert last_words(text) == "\nThe end of its console:\n  SeaBIOS\n  [  OK  ] Started ssh."
    assert last_words("\r\n \r\n") == "\nIts console is empty."
    many = last_words("".join(f"line {number}\r\n" for number in range(100)))
    assert many.splitlines()[2:] == [f"  line {number}" for number in range(75, 100)]
