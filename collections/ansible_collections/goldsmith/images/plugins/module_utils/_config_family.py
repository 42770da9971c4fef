# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a program reads one after the other, and what has the last word in them."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import Iterator, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._config_format import (
    Assignment,
    Format,
    Line,
    Setting,
    put,
)
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Attributes, Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_HEADER = "# Written by goldsmith.images.config_settings, which replaces this file as a whole.\n"
_EOL = "\r\n"
_DEPTH = 16  # of files that include files: beyond, sshd and sudo refuse as well


@dataclass(frozen=True)
class Place:
    """Where something is set.

    Attributes:
        path: The file.
        index: The number of the line in it, from 0.
        line: The line.
        assignment: What it sets.
        scope: The section or block, or whom it is for; those of files around it included.
    """

    path: str
    index: int
    line: Line
    assignment: Assignment
    scope: str


@dataclass
class Reading:
    """What the files say, in the order in which they are read.

    Attributes:
        places: What is set.
        paths: The files that hold for all, being in no block.
    """

    places: list[Place] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)


class Family:
    """The files of one program, of which one is ours to write."""

    def __init__(
        self, drafts: Drafts, form: Format, path: str, drop_in: str | None = None, also: Sequence[str] = ()
    ) -> None:
        """Take them.

        Args:
            drafts: The files there are.
            form: How they are written.
            path: The main file.
            drop_in: The file that is to hold what is wanted, all of it and nothing else; by default the main file
                does, besides what else it holds.
            also: Patterns of names in directories, of files that are read after all that the format knows of.
        """
        self._drafts = drafts
        self._form = form
        self._path = path
        self._drop_in = drop_in
        self._also = [posixpath.split(pattern) for pattern in also]
        self._parsed: dict[str, list[Line]] = {}

    @property
    def target(self) -> str:
        """The file that is ours to write."""
        return self._drop_in or self._path

    def exists(self) -> bool:
        """Tell whether the main file is there."""
        return self._drafts.read(self._form.main(self._drafts, self._path)) is not None

    def read(self) -> Reading:
        """Read the files."""
        reading = Reading()
        files = self._form.files(self._drafts, self._path, self._drop_in)
        files += [path for folder, name in self._also for path in self._drafts.files(folder, name)]
        for path in dict.fromkeys(files):
            reading.places += self._within(path, "", reading, 0)
        return reading

    def set(self, settings: Sequence[Setting]) -> None:
        """Have our file set what is wanted, and be read.

        Raises:
            Fault: No line in the main file can have it read.
        """
        if self._drop_in is not None:
            self._drafts.write(self._drop_in, _HEADER + self._form.document(settings))
            self._include(self._drop_in)
            return
        for setting in settings:
            if setting.value is not None:
                self._put(setting)

    def own(self, attributes: Attributes) -> None:
        """Have our file have these attributes, if it is there."""
        text = self._drafts.read(self.target)
        if text is not None:
            self._write(self.target, text, attributes)

    def holds(self, setting: Setting) -> tuple[str, ...] | None:
        """Return the words of the value that holds now, or None when the files say nothing."""
        places = [place for place in self.read().places if self._names(place, setting)]
        if not places:
            return None
        skipped = len(self._form.key(setting.key))
        values = [place.assignment.words[skipped:] for place in places]
        if self._form.gathers(setting):
            return tuple(word for value in dict.fromkeys(values) for word in value)
        return values[0 if self._form.first_wins else -1]

    def silence(self, setting: Setting) -> list[str]:
        """Have nothing overrule what is wanted.

        Returns:
            The files that did.

        Raises:
            Fault: One of them is not ours to change.
        """
        found: list[str] = []
        before: Place | None = None
        while True:
            rival = next(self._rivals(setting), None)
            if rival is None:
                return found
            if rival == before:
                raise Fault(f"{rival.path} says otherwise in a way that is not understood: {rival.line.text.strip()}")
            before = rival
            found.append(rival.path)
            self._edit(rival.path, rival.index, self._form.drop(rival.line, setting))

    def elsewhere(self, setting: Setting, settings: Sequence[Setting]) -> list[str]:
        """Tell where the same is set otherwise for some only, in blocks or for users, and is not wanted so."""
        key = self._form.key(setting.key)
        wanted = {one.scope for one in settings if self._form.key(one.key) == key}
        return [
            f"for {place.scope} it is {' '.join(place.assignment.words[len(key) :])}, in {place.path}"
            for place in (self.read().places if setting.scope == "" else [])
            if place.scope not in wanted
            and self._form.names(place.assignment, setting)
            and not self._form.meets(place.assignment, setting)
        ]

    def _rivals(self, setting: Setting) -> Iterator[Place]:
        """Return what contradicts and would win, in the order in which it is read."""
        places = self.read().places
        mine = [number for number, one in enumerate(places) if one.path == self.target and self._meets(one, setting)]
        for number, place in enumerate(places):
            if (
                self._form.concerns(place.scope, setting)
                and self._form.rivals(place.assignment, setting)
                and not self._form.meets(place.assignment, setting)
                and not self._kept(place, setting)
                and (not mine or self._wins(place, setting, number < mine[0], number > mine[-1]))
            ):
                yield place

    def _wins(self, place: Place, setting: Setting, before: bool, after: bool) -> bool:
        """Tell whether a contradiction counts.

        Args:
            place: Where it is.
            setting: What it contradicts.
            before: Whether it is read before all lines that set what is wanted.
            after: Whether it is read after them.
        """
        if self._form.gathers(setting) or place.scope != setting.scope:
            return True
        double = place.path == self.target and self._form.names(place.assignment, setting)
        return double or (before if self._form.first_wins else after)

    def _kept(self, place: Place, setting: Setting) -> bool:
        return not set(setting.keep).isdisjoint(place.scope.split(","))

    def _names(self, place: Place, setting: Setting) -> bool:
        return place.scope == setting.scope and self._form.names(place.assignment, setting)

    def _meets(self, place: Place, setting: Setting) -> bool:
        return self._names(place, setting) and self._form.meets(place.assignment, setting)

    def _put(self, setting: Setting) -> None:
        """Have the main file set something: where it is set, where it stands as a comment, or on a new line."""
        lines = self._lines(self._main_text())
        indexes = [
            index
            for index, line in enumerate(lines)
            if any(
                (line.scope or one.scope) == setting.scope and self._form.names(one, setting)
                for one in line.assignments
            )
        ]
        off = [
            index for index, line in enumerate(lines) if line.scope == setting.scope and self._form.suits(line, setting)
        ]
        texts = [line.text for line in lines]
        if indexes:
            index = indexes[0 if self._form.first_wins else -1]
            named = [one for one in lines[index].assignments if self._form.names(one, setting)]
            if all(self._form.meets(one, setting) for one in named):
                return
            texts[index] = self._form.change(lines[index], setting)
        elif off:
            # What may as well be prose stays.
            line = lines[off[0]]
            kept = f"{line.text.rstrip(_EOL)}\n" if line.loose else ""
            texts[off[0]] = kept + self._form.change(line, setting)
        else:
            texts = self._form.insert(lines, setting)
        self._write(self._path, "".join(texts))

    def _include(self, drop_in: str) -> None:
        """Have our file read at all."""
        text, line = self._drafts.read(self._path), self._form.include(drop_in)
        # Without the main file, there is no program that could read it.
        if drop_in in self.read().paths or text is None:
            return
        if not line:
            raise Fault(f"{drop_in} is not read after {self._path}. Name a file in the directory that belongs to it.")
        lines = self._lines(text)
        texts = [one.text for one in lines]
        # Where what comes first holds, nothing may come before it; elsewhere, nothing after. What else is in its
        # directory was not read until now, and is not from now on.
        active = [index for index, one in enumerate(lines) if one.active]
        index = active[0] if self._form.first_wins and active else len(lines)
        self._write(self._path, "".join(put(texts, index, line)))

    def _edit(self, path: str, index: int, text: str) -> None:
        lines = self._lines(self._drafts.read(path) or "")
        self._write(
            path, "".join([*(one.text for one in lines[:index]), text, *(one.text for one in lines[index + 1 :])])
        )

    def _write(self, path: str, text: str, attributes: Attributes | None = None) -> None:
        """Write a file where it is the administrator's: what a package brings is overridden, or not touched."""
        folder = self._form.override(path) if path.startswith("/") else None
        if folder is not None:
            self._drafts.supersede(path, text, folder, attributes)
            return
        real = self._drafts.target(path)
        if real.split("/")[1] != self._path.split("/")[1]:
            raise Fault(
                f"{real} says otherwise, and is not the administrator's to change. Have it not read from {path}."
            )
        self._drafts.write(real, text, attributes)

    def _main_text(self) -> str:
        """Return what the main file holds; one of a package is the ground for the one in /etc."""
        text = self._drafts.read(self._path)
        return (self._drafts.read(self._form.main(self._drafts, self._path)) if text is None else text) or ""

    def _lines(self, text: str) -> list[Line]:
        if text not in self._parsed:
            self._parsed[text] = self._form.lines(text)
        return self._parsed[text]

    def _within(self, path: str, around: str, reading: Reading, depth: int) -> Iterator[Place]:
        if depth > _DEPTH:
            raise Fault(f"{path} is included by files that include each other. Take one of the lines out.")
        if around == "":
            reading.paths.add(path)
        for index, line in enumerate(self._lines(self._drafts.read(path) or "")):
            scope = " ".join(part for part in (around, line.scope) if part)
            for assignment in line.assignments:
                yield Place(path, index, line, assignment, assignment.scope or scope)
            for included in self._form.included(self._drafts, line, path):
                yield from self._within(included, scope, reading, depth + 1)
