# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server's configuration: what comes first holds, files are included, and ``Match`` begins a block.

Source: sshd_config(5) and servconf.c of OpenSSH 9.2.
"""

from __future__ import annotations

import posixpath
import re
from typing import Iterable, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._config_format import (
    Assignment,
    Format,
    Line,
    Setting,
    physical,
    put,
)
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts

# Other names of the same (servconf.c, keywords[]).
_ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "hostbasedacceptedkeytypes": "hostbasedacceptedalgorithms",
    "hostdsakey": "hostkey",
    "keepalive": "tcpkeepalive",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "skeyauthentication": "kbdinteractiveauthentication",
}
# Every line of these adds to the ones before.
_GATHERED = {
    "acceptenv",
    "allowgroups",
    "allowusers",
    "denygroups",
    "denyusers",
    "hostcertificate",
    "hostkey",
    "listenaddress",
    "port",
}
_KEYWORD = re.compile(r"[ \t]*(?P<keyword>[^\s=\"]+)(?:[ \t]*=[ \t]*|[ \t]+|(?=\s|$))")
_WORD = re.compile(r"\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<comment>#.*)|(?P<plain>[^\s\"']+)")
_HOME = "/etc/ssh"
_CRITERIA = {"localaddress": "LocalAddress", "localport": "LocalPort", "rdomain": "RDomain", "all": "all"}


class Sshd(Format):
    """``Keyword value``, the keyword in any case."""

    first_wins = True

    def key(self, key: str) -> tuple[str, ...]:
        """Return the keyword under its present name, and what else is given, such as the name of a subsystem."""
        keyword, *rest = key.split() or [""]
        return (_ALIASES.get(keyword.lower(), keyword.lower()), *rest)

    def value(self, value: str) -> tuple[str, ...]:
        """Return the words of a value without their quotes."""
        found = []
        for word in _WORD.finditer(value):
            if word["comment"]:
                break
            found.append(next(part for part in (word["double"], word["single"], word["plain"]) if part is not None))
        return tuple(found)

    def scope(self, scope: str) -> str:
        """Return the criteria of a block, their names in small letters."""
        words = self.value(scope.replace("=", " "))
        return " ".join(word.lower() if number % 2 == 0 else word for number, word in enumerate(words))

    def lines(self, text: str) -> list[Line]:
        """Return the lines with the criteria of their blocks."""
        found, scope = [], ""
        for line in physical(text):
            assignment = self._assignment(line) if line.strip() and not line.lstrip().startswith("#") else None
            if assignment is None:
                found.append(self._line(line, scope))
            elif assignment.words[0] == "match":
                scope = self.scope(" ".join(assignment.words[1:]))
                found.append(Line(line, scope=scope))
            elif assignment.words[0] == "include":
                found.append(Line(line, scope=scope, includes=assignment.words[1:]))
            else:
                found.append(Line(line, assignments=(assignment,), scope=scope))
        return found

    def gathers(self, setting: Setting) -> bool:
        """Tell whether every line of a keyword adds to the others."""
        return self.key(setting.key)[0] in _GATHERED

    def concerns(self, scope: str, setting: Setting) -> bool:
        """Take the block that is of every connection for one that overrules what is set for the server."""
        return scope == setting.scope or (setting.scope == "" and set(scope.split(" ")) == {"all"})

    def insert(self, lines: Sequence[Line], setting: Setting) -> list[str]:
        """Put the line behind the last of its block, and a block that is missing at the end of the file."""
        texts = [line.text for line in lines]
        text = f"{self.render(setting)}\n"
        active = [number for number, line in enumerate(lines, 1) if line.active and line.scope == setting.scope]
        blocks = [number for number, line in enumerate(lines) if line.scope]
        if setting.scope == "":
            return put(texts, active[-1] if active else blocks[0] if blocks else len(texts), text)
        if active:
            return put(texts, active[-1], f"    {text}")
        words = setting.scope.split(" ")
        names = [_CRITERIA.get(word, word.title()) if number % 2 == 0 else word for number, word in enumerate(words)]
        gap = "\n" if texts else ""
        return [*put(texts, len(texts), f"{gap}Match {' '.join(names)}\n"), f"    {text}"]

    def document(self, settings: Iterable[Setting]) -> str:
        """Return a file that sets all that is wanted, for the server first."""
        return super().document(sorted(settings, key=lambda setting: setting.scope != ""))

    def files(self, drafts: Drafts, path: str, drop_in: str | None) -> list[str]:
        """Return the main file, which includes the others."""
        del drafts, drop_in
        return [path]

    def included(self, drafts: Drafts, line: Line, path: str) -> list[str]:
        """Return the files that a line includes, those of each pattern sorted by name."""
        del path
        found = []
        for pattern in line.includes:
            folder, name = posixpath.split(posixpath.join(_HOME, pattern))
            hidden = name.startswith(".")
            found += [
                one for one in drafts.files(folder, name) if hidden or not posixpath.basename(one).startswith(".")
            ]
        return found

    def include(self, drop_in: str) -> str:
        """Return a line that includes it."""
        return f"Include {drop_in}\n"

    def _assignment(self, text: str) -> Assignment | None:
        found = _KEYWORD.match(text)
        return Assignment((*self.key(found["keyword"]), *self.value(text[found.end() :]))) if found else None

    def _head(self, text: str, words: int) -> str | None:
        found = re.match(rf"{_KEYWORD.pattern}(?:\S+[ \t]+){{{words - 1}}}(?=\S)", text)
        return found[0] if found else None
