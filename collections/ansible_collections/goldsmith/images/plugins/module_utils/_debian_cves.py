# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known vulnerabilities of Debian's packages, and which of them a machine has. Pure.

Debian publishes them in two formats: the security tracker's JSON (https://security-tracker.debian.org/tracker/data/json),
which holds all releases, and for each release the data that `debsecan` reads, which is a fraction of the size
(https://security-tracker.debian.org/tracker/debsecan/release/1/bookworm).
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.goldsmith.images.plugins.module_utils._deb_version import version_key
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import Entry

_HEADER = "VERSION 1\n"
_URGENCIES = {"L": "low", "M": "medium", "H": "high"}


class Vulnerability(NamedTuple):
    """A vulnerability of a package in a release.

    Attributes:
        cve: Its name.
        package: Name of the source package, or of the binary one.
        fixed: The version that no longer has it, nor any later one; empty if there is none yet.
        safe: Versions that do not have it either, although they are older.
        urgency: What Debian says of it, such as ``high`` or ``unimportant``; may be empty.
        fixable: Whether the release has a version without it.
        note: Why there is no advisory, if Debian says so.
        of_binary: Whether the package is a binary one.
    """

    cve: str
    package: str
    fixed: str
    safe: tuple[str, ...]
    urgency: str
    fixable: bool
    note: str
    of_binary: bool = False

    def affects(self, version: str) -> bool:
        """Tell whether a version has it."""
        return version not in self.safe and not (self.fixed and version_key(version) >= version_key(self.fixed))

    def cure(self, version: str) -> str:
        """Return the first version of the release without it; empty if there is none yet."""
        if not self.fixable:
            return ""
        newer = [one for one in self.safe if version_key(one) > version_key(version)]
        return min(newer, key=version_key) if newer else self.fixed


def unpacked(data: bytes) -> bytes:
    """Return data as it was before it was compressed.

    Raises:
        Fault: It is damaged.
    """
    try:
        if data.startswith(b"\x1f\x8b"):
            return gzip.decompress(data)
        if data.startswith(b"\xfd7zXZ"):
            return lzma.decompress(data)
        if data.startswith(b"BZh"):
            return bz2.decompress(data)
        return data if data.lstrip()[:1] == b"{" or data.startswith(_HEADER.encode()) else zlib.decompress(data)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise Fault(f"it is neither the security tracker's JSON nor debsecan's data: {error}") from error


def read_vulnerabilities(data: bytes, release: str) -> list[Vulnerability]:
    """Read what Debian publishes, in either format, compressed or not.

    Args:
        data: The file's content.
        release: Codename of the release, such as ``bookworm``.

    Raises:
        Fault: It is something else, or knows nothing of the release.
    """
    text = unpacked(data)
    try:
        if text.lstrip()[:1] == b"{":
            return _tracker(json.loads(text), release)
        return _debsecan(text.decode("utf-8"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Fault(f"it is neither the security tracker's JSON nor debsecan's data: {error!r}") from error


def _tracker(document: Mapping[str, Any], release: str) -> list[Vulnerability]:
    found, releases = [], set()
    for package, entries in document.items():
        for cve, entry in entries.items():
            releases.update(entry["releases"])
            state = entry["releases"].get(release, {})
            fixed = str(state.get("fixed_version", ""))
            # What is not determined may be none; version 0 says that the release never had it.
            if state.get("status") == "open" or (state.get("status") == "resolved" and fixed not in ("", "0")):
                is_fixed = state["status"] == "resolved"
                urgency = str(state.get("urgency", "")).rstrip("*")
                note = str(state.get("nodsa", ""))
                version = fixed if is_fixed else ""
                found.append(Vulnerability(cve, package, version, (), urgency, is_fixed, note))
    if release not in releases:
        known = ", ".join(sorted(releases)) or "none"
        raise Fault(f"it knows nothing of the release {release!r}. Those it knows: {known}.")
    return found


def _debsecan(text: str) -> list[Vulnerability]:
    """Read debsecan's format: a header, then paragraphs of names, of packages, and of what is built of sources."""
    if not text.startswith(_HEADER):
        raise Fault("it is neither the security tracker's JSON nor debsecan's data: it begins otherwise.")
    names, _blank, rest = text[len(_HEADER) :].partition("\n\n")
    cves = [line.split(",", 1)[0] for line in names.splitlines()]
    found = []
    for line in rest.partition("\n\n")[0].splitlines():
        package, number, flags, unstable, others = line.split(",", 4)
        safe = tuple(others.split())
        urgency, of_binary = _URGENCIES.get(flags[1], ""), flags[0] == "B"
        cve, fixable = cves[int(number)], flags[3] == "F"
        found.append(Vulnerability(cve, package, unstable, safe, urgency, fixable, "", of_binary))
    return found


def affecting(
    packages: Iterable[Entry], vulnerabilities: Iterable[Vulnerability]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the vulnerabilities that packages have, by name and source package.

    Args:
        packages: The installed packages.
        vulnerabilities: Those that are known.
    """
    sources: dict[tuple[str, str], set[str]] = {}
    binaries: dict[str, list[Entry]] = {}
    for one in packages:
        sources.setdefault((one["source"], one["source_version"]), set()).add(one["name"])
        binaries.setdefault(one["name"], []).append(one)
    versions: dict[str, list[str]] = {}
    for source, version in sources:
        versions.setdefault(source, []).append(version)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for each in vulnerabilities:
        if each.of_binary:
            for entry in binaries.get(each.package, ()):
                if each.affects(entry["version"]):
                    found[each.cve, entry["source"]] = _row(each, entry["source"], entry["version"], {entry["name"]})
        else:
            for version in versions.get(each.package, ()):
                if each.affects(version):
                    found[each.cve, each.package] = _row(each, each.package, version, sources[each.package, version])
    return found


def _row(one: Vulnerability, source: str, version: str, packages: set[str]) -> dict[str, Any]:
    return {
        "cve": one.cve,
        "source": source,
        "version": version,
        "packages": sorted(packages),
        "fixed_in": one.cure(version),
        "urgency": one.urgency,
        "note": one.note,
    }


def compared(
    before: Iterable[Entry], after: Iterable[Entry], vulnerabilities: Iterable[Vulnerability]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the vulnerabilities that are gone, and those that remain.

    Args:
        before: The packages before.
        after: The packages afterwards.
        vulnerabilities: Those that are known.
    """
    known = list(vulnerabilities)
    had, has = affecting(before, known), affecting(after, known)
    return [had[key] for key in sorted(had.keys() - has.keys())], [has[key] for key in sorted(has)]
