# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of controls, which is written in Debian's names, in the names of another family of systems.

A family is data, all of it optional:

``name``
    What ``family:NAME`` among a control's needs asks for.
``packages``
    What is called otherwise, as lists: one package of Debian's may be several, or none.
``units``, ``paths``, ``groups``
    The same with one name each; null where there is nothing of the kind.
``services``
    Services of PAM, as lists.
``configs``
    What the settings of a kind are in, over what the table's own are in; null where there is no such file.
``kinds``
    Kinds of demands that are met by other means here, and what these are called.
``instead``
    By control: what it is and demands here, in this family's own names.
``absent``
    By control: why there is nothing to it here.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._hardening import ABSENT_HERE, Control
from ansible_collections.goldsmith.images.plugins.module_utils._hardening_texts import TELLS

Family = Mapping[str, Any]
Configs = Mapping[str, Mapping[str, Any]]


def translated(controls: Iterable[Control], family: Family) -> list[Control]:
    """Return controls as a family of systems has them, in their order."""
    names = _Names(family)
    return [names.control(control) for control in controls]


def configs_of(configs: Configs, family: Family) -> dict[str, Mapping[str, Any]]:
    """Return what the settings of each kind are in."""
    own = family.get("configs", {})
    return {
        kind: {**configs.get(kind, {}), **(own.get(kind) or {})}
        for kind in (*configs, *(kind for kind in own if kind not in configs))
        if own.get(kind, True) is not None
    }


class _Names:
    def __init__(self, family: Family) -> None:
        self._family = family
        self._packages = family.get("packages", {})
        self._paths = family.get("paths", {})
        self._groups = family.get("groups", {})
        self._units = family.get("units", {})
        self._services = family.get("services", {})
        self._kinds: dict[str, Callable[[Any], Any]] = {
            "packages_present": self._several(self._packages),
            "packages_absent": self._several(self._packages),
            "units": self._keys(self._units),
            "files": self._owned,
            "modes": self._owned,
            "remove": lambda paths: [self._path(path) for path in paths if self._path(path)],
            "audit": self._rules,
            "audit_last": self._rules,
            "pam_arguments": self._calls,
        }

    def control(self, control: Control) -> Control:
        """Return a control in this family's names."""
        name = control["id"]
        if name in self._family.get("absent", {}):
            return {**control, ABSENT_HERE: self._family["absent"][name]}
        if name in self._family.get("instead", {}):
            told = {key: value for key, value in control.items() if key in TELLS}
            return {**told, "needs": self._needs(control), **self._family["instead"][name]}
        found: dict[str, Any] = {}
        for kind, demand in control.items():
            if kind in TELLS:
                found[kind] = demand
            elif self._family.get("configs", {}).get(kind, True) is not None:
                held = self._kinds[kind](demand) if kind in self._kinds else demand
                if held or not demand:
                    found[self._family.get("kinds", {}).get(kind, kind)] = held
        found["needs"] = self._needs(control)
        if set(control) - TELLS and not set(found) - TELLS:
            found[ABSENT_HERE] = "there is nothing of the kind on this family of systems"
        return found

    def _path(self, path: str) -> str | None:
        found: str | None = self._paths.get(path, path)
        return found

    def _needs(self, control: Control) -> list[str]:
        return [self._need(need) for need in control["needs"]]

    def _need(self, need: str) -> str:
        head, colon, name = need.rpartition(":")
        if head.endswith("package"):
            names: list[str] = self._packages.get(name) or [name]
            return f"{head}{colon}{names[0]}"
        return f"{head}{colon}{self._path(name) or name}" if head.endswith("path") else need

    def _owned(self, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for entry in entries:
            path = self._path(entry["path"])
            if path is not None:
                owners = {key: self._group(entry[key]) for key in ("owner", "group") if key in entry}
                found.append({**entry, "path": path, **owners})
        return found

    def _group(self, group: Any) -> Any:
        if isinstance(group, list):
            return list(dict.fromkeys(self._groups.get(one, one) for one in group))
        return self._groups.get(group, group)

    def _rules(self, rules: Iterable[str]) -> list[str]:
        """Return rules of auditctl, whose paths are words, without those whose paths are nowhere here."""
        found = [[self._path(word) for word in rule.split(" ")] for rule in rules]
        return [" ".join(word for word in words if word) for words in found if None not in words]

    def _calls(self, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        several = self._several(self._services)
        return [{**entry, "services": several(entry["services"])} for entry in entries]

    @staticmethod
    def _several(names: Mapping[str, list[str]]) -> Callable[[Iterable[str]], list[str]]:
        return lambda wanted: list(dict.fromkeys(one for name in wanted for one in names.get(name, [name])))

    @staticmethod
    def _keys(names: Mapping[str, str | None]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        def keys(wanted: Mapping[str, Any]) -> dict[str, Any]:
            found = {names.get(name, name): how for name, how in wanted.items()}
            return {name: how for name, how in found.items() if name is not None}

        return keys
