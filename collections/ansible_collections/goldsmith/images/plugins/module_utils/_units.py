# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd are enabled, disabled and masked, many in one go.

Source: systemctl(1). What ``is-enabled`` prints is read unit by unit, as for one that does not exist it prints nothing
to stdout before systemd 253.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from ansible_collections.goldsmith.images.plugins.module_utils._outcome import (
    CHANGED,
    COMPLIANT,
    FAILED,
    Outcome,
)

ENABLED, DISABLED, MASKED, STATIC = "enabled", "disabled", "masked", "static"

# What systemctl calls a unit that starts by itself or with others.
_ON = frozenset(("enabled", "enabled-runtime", "alias", "static", "indirect", "generated", "linked"))
_OFF = frozenset(("disabled", "masked", "masked-runtime", "linked"))

RunCommand = Callable[..., "tuple[int, str, str]"]


@dataclass(frozen=True)
class Unit:
    """A unit as it is.

    Attributes:
        name: Its name, with the ending.
        state: As ``systemctl is-enabled`` calls it; empty when there is no such unit.
        active: Whether it runs; None when nobody asked, or when it would not start here for conditions of its own.
    """

    name: str
    state: str
    active: bool | None


class Systemd:
    """The units of a machine."""

    def __init__(self, run: RunCommand, *, live: bool) -> None:
        """Take what runs commands, and whether units are also started and stopped."""
        self._run = run
        self._live = live

    def look(self, name: str) -> Unit:
        """Return how a unit is."""
        state = self._run(["systemctl", "is-enabled", name])[1].strip().split("\n")[0]
        known = "" if state in ("", "not-found") else state
        return Unit(name, known, self._active(name) if self._live and known else None)

    def _active(self, name: str) -> bool | None:
        """Tell whether a unit runs; None when it was tried and its own conditions are not met here."""
        asked = ["systemctl", "show", "--property=ActiveState,ConditionResult,ConditionTimestampMonotonic", name]
        told = dict(line.split("=", 1) for line in self._run(asked)[1].splitlines() if "=" in line)
        if told.get("ActiveState") in {"active", "activating", "reloading"}:
            return True
        tried = told.get("ConditionTimestampMonotonic", "0") not in {"", "0"}
        return None if tried and told.get("ConditionResult") == "no" else False

    def hold(self, name: str, wanted: str, control: str | None, *, check: bool) -> Outcome:
        """Have a unit be as wanted.

        Args:
            name: Its name.
            wanted: ``enabled``, ``disabled``, ``masked``, or ``static`` for one that runs and cannot be switched on.
            control: The control that wants it.
            check: Whether nothing is changed.
        """
        unit = self.look(name)
        if not unit.state:
            if wanted in (ENABLED, STATIC):
                return Outcome(control, name, FAILED, "there is no such unit; is its package installed?")
            return Outcome(control, name, COMPLIANT, "there is no such unit")
        steps = self._steps(unit, wanted)
        if not steps:
            return Outcome(control, name, COMPLIANT)
        was = f"was {unit.state}" + ("" if unit.active is None else ", running" if unit.active else ", not running")
        if not check:
            for step in steps:
                status, output, errors = self._run(["systemctl", *step, name])
                if status:
                    told = (errors or output).strip().split("\n")[-1]
                    return Outcome(control, name, FAILED, f"systemctl {' '.join(step)} failed: {told}")
        return Outcome(control, name, CHANGED, was)

    def _steps(self, unit: Unit, wanted: str) -> list[list[str]]:
        """Return what systemctl has to be told."""
        if wanted == MASKED:
            steps = [] if unit.state.startswith("masked") else [["mask"]]
            return steps + ([["stop"]] if unit.active else [])
        if wanted == DISABLED:
            steps = [["disable"]] if unit.state not in _OFF and unit.state != "static" else []
            return steps + ([["stop"]] if unit.active else [])
        steps = [["unmask"]] if unit.state.startswith("masked") else []
        if wanted == ENABLED and (unit.state not in _ON or unit.state == "linked"):
            steps.append(["enable"])
        return steps + ([["start"]] if unit.active is False else [])
