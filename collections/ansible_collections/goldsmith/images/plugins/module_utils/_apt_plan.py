# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What APT says: the plan of an upgrade, why something failed, whether trying again can help. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import Entry

_INSTALL = re.compile(
    r"^Inst (?P<name>[^\s:]+)\S*(?: \[(?P<old>[^]]+)\])? \((?P<new>\S+) (?P<origins>.*)\[(?P<arch>[^]]+)\]\)"
)
_REMOVE = re.compile(r"^(?:Remv|Purg) (?P<name>[^\s:]+)(?::(?P<arch>\S+))? \[(?P<old>[^]]+)\]")
_HELD_BACK = re.compile(r"^The following (?:packages have been kept back|upgrades have been deferred)")
_KEPT_FILE = re.compile(r"^Configuration file '([^']+)'")
_COMPLAINT = re.compile(r"^(?:E: |dpkg: error|W: .*(?:GPG error|signature|not signed|OpenPGP)|apt-get: )")
# Follows from a complaint that is told already, and says nothing of its own.
_ECHO = re.compile(
    r"Some index files failed|Unable to fetch some archives|Sub-process /usr/bin/dpkg returned|--fix-missing"
)
_LOCKED = re.compile(
    r"(?:Could not get lock|Unable to (?:acquire|lock)|Waiting for cache lock|was locked by another process)", re.I
)
_FETCHING = re.compile(r"^E: (?:Failed to fetch|Unable to fetch|Unable to connect)", re.MULTILINE)
_UNTRUSTED = re.compile(
    r"NO_PUBKEY|EXPKEYSIG|REVKEYSIG|BADSIG|is not signed|is no longer signed|Missing key|No good signature"
    r"|signatures? (?:couldn't|were) ",
    re.IGNORECASE,
)
_SENSELESS = re.compile(
    r"Malformed (?:entry|line|stanza)|The method driver|not understood in source|Conflicting values set for"
)


@dataclass(frozen=True)
class Install:
    """A package that would be installed.

    Attributes:
        name: Its name.
        arch: Its architecture.
        version: The version that would come.
        old: The version that goes; empty if there is none.
    """

    name: str
    arch: str
    version: str
    old: str = ""


@dataclass(frozen=True)
class Plan:
    """What APT would do.

    Attributes:
        installs: Packages that come, new ones and other versions.
        removes: Names and architectures of those that go; the architecture is empty where it is the machine's own.
    """

    installs: tuple[Install, ...] = ()
    removes: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.installs or self.removes)

    def applied(self, packages: Iterable[Entry], shown: Iterable[Entry]) -> list[Entry]:
        """Return the packages as they would be afterwards.

        Args:
            packages: Those installed now.
            shown: What the lists say of those that would come; of what they do not know the source is guessed.
        """
        present = list(packages)
        own = next((one["arch"] for one in present if one["name"] == "dpkg"), "")
        gone = {(name, where) for name, arch in self.removes for where in ({arch} if arch else {own, "all"})}
        after = {(one["name"], one["arch"]): one for one in present if (one["name"], one["arch"]) not in gone}
        known = {(one["name"], one["version"]): one for one in shown}
        for one in self.installs:
            guess = {"source": one.name, "source_version": one.version, "type": "deb"}
            entry = {**guess, **known.get((one.name, one.version), {}), "name": one.name, "version": one.version}
            after[one.name, one.arch] = {**entry, "arch": one.arch}
        return list(after.values())


def read_plan(output: str) -> Plan:
    """Read what ``apt-get --simulate`` prints."""
    installs, removes = [], []
    for line in output.splitlines():
        come, goes = _INSTALL.match(line), _REMOVE.match(line)
        if come:
            installs.append(Install(come["name"], come["arch"], come["new"], come["old"] or ""))
        elif goes:
            removes.append((goes["name"], goes["arch"] or ""))
    # A package that is replaced by another version of itself may be listed as removed first.
    coming = {one.name for one in installs}
    return Plan(tuple(installs), tuple(one for one in removes if one[0] not in coming))


def held_back(output: str) -> list[str]:
    """Return the packages that APT would not upgrade although it could, as they are held or need what is not wanted."""
    found: set[str] = set()
    within = False
    for line in output.splitlines():
        if line.startswith(" "):
            found.update(line.split() if within else ())
        else:
            within = bool(_HELD_BACK.match(line))
    return sorted(found)


def kept_files(output: str) -> list[str]:
    """Return the configuration files that dpkg kept as the administrator had them."""
    found = []
    asked = ""
    for line in output.splitlines():
        match = _KEPT_FILE.match(line)
        if match:
            asked = match[1]
        elif asked and "Keeping old config file" in line:
            found.append(asked)
            asked = ""
    return sorted(set(found))


def complaints(output: str) -> str:
    """Return what APT and dpkg complained of, in one line; the last lines where nothing looks like a complaint."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if _COMPLAINT.match(line)]
    own = [line for line in told if not _ECHO.search(line)] or told or lines[-3:]
    return "; ".join(dict.fromkeys(re.sub(r"^[EW]: ", "", line) for line in own[:6]))


def is_locked(output: str) -> bool:
    """Tell whether another program holds what is needed."""
    return bool(_LOCKED.search(output))


def is_untrusted(output: str) -> bool:
    """Tell whether an index is not signed as it must be."""
    return bool(_UNTRUSTED.search(output))


def may_recover(output: str) -> bool:
    """Tell whether trying again may help to refresh package lists."""
    return not (is_untrusted(output) or _SENSELESS.search(output))


def is_fetching(output: str) -> bool:
    """Tell whether it was the archive that failed, before anything was changed."""
    return bool(_FETCHING.search(output))


def security_pins(policy: str, security: Iterable[str]) -> str:
    """Return preferences by which installed packages are upgraded by security updates alone (apt_preferences(5)).

    Versions of the other archives get priorities below that of an installed version, in the same order among
    themselves, so that they still serve what a security update newly needs.

    Args:
        policy: What ``apt-cache policy`` prints.
        security: What tells a security archive, as in ``Pin: release``, such as ``l=Debian-Security``.
    """
    pins = [_pin(one, _SECURITY_PRIORITY) for one in security]
    for priority, fields in _archives(policy):
        if priority >= _INSTALLED_PRIORITY:
            pins.append(_pin(fields, max(1, min(priority, 1980) // 20)))
    return "".join(dict.fromkeys(pins))


def forcing_pins(policy: str) -> str:
    """Return preferences by which what the archives have is taken even if it is older than what is installed.

    Args:
        policy: What ``apt-cache policy`` prints.
    """
    # Archives below that, such as backports, serve what was taken from them and nothing else.
    usual = (fields for priority, fields in _archives(policy) if priority >= _USUAL_PRIORITY)
    return "".join(_pin(fields, _FORCING_PRIORITY) for fields in dict.fromkeys(usual))


_SECURITY_PRIORITY = 990
_INSTALLED_PRIORITY = 100
_USUAL_PRIORITY = 500
_FORCING_PRIORITY = 1001


def _pin(release: str, priority: int) -> str:
    return f"Package: *\nPin: release {release}\nPin-Priority: {priority}\n\n"


def _archives(policy: str) -> Iterable[tuple[int, str]]:
    priority = 0
    for line in policy.splitlines():
        first = re.match(r"^ {1,4}(-?\d+) (\S+)", line)
        release = re.match(r"^ +release (\S.*)$", line)
        if first:
            # The installed packages are listed too, and keep their priority.
            priority = 0 if first[2].startswith("/var/lib/") else int(first[1])
        elif release and priority:
            # What a field holds may contain commas in theory; APT itself splits there.
            fields = [field for field in release[1].split(",") if field[:2] in ("o=", "a=", "n=", "l=", "c=", "v=")]
            yield priority, ",".join(field for field in fields if field[2:])
