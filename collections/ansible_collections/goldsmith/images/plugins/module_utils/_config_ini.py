# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of sections, as those of systemd: what comes last holds, and drop-ins come last.

Source: systemd.syntax(7) and the section CONFIGURATION DIRECTORIES AND PRECEDENCE of journald.conf(5), systemd 252.
"""

from __future__ import annotations

import posixpath
import re
from typing import Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._config_format import (
    Equals,
    Line,
    Setting,
    logical,
    put,
)
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts

_SECTION = re.compile(r"[ \t]*\[(?P<name>[^\]\n]*)\]")
# Where a file of /etc may lie as well; the first of these that has it is read.
_BASES = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")


class Ini(Equals):
    """``[Section]`` and ``Key=Value``."""

    _separator = "="
    _comments = "#;"

    def value(self, value: str) -> tuple[str, ...]:
        """Return the value as it stands; an empty one is one, as it takes back what was set."""
        return (value.strip(),)

    def render(self, setting: Setting) -> str:
        """Return a line, which has its ``=`` even when the value is empty."""
        return f"{setting.key}{self.separator}{setting.value}"

    def lines(self, text: str) -> list[Line]:
        """Return the lines with the names of their sections."""
        found, scope = [], ""
        for line in logical(text, self._comments):
            section = _SECTION.match(line)
            if section:
                scope = section["name"]
            found.append(Line(line, scope=scope) if section else self._line(line, scope))
        return found

    def insert(self, lines: Sequence[Line], setting: Setting) -> list[str]:
        """Put the line at the end of its section, and a section that is missing at the end of the file."""
        texts = [line.text for line in lines]
        index = max((number for number, line in enumerate(lines, 1) if self._within(line, setting)), default=None)
        if index is None:
            gap = "\n" if texts else ""
            texts = put(texts, len(texts), f"{gap}[{setting.scope}]\n")
            index = len(texts)
        return put(texts, index, f"{self.render(setting)}\n")

    def main(self, drafts: Drafts, path: str) -> str:
        """Return the first place that has the main file; that in /etc when none has."""
        below = path[len("/etc") :]
        bases = _BASES if path.startswith("/etc/") else ()
        return next((base + below for base in bases if drafts.read(base + below) is not None), path)

    def files(self, drafts: Drafts, path: str, drop_in: str | None) -> list[str]:
        """Return the main file, wherever it lies, and its drop-ins sorted by name."""
        del drop_in
        if not path.startswith("/etc/"):
            return [path, *drafts.files(f"{path}.d", "*.conf")]
        folders = [f"{base}{path[len('/etc') :]}.d" for base in _BASES]
        return [self.main(drafts, path), *drafts.layered(folders, "*.conf")]

    def override(self, path: str) -> str | None:
        """Return the directory of the same name in /etc."""
        base = next((base for base in _BASES if path.startswith(f"{base}/")), None)
        return None if base is None else "/etc" + posixpath.dirname(path)[len(base) :]

    @staticmethod
    def _within(line: Line, setting: Setting) -> bool:
        return line.scope == setting.scope and (line.active or line.off is not None)
