# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is on a machine that decides which controls apply to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Iterable

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._mounts import mounted, planned
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import (
    DPKG_STATUS,
    RPM_DATABASES,
    debs,
)
from ansible_collections.goldsmith.images.plugins.module_utils._places import Places

RPM_NAMES = ["-qa", "--qf", "%{NAME}\\n"]

_BOOT = (
    "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg",
    "/boot/grub2/user.cfg",
    "/boot/efi/EFI/*/grub.cfg",
    "/boot/efi/EFI/*/user.cfg",
    "/boot/loader/loader.conf",
    "/boot/efi/loader/loader.conf",
)
_ENABLED = "sys/module/apparmor/parameters/enabled"
_PROFILES = "sys/kernel/security/apparmor/profiles"


def present(paths: Iterable[str], places: Places) -> list[str]:
    """Return those paths and patterns that something matches, links included, in their order.

    Raises:
        Fault: One is not absolute.
    """
    return [path for path in paths if places.exists(path)]


def packages(drafts: Drafts, root: Path, ask_rpm: Callable[[], str]) -> list[str]:
    """Return the names of the installed packages, sorted.

    Args:
        drafts: The files.
        root: The directory that is the machine's root.
        ask_rpm: Returns the names that rpm has, a line each; asked where rpm has a database.
    """
    names = {entry["name"] for entry in debs(drafts.read(DPKG_STATUS) or "")}
    if any((root / path.lstrip("/")).exists() for path in RPM_DATABASES):
        names |= set(ask_rpm().split()) - {"gpg-pubkey"}
    return sorted(names)


def mounts(root: Path) -> list[str]:
    """Return where file systems are mounted, or are to be at boot, sorted."""
    return sorted({mount.path for mount in [*mounted(root), *planned(root)]})


def boot_loader(places: Places) -> list[str]:
    """Return the files that hold a boot loader's menu and password."""
    return [place.path for pattern in _BOOT for place in places.find(pattern) if place.is_file]


def apparmor(root: Path) -> dict[str, Any]:
    """Return whether the kernel has AppArmor enabled, and its profiles by what becomes of a program that breaks one."""
    found: dict[str, Any] = {"enabled": _text(root / _ENABLED).strip() == "Y", "enforce": [], "complain": []}
    for name, mode in re.findall(r"(?m)^(.*) \((enforce|complain)\)$", _text(root / _PROFILES)):
        found[mode].append(name)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
