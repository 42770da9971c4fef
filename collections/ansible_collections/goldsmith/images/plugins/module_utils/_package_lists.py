# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the databases of package managers say. Pure, standard library alone: it runs on managed machines too."""

from __future__ import annotations

import re
from typing import Iterable, Iterator, Tuple

Entry = dict[str, str]
"""A package: its ``name``, ``version`` (with the epoch), ``arch``, ``source``, ``source_version`` and ``type``."""

DPKG_STATUS = "/var/lib/dpkg/status"
DPKG_PARTS = "/var/lib/dpkg/status.d"
"""Images without a package manager ("distroless") have a file a package here, and one with its sums."""
APK_INSTALLED = "/lib/apk/db/installed"
RPM_DATABASES = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
RPM_QUERY = "%{NAME}|%|EPOCH?{%{EPOCH}:}:{}||%{VERSION}-%{RELEASE}|%{ARCH}|%{SOURCERPM}|%{LICENSE}\\n"
"""Format in which rpm is asked; see `rpms`."""
RPM_FILES = "[%{FILENAMES}\\n]"
"""Format in which rpm is asked for the paths of all packages' files."""

_SOURCE_RPM = re.compile(r"^(?P<name>.+)-(?P<version>[^-]+-[^-]+)\.(?:no)?src\.rpm$")


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return packages as modules list them."""
    return sorted(entries, key=lambda entry: (entry["name"], entry["arch"], entry["version"]))


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


def apk_licenses(text: str) -> Iterator[Tuple[str, list[str]]]:
    """Read the licences of packages, by type and name, from apk's database."""
    yield from ((f"apk {fields['P']}", [fields["L"]]) for fields in _paragraphs(text, ":") if fields.get("L"))


def apk_files(text: str) -> Iterator[str]:
    """Read the paths of the packages' files from apk's database."""
    folder = ""
    for line in text.splitlines():
        if line.startswith("F:"):
            folder = line[2:]
        elif line.startswith("R:"):
            yield f"/{folder}/{line[2:]}" if folder else f"/{line[2:]}"


def deb_files(text: str) -> Iterator[str]:
    """Read the paths of a package's files from dpkg's list of their sums."""
    yield from ("/" + line.split("  ", 1)[1] for line in text.splitlines() if "  " in line)


def rpm_licenses(text: str) -> Iterator[Tuple[str, list[str]]]:
    """Read the licences of packages, by type and name, from rpm's answer."""
    for line in text.splitlines():
        parts = line.split("|", 5)
        if len(parts) == 6 and parts[0] != "gpg-pubkey" and parts[5] not in ("", "(none)"):
            yield f"rpm {parts[0]}", [parts[5]]


def _paragraphs(text: str, separator: str) -> Iterator[dict[str, str]]:
    for paragraph in text.split("\n\n"):
        # Lines that begin with a space go on with a field that is of no interest here.
        lines = (line.split(separator, 1) for line in paragraph.splitlines() if not line.startswith((" ", "\t")))
        fields = {parts[0]: parts[1].strip() for parts in lines if len(parts) == 2}
        if fields:
            yield fields
