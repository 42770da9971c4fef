# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which controls of the table of os_hardening take part in a run, and why the others do not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._lockout import Access, danger

DISABLED = "disabled"
NOT_APPLICABLE = "not_applicable"
FAILED = "failed"

Control = Mapping[str, Any]

# Where a control says why there is nothing to it on this family of systems.
ABSENT_HERE = "absent_here"

# What a need that is no probe of a path is called when it is not met.
_LACKS = {
    "kernel": "there is no kernel of its own: it is the host's that counts",
    "init": "there is no init system of its own",
    "grub": "GRUB does not start this machine",
    "engine": "there is a container engine or hypervisor here that needs it",
}


@dataclass(frozen=True)
class Machine:
    """What is known of the machine before anything is changed.

    Attributes:
        has: Names of the probes that found something, ``kernel`` and ``init`` among them.
        paths: Paths that exist, of those that the table asks for.
        packages: Names of the installed packages.
        groups: Names of the groups.
        mounts: Where file systems are mounted, or are to be at boot.
        choices: What was chosen where there are several ways, such as ``firewall``.
        given: Names of the variables that decide whether a control has anything to do, and that are set.
        access: Who can enter and become root.
        family: The family of systems that this one is of: ``debian`` or ``redhat``.
    """

    has: frozenset[str]
    paths: frozenset[str]
    packages: frozenset[str]
    groups: frozenset[str]
    mounts: frozenset[str]
    choices: Mapping[str, str]
    given: frozenset[str]
    access: Access
    family: str = "debian"

    def lacks(self, need: str, installed: frozenset[str]) -> str:
        """Say why a need is not met; nothing when it is.

        Args:
            need: As it stands in the table.
            installed: Packages that there will be.
        """
        if need.startswith("not:"):
            wanted = need[4:]
            here = not self.lacks(wanted, installed)
            return _LACKS.get(wanted, f"there is {_word(wanted)}") if here else ""
        if "=" in need:
            choice, _rest, value = need.partition("=")
            chosen = self.choices[choice]
            return "" if chosen == value else f"{value} is not used here for {choice}: {chosen} is"
        kind, _rest, name = need.partition(":")
        places = {
            "family": ({self.family}, f"it is for systems of the family {name}, and this is one of {self.family}"),
            "given": (self.given, f"{name} is not given"),
            "mount": (self.mounts, f"{name} is no file system of its own"),
            "package": (installed, f"there is no package {name}"),
            "path": (self.paths, f"there is no {name}"),
        }
        found, lack = places.get(kind, (self.has, _LACKS.get(need, f"there is no {need}")))
        return "" if (name or need) in found else lack


def _word(need: str) -> str:
    return need.replace("package:", "the package ").replace("path:", "").replace("mount:", "")


@dataclass(frozen=True)
class Wish:
    """What the user wants.

    Attributes:
        level: Highest level that takes part.
        exclude: Controls that do not.
        include: Controls that do, whatever their level and however drastic they are.
        areas: Whether each area takes part.
        run_tags: Tags of ``--tags``.
        skip_tags: Tags of ``--skip-tags``.
        asked: Whether the role as a whole is among the tags that run.
        installs: Whether packages may be installed.
    """

    level: int
    exclude: frozenset[str]
    include: frozenset[str]
    areas: Mapping[str, bool]
    run_tags: frozenset[str]
    skip_tags: frozenset[str]
    asked: bool
    installs: bool = True

    def refuses(self, control: Control) -> str:
        """Say why a control does not take part; nothing when it does."""
        if not self.areas[control["area"]]:
            return f"os_hardening_{control['area']}_enabled is false"
        if control["id"] in self.exclude:
            return "it is in os_hardening_exclude"
        if control["id"] not in self.include and control["level"] > self.level:
            only = ", and takes part only when os_hardening_include names it" if control["level"] > 2 else ""
            return f"it is of level {control['level']}{only}"
        return ""

    def tagged(self, control: Control) -> bool:
        """Tell whether the tags of the run let it through."""
        own = tags(control)
        return not own & self.skip_tags and (self.asked or bool(own & self.run_tags))


def tags(control: Control) -> frozenset[str]:
    """Return the tags by which a control can be picked: its area's, its level's, its own, and its section's of CIS.

    >>> sorted(tags({"id": "sshd_root", "area": "ssh", "level": 1, "cis": "5.1.20"}))
    ['cis_5_1_20', 'level1', 'os_hardening_ssh', 'os_hardening_sshd_root']
    """
    found = {f"os_hardening_{control['area']}", f"os_hardening_{control['id']}", f"level{control['level']}"}
    if control.get("cis"):
        found.add("cis_" + control["cis"].replace(".", "_"))
    return frozenset(found)


@dataclass
class Selection:
    """What became of every control before anything was changed.

    Attributes:
        taken: Controls that take part, in the order of the table.
        aside: Those that do not because of the tags alone. What they share a file with is written whole.
        statuses: Status and message of those that do not, by id.
        packages: Packages that there will be.
    """

    taken: list[Control] = field(default_factory=list)
    aside: list[Control] = field(default_factory=list)
    statuses: dict[str, tuple[str, str]] = field(default_factory=dict)
    packages: frozenset[str] = frozenset()


def flat(table: Mapping[str, Iterable[Control]]) -> list[Control]:
    """Return the controls of all areas, each with its area."""
    return [{**control, "area": area} for area, controls in table.items() for control in controls]


def select(controls: Iterable[Control], machine: Machine, wish: Wish) -> Selection:
    """Decide which controls take part.

    Raises:
        Fault: A control is named that does not exist.
    """
    everything = list(controls)
    _known(everything, wish)
    chosen = Selection(packages=machine.packages)
    wanted = []
    for control in everything:
        reason = wish.refuses(control)
        if reason:
            chosen.statuses[control["id"]] = (DISABLED, reason)
        else:
            wanted.append(control)
    # A package that is installed in this run makes others apply in the same run.
    for control in wanted:
        if (
            wish.installs
            and control.get("packages_present")
            and wish.tagged(control)
            and not _lacks(control, machine, chosen.packages)
        ):
            chosen.packages |= frozenset(control["packages_present"])
    for control in wanted:
        _place(control, machine, wish, chosen)
    return chosen


def _place(control: Control, machine: Machine, wish: Wish, chosen: Selection) -> None:
    name = control["id"]
    lacks = _lacks(control, machine, chosen.packages)
    if lacks:
        chosen.statuses[name] = (NOT_APPLICABLE, lacks)
        return
    missing = sorted(set(control.get("packages_present", ())) - chosen.packages)
    if missing and not wish.installs:
        chosen.statuses[name] = (
            DISABLED,
            f"{', '.join(missing)} would have to be installed, and this profile does not",
        )
        return
    trouble = _purpose(control, machine, wish) or danger(str(control.get("guard", "")), machine.access)
    if trouble:
        chosen.statuses[name] = (FAILED, trouble)
        return
    if wish.tagged(control):
        chosen.taken.append(control)
    else:
        chosen.aside.append(control)
        chosen.statuses[name] = (DISABLED, "the tags of this run leave it out")


def _lacks(control: Control, machine: Machine, packages: frozenset[str]) -> str:
    if ABSENT_HERE in control:
        return str(control[ABSENT_HERE])
    return next((why for why in (machine.lacks(need, packages) for need in control["needs"]) if why), "")


def _purpose(control: Control, machine: Machine, wish: Wish) -> str:
    """Say why a server is not removed just because a profile wants that: it may be what the machine is for."""
    there = [name for name in control.get("packages_absent", ()) if name in machine.packages]
    if not control.get("purpose") or not there or control["id"] in wish.include:
        return ""
    return (
        f"{', '.join(there)} is installed and may be what this machine is for. Put {control['id']} into "
        "os_hardening_exclude when it is, or into os_hardening_include to have it removed."
    )


def _known(controls: list[Control], wish: Wish) -> None:
    names = {control["id"] for control in controls}
    for variable, given in (("os_hardening_exclude", wish.exclude), ("os_hardening_include", wish.include)):
        strange = sorted(given - names)
        if strange:
            raise Fault(
                f"{variable} names controls that do not exist: {', '.join(strange)}. "
                f"There are: {', '.join(sorted(names))}."
            )


def level(profile: str) -> int:
    """Return the highest level that a profile holds; that of ``container`` is 1.

    >>> level("level2"), level("container")
    (2, 1)
    """
    digits = re.sub(r"\D", "", profile)
    return int(digits or 1)
