# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A builder's Python, brought for Ansible's sake and taken out again when nothing else came to need it.

Three package managers are known. APT: what came is recorded, and what nothing depends on is purged by dpkg itself
(an APT run would cost a second more). apk: a virtual package. dnf: what came is erased as far as rpm lets it go.
The scripts need /bin/sh and the distribution's essential tools alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Iterable

from ansible_collections.goldsmith.images.plugins.module_utils._apt_needs import read_packages, unneeded
from ansible_collections.goldsmith.images.plugins.module_utils._bootstrap_scripts import (
    ABSENT_APK,
    ABSENT_APT,
    ABSENT_FILES,
    ABSENT_RPM,
    PRESENT,
    RECORD,
    STATE,
)
from ansible_collections.goldsmith.images.plugins.module_utils._container import Outcome, execute
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "DPKG_FORCE": "unsafe-io"}


@dataclass(frozen=True)
class Bootstrap:
    """What was brought into a machine for Ansible's sake.

    Attributes:
        manager: ``apt``, ``rpm``, ``apk``, or empty where nothing had to be installed and no service held back.
        interpreter: Path of the Python that Ansible is to use.
        packages: Packages that came.
        base: Packages that were there before.
        policy_rc_d: Services are held back by a ``policy-rc.d`` that was not there.
        lists: The package lists that are there were fetched for this.
        absent: Paths that did not exist, and that package managers make by the way.
        owners: Directories that APT gives to another user, each as ``uid:gid path``.
    """

    manager: str = ""
    interpreter: str = ""
    packages: list[str] = field(default_factory=list)
    base: list[str] = field(default_factory=list)
    policy_rc_d: bool = False
    lists: bool = False
    absent: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a module returns it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Bootstrap:
        """Take what a module returned; keys that are not known are from another version and mean nothing here."""
        return cls(**{key: value for key, value in data.items() if key in cls.__dataclass_fields__})

    @classmethod
    def from_record(cls, lines: Iterable[str]) -> Bootstrap:
        """Read what the scripts wrote: a keyword and a value a line."""
        values: dict[str, list[str]] = {}
        for line in lines:
            keyword, _space, value = line.partition(" ")
            values.setdefault(keyword, []).append(value)
        base = values.get("base", [])
        return cls(
            manager=(values.get("manager") or [""])[-1],
            interpreter=(values.get("interpreter") or [""])[-1],
            packages=sorted(set(values.get("package", [])) - set(base)),
            base=sorted(base),
            policy_rc_d="policy-rc.d" in values,
            lists="lists" in values,
            absent=values.get("absent", []),
            owners=values.get("owner", []),
        )


def present(client: Any, container: str, first: str = "") -> tuple[Bootstrap, bool]:
    """Make Python usable by Ansible in a running container, and hold its services back.

    Args:
        client: A connected client.
        container: Name or id of a running container.
        first: A script that is run before.

    Returns:
        What is there for Ansible's sake, and whether this call brought it.

    Raises:
        Fault: Python is not there and cannot be installed.
    """
    outcome = execute(client, container, first + PRESENT, ENVIRONMENT)
    if outcome.status != 0:
        raise Fault(f"Python for Ansible cannot be installed in the container {container}: {_reason(outcome)}")
    lines = outcome.stdout.splitlines()
    return Bootstrap.from_record(lines), "was here" not in lines


def recorded(client: Any, container: str) -> Bootstrap | None:
    """Return what an earlier call noted inside the container, or None."""
    outcome = execute(client, container, f"cat {RECORD} 2>/dev/null")
    return Bootstrap.from_record(outcome.stdout.splitlines()) if outcome.stdout.strip() else None


def absent(client: Any, container: str, bootstrap: Bootstrap, dry: bool = False) -> tuple[list[str], list[str]]:
    """Take out again what `present` brought.

    Args:
        client: A connected client.
        container: Name or id of a running container.
        bootstrap: What `present` returned.
        dry: Only say what would be done.

    Returns:
        The packages removed, and those that stay because something needs them.

    Raises:
        Fault: A package cannot be removed.
    """
    remove = _unneeded_debs(client, container, bootstrap) if bootstrap.manager == "apt" else bootstrap.packages
    if not dry:
        script = {"apt": ABSENT_APT, "rpm": ABSENT_RPM, "apk": ABSENT_APK}.get(bootstrap.manager, "set -eu\n")
        variables = {
            **ENVIRONMENT,
            "packages": " ".join(remove),
            "policy": "yes" if bootstrap.policy_rc_d else "",
            "lists": "yes" if bootstrap.lists else "",
            "absent": " ".join(bootstrap.absent),
            "owners": " ".join(bootstrap.owners),
        }
        outcome = execute(client, container, script + ABSENT_FILES, variables)
        if outcome.status != 0:
            raise Fault(
                f"Ansible's Python cannot be taken out of the container {container} again: {_reason(outcome)}\n"
                f"The image would hold it; build again, or set `bootstrap` to false and bring Python in a layer."
            )
        kept = {line[5:] for line in outcome.stdout.splitlines() if line.startswith("kept ")}
        remove = [name for name in remove if name not in kept]
    gone = set(remove)
    return sorted(remove), [name for name in bootstrap.packages if name not in gone]


def _unneeded_debs(client: Any, container: str, bootstrap: Bootstrap) -> list[str]:
    if not bootstrap.packages:
        return []
    outcome = execute(client, container, STATE, ENVIRONMENT)
    if outcome.status != 0:
        raise Fault(f"the package database of the container {container} cannot be read: {_reason(outcome)}")
    packages, automatic = read_packages(outcome.stdout)
    return sorted(unneeded(packages, set(bootstrap.packages), set(bootstrap.base), automatic))


def _reason(outcome: Outcome) -> str:
    return outcome.tail() or f"exit status {outcome.status}"
