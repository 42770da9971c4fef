# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all controls that take part demand together, in the terms of the modules that see to it."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._hardening import (
    DISABLED,
    NOT_APPLICABLE,
    Control,
    Machine,
    Selection,
)
from ansible_collections.goldsmith.images.plugins.module_utils._hardening_texts import texts

ABSENT = "absent"

# Demands that are lists, whose items go to a module as they are.
_LISTS = ("kernel_arguments", "modes", "mounts", "pam_arguments", "pam_profiles", "pam_rules")


class State:
    """The options of the modules, gathered control by control.

    Attributes:
        files: What :mod:`file_set` holds, by path.
        owners: The controls that want a file, by path.
        remove: The controls that want a pattern deleted, by pattern.
        lists: Items for the modules that take them as the table has them, by kind.
        sysctl: Kernel settings.
        modules: Kernel modules that are kept out.
        settings: Settings by the name of the configuration they are in.
        units: Units and how they are to be.
        policy: What accounts are held to.
        review: What the walk through the file systems looks for.
        present: Packages to install, with the controls that want them.
        absent: Packages to remove, with the controls that want them.
        groups: Groups there have to be, with the controls that want them.
        single: What a task of its own sees to, such as ``audit_privileged``: its value and the control.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.files: dict[str, dict[str, Any]] = {}
        self.owners: dict[str, list[str]] = {}
        self.remove: dict[str, list[str]] = {}
        self.lists: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _LISTS}
        self.sysctl: list[dict[str, Any]] = []
        self.modules: list[dict[str, Any]] = []
        self.settings: dict[str, list[dict[str, Any]]] = {}
        self.units: list[dict[str, Any]] = []
        self.policy: list[dict[str, Any]] = []
        self.review: dict[str, dict[str, Any]] = {}
        self.present: dict[str, list[str]] = {}
        self.absent: dict[str, list[str]] = {}
        self.groups: dict[str, list[str]] = {}
        self.single: dict[str, dict[str, Any]] = {}

    def file(self, name: str, entry: Mapping[str, Any]) -> None:
        """Have a file held for a control.

        Raises:
            Fault: Another control wants it otherwise.
        """
        path = entry["path"]
        if self.files.setdefault(path, dict(entry)) != dict(entry):
            raise Fault(f"{name} and {', '.join(self.owners[path])} want {path} to be different things.")
        self.owners.setdefault(path, []).append(name)


class Gatherer:
    """Turns the demands of controls into the options of modules."""

    def __init__(
        self, configs: Mapping[str, Mapping[str, Any]], overrides: Mapping[str, Mapping[str, Any]], machine: Machine
    ) -> None:
        """Take what the settings of each kind are in, what the user has them be, and what there is."""
        self._configs = configs
        self._overrides = overrides
        self._machine = machine
        self.state = State()

    def gather(self, chosen: Selection) -> State:
        """Gather what the controls of a selection demand; statuses of those that then demand nothing are set.

        Raises:
            Fault: Two of them want a file to be different things.
        """
        for control in chosen.taken:
            self._take(control, None)
        shared = {"sysctl": self.state.sysctl, "modules": self.state.modules, **self.state.settings}
        for control in chosen.aside:
            self._take(control, {kind for kind, items in shared.items() if items})
        for control in list(chosen.taken):
            self._own(control, chosen)
            self._emptied(control, chosen)
        return self.state

    def _take(self, control: Control, only: set[str] | None) -> None:
        """Add the demands of a control; with ``only``, those of these kinds."""
        name = control["id"]
        for kind, demand in control.items():
            if only is not None and kind not in only:
                continue
            if kind == "sysctl":
                wanted = self._merged(kind, demand)
                self.state.sysctl += [{"key": key, "value": str(wanted[key]), "control": name} for key in wanted]
            elif kind == "modules":
                self.state.modules += [{"name": module, "control": name} for module in demand]
            elif kind in self._configs:
                self._configure(kind, demand, name)
            elif kind in _LISTS:
                self._extend(kind, demand, name)
            else:
                self._other(kind, demand, control)

    def _extend(self, kind: str, demand: Any, name: str) -> None:
        if kind == "kernel_arguments":
            demand = [{"argument": argument} for argument in demand]
        self.state.lists[kind] += [{**item, "control": name} for item in demand]

    def _other(self, kind: str, demand: Any, control: Control) -> None:
        name = control["id"]
        if kind == "files":
            for entry in demand:
                self.state.file(name, entry)
        elif kind == "remove":
            for pattern in demand:
                self.state.remove.setdefault(pattern, []).append(name)
        elif kind == "units":
            self.state.units += [{"name": unit, "state": wanted, "control": name} for unit, wanted in demand.items()]
        elif kind == "accounts":
            self.state.policy += [{"check": check, **how, "control": name} for check, how in demand.items()]
        elif kind == "review":
            self.state.review.update({what: {**how, "control": name} for what, how in demand.items()})
        elif kind in ("packages_present", "packages_absent", "groups"):
            told = {"packages_present": self.state.present, "packages_absent": self.state.absent}
            for item in demand:
                told.get(kind, self.state.groups).setdefault(item, []).append(name)
        elif kind == "audit_privileged":
            self.state.single[kind] = {"value": demand, "control": name}
        else:
            for entry in texts(kind, demand, name):
                self.state.file(name, entry)

    def _merged(self, kind: str, demand: Mapping[str, Any]) -> dict[str, Any]:
        """Put the user's values over those of the table, and leave out what the user takes out."""
        user = self._overrides.get(kind, {})
        merged = {key: user.get(key, value) for key, value in demand.items()}
        return {key: value for key, value in merged.items() if value is not None}

    def _configure(self, kind: str, demand: Mapping[str, Any], name: str) -> None:
        needs = self._configs[kind].get("needs", ())
        if any(self._machine.lacks(need, self._machine.packages | frozenset(self.state.present)) for need in needs):
            return
        for key, value in self._merged(kind, demand).items():
            self.state.settings.setdefault(kind, []).append(_setting(key, value, name))

    def _own(self, control: Control, chosen: Selection) -> None:
        """Add what the user's map has beyond the table."""
        kind = control.get("own")
        if not kind:
            return
        name = control["id"]
        if kind == "sysctl":
            there = {item["key"] for item in self.state.sysctl}
        else:
            there = {item["key"] for item in self.state.settings.get(kind, [])}
        more = {
            key: value for key, value in self._overrides.get(kind, {}).items() if value is not None and key not in there
        }
        if not more:
            chosen.taken.remove(control)
            chosen.statuses[name] = (NOT_APPLICABLE, f"os_hardening_{kind} gives none")
        elif kind == "sysctl":
            self.state.sysctl += [{"key": key, "value": str(value), "control": name} for key, value in more.items()]
        else:
            self.state.settings.setdefault(kind, []).extend(_setting(key, more[key], name) for key in more)

    def _emptied(self, control: Control, chosen: Selection) -> None:
        """Report a control whose settings the user took out, all of them."""
        kinds = [kind for kind in control if kind in self._overrides and isinstance(control[kind], dict)]
        demands = set(control) & (set(self._configs) | _DEMANDS)
        if kinds and demands == set(kinds) and not any(self._merged(kind, control[kind]) for kind in kinds):
            chosen.taken.remove(control)
            variables = ", ".join(f"os_hardening_{kind}" for kind in kinds)
            chosen.statuses[control["id"]] = (DISABLED, f"{variables} takes its settings out")


_DEMANDS = {
    *_LISTS,
    "accounts",
    "files",
    "groups",
    "modules",
    "packages_absent",
    "packages_present",
    "remove",
    "review",
    "sysctl",
    "units",
}


def _setting(key: str, value: Any, name: str) -> dict[str, Any]:
    if value == ABSENT:
        return {"key": key, "absent": True, "control": name}
    return {"key": key, "value": _text(value), "control": name}


def _text(value: Any) -> str:
    """Write a value as configuration files have it; one that is just there is True, and has no text."""
    return "" if value is True else str(value)


def options(state: State, configs: Mapping[str, Mapping[str, Any]], machine: Machine) -> dict[str, Any]:
    """Return what the role's tasks hand to the modules.

    Args:
        state: What the controls demand.
        configs: What the settings of each kind are in.
        machine: What there is now; packages and files that are not there need not be removed.
    """
    there = machine.packages
    files = []
    for kind, settings in state.settings.items():
        config = {key: value for key, value in configs[kind].items() if key not in ("needs", "section")}
        section = configs[kind].get("section")
        files.append({**config, "settings": [{**s, "section": section} if section else s for s in settings]})
    return {
        "files": list(state.files.values()),
        "owners": state.owners,
        "remove": {path: names for path, names in state.remove.items() if "*" in path or path in machine.paths},
        "settings": files,
        "sysctl": state.sysctl,
        "modules": state.modules,
        "units": state.units,
        "policy": state.policy,
        "review": state.review,
        "groups": {name: controls for name, controls in state.groups.items() if name not in machine.groups},
        "single": state.single,
        "install": {name: controls for name, controls in state.present.items() if name not in there},
        "uninstall": {name: controls for name, controls in state.absent.items() if name in there},
        **state.lists,
    }
