# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the SSH server's configuration comes to, and whom it lets in.

Source: sshd_config(5) of OpenSSH 9.2.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Callable, Iterable, Iterator, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._config_format import Line
from ansible_collections.goldsmith.images.plugins.module_utils._config_sshd import Sshd
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts

PROGRAM = "/usr/sbin/sshd"

_MAIN = "/etc/ssh/sshd_config"
_DEPTH = 16
# What holds unless the configuration says otherwise, of what decides who can log in.
_DEFAULTS = {
    "allowgroups": "",
    "allowusers": "",
    "authorizedkeyscommand": "none",
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2",
    "denygroups": "",
    "denyusers": "",
    "kbdinteractiveauthentication": "yes",
    "passwordauthentication": "yes",
    "permitrootlogin": "prohibit-password",
    "pubkeyauthentication": "yes",
    "strictmodes": "yes",
    "usepam": "no",
}
_GATHERED = ("allowgroups", "allowusers", "denygroups", "denyusers")

Run = Callable[["list[str]"], "tuple[int, str, str]"]


def settings(drafts: Drafts, run: Run, root: Path = Path("/")) -> dict[str, str]:
    """Return the settings by keyword in small letters; empty where there is no server.

    The server itself is asked. Where it does not answer, as in an image that has no host keys yet, the files are read:
    then it is only those settings that decide who can log in. What a ``Match`` block sets is left out.
    """
    if not (root / PROGRAM.lstrip("/")).exists():
        return {}
    status, output, _rest = run([PROGRAM, "-T"])
    found = _told(output) if status == 0 else _read(drafts)
    if found.get("permitrootlogin") == "without-password":  # its name of old, which the server still tells
        found["permitrootlogin"] = "prohibit-password"
    return found


def lets_in(found: Mapping[str, str], name: str, groups: Iterable[str]) -> bool:
    """Tell whether a user may log in at all, as far as names and groups decide.

    A pattern with a host counts for the user, as nobody knows where the next login comes from.
    """
    mine = list(groups)
    if _matches(found.get("denyusers", ""), [name]) or _matches(found.get("denygroups", ""), mine):
        return False
    if found.get("allowusers") and not _matches(found["allowusers"], [name]):
        return False
    return not found.get("allowgroups") or _matches(found["allowgroups"], mine)


def _matches(patterns: str, names: list[str]) -> bool:
    wanted = [pattern.partition("@")[0] for pattern in patterns.split()]
    barred = [name for name in names if any(fnmatchcase(name, one[1:]) for one in wanted if one.startswith("!"))]
    return any(fnmatchcase(name, one) for one in wanted for name in names if name not in barred)


def _told(output: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in output.splitlines():
        keyword, _rest, value = line.strip().partition(" ")
        # Some stand there once for each of their values.
        found[keyword] = f"{found[keyword]} {value}" if keyword in found else value
    return {**dict.fromkeys(_GATHERED, ""), **found}


def _read(drafts: Drafts) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _lines(drafts, _MAIN, 0):
        for assignment in line.assignments:
            keyword, *words = assignment.words
            if keyword in _GATHERED:
                found[keyword] = " ".join([*found.get(keyword, "").split(), *words])
            elif keyword in _DEFAULTS and words:
                found.setdefault(keyword, " ".join(words).lower() if len(words) == 1 else " ".join(words))
    return {**_DEFAULTS, **found}


def _lines(drafts: Drafts, path: str, depth: int) -> Iterator[Line]:
    sshd = Sshd()
    for line in sshd.lines(drafts.read(path) or "") if depth < _DEPTH else []:
        if line.scope:
            continue
        for file in sshd.included(drafts, line, path):
            yield from _lines(drafts, file, depth + 1)
        yield line
