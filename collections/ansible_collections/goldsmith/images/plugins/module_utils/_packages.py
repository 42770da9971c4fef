# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages in a container, read from the package managers' own databases."""

from __future__ import annotations

import re
from typing import Any, Iterator

from ansible_collections.goldsmith.images.plugins.module_utils._container import execute, read_files
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

Entry = dict[str, str]

_RPM_FORMAT = "%{NAME}|%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}|%{ARCH}|%{SOURCERPM}\\n"
_RPM_DATABASES = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
_SOURCE_RPM = re.compile(r"^(?P<name>.+)-(?P<version>[^-]+-[^-]+)\.(?:no)?src\.rpm$")


def packages(client: Any, container: str) -> list[Entry]:
    """Return the packages installed in a container, sorted; empty if it has no package database that is known.

    Debian's and Alpine's databases are text and read without the container's help; rpm's is asked for by rpm.

    Raises:
        Fault: There is an rpm database, and rpm cannot read it.
    """
    found: list[Entry] = []
    for _name, text in read_files(client, container, "/var/lib/dpkg/status"):
        found.extend(debs(text))
    # Images without a package manager ("distroless") have a file a package.
    for name, text in read_files(client, container, "/var/lib/dpkg/status.d"):
        if not name.endswith(".md5sums"):
            found.extend(debs(text, needs_status=False))
    for _name, text in read_files(client, container, "/lib/apk/db/installed"):
        found.extend(apks(text))
    if any(_there(client, container, path) for path in _RPM_DATABASES):
        outcome = execute(client, container, f"rpm -qa --qf '{_RPM_FORMAT}'")
        if outcome.status not in (0, 127):
            raise Fault(f"rpm cannot list the packages in the container {container}: {outcome.tail()}")
        found.extend(rpms(outcome.stdout) if outcome.status == 0 else [])
    return sorted(found, key=lambda entry: (entry["name"], entry["arch"], entry["version"]))


def _there(client: Any, container: str, path: str) -> bool:
    return any(True for _file in read_files(client, container, path))


def _paragraphs(text: str, separator: str) -> Iterator[dict[str, str]]:
    for paragraph in text.split("\n\n"):
        # Lines that begin with a space go on with a field that is of no interest here.
        lines = (line.split(separator, 1) for line in paragraph.splitlines() if not line.startswith((" ", "\t")))
        fields = {parts[0]: parts[1].strip() for parts in lines if len(parts) == 2}
        if fields:
            yield fields


def debs(text: str, needs_status: bool = True) -> Iterator[Entry]:
    """Read dpkg's status file (deb-control(5)); only packages that are installed."""
    for fields in _paragraphs(text, ":"):
        if needs_status and not fields.get("Status", "").endswith(" installed"):
            continue
        name, version = fields["Package"], fields["Version"]
        source, _space, source_version = fields.get("Source", name).partition(" ")
        yield {
            "name": name,
            "version": version,
            "arch": fields.get("Architecture", ""),
            "source": source,
            "source_version": source_version.strip("()") or version,
            "type": "deb",
        }


def apks(text: str) -> Iterator[Entry]:
    """Read apk's database (https://wiki.alpinelinux.org/wiki/Apk_spec)."""
    for fields in _paragraphs(text, ":"):
        name, version = fields["P"], fields["V"]
        yield {
            "name": name,
            "version": version,
            "arch": fields.get("A", ""),
            "source": fields.get("o", name),
            "source_version": version,
            "type": "apk",
        }


def rpms(text: str) -> Iterator[Entry]:
    """Read rpm's answer; keys that were imported look like packages and are left out."""
    for line in text.splitlines():
        name, epoch, version, arch, source = (line.split("|") + [""] * 5)[:5]
        if name == "gpg-pubkey" or not version:
            continue
        match = _SOURCE_RPM.match(source)
        yield {
            "name": name,
            "version": epoch + version,
            "arch": arch,
            "source": match["name"] if match else name,
            "source_version": epoch + match["version"] if match else epoch + version,
            "type": "rpm",
        }
