# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose files are and what may be done with them: what is wanted, what differs, and the change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils import _outcome
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome
from ansible_collections.goldsmith.images.plugins.module_utils._owners import Owners
from ansible_collections.goldsmith.images.plugins.module_utils._places import Patterns, Place, Places

_ALL = 0o7777
_TOLD = 5


@dataclass(frozen=True)
class State:
    """Whose a file is, and what may be done with it.

    Attributes:
        uid: Number of the user it belongs to.
        gid: Number of the group it belongs to.
        mode: Its permissions, with SUID, SGID and sticky bit.
    """

    uid: int
    gid: int
    mode: int

    @classmethod
    def of(cls, place: Place) -> State:
        """Return that of a file."""
        return cls(place.status.st_uid, place.status.st_gid, place.mode)


@dataclass(frozen=True)
class Demand:
    """What is allowed of a file.

    Attributes:
        always: Bits of the mode it must have.
        never: Bits of the mode it must not have.
        uids: Numbers of the users it may belong to, the best first; empty for any.
        gids: The same of groups.
    """

    always: int = 0
    never: int = 0
    uids: tuple[int, ...] = ()
    gids: tuple[int, ...] = ()

    def applied(self, state: State) -> State:
        """Return the state that is nearest to this one and allowed."""
        return State(
            state.uid if not self.uids or state.uid in self.uids else self.uids[0],
            state.gid if not self.gids or state.gid in self.gids else self.gids[0],
            (state.mode | self.always) & ~self.never,
        )

    def both(self, other: Demand) -> Demand | None:
        """Return the demand that both make, or None when nothing can satisfy both."""
        uids, gids = _common(self.uids, other.uids), _common(self.gids, other.gids)
        always, never = self.always | other.always, self.never | other.never
        if always & never or uids is None or gids is None:
            return None
        return Demand(always, never, uids, gids)


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...] | None:
    if not one or not other:
        return one or other
    return tuple(number for number in one if number in other) or None


class Plan:
    """What every file is to be, before anything is changed."""

    def __init__(self, owners: Owners) -> None:
        """Take who knows the names of users and groups."""
        self._owners = owners
        self._places: dict[str, Place] = {}
        self._demands: dict[str, Demand] = {}
        self._told: dict[str, str] = {}
        self.failures: dict[str, str] = {}

    def demand(self, place: Place, demand: Demand, by: str) -> bool:
        """Demand something of a file; tell whether it is otherwise now.

        Args:
            place: The file.
            demand: What is allowed of it.
            by: Who says so, for the message when somebody else says otherwise.

        Raises:
            Fault: Something else is demanded of it already.
        """
        known = place.path in self._demands
        both = self._demands[place.path].both(demand) if known else demand
        if both is None:
            raise Fault(
                f"{place.path} is to be one thing by {self._told[place.path]} and another by {by}. Exclude it from one."
            )
        self._places.setdefault(place.path, place)
        self._demands[place.path] = both
        self._told.setdefault(place.path, by)
        return demand.applied(State.of(place)) != State.of(place)

    def state(self, place: Place) -> State:
        """Return what a file will be."""
        demand = self._demands.get(place.path)
        return State.of(place) if demand is None else demand.applied(State.of(place))

    def changes(self) -> Iterator[tuple[Place, State]]:
        """Return the files that are to be changed, in the order in which they were found."""
        for path, place in self._places.items():
            state = self._demands[path].applied(State.of(place))
            if state != State.of(place) and path not in self.failures:
                yield place, state

    def shown(self, state: State) -> str:
        """Return a state as a person reads it."""
        return f"{self._owners.shown(state.uid, state.gid)} {state.mode:04o}"

    @property
    def difference(self) -> dict[str, str]:
        """What Ansible shows of the changes."""
        changes = list(self.changes())
        return {
            "before": "".join(f"{place.path} {self.shown(State.of(place))}\n" for place, _rest in changes),
            "after": "".join(f"{place.path} {self.shown(state)}\n" for place, state in changes),
        }

    def apply(self, places: Places) -> list[str]:
        """Change the files, and return the paths of those that were; what fails is in ``failures``."""
        done = []
        for place, state in list(self.changes()):
            try:
                places.change(place, uid=state.uid, gid=state.gid, mode=state.mode)
            except OSError as error:
                self.failures[place.path] = error.strerror or str(error)
            else:
                done.append(place.path)
        return done

    def outcome(self, control: str | None, item: str, wrong: Sequence[Place], message: str = "") -> Outcome:
        """Return what became of those files that were otherwise than an item wants them."""
        failed = [f"{place.path}: {self.failures[place.path]}" for place in wrong if place.path in self.failures]
        if failed:
            return Outcome(control, item, _outcome.FAILED, listed(failed))
        if wrong:
            was = [f"{place.path} was {self.shown(State.of(place))}" for place in wrong]
            return Outcome(control, item, _outcome.CHANGED, listed(was))
        return Outcome(control, item, _outcome.COMPLIANT, message)


class Item:
    """Files as they are wanted, as an entry of ``items`` says."""

    def __init__(self, wanted: dict[str, Any], owners: Owners) -> None:
        """Take the entry.

        Raises:
            Fault: A path is relative, or a mode is not octal.
        """
        self.control: str | None = wanted["control"]
        self.path: str = wanted["path"]
        self._kind: str = wanted["kind"]
        self._recurse: bool = wanted["recurse"]
        self._exclude = Patterns(wanted["exclude"])
        self._missing = ""
        mode, at_most = (None if wanted[one] is None else octal(wanted[one], self.path) for one in ("mode", "at_most"))
        most = at_most if mode is None else mode
        numbers = {}
        for kind, names in (("user", wanted["owner"]), ("group", wanted["group"])):
            numbers[kind] = tuple(owners.numbers(kind, names))
            if names and not numbers[kind]:
                self._missing = f"there is no {kind} {' or '.join(names)}"
        never = 0 if most is None else _ALL & ~most
        self._demand = Demand(mode or 0, never, numbers["user"], numbers["group"])

    def plan(self, places: Places, plan: Plan) -> list[Place] | None:
        """Demand what is wanted; return the files that are otherwise, or None when there is nothing that matches.

        Raises:
            Fault: Another item demands something else.
        """
        found = list(self._found(places))
        if not found:
            return None
        if self._missing:
            return []
        by = self.path if self.control is None else f"{self.path} ({self.control})"
        return [place for place in found if plan.demand(place, self._demand, by)]

    def outcome(self, plan: Plan, wrong: list[Place] | None) -> Outcome:
        """Return what became of it."""
        if wrong is None:
            return Outcome(self.control, self.path, _outcome.NOT_APPLICABLE, "nothing of that path is there")
        if self._missing:
            return Outcome(self.control, self.path, _outcome.FAILED, self._missing)
        return plan.outcome(self.control, self.path, wrong)

    def _found(self, places: Places) -> Iterator[Place]:
        for top in places.find(self.path):
            for place in [top, *(places.below(top) if self._recurse and top.is_dir else ())]:
                wanted = {"file": place.is_file, "dir": place.is_dir}.get(self._kind, place.is_file or place.is_dir)
                if wanted and place.path not in self._exclude:
                    yield place


def octal(text: str, about: str) -> int:
    """Return a mode that is written in octal.

    Args:
        text: The mode.
        about: What it is the mode of, for the message.

    Raises:
        Fault: It is not octal, or too large.
    """
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= _ALL:
        raise Fault(f"{about}: {text!r} is not a mode in octal. Write it in quotes, such as '0644'.")
    return mode


def listed(texts: Sequence[str]) -> str:
    """Return the first of several texts in one line, and how many more there are."""
    more = len(texts) - _TOLD
    return ", ".join(texts[:_TOLD]) + (f", and {more} more" if more > 0 else "")
