# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dnf says: the transaction it would do, its advisories, why something failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Tuple

from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import Entry

Package = Tuple[str, str, str]
"""Name, architecture and version, with the epoch if it has one."""

_COMING = re.compile(r"^(?:Installing|Upgrading|Downgrading|Reinstalling)\b.*:$")
_LEAVING = re.compile(r"^Removing\b.*:$")
_REPLACING = re.compile(r"^\s+replacing\s+(?P<name>\S+)\.(?P<arch>[^.\s]+)\s+(?P<version>\S+)")
_KEPT_FILE = re.compile(r"^warning: (\S+) created as \1\.rpmnew", re.MULTILINE)
_REASON = re.compile(r"^\s+\* (\S+)", re.MULTILINE)
_COMPLAINT = re.compile(r"^(?:Error:|error:|Problem|\s+- |No such command|Invalid configuration)")
_FETCHING = re.compile(
    r"Failed to download metadata|Error downloading packages|All mirrors were tried|Cannot download|Curl error"
)
_UNTRUSTED = re.compile(
    r"GPG check FAILED|GPG signature verification error|Public key for .* is not installed|Bad (?:GPG|PGP) signature"
)
_OWN_REPOSITORIES = (
    *("baseos*", "appstream*", "crb*", "extras*", "highavailability*", "resilientstorage*", "nfv*", "rt", "rt-*"),
    *("rhel-*", "ubi-*", "ol9_*", "amazonlinux*", "kernel-livepatch*"),
)


@dataclass(frozen=True)
class Transaction:
    """What dnf would do.

    Attributes:
        comes: Packages that come, new ones and other versions.
        goes: Packages that go, for good or for another one.
    """

    comes: tuple[Package, ...] = ()
    goes: tuple[Package, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.comes or self.goes)

    def applied(self, packages: Iterable[Entry], side_by_side: Iterable[str]) -> list[Entry]:
        """Return the packages as they would be afterwards.

        Args:
            packages: Those installed now.
            side_by_side: Names of packages of which several versions stay installed, such as ``kernel``.
        """
        several = set(side_by_side)
        leaving = set(self.goes)
        replaced = {(name, arch) for name, arch, _version in self.comes if name not in several}
        kept = [
            one
            for one in packages
            if (one["name"], one["arch"], one["version"]) not in leaving and (one["name"], one["arch"]) not in replaced
        ]
        for name, arch, version in self.comes:
            entry = {"name": name, "version": version, "arch": arch, "source": name}
            kept.append({**entry, "source_version": version, "type": "rpm"})
        return kept


def read_transaction(output: str) -> Transaction:
    """Read the table that dnf shows before it asks."""
    comes: list[Package] = []
    goes: list[Package] = []
    rows: list[Package] | None = None
    words: list[str] = []
    for line in output.splitlines():
        replaced = _REPLACING.match(line)
        if _COMING.match(line) or _LEAVING.match(line):
            rows, words = (comes if _COMING.match(line) else goes), []
        elif replaced:
            goes.append((replaced["name"], replaced["arch"], replaced["version"]))
        elif rows is not None and line.startswith(" "):
            words += line.split()  # a long name stands on a line of its own
            if len(words) >= 4:
                rows.append((words[0], words[1], words[2]))
                words = []
        else:
            rows, words = None, []
    return Transaction(tuple(comes), tuple(goes))


def advisories(output: str) -> list[dict[str, str]]:
    """Read what ``dnf updateinfo list --with-cve`` prints: the vulnerabilities that an upgrade would fix."""
    found = set()
    for line in output.splitlines():
        words = line.split()
        if len(words) == 3 and words[0].startswith("CVE-"):
            found.add((words[0], words[1].partition("/")[0].lower(), words[2]))
    return [{"cve": cve, "urgency": urgency, "package": package} for cve, urgency, package in sorted(found)]


def repositories(output: str) -> tuple[list[str], list[str]]:
    """Read what ``dnf repolist`` prints.

    Returns:
        The names of the distribution's own repositories, and of others.
    """
    lines = [line.split() for line in output.splitlines()]
    start = next((number for number, words in enumerate(lines) if words[:2] == ["repo", "id"]), len(lines))
    names = [words[0] for words in lines[start + 1 :] if words]
    own = [name for name in names if any(fnmatchcase(name, pattern) for pattern in _OWN_REPOSITORIES)]
    return own, [name for name in names if name not in own]


def upgrades(output: str) -> list[str]:
    """Read the names of packages that ``dnf list --upgrades`` prints."""
    rows = (line.split() for line in output.splitlines())
    return sorted({words[0].rpartition(".")[0] for words in rows if len(words) == 3 and "." in words[0]})


def kept_files(output: str) -> list[str]:
    """Return the configuration files that rpm kept as the administrator had them."""
    return sorted(set(_KEPT_FILE.findall(output)))


def restart_reasons(output: str) -> list[str]:
    """Read why ``dnf needs-restarting -r`` wants the machine to be started anew."""
    return [f"{name} was upgraded since the machine was started" for name in _REASON.findall(output)]


def complaints(output: str) -> str:
    """Return what dnf complained of, in one line; the last lines where nothing looks like a complaint."""
    lines = [line for line in output.splitlines() if line.strip()]
    told = [line for line in lines if _COMPLAINT.match(line)] or lines[-3:]
    return "; ".join(dict.fromkeys(line.strip().replace("Error: ", "") for line in told[:6]))


def is_fetching(output: str) -> bool:
    """Tell whether it was a repository that failed."""
    return bool(_FETCHING.search(output))


def is_untrusted(output: str) -> bool:
    """Tell whether something is not signed as it must be."""
    return bool(_UNTRUSTED.search(output))
