# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages in a container, read from the package managers' own databases."""

from __future__ import annotations

from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._apt_sources import PLACES, described
from ansible_collections.goldsmith.images.plugins.module_utils._container import execute, read_files
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import (
    APK_INSTALLED,
    DPKG_PARTS,
    DPKG_STATUS,
    RPM_DATABASES,
    RPM_QUERY,
    Entry,
    apks,
    debs,
    in_order,
    rpms,
)


def packages(client: Any, container: str) -> list[Entry]:
    """Return the packages installed in a container, sorted; empty if it has no package database that is known.

    Debian's and Alpine's databases are text and read without the container's help; rpm's is asked for by rpm.

    Raises:
        Fault: There is an rpm database, and rpm cannot read it.
    """
    found: list[Entry] = []
    for _name, text in read_files(client, container, DPKG_STATUS):
        found.extend(debs(text))
    for name, text in read_files(client, container, DPKG_PARTS):
        if not name.endswith(".md5sums"):
            found.extend(debs(text, needs_status=False))
    for _name, text in read_files(client, container, APK_INSTALLED):
        found.extend(apks(text))
    if any(_there(client, container, path) for path in RPM_DATABASES):
        outcome = execute(client, container, f"rpm -qa --qf '{RPM_QUERY}'")
        if outcome.status not in (0, 127):
            raise Fault(f"rpm cannot list the packages in the container {container}: {outcome.tail()}")
        found.extend(rpms(outcome.stdout) if outcome.status == 0 else [])
    return in_order(found)


def sources(client: Any, container: str) -> list[dict[str, Any]]:
    """Return where APT fetches packages from, see `_apt_sources.described`."""
    return described({name: text for place in PLACES for name, text in read_files(client, container, place)})


def _there(client: Any, container: str, path: str) -> bool:
    return any(True for _file in read_files(client, container, path))
