# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Home directories and what lies hidden in them: they are there, and nobody else may write them."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._account_checks import Verdict, fixes
from ansible_collections.goldsmith.images.plugins.module_utils._accounts import Accounts, User
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._file_modes import Demand, Plan, octal
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome
from ansible_collections.goldsmith.images.plugins.module_utils._places import Place, Places

_ALL = 0o7777
# What belongs to the system, whoever has it for a home.
_SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr")


@dataclass
class Homes:
    """The homes of those who work on the machine, root among them, and what is to become of them.

    Attributes:
        accounts: The users.
        places: The files.
        plan: What every file is to be.
        made: Homes to be made, with their users and modes.
        removed: Files to be deleted.
    """

    accounts: Accounts
    places: Places
    plan: Plan
    made: list[tuple[str, User, int]]
    removed: list[Place]

    def users(self) -> Iterator[User]:
        """Return those who have a home."""
        yield from (user for user in self.accounts.users if user.name == "root")
        yield from self.accounts.people()

    def home(self, user: User) -> Place | None:
        """Return a user's home, or None when it is missing or no directory."""
        path = self.places.resolve(user.home) if user.home.startswith("/") else None
        place = self.places.look(path) if path else None
        return place if place is not None and place.is_dir else None

    def apply(self, root: Path) -> None:
        """Make, change and delete; what fails is in the plan's ``failures``."""
        for path, user, mode in self.made:
            try:
                (root / path.lstrip("/")).mkdir(mode=mode)
                place = self.places.look(path)
                if place is not None:
                    self.places.change(place, uid=user.uid, gid=user.gid, mode=mode)
            except OSError as error:
                self.plan.failures[path] = error.strerror or str(error)
        self.plan.apply(self.places)
        for place in self.removed:
            try:
                self.places.remove(place)
            except OSError as error:
                self.plan.failures[place.path] = error.strerror or str(error)


class Pending:
    """A verdict on files, which is known when they were changed."""

    def __init__(self, plan: Plan) -> None:
        """Take what every file is to be."""
        self._plan = plan
        self._changes: list[tuple[str, str]] = []
        self.failed: list[str] = []

    def change(self, path: str, what: str) -> None:
        """Note what is wrong with a file and will be put right."""
        self._changes.append((path, what))

    def outcome(self, control: str | None, item: str) -> Outcome:
        """Return it as an outcome."""
        failures = self._plan.failures
        failed = [f"{path}: {failures[path]}" for path, _rest in self._changes if path in failures]
        changed = [what for path, what in self._changes if path not in failures]
        return Verdict(changed, self.failed + failed).outcome(control, item)


def homes(scene: Homes, options: Mapping[str, Any]) -> Pending:
    """Have everybody's home exist, belong to its user, and be open to others no more than so far."""
    verdict = Pending(scene.plan)
    most = octal(options["at_most"], "homes")
    for user in scene.users():
        place = scene.home(user)
        if place is None:
            _make(scene, options, user, most, verdict)
            continue
        owner = next((one.name for one in scene.accounts.users if one.uid == place.status.st_uid), None)
        foreign = place.status.st_uid != user.uid
        what = f"{place.path} {'was' if fixes(options) else 'is'} {scene.plan.shown(scene.plan.state(place))}"
        if foreign and (owner not in ("root", None) or _is_system(place.path)):
            verdict.failed.append(f"{user.name}'s home {place.path} belongs to {owner or place.status.st_uid}")
        elif foreign or place.mode & _ALL & ~most & ~stat.S_ISGID:
            if not fixes(options) or (_is_system(place.path) and user.uid):
                verdict.failed.append(what)
            elif _demand(scene, place, Demand(never=_ALL & ~most & ~stat.S_ISGID, uids=(user.uid,)), user.name):
                verdict.change(place.path, what)
            else:
                verdict.failed.append(f"{user.name} shares the home {place.path} with somebody else")
    return verdict


def _demand(scene: Homes, place: Place, demand: Demand, name: str) -> bool:
    """Demand something of a file unless another user has it already; tell whether that was so."""
    try:
        return scene.plan.demand(place, demand, name)
    except Fault:
        return False


def _make(scene: Homes, options: Mapping[str, Any], user: User, most: int, verdict: Pending) -> None:
    path = scene.places.resolve(user.home) if user.home.startswith("/") else None
    above = scene.places.look(path.rpartition("/")[0] or "/") if path else None
    free = path is not None and scene.places.look(path) is None and not _is_system(path)
    if path is None or not fixes(options) or not free or above is None or not above.is_dir:
        verdict.failed.append(f"{user.name}'s home {user.home or '(none)'} is no directory")
        return
    if path not in (one for one, _user, _mode in scene.made):
        scene.made.append((path, user, 0o700 & most))
    verdict.change(path, f"{path} was missing")


def dot_files(scene: Homes, options: Mapping[str, Any]) -> Pending:
    """Have hidden files belong to their user, and others not write them; some others not read either."""
    verdict = Pending(scene.plan)
    most = octal(options["at_most"], "dot_files")
    for user, place in _hidden(scene):
        limit = most & 0o600 if _named(place, options["names"]) else most
        demand = Demand(never=_ALL & ~limit, uids=(user.uid,), gids=(user.gid,))
        state = scene.plan.state(place)
        if demand.applied(state) == state:
            continue
        what = f"{place.path} {'was' if fixes(options) else 'is'} {scene.plan.shown(state)}"
        # A second name of a system's file in one's own home would make that file one's own.
        linked = place.status.st_nlink > 1 and place.status.st_uid != user.uid
        if not fixes(options) or linked:
            verdict.failed.append(what + (" and has other names elsewhere" if linked else ""))
        else:
            scene.plan.demand(place, demand, "dot_files")
            verdict.change(place.path, what)
    return verdict


def forbidden_files(scene: Homes, options: Mapping[str, Any]) -> Pending:
    """Have no files in homes that let others in, or send mail elsewhere."""
    verdict = Pending(scene.plan)
    for _user, place in _hidden(scene):
        if not _named(place, options["names"]):
            continue
        if fixes(options):
            scene.removed.append(place)
            verdict.change(place.path, f"{place.path} was there")
        else:
            verdict.failed.append(f"{place.path} is there")
    return verdict


def root_path(scene: Homes, options: Mapping[str, Any]) -> Pending:
    """Have root's search path lead only where root alone puts programs."""
    verdict = Pending(scene.plan)
    for entry in options["path"].split(":"):
        if not entry.startswith("/"):
            part = repr(entry) if entry else "an empty part"
            verdict.failed.append(f"root's PATH has {part}, which is the working directory")
            continue
        path = scene.places.resolve(entry)
        place = scene.places.look(path) if path else None
        if place is None or not place.is_dir:
            verdict.failed.append(f"{entry} in root's PATH is no directory")
            continue
        demand = Demand(never=stat.S_IWGRP | stat.S_IWOTH, uids=(0,))
        state = scene.plan.state(place)
        if demand.applied(state) == state:
            continue
        if fixes(options) and state.uid == 0:
            scene.plan.demand(place, demand, "root_path")
            verdict.change(place.path, f"{place.path} was {scene.plan.shown(state)}")
        else:
            verdict.failed.append(f"{place.path} is {scene.plan.shown(state)}")
    return verdict


def _hidden(scene: Homes) -> Iterator[tuple[User, Place]]:
    """Return the hidden regular files below every home, with whose home it is, each once."""
    seen: set[str] = set()
    for user in scene.users():
        home = scene.home(user)
        if home is None or home.path in seen or _is_system(home.path):
            continue
        seen.add(home.path)
        for place in scene.places.below(home):
            if place.is_file and place.path.rpartition("/")[2].startswith("."):
                yield user, place


def _named(place: Place, names: Sequence[str]) -> bool:
    return any(fnmatchcase(place.path.rpartition("/")[2], name) for name in names)


def _is_system(path: str) -> bool:
    return path == "/" or f"{path}/".startswith(tuple(f"{one}/" for one in _SYSTEM))
