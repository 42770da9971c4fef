# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How configuration files are written: what a line sets, how one is changed, and which of several wins."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Iterable, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts, aside


@dataclass(frozen=True)
class Setting:
    """Something as it is wanted.

    Attributes:
        key: What it is called, as it is written.
        value: What it is to be, as it is written; None when it is not to be set.
        scope: The section, or the criteria of the block, that it belongs to; empty for the file itself.
        keep: Scopes that may go on setting what is not to be set.
    """

    key: str
    value: str | None
    scope: str = ""
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assignment:
    """What a line sets.

    Attributes:
        words: The words of the key and then those of the value, in normal form.
        scope: For whom it holds, when that stands on the line itself.
    """

    words: tuple[str, ...]
    scope: str = ""


@dataclass(frozen=True)
class Line:
    """A line of a file, with those that continue it.

    Attributes:
        text: The line as it stands, its end included.
        assignments: What it sets.
        off: What it would set if it were no comment.
        loose: Whether that comment may as well be prose that begins with a key.
        scope: The section or block it stands in.
        includes: Patterns of the files that are read in its place.
    """

    text: str
    assignments: tuple[Assignment, ...] = ()
    off: Assignment | None = None
    loose: bool = False
    scope: str = ""
    includes: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether it means something."""
        return self.text.strip() != "" and not self.text.lstrip().startswith(("#", ";"))


class Format:
    """How one kind of file is written. This one: a key, blanks and a value, such as /etc/login.defs.

    Attributes:
        first_wins: Whether the first of several lines holds, and not the last.
        mode: Mode of a new file.
    """

    first_wins = False
    mode = 0o644
    _separator = " "
    _comments = "#"
    _prose = True  # whether what a comment would set may as well be prose

    def __init__(self, separator: str | None = None) -> None:
        """Take what stands between key and value in a new line; by default what is usual."""
        self.separator = self._separator if separator is None else separator

    # What is read

    def key(self, key: str) -> tuple[str, ...]:
        """Return the words of a key in normal form."""
        return tuple(key.split())

    def value(self, value: str) -> tuple[str, ...]:
        """Return the words of a value in normal form."""
        return tuple(value.split())

    def scope(self, scope: str) -> str:
        """Return a scope in normal form."""
        return scope.strip()

    def lines(self, text: str) -> list[Line]:
        """Return the lines of a text."""
        return [self._line(line, "") for line in physical(text)]

    def rivals(self, assignment: Assignment, setting: Setting) -> bool:
        """Tell whether an assignment of the same scope, if it won, would have a say in what is wanted."""
        return self.names(assignment, setting)

    def names(self, assignment: Assignment, setting: Setting) -> bool:
        """Tell whether an assignment is of the key that is wanted."""
        key = self.key(setting.key)
        return assignment.words[: len(key)] == key

    def meets(self, assignment: Assignment, setting: Setting) -> bool:
        """Tell whether an assignment is just what is wanted."""
        wanted = None if setting.value is None else self.key(setting.key) + self.value(setting.value)
        return assignment.words == wanted

    def suits(self, line: Line, setting: Setting) -> bool:
        """Tell whether a comment is the default of what is wanted, whose place it can take."""
        if line.off is None or not self.names(line.off, setting) or setting.value is None:
            return False
        return not line.loose or len(line.off.words) == len(self.key(setting.key) + self.value(setting.value))

    def gathers(self, setting: Setting) -> bool:
        """Tell whether all lines of a key count together."""
        del setting
        return False

    def concerns(self, scope: str, setting: Setting) -> bool:
        """Tell whether lines of a section or block have a say in what is wanted."""
        return scope == setting.scope

    # What is written

    def render(self, setting: Setting) -> str:
        """Return a line that sets what is wanted, without its end."""
        return f"{setting.key}{self.separator}{setting.value}" if setting.value else setting.key

    def change(self, line: Line, setting: Setting) -> str:
        """Return a line, which may be a comment, so that it sets what is wanted, in the form that it has."""
        text = re.sub(rf"^[ \t]*[{self._comments}]+[ \t]?", "", line.text) if line.off else line.text
        head = self._head(text, len(self.key(setting.key)))
        rest = f"{head}{setting.value}" if head and setting.value else self.render(setting)
        return f"{rest}\n"

    def drop(self, line: Line, setting: Setting) -> str:
        """Return a line so that it no longer sets what is named."""
        del setting
        return aside(line.text)

    def insert(self, lines: Sequence[Line], setting: Setting) -> list[str]:
        """Return the texts of the lines with one more that sets what is wanted."""
        return put([line.text for line in lines], len(lines), f"{self.render(setting)}\n")

    def document(self, settings: Iterable[Setting]) -> str:
        """Return a file that sets all that is wanted."""
        texts: list[str] = []
        for setting in settings:
            if setting.value is not None:
                texts = self.insert(self.lines("".join(texts)), setting)
        return "".join(texts)

    # Which files there are

    def main(self, drafts: Drafts, path: str) -> str:
        """Return where the main file lies."""
        del drafts
        return path

    def files(self, drafts: Drafts, path: str, drop_in: str | None) -> list[str]:
        """Return the files that are read, in this order, without those that lines of them include."""
        if drop_in is None:
            return [path]
        folder, name = posixpath.split(drop_in)
        return [path, *drafts.files(folder, "*" + posixpath.splitext(name)[1])]

    def included(self, drafts: Drafts, line: Line, path: str) -> list[str]:
        """Return the files that are read in the place of a line of the file ``path``."""
        del drafts, line, path
        return []

    def include(self, drop_in: str) -> str:
        """Return a line that includes a file; empty where there is no such line."""
        del drop_in
        return ""

    def override(self, path: str) -> str | None:
        """Return the directory in /etc whose files hide those of their name elsewhere, or None when none does."""
        del path
        return None

    def _line(self, text: str, scope: str) -> Line:
        comment = re.match(rf"[ \t]*[{self._comments}]+([ \t]*)", text)
        assignment = self._assignment(text[comment.end() :] if comment else text)
        if comment:
            # A comment that is indented behind its sign is prose or an example.
            off = assignment if comment[1] in ("", " ") else None
            return Line(text, off=off, loose=self._prose and comment[1] != "", scope=scope)
        return Line(text, assignments=() if assignment is None else (assignment,), scope=scope)

    def _assignment(self, text: str) -> Assignment | None:
        words = tuple(text.split())
        return Assignment(words) if words else None

    def _head(self, text: str, words: int) -> str | None:
        """Return a line up to its value, or None when there is none."""
        found = re.match(rf"[ \t]*(?:\S+[ \t]+){{{words}}}(?=\S)", text)
        return found[0] if found else None


class Limits(Format):
    """Lines of a domain, a type, an item and a value: /etc/security/limits.conf. The first three are the key."""

    def rivals(self, assignment: Assignment, setting: Setting) -> bool:
        """Take the type ``-``, which is both others, for a rival as well."""
        domain, _kind, *item = [*self.key(setting.key), "", ""]
        both = (domain, "-", *(word for word in item if word))
        return self.names(assignment, setting) or assignment.words[: len(both)] == both

    def meets(self, assignment: Assignment, setting: Setting) -> bool:
        """Take the type ``-`` with the value that is wanted for no contradiction."""
        words = assignment.words
        if setting.value is not None and self.rivals(assignment, setting):
            return words[len(self.key(setting.key)) :] == self.value(setting.value)
        return super().meets(assignment, setting)

    def files(self, drafts: Drafts, path: str, drop_in: str | None) -> list[str]:
        """Return the main file, and those of the directory that pam_limits reads after it."""
        folder = posixpath.join(posixpath.dirname(path), "limits.d")
        return [path, *drafts.files(posixpath.dirname(drop_in) if drop_in else folder, "*.conf")]


class Equals(Format):
    """A key, ``=`` and a value, or a key alone that is on by being there: /etc/security/pwquality.conf."""

    _separator = " = "
    _prose = False

    def key(self, key: str) -> tuple[str, ...]:
        """Return the key, which is one word whatever is in it."""
        return (key.strip(),)

    def value(self, value: str) -> tuple[str, ...]:
        """Return the value without the quotes that a shell would take off; no word for a key alone."""
        text = value.strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            text = text[1:-1]
        return (text,) if text else ()

    def suits(self, line: Line, setting: Setting) -> bool:
        """Take any comment of the key: with ``=`` it is no prose, and a key alone stands alone."""
        return setting.value is not None and line.off is not None and self.names(line.off, setting)

    def _assignment(self, text: str) -> Assignment | None:
        key, equals, value = text.strip().partition("=")
        key = key.strip()
        if not key or re.search(r"\s", key):
            return None
        return Assignment((key, *self.value(value))) if equals else Assignment((key,))

    def _head(self, text: str, words: int) -> str | None:
        del words
        found = re.match(r"[^=\n]*=[ \t]*", text)
        return found[0] if found else None


def physical(text: str) -> list[str]:
    """Return the lines of a text with their ends, which only a line feed is."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def logical(text: str, comments: str) -> list[str]:
    """Return the lines of a text, those that a backslash continues being one. Comments are not continued."""
    found: list[str] = []
    continues = False
    for line in physical(text):
        if continues:
            found[-1] += line
        else:
            found.append(line)
        comment = not continues and line.lstrip()[:1] in tuple(comments)
        continues = not comment and re.search(r"\\\r?\n$", line) is not None
    return found


def put(texts: list[str], index: int, text: str) -> list[str]:
    """Return the texts of lines with one more, after one that may lack its end."""
    before = texts[:index]
    if before and not before[-1].endswith("\n"):
        before[-1] += "\n"
    return [*before, text, *texts[index:]]
