# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM as it is wanted: profiles that take part, arguments that modules are called with, lines of single services."""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils import _authselect, _outcome
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._file_modes import listed
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome
from ansible_collections.goldsmith.images.plugins.module_utils._pam_profiles import (
    NOBODY_ASKS,
    Profile,
    Profiles,
    Run,
)
from ansible_collections.goldsmith.images.plugins.module_utils._pam_text import TYPES, Line, Stack, changed

_SERVICES = "/etc/pam.d"
_COPY = re.compile(r"~$|\.pam-(?:old|new)$|\.dpkg-|\.rpm(?:save|new|orig)$")
_MODULES = [f"{usr}lib{kind}/security" for usr in ("", "usr/") for kind in ("", "64", "/*")]


class Pam:
    """What is wanted of PAM, and what is to become of it."""

    def __init__(
        self, wanted: Mapping[str, Any], drafts: Drafts, run: Run, *, root: Path = Path("/"), check: bool = False
    ) -> None:
        """Take what is wanted and where.

        Args:
            wanted: The options ``profiles``, ``arguments``, ``rules`` and ``expected``.
            drafts: The files, with what is to be written.
            run: Runs a command.
            root: The directory that is the machine's root.
            check: Whether what is expected may be missing still.

        Raises:
            Fault: Something is wanted that cannot be meant.
        """
        self._wanted = wanted
        self._drafts = drafts
        self._run = run
        self._profiles = Profiles(drafts, root)
        self._features = _authselect.selected(drafts)
        named = {entry["feature"] for kind in ("profiles", "arguments") for entry in wanted[kind] if entry["feature"]}
        self._lacking = (
            {} if self._features is None else _authselect.lacking(sorted(named), drafts, lambda line: run(line, {}))
        )
        self._installed = {path.name for folder in _MODULES for path in root.glob(f"{folder}/pam_*.so")}
        self._expected = set(wanted["expected"]) if check else set()
        self._entries = [(entry, Profile.wanted(entry)) for entry in wanted["profiles"]]
        self._rules = [(entry["service"], _line(entry)) for entry in wanted["rules"] if entry["state"] == "present"]
        self._held: dict[tuple[str, int, str], str | None] = {}
        self.profiles: list[Profile] = []
        self.features: list[str] = []
        self.outcomes: list[Outcome] = []
        first: dict[str, Profile] = {}
        for _entry, profile in self._entries:
            if first.setdefault(profile.name, profile) != profile:
                raise Fault(f"the profile {profile.name} is wanted in two ways. Leave one of them, or make them alike.")

    def decide_profiles(self) -> None:
        """Decide which profiles and features must change, try it on a copy, and tell what became of each."""
        told = [self._profile(entry, profile) for entry, profile in self._entries]
        if self.profiles:
            try:
                texts = self._profiles.trial(self.profiles, self._run, lenient=bool(self._expected))
            except Fault as fault:
                names = {profile.name for profile in self.profiles}
                told = [
                    Outcome(one.control, one.item, _outcome.FAILED, str(fault)) if one.item in names else one
                    for one in told
                ]
                self.profiles = []
            else:
                self._profiles.write(self.profiles)
                for path, text in texts.items():
                    self._drafts.write(path, text)
        self.outcomes += told

    def decide_lines(self) -> None:
        """Change arguments and lines in mind, and tell what became of each.

        Raises:
            Fault: Two controls want the same argument in different ways.
        """
        self.outcomes += [self._arguments(entry) for entry in self._wanted["arguments"]]
        self.outcomes += [self._rule(entry) for entry in self._wanted["rules"]]

    @property
    def files(self) -> set[str]:
        """Paths of the files of profiles that must be there before pam-auth-update runs."""
        return {self._profiles.path(profile.name) for profile in self.profiles}

    def _profile(self, entry: Mapping[str, Any], profile: Profile) -> Outcome:
        if self._features is not None:
            return self._feature(entry, profile.name)
        try:
            needed = self._needed(profile)
        except Fault as fault:
            if self._expected and not profile.text:
                return self._told(entry, profile.name, message="comes with a package that is not installed yet")
            return self._told(entry, profile.name, failed=str(fault))
        if not needed:
            return self._told(entry, profile.name)
        if profile not in self.profiles:
            self.profiles.append(profile)
        return self._told(entry, profile.name, done=f"the profile {needed}")

    def _needed(self, profile: Profile) -> str:
        """Say what a profile lacks; empty when it is as it is wanted.

        Raises:
            Fault: It cannot be so here.
        """
        if self._profiles.text("unix") is None:
            raise Fault(
                "neither pam-auth-update nor authselect makes the stacks here. Have authselect make them "
                "(authselect select minimal, or sssd), or put the lines there by hand"
            )
        missing = sorted({line.name for line in profile.calls} - self._installed - self._expected)
        if missing and profile.enabled:
            raise Fault(f"{', '.join(missing)} is not installed")
        return self._profiles.needed(profile)

    def _feature(self, entry: Mapping[str, Any], item: str) -> Outcome:
        feature = entry["feature"]
        if feature is None:
            return self._told(entry, item, failed="authselect makes the stacks here, and no feature of it is named")
        if self._features is not None and feature in self._features:
            return self._told(entry, item)
        if feature in self._lacking:
            return self._told(entry, item, failed=self._lacking[feature])
        if feature not in self.features:
            self.features.append(feature)
        return self._told(entry, item, done=_joining(feature))

    def refused(self, feature: str, why: str) -> None:
        """Take it that a feature cannot be had after all, and tell so in the outcomes."""
        self.features.remove(feature)
        self.outcomes = [
            replace(one, status=_outcome.FAILED, message=why) if one.message == _joining(feature) else one
            for one in self.outcomes
        ]

    def _arguments(self, entry: Mapping[str, Any]) -> Outcome:
        wanted = {name: _value(value) for name, value in entry["set"].items()}
        both = sorted(wanted.keys() & set(entry["remove"]))
        if both:
            raise Fault(f"{entry['module']}: {', '.join(both)} is to be set and to go. Leave one of them.")
        wanted.update(dict.fromkeys(entry["remove"]))
        item = f"{entry['module']} {' '.join(wanted)}"
        found, done, kept = 0, [], []
        services = self._services(entry)
        if not services:
            return self._told(entry, item, absent="there is no such service")
        for path, stack, index, line in self._lines(services, entry):
            found += 1
            self._hold(path, index, entry, wanted)
            arguments = changed(line.arguments, wanted)
            if sorted(arguments) == sorted(line.arguments):
                continue
            what = f"{path.rpartition('/')[2]} had {' '.join(line.arguments) or 'none'}"
            if _authselect.is_generated(stack.text):
                if entry["feature"] is not None:
                    return self._feature(entry, item)
                kept.append(what)
                continue
            stack.put(index, Line(line.type, line.control, line.module, arguments))
            if stack.takes_nothing and not self._expected and "use_authtok" not in line.arguments:
                return self._told(entry, item, failed=NOBODY_ASKS)
            self._drafts.write(path, stack.text)
            done.append(what)
        if kept:
            return self._told(entry, item, failed=f"authselect would put it back: {listed(kept)}; name a feature of it")
        if not found and entry["set"]:
            return self._nowhere(entry, item)
        return self._told(entry, item, done=listed(done))

    def _nowhere(self, entry: Mapping[str, Any], item: str) -> Outcome:
        if entry["module"] in self._expected - self._installed:
            return self._told(entry, item, message="comes with a package that is not installed yet")
        return self._told(entry, item, failed=f"{entry['module']} is called nowhere")

    def _hold(self, path: str, index: int, entry: Mapping[str, Any], wanted: Mapping[str, str | None]) -> None:
        for name, value in wanted.items():
            if self._held.setdefault((path, index, name), value) != value:
                raise Fault(
                    f"{path}: {name} of {entry['module']} is wanted in two ways ({entry['control']}). Leave one."
                )

    def _services(self, entry: Mapping[str, Any]) -> list[str]:
        """Return the paths of the services that are meant, without copies that packages left."""
        paths = {path.rpartition("/")[2]: path for path in self._drafts.files(_SERVICES, "*")}
        return [
            path
            for name, path in paths.items()
            if not _COPY.search(name) and any(fnmatchcase(name, pattern) for pattern in entry["services"])
        ]

    def _lines(self, services: Iterable[str], entry: Mapping[str, Any]) -> Iterator[tuple[str, Stack, int, Line]]:
        for path in services:
            stack = Stack(self._drafts.read(path) or "")
            for index, line in stack.calls():
                meant = line.name == entry["module"] and line.kind in (entry["types"] or TYPES)
                if meant and set(entry["match"]) <= set(line.arguments):
                    yield path, stack, index, line

    def _rule(self, entry: Mapping[str, Any]) -> Outcome:
        path = f"{_SERVICES}/{entry['service']}"
        wanted = _line(entry)
        item = f"{entry['service']}: {entry['type']} {entry['module']}"
        text = self._drafts.read(path)
        if text is None:
            return self._told(entry, item, absent=f"there is no {path}")
        if _authselect.is_generated(text):
            return self._told(entry, item, failed=f"authselect makes {path}; name a feature of it")
        stack = Stack(text)
        if entry["state"] == "absent":
            done = "the line was there" if stack.drop(wanted) else ""
        elif wanted.name not in self._installed | self._expected:
            return self._told(entry, item, failed=f"{wanted.name} is not installed")
        else:
            others = [line for service, line in self._rules if service == entry["service"] and line != wanted]
            done = "the line was missing" if stack.hold(wanted, entry["after"], others) else ""
        if done:
            self._drafts.write(path, stack.text)
        return self._told(entry, item, done=done)

    def _told(self, entry: Mapping[str, Any], item: str, **told: str) -> Outcome:
        """Return an outcome with the one text that is not empty: ``failed``, ``absent``, ``done`` or ``message``."""
        kinds = {"failed": _outcome.FAILED, "absent": _outcome.NOT_APPLICABLE, "done": _outcome.CHANGED}
        for kind, text in told.items():
            if text:
                return Outcome(entry["control"], item, kinds.get(kind, _outcome.COMPLIANT), text)
        return Outcome(entry["control"], item, _outcome.COMPLIANT)


def _joining(feature: str) -> str:
    return f"the feature {feature} did not take part"


def _line(entry: Mapping[str, Any]) -> Line:
    """Return the line that an entry of ``rules`` wants.

    Raises:
        Fault: That is none.
    """
    line = Line(entry["type"], entry["flag"], entry["module"], tuple(entry["arguments"]))
    if Line.parse(str(line)) != line or "/" in entry["service"]:
        raise Fault(f"{entry['service']}: {line} is no line of PAM. Write service, type, flag, module and arguments.")
    return line


def _value(value: Any) -> str | None:
    """Return an argument's value: an empty one for an argument without, None for one that is to go."""
    if isinstance(value, bool):
        return "" if value else None
    return str(value)
