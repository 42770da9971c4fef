# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted, and what is to be mounted at boot.

Source: proc(5), ``/proc/[pid]/mountinfo``; fstab(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# File systems on disks of this machine that keep owners and modes.
LOCAL = frozenset(["bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "reiserfs", "xfs", "zfs"])


@dataclass(frozen=True)
class Mount:
    """Something that is, or is to be, mounted.

    Attributes:
        path: Where.
        device: What: a device, a ``LABEL=``, or a word for those that have no device.
        type: The kind of file system.
        options: Its options, those of the mount point and of the file system.
        source: The file system and the directory of it that is seen there; empty when that is not known.
    """

    path: str
    device: str
    type: str
    options: tuple[str, ...]
    source: str = ""


def mounted(root: Path = Path("/")) -> list[Mount]:
    """Return what is mounted, in the order in which it was; nothing where that cannot be read."""
    found = []
    for line in _lines(root / "proc/self/mountinfo"):
        fields = line.split(" ")
        if "-" not in fields[6:]:
            continue
        end = fields.index("-", 6)
        kind, device, options = [*fields[end + 1 :], "", "", ""][:3]
        told = dict.fromkeys([*fields[5].split(","), *options.split(",")])
        source = f"{fields[2]} {fields[3]}"
        found.append(Mount(_plain(fields[4]), _plain(device), kind, tuple(one for one in told if one), source))
    return found


def planned(root: Path = Path("/")) -> list[Mount]:
    """Return what ``/etc/fstab`` has mounted at boot, swap left out."""
    found = []
    for line in _lines(root / "etc/fstab"):
        fields = line.split()
        if len(fields) >= 3 and not fields[0].startswith("#") and fields[1].startswith("/"):
            options = fields[3].split(",") if len(fields) > 3 else ["defaults"]
            found.append(Mount(_plain(fields[1]), _plain(fields[0]), fields[2], tuple(options)))
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "surrogateescape").split("\n")
    except OSError:
        return []


def _plain(field: str) -> str:
    r"""Return a field with its blanks, which are written as ``\040``."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), field)
