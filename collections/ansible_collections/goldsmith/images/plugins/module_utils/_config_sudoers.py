# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``Defaults`` of sudo, of which the last holds, and the tag ``NOPASSWD`` of its rules.

Source: sudoers(5) of sudo 1.9.13.
"""

from __future__ import annotations

import posixpath
import re
from typing import Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._config_format import (
    Assignment,
    Format,
    Line,
    Setting,
    logical,
    put,
)
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts, aside

_WHO = r"[^\s,=]+(?:[ \t]*,[ \t]*[^\s,=]+)*"
_DEFAULTS = re.compile(
    rf"(?P<head>[ \t]*Defaults(?P<scope>[@:!>][ \t]*{_WHO})?(?:[ \t]|\\\r?\n)+)(?P<parameters>.*)", re.S
)
_RULE = re.compile(rf"[ \t]*(?P<who>{_WHO})[ \t]")
_COMMENT = re.compile(r"(?P<kept>\"(?:\\.|[^\"\\])*\"|\\.)|(?<!\S)#.*")
_PARAMETER = re.compile(r"(?P<no>(?:![ \t]*)*)(?P<name>\w+)(?:[ \t]*(?P<sign>[+-]?=)[ \t]*(?P<value>.*))?$", re.S)
_INCLUDE = re.compile(r"[ \t]*[@#](?P<kind>include|includedir)[ \t]+(?P<path>\"[^\"]*\"|(?:\\.|\S)+)")
_OTHER = re.compile(r"[ \t]*(?:Defaults|[@#]include|(?:User|Runas|Host|Cmnd|Cmd)_Alias)\b|[ \t]*#(?!\d)")
_TAG = re.compile(r"\bNOPASSWD[ \t]*:[ \t]*")
_PLAIN = re.compile(r"[\w./:+%@-]+")

TAG = "NOPASSWD"


class Sudoers(Format):
    """``Defaults parameter``, whose value is V(true), V(false) or what stands behind ``=``."""

    mode = 0o440

    def key(self, key: str) -> tuple[str, ...]:
        """Return the name of a parameter."""
        return (key.strip(),)

    def value(self, value: str) -> tuple[str, ...]:
        """Return a value without its quotes; a flag is ``true`` or ``false``."""
        text = value.strip()
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1]
        return (text or "true",)

    def lines(self, text: str) -> list[Line]:
        """Return the lines with the parameters they set, and the rules that ask for no password."""
        return [self._parse(line) for line in logical(text, "#")]

    def concerns(self, scope: str, setting: Setting) -> bool:
        """Take what is not to be set for something that nobody may have set."""
        return scope == setting.scope or setting.value is None

    def render(self, setting: Setting) -> str:
        """Return a line of its own."""
        return f"Defaults\t{self._parameter(setting)}"

    def change(self, line: Line, setting: Setting) -> str:
        """Return a line with another value for one of its parameters."""
        return self._edit(line, setting, self._parameter(setting))

    def drop(self, line: Line, setting: Setting) -> str:
        """Return a line without a parameter, as a comment when it has no other; or a rule without its tag."""
        if setting.key == TAG:
            return _TAG.sub("", line.text)
        return self._edit(line, setting, None)

    def insert(self, lines: Sequence[Line], setting: Setting) -> list[str]:
        """Put the line behind the other defaults, before all that is included."""
        active = [number for number, line in enumerate(lines, 1) if line.active and _DEFAULTS.match(line.text)]
        return put([line.text for line in lines], active[-1] if active else 0, f"{self.render(setting)}\n")

    def files(self, drafts: Drafts, path: str, drop_in: str | None) -> list[str]:
        """Return the main file, which includes the others."""
        del drafts, drop_in
        return [path]

    def included(self, drafts: Drafts, line: Line, path: str) -> list[str]:
        """Return the file a line includes, or those of a directory: sorted, without a dot, and no backup."""
        if not line.includes:
            return []
        kind, given = line.includes
        whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), given))
        if kind == "include":
            return [whole] if drafts.read(whole) is not None else []
        names = drafts.files(whole, "*")
        return [one for one in names if "." not in posixpath.basename(one) and not one.endswith("~")]

    def include(self, drop_in: str) -> str:
        """Return a line that includes it."""
        return f"@include {drop_in}\n"

    def _parse(self, text: str) -> Line:
        include = _INCLUDE.match(text)
        if include:
            return Line(text, includes=(include["kind"], include["path"].strip('"').replace("\\", "")))
        defaults = _DEFAULTS.match(text)
        if defaults:
            scope = re.sub(r"\s", "", defaults["scope"] or "")
            found = [_read(parameter, self) for parameter in _split(defaults["parameters"])]
            return Line(text, assignments=tuple(Assignment(words, scope) for words in found if words))
        rule = _RULE.match(text)
        if rule and _TAG.search(text) and not _OTHER.match(text):
            return Line(text, assignments=(Assignment((TAG, "true"), re.sub(r"\s", "", rule["who"])),))
        return Line(text)

    def _edit(self, line: Line, setting: Setting, parameter: str | None) -> str:
        defaults = _DEFAULTS.match(line.text)
        if defaults is None:
            return line.text
        texts = _split(defaults["parameters"])
        key = self.key(setting.key)
        mine = [number for number, one in enumerate(texts) if (_read(one, self) or ("",))[:1] == key]
        others = [one for number, one in enumerate(texts) if number not in mine]
        if parameter is not None:
            others.insert(mine[0] if mine else len(others), parameter)
        comment = "".join(f" {found[0].rstrip()}" for found in _COMMENT.finditer(line.text) if found["kept"] is None)
        return f"{defaults['head']}{', '.join(others)}{comment}\n" if others else aside(line.text)

    def _parameter(self, setting: Setting) -> str:
        (value,) = self.value(setting.value or "")
        if value in ("true", "false"):
            return f"{'' if value == 'true' else '!'}{setting.key}"
        return f"{setting.key}={value}" if _PLAIN.fullmatch(value) else f'{setting.key}="{value}"'


def _split(parameters: str) -> list[str]:
    """Return the parameters of a line, which commas part that are neither quoted nor escaped."""
    text = _COMMENT.sub(lambda found: found["kept"] or "", re.sub(r"\\\r?\n", " ", parameters))
    parts = re.findall(r"((?:\"(?:\\.|[^\"\\])*\"|\\.|[^,\"\\])+)", text, re.S)
    return [part.strip() for part in parts if part.strip()]


def _read(parameter: str, form: Sudoers) -> tuple[str, ...] | None:
    """Return the name of a parameter and its value; None when it adds to a list, or is none."""
    found = _PARAMETER.match(parameter)
    if found is None or found["sign"] in ("+=", "-="):
        return None
    if found["value"] is None:
        return (found["name"], "false" if found["no"].count("!") % 2 else "true")
    return (found["name"], *form.value(found["value"]))
