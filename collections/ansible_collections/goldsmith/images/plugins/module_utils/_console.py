# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine wrote to its serial console: its last lines, and what they say of its boot. Pure."""

from __future__ import annotations

import re

CONSOLE_LINES = 25
"""Lines that an error message shows."""

_CONTROL = re.compile(r"\x1b[\[(][0-9;?=]*[A-Za-z]|\x1bc|[^\t\n\x20-\x7e\xa0-\U0010ffff]")

PROMPT = re.compile(r"^\S+ login:", re.MULTILINE)
"""What agetty asks when a machine has booted (agetty(8))."""

_ENDS = (
    (r"No bootable device|not a bootable disk|No bootable option", "the firmware finds nothing to boot on the disk"),
    (r"UEFI Interactive Shell|^Shell> ", "the firmware finds no boot loader for UEFI on the disk"),
    (r"^grub rescue> ?|^error: .*\n(?:.*\n)?Entering rescue mode", "the boot loader does not find its files"),
    (r"^grub> ?", "the boot loader has no menu"),
    (r"error: (?:you need to load the kernel first|invalid magic)", "the boot loader cannot load the kernel"),
    (r"Kernel panic - not syncing", "the kernel panics"),
    (r"^ALERT! .*does not exist|^\(initramfs\) ", "the kernel does not find the root file system"),
    (r"You are in (?:emergency|rescue) mode", "the system stops in emergency mode"),
)
_DEAD_ENDS = tuple((re.compile(pattern, re.MULTILINE), meaning) for pattern, meaning in _ENDS)


def plain(text: str) -> str:
    """Return the text of a console without what only moves a cursor or colours."""
    return _CONTROL.sub("", text.replace("\r", "\n"))


def last_words(text: str) -> str:
    """Return what a message says of a console: its last lines, indented, each message beginning with a line break."""
    lines = [line.rstrip() for line in plain(text).splitlines() if line.strip()]
    if not lines:
        return "\nIts console is empty."
    return "\nThe end of its console:\n  " + "\n  ".join(lines[-CONSOLE_LINES:])


def dead_end(text: str) -> str:
    """Return why a boot will not go on by itself, as far as the console tells; empty when it may."""
    shown = plain(text)
    return next((meaning for pattern, meaning in _DEAD_ENDS if pattern.search(shown)), "")


def has_booted(text: str) -> bool:
    """Return whether the console asks for a login."""
    return bool(PROMPT.search(plain(text)))
