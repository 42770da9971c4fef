# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of ``/etc/pam.d``: their lines are read, changed in place, and all else in them stays as it was.

Source: pam.conf(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Iterable, Mapping, Sequence

TYPES = ("auth", "account", "password", "session")

# What an argument says of where in a stack pam_faillock.so is called; lines that differ in it do different things.
_PHASES = ("preauth", "authfail", "authsucc")

_LINE = re.compile(
    r"""(?P<type>-?(?:auth|account|password|session))\s+
        (?P<control>\[[^\]]*\]|\S+)\s+
        (?P<module>\S+)
        (?:\s+(?P<arguments>.*\S))?\s*""",
    re.VERBOSE | re.DOTALL,
)
_ARGUMENT = re.compile(r"\[(?:\\.|[^\]\\])*\]|\S+")


@dataclass(frozen=True)
class Line:
    """A line that calls a PAM module.

    Attributes:
        type: ``auth``, ``account``, ``password`` or ``session``; with ``-`` before it, the module may be missing.
        control: What becomes of the module's answer, such as ``required`` or ``[success=1 default=ignore]``.
        module: The module, as it is written there.
        arguments: Its arguments.
    """

    type: str
    control: str
    module: str
    arguments: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Line | None:
        """Read a line; return None when it calls no module, as a comment and an ``@include`` do not."""
        found = _LINE.fullmatch(text.strip().replace("\\\n", " "))
        if found is None:
            return None
        arguments, comment, _rest = (found["arguments"] or "").partition("#")
        told = tuple(_ARGUMENT.findall(arguments if comment else found["arguments"] or ""))
        return cls(found["type"], found["control"], found["module"], told)

    @property
    def kind(self) -> str:
        """The type without what says that the module may be missing."""
        return self.type.lstrip("-")

    @property
    def name(self) -> str:
        """The module's name without its directory."""
        return self.module.rpartition("/")[2]

    @property
    def role(self) -> tuple[str, str, str]:
        """What the line is there for: its type, its module, and of pam_faillock.so when it is called."""
        phase = next((one for one in self.arguments if one in _PHASES), "")
        return self.kind, self.name, phase

    def does(self, other: Line) -> bool:
        """Tell whether two lines do the same, whatever the order of their arguments."""
        mine = (self.type, " ".join(self.control.split()), self.name, sorted(self.arguments))
        return mine == (other.type, " ".join(other.control.split()), other.name, sorted(other.arguments))

    def __str__(self) -> str:
        return "\t".join([self.type, self.control, " ".join([self.module, *self.arguments])])


class Stack:
    """The lines of a file.

    Attributes:
        lines: The lines as they are written; one that goes on in the next is one with it.
    """

    def __init__(self, text: str) -> None:
        """Take what the file holds."""
        self.lines: list[str] = []
        for line in text.split("\n"):
            if self.lines and self.lines[-1].endswith("\\") and not self.lines[-1].lstrip().startswith("#"):
                self.lines[-1] += f"\n{line}"
            else:
                self.lines.append(line)

    @property
    def text(self) -> str:
        """What the file is to hold."""
        return "\n".join(self.lines)

    def calls(self) -> Iterable[tuple[int, Line]]:
        """Return the lines that call a module, with where they are in ``lines``."""
        found = ((index, Line.parse(text)) for index, text in enumerate(self.lines))
        return [(index, line) for index, line in found if line is not None]

    @property
    def takes_nothing(self) -> bool:
        """Whether the first module for new passwords takes one that none before it asked for: all are refused then."""
        first = next((line for _rest, line in self.calls() if line.kind == "password"), None)
        return first is not None and "use_authtok" in first.arguments

    def put(self, index: int, line: Line) -> None:
        """Replace a line, and leave the blanks between its fields as they are where that is possible."""
        old = self.lines[index]
        had = Line.parse(old)
        fields = re.match(r"(\s*\S+\s+(?:\[[^\]]*\]|\S+)\s+\S+)", old)
        if had is not None and fields and replace(had, arguments=()) == replace(line, arguments=()):
            self.lines[index] = " ".join([fields[1], *line.arguments])
        else:
            self.lines[index] = str(line)

    def hold(self, wanted: Line, after: str | None = None, others: Sequence[Line] = ()) -> bool:
        """Have a line there; tell whether it was not.

        The only line of the same type and module is replaced, or a comment that holds the same. Otherwise it is put
        behind a module, or before everything else of its type.

        Args:
            wanted: The line.
            after: The module it is put behind, if it is there.
            others: Lines that are wanted as well, and not replaced.
        """
        calls = [(index, line) for index, line in self.calls() if (line.kind, line.name) == (wanted.kind, wanted.name)]
        if any(line.does(wanted) for _rest, line in calls):
            return False
        same = [(index, line) for index, line in calls if not any(line.does(other) for other in others)]
        if len(same) == 1:
            self.lines[same[0][0]] = str(wanted)
            return True
        aside = None if same else self._aside(wanted)
        if aside is None:
            self.lines.insert(self._place(wanted, after), str(wanted))
        else:
            self.lines[aside] = str(wanted)
        return True

    def drop(self, wanted: Line) -> bool:
        """Have no line of a type, control and module with at least these arguments; tell whether there was one."""
        found = [
            index
            for index, line in self.calls()
            if replace(line, arguments=()).does(replace(wanted, arguments=()))
            and set(wanted.arguments) <= set(line.arguments)
        ]
        for index in reversed(found):
            del self.lines[index]
        return bool(found)

    def _aside(self, wanted: Line) -> int | None:
        """Return where a comment holds a line that is wanted, perhaps with fewer arguments."""
        bare = replace(wanted, arguments=())
        for index, text in enumerate(self.lines):
            line = Line.parse(text.lstrip().lstrip("#")) if text.lstrip().startswith("#") else None
            if line and replace(line, arguments=()).does(bare) and set(line.arguments) <= set(wanted.arguments):
                return index
        return None

    def _place(self, wanted: Line, after: str | None) -> int:
        behind = [index for index, line in self.calls() if line.kind == wanted.kind and line.name == after]
        if after and behind:
            return behind[-1] + 1
        for index, text in enumerate(self.lines):
            line = Line.parse(text)
            if (line and line.kind == wanted.kind) or re.match(rf"\s*@include\s+\S*-{wanted.kind}\b", text):
                return index
        if self.lines[-1].endswith("\\"):
            return 0  # a line that goes on where the file ends would swallow it
        return len(self.lines) - 1 if self.lines[-1] == "" else len(self.lines)


def changed(arguments: Sequence[str], wanted: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return arguments with some set and some taken out; those that stay keep their order.

    Args:
        arguments: The arguments there are.
        wanted: By name the value, an empty one for an argument without, None for one that is to go.
    """
    found: list[str] = []
    left = {name: value for name, value in wanted.items() if value is not None}
    for argument in arguments:
        name = argument.partition("=")[0]
        if name not in wanted:
            found.append(argument)
        elif name in left:
            found.append(_argument(name, left.pop(name)))
    return (*found, *(_argument(name, value) for name, value in left.items()))


def _argument(name: str, value: str | None) -> str:
    return f"{name}={value}" if value else name
