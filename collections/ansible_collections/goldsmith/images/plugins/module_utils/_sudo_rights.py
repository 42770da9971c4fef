# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may become root by sudo, and whether a password is asked for.

Nobody is to be locked out, so only what is plain counts: all commands, as root, on all hosts or this one. What is
allowed but for some commands, or in a way that is not understood, does not.

Source: sudoers(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Iterable, Iterator, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts

NOPASSWD, PASSWORD = "nopasswd", "password"

_MAIN = "/etc/sudoers"
_DEPTH = 8
_INCLUDE = re.compile(r"[@#](include|includedir)\s+(\"[^\"]*\"|\S+)\s*")
_ALIAS = re.compile(r"(User|Runas|Host|Cmnd|Cmd)_Alias\s+(.*)", re.DOTALL)
_DEFAULTS = re.compile(r"Defaults([@:>!]\s*\S+)?\s+(.*)", re.DOTALL)
_TAG = re.compile(r"([A-Z_]+)\s*:\s*")
# A colon parts rules of different hosts; one behind a tag, or between user and group, does not.
_NEXT_HOSTS = re.compile(r"(?<![\\A-Z]):\s*(?=[\w.*!,-]+\s*=)")
_RUNAS = re.compile(r"\(([^)]*)\)\s*")
_OPTION = re.compile(r"(?:ROLE|TYPE|APPARMOR_PROFILE|PRIVS|LIMITPRIVS|NOTBEFORE|NOTAFTER|TIMEOUT|CWD|CHROOT)=\S+\s+")


@dataclass(frozen=True)
class Right:
    """What sudo allows somebody.

    Attributes:
        how: ``nopasswd`` or ``password``; empty when root's rights are not to be had.
        exempt: Whether no password is asked for because an option says so (``!authenticate``), and not a rule's tag.
    """

    how: str = ""
    exempt: bool = False


@dataclass(frozen=True)
class _Rule:
    users: list[str]
    hosts: list[str]
    as_root: bool
    free: bool | None


class SudoRights:
    """The rules of a machine."""

    def __init__(self, drafts: Drafts, host: str) -> None:
        """Read them; without sudo there are none.

        Args:
            drafts: The files.
            host: Name of the machine.

        Raises:
            Fault: A file is there and cannot be read.
        """
        self._drafts = drafts
        self._hosts = {"ALL", host, host.partition(".")[0]}
        self._aliases: dict[str, dict[str, list[str]]] = {kind: {} for kind in ("User", "Runas", "Host", "Cmnd")}
        self._defaults: list[tuple[str, list[str]]] = []
        self._rules: list[str] = []
        for line in self._lines(_MAIN, 0):
            self._read(line)

    def right(self, name: str, uid: int, groups: Iterable[tuple[str, int]]) -> Right:
        """Return what a user may.

        Args:
            name: Name of the user.
            uid: Number of the user.
            groups: Names and numbers of the user's groups.
        """
        is_user = _matcher(name, uid, list(groups))
        found: _Rule | None = None
        for line in self._rules:
            for rule in self._parsed(line):
                if self._among(rule.users, "User", is_user) and self._among(
                    rule.hosts, "Host", self._hosts.__contains__
                ):
                    # Of several that match, the last counts.
                    found = rule
        if found is None or not found.as_root:
            return Right()
        exempt = self._option(is_user, "authenticate") is False
        if self._option(is_user, "rootpw") or self._option(is_user, "targetpw") or self._option(is_user, "runaspw"):
            # Another password than the user's is asked for; who knows whether there is one.
            return Right(NOPASSWD, exempt) if exempt or found.free else Right()
        if found.free is not None:
            return Right(NOPASSWD if found.free else PASSWORD)
        return Right(NOPASSWD if exempt else PASSWORD, exempt)

    def _lines(self, path: str, depth: int) -> Iterator[str]:
        text = self._drafts.read(path) if depth < _DEPTH else None
        for raw in re.sub(r"\\\n", " ", text or "").split("\n"):
            line = raw.strip()
            include = _INCLUDE.fullmatch(line)
            if include:
                for file in self._included(include[1], include[2].strip('"')):
                    yield from self._lines(file, depth + 1)
            elif not re.match(r"#(?!\d)", line):
                # A number with # before it is a user's or a group's.
                plain = re.split(r"(?<!\\)\s#(?!\d)|(?<=\s)#(?!\d)", line)[0].strip()
                if plain:
                    yield plain

    def _included(self, kind: str, path: str) -> list[str]:
        place = path if path.startswith("/") else f"/etc/{path}"
        if kind == "include":
            return [place]
        files = self._drafts.files(place.rstrip("/"), "*")
        return [file for file in files if not file.endswith("~") and "." not in file.rpartition("/")[2]]

    def _read(self, line: str) -> None:
        alias, defaults = _ALIAS.match(line), _DEFAULTS.match(line)
        if alias:
            kind = "Cmnd" if alias[1] == "Cmd" else alias[1]
            for entry in re.split(r"(?<!\\):(?=\s*[A-Z][A-Z0-9_]*\s*=)", alias[2]):
                name, _rest, members = entry.partition("=")
                self._aliases[kind][name.strip()] = _listed(members)
        elif defaults:
            self._defaults.append(((defaults[1] or "").strip(), _listed(defaults[2])))
        else:
            self._rules.append(line)

    def _option(self, is_user: Callable[[str], bool], name: str) -> bool | None:
        """Return what a flag is for a user, or None when nothing sets it."""
        value = None
        for scope, flags in self._defaults:
            if scope and (scope[0] != ":" or not self._among(_listed(scope[1:]), "User", is_user)):
                continue
            for flag in flags:
                if flag.lstrip("! ") == name:
                    value = flag.count("!") % 2 == 0
        return value

    def _parsed(self, line: str) -> Iterator[_Rule]:
        """Return the rules of a line: users, and for some hosts each what is allowed."""
        users: list[str] = []
        for part in _NEXT_HOSTS.split(line):
            head, equals, commands = part.partition("=")
            names = re.sub(r"\s*,\s*", ",", head.strip()).rsplit(None, 1)
            if not users and len(names) == 2:
                users = _listed(names[0])
            if equals and users:
                yield _Rule(users, _listed(names[-1]), *self._commands(commands))

    def _commands(self, text: str) -> tuple[bool, bool | None]:
        """Tell whether all commands are allowed as root, and whether without a password."""
        everything = as_root = False
        runs_as_root = True
        free: bool | None = None
        tag: bool | None = None
        for entry in _listed(text, keep="()"):
            command = entry
            runas = _RUNAS.match(command)
            if runas:
                users = _listed(runas[1].partition(":")[0]) or ["root"]
                runs_as_root = self._among(users, "Runas", {"ALL", "root", "#0"}.__contains__)
                command = command[runas.end() :]
            while True:
                option, named = _OPTION.match(command), _TAG.match(command)
                if option:
                    command = command[option.end() :]
                elif named:
                    tag = {"NOPASSWD": True, "PASSWD": False}.get(named[1], tag)
                    command = command[named.end() :]
                else:
                    break
            if command.startswith("!"):
                everything = False
            elif self._among([command], "Cmnd", {"ALL"}.__contains__):
                everything, as_root, free = True, runs_as_root, tag
        return everything and as_root, free

    def _among(self, names: Sequence[str], kind: str, matches: Callable[[str], bool], depth: int = 0) -> bool:
        """Tell whether a list matches; of its members the last that matches counts."""
        found = False
        for member in names:
            name = member.lstrip("! ")
            inner = self._aliases[kind].get(name)
            hit = self._among(inner, kind, matches, depth + 1) if inner and depth < _DEPTH else matches(name)
            if hit:
                found = member.count("!") % 2 == 0
        return found


def _matcher(name: str, uid: int, groups: list[tuple[str, int]]) -> Callable[[str], bool]:
    mine = {"ALL", name, f"#{uid}", *(f"%{group}" for group, _rest in groups), *(f"%#{gid}" for _rest, gid in groups)}
    return lambda member: member.strip('"').replace("\\", "") in mine


def _listed(text: str, keep: str = "") -> list[str]:
    """Split at commas that are neither escaped nor, when asked for, in parentheses."""
    commas = r"(?<!\\),(?![^(]*\))" if keep else r"(?<!\\),"
    return [part.strip() for part in re.split(commas, text) if part.strip()]
