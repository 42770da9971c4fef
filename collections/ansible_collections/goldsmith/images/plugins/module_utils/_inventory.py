# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a disk: packages from the package managers' own databases, and the software beside them."""

from __future__ import annotations

from typing import Any, Iterator, Protocol, Tuple

from ansible_collections.goldsmith.images.plugins.module_utils._apt_sources import PLACES, described
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import (
    APK_INSTALLED,
    DPKG_PARTS,
    DPKG_STATUS,
    RPM_DATABASES,
    RPM_FILES,
    RPM_QUERY,
    Entry,
    apk_files,
    apk_licenses,
    apks,
    deb_files,
    debs,
    in_order,
    rpm_licenses,
    rpms,
)
from ansible_collections.goldsmith.images.plugins.module_utils._software import Findings


class Disk(Protocol):
    """A machine's disk, however it is reached."""

    def files(self, path: str) -> Iterator[Tuple[str, str]]:
        """Yield name and text of a file, or of each file in a directory; nothing if there is no such path."""

    def rpm(self, query: str) -> str:
        """Return what rpm answers about all packages; nothing where it is not there."""

    def walk(self, findings: Findings) -> None:
        """Hand over the files that `_software_search.search` finds."""


def inventory(disk: Disk) -> dict[str, Any]:
    """Return ``packages``, sorted, ``sources``, where APT fetches them from, and ``software``; an empty disk has none.

    The databases of dpkg and apk are text and read as they are; for rpm's, rpm is asked.
    """
    found: list[Entry] = []
    databases: set[str] = set()
    licenses: list[Tuple[str, list[str]]] = []
    owned: list[str] = []
    for _name, text in disk.files(DPKG_STATUS):
        databases.add("dpkg")
        found.extend(debs(text))
    for name, text in disk.files(DPKG_PARTS):
        databases.add("dpkg")
        if name.endswith(".md5sums"):
            owned.extend(deb_files(text))
        else:
            found.extend(debs(text, needs_status=False))
    for _name, text in disk.files(APK_INSTALLED):
        databases.add("apk")
        found.extend(apks(text))
        licenses.extend(apk_licenses(text))
        owned.extend(apk_files(text))
    if any(True for path in RPM_DATABASES for _file in disk.files(path)):
        databases.add("rpm")
        answer = disk.rpm(RPM_QUERY)
        found.extend(rpms(answer))
        licenses.extend(rpm_licenses(answer))
    findings = Findings()
    disk.walk(findings)
    licenses.extend((f"deb {name}", said) for name, said in findings.licenses())
    libraries = findings.libraries(lambda: [*owned, *(disk.rpm(RPM_FILES).splitlines() if "rpm" in databases else ())])
    known = {f"{entry['type']} {entry['name']}" for entry in found}
    return {
        "packages": in_order(found),
        "sources": described({name: text for place in PLACES for name, text in disk.files(place)}),
        "software": {
            "os": findings.system(),
            "databases": sorted(databases),
            "licenses": {name: said for name, said in sorted(licenses) if name in known},
            "libraries": libraries,
        },
    }
