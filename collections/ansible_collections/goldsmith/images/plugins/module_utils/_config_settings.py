# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of configuration files: from what is wanted to what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _outcome
from ansible_collections.goldsmith.images.plugins.module_utils._config_family import Family
from ansible_collections.goldsmith.images.plugins.module_utils._config_format import Equals, Format, Limits, Setting
from ansible_collections.goldsmith.images.plugins.module_utils._config_ini import Ini
from ansible_collections.goldsmith.images.plugins.module_utils._config_sshd import Sshd
from ansible_collections.goldsmith.images.plugins.module_utils._config_sudoers import Sudoers
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import (
    Attributes,
    Change,
    Drafts,
    RunCommand,
    absolute,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome

FORMATS: dict[str, type[Format]] = {
    "directive": Sshd,
    "equals": Equals,
    "ini": Ini,
    "limits": Limits,
    "space": Format,
    "sudoers": Sudoers,
}

# How a truth value that YAML has made of a word is written.
_TRUTH = {"directive": ("yes", "no"), "ini": ("yes", "no"), "sudoers": ("true", "false")}
# What entries of the same path must agree on.
_COMMON = ("format", "separator", "drop_in", "also", "validate", "mode", "owner", "group", "create")


@dataclass(frozen=True)
class Wish:
    """A setting as somebody wants it.

    Attributes:
        number: Its place among all that are wanted.
        control: The control that wants it.
        item: What a report calls it.
        setting: What is wanted.
    """

    number: int
    control: str | None
    item: str
    setting: Setting


class ConfigFile:
    """A file, with all that belongs to it, as it is wanted."""

    def __init__(self, entry: dict[str, Any], root: Path = Path("/")) -> None:
        """Take an entry of ``files``, and none of its settings yet.

        Raises:
            Fault: A path or an attribute is none.
        """
        self.path = absolute(entry["path"])
        self.common = {key: entry[key] for key in _COMMON}
        self._form = FORMATS[entry["format"]](entry["separator"])
        self._attributes = Attributes.wanted(entry["mode"], entry["owner"], entry["group"])
        self._drafts = Drafts(root)
        drop_in = None if entry["drop_in"] is None else absolute(entry["drop_in"])
        also = [absolute(pattern) for pattern in entry["also"]]
        self._family = Family(self._drafts, self._form, self.path, drop_in, also)
        self._wishes: list[Wish] = []
        self._outcomes: dict[int, Outcome] = {}

    def want(self, number: int, item: dict[str, Any]) -> None:
        """Take a setting.

        Raises:
            Fault: It cannot be meant, or contradicts one of before.
        """
        setting = self._setting(item)
        place = {"ini": f"[{item['section']}] ", "directive": f"Match {item['match']}: "}.get(self.common["format"], "")
        told = f"{self.path}: {place if setting.scope else ''}{setting.key}"
        wish = Wish(number, item["control"], told, setting)
        for other in self._wishes:
            same = self._form.key(other.setting.key) == self._form.key(setting.key)
            if same and other.setting.scope == setting.scope and not self._agree(other.setting, setting):
                values = ["absent" if one.value is None else repr(one.value) for one in (other.setting, setting)]
                raise Fault(f"{wish.item} is to be {values[0]} and {values[1]}. Leave one of them.")
        self._wishes.append(wish)

    def plan(self) -> None:
        """Find out what has to change, and change it in mind."""
        try:
            if self._family.exists() or self.common["create"]:
                self._plan()
            else:
                for wish in self._wishes:
                    self._tell(wish, _outcome.NOT_APPLICABLE, f"there is no {self.path}")
        except Fault as fault:
            self.fail(fault)

    def validate(self, run: RunCommand) -> None:
        """Ask the command given whether the new contents are right; when it refuses one, nothing changes."""
        if self.common["validate"] is None:
            return
        try:
            for change in self.changes:
                change.validate(run, self.common["validate"])
        except Fault as fault:
            self.fail(fault)

    def apply(self, module: AnsibleModule) -> list[Change]:
        """Do what has to be done, and return what was done."""
        done = []
        try:
            for change in self.changes:
                change.apply(module)
                done.append(change)
        except Fault as fault:
            self.fail(fault)
        return done

    def fail(self, fault: Fault) -> None:
        """Leave all as it is, for a reason."""
        self._drafts.forget()
        for wish in self._wishes:
            told = self._outcomes.get(wish.number)
            if told is None or told.status == _outcome.CHANGED:
                self._tell(wish, _outcome.FAILED, str(fault))

    @property
    def changes(self) -> list[Change]:
        """What has to be done to its files."""
        return self._drafts.changes()

    @property
    def outcomes(self) -> dict[int, Outcome]:
        """What became of the settings, by their numbers."""
        return self._outcomes

    def _plan(self) -> None:
        settings = [wish.setting for wish in self._wishes]
        held = [self._family.holds(setting) for setting in settings]
        new = self._drafts.read(self._family.target) is None
        self._family.set(list({self._identity(one): one for one in settings}.values()))
        for wish, value in zip(self._wishes, held):
            try:
                rivals = self._family.silence(wish.setting)
            except Fault as fault:
                self._tell(wish, _outcome.FAILED, str(fault))
                continue
            wanted = wish.setting.value
            right = value == (None if wanted is None else self._form.value(wanted))
            notes = (
                [] if right else ["was not set" if value is None else f"was {' '.join(value)}" if value else "was set"]
            )
            notes += [f"was set otherwise in {path}" for path in sorted(set(rivals))]
            status = _outcome.CHANGED if notes else _outcome.COMPLIANT
            notes += self._family.elsewhere(wish.setting, settings)
            self._tell(wish, status, "; ".join(notes))
        self._family.own(self._attributes.over(Attributes(mode=self._form.mode) if new else Attributes()))

    def _tell(self, wish: Wish, status: str, message: str) -> None:
        self._outcomes[wish.number] = Outcome(wish.control, wish.item, status, message)

    def _setting(self, item: dict[str, Any]) -> Setting:
        form = self.common["format"]
        key, value = item["key"].strip(), item["value"]
        where = f"{self.path}: {key}"
        if isinstance(value, bool):
            if form not in _TRUTH:
                raise Fault(
                    f"{where} is to be {str(value).lower()}, which may be written in many ways. Put it in quotes."
                )
            value = _TRUTH[form][not value]
        if isinstance(value, (list, dict)):
            raise Fault(f"{where} is to be a list or a map. Write it as one text, as the file is to hold it.")
        if (value is None) != item["absent"]:
            raise Fault(f"{where} needs either a value or 'absent: true'.")
        if any(
            item[name] is not None and form != owner for name, owner in (("section", "ini"), ("match", "directive"))
        ):
            raise Fault(f"{where}: 'section' belongs to the format ini, and 'match' to the format directive.")
        if form == "ini" and not item["section"]:
            raise Fault(f"{where} belongs to a section. Name it by 'section'.")
        text = None if value is None else str(value).strip()
        if not key or "\n" in f"{key}{text}":
            raise Fault(f"{self.path}: {key!r} and its value must be on one line.")
        scope = self._form.scope(item["section"] or item["match"] or "")
        return Setting(key, text, scope, tuple(item["keep"]))

    def _identity(self, setting: Setting) -> tuple[object, ...]:
        return (self._form.key(setting.key), setting.scope)

    def _agree(self, one: Setting, other: Setting) -> bool:
        if one.value is None or other.value is None:
            return one.value == other.value
        return self._form.value(one.value) == self._form.value(other.value)


def take(entries: Iterable[dict[str, Any]], root: Path = Path("/")) -> list[ConfigFile]:
    """Return the files that are wanted, each path once, with their settings numbered as they are given.

    Raises:
        Fault: What is wanted contradicts itself.
    """
    files: dict[str, ConfigFile] = {}
    number = 0
    for entry in entries:
        one = ConfigFile(entry, root)
        file = files.setdefault(one.path, one)
        if file.common != one.common:
            differing = ", ".join(key for key in _COMMON if file.common[key] != one.common[key])
            raise Fault(f"{one.path} stands there twice with different values of: {differing}. Make them the same.")
        for item in entry["settings"]:
            file.want(number, item)
            number += 1
    return list(files.values())
