# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users and groups of a machine, as its own files have them.

Source: passwd(5), shadow(5), group(5), gshadow(5), crypt(5).
"""

from __future__ import annotations

import re
from typing import Callable, Iterator

PASSWD, SHADOW, GROUP, GSHADOW = "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"
SHELLS = "/etc/shells"
_WIDTHS = {PASSWD: 7, SHADOW: 9, GROUP: 4, GSHADOW: 4}

# How hashes begin; what begins with none of these is the old DES, or none at all.
_HASHES = {
    "y": "yescrypt",
    "gy": "gost-yescrypt",
    "7": "scrypt",
    "6": "sha512",
    "5": "sha256",
    "2a": "bcrypt",
    "2b": "bcrypt",
    "2x": "bcrypt",
    "2y": "bcrypt",
    "sha1": "sha1",
    "md5": "sunmd5",
    "1": "md5",
    "3": "nt",
}

UID_MIN = 1000
NOBODY = 65534

Read = Callable[[str], "str | None"]


class Table:
    """A file of lines with colons, which come back as they were unless they are changed.

    Attributes:
        rows: The fields of the lines that have as many as they must; other lines are kept, and are not among these.
    """

    def __init__(self, text: str, width: int) -> None:
        """Take what the file holds, and how many fields its lines have."""
        self._lines: list[str | list[str]] = []
        self.rows: list[list[str]] = []
        for line in text.split("\n"):
            fields = line.split(":")
            # Lines that begin with + or - ask other sources (nsswitch.conf(5), `compat`).
            if len(fields) == width and fields[0] and fields[0][0] not in "+-#":
                self.rows.append(fields)
                self._lines.append(fields)
            else:
                self._lines.append(line)

    def add(self, row: list[str]) -> None:
        """Put a line at the end."""
        self.rows.append(row)
        if self._lines[-1] == "":
            self._lines.pop()
        self._lines += [row, ""]

    @property
    def others(self) -> list[str]:
        """The lines that are no entries, empty ones and comments left out."""
        return [line for line in self._lines if isinstance(line, str) and line.strip() and not line.startswith("#")]

    @property
    def text(self) -> str:
        """What the file is to hold."""
        return "\n".join(line if isinstance(line, str) else ":".join(line) for line in self._lines)


class User:
    """A user, with what is kept of the password."""

    def __init__(self, row: list[str], shadow: list[str] | None) -> None:
        """Take the lines of ``passwd`` and ``shadow``."""
        self.row = row
        self.shadow = shadow

    @property
    def name(self) -> str:
        """Name of the user."""
        return self.row[0]

    @property
    def uid(self) -> int:
        """Number of the user; -1 when it is none."""
        return number(self.row[2], -1)

    @property
    def gid(self) -> int:
        """Number of the user's own group; -1 when it is none."""
        return number(self.row[3], -1)

    @property
    def home(self) -> str:
        """Path of the home directory."""
        return self.row[5]

    @property
    def shell(self) -> str:
        """Path of the login shell; an empty one means ``/bin/sh``."""
        return self.row[6] or "/bin/sh"

    @property
    def is_shadowed(self) -> bool:
        """Whether ``passwd`` refers to ``shadow`` for the password."""
        return self.row[1] == "x"

    @property
    def password(self) -> str:
        """The hash or what stands in its place: ``!`` or ``*`` and what follows for one that nobody can type."""
        if not self.is_shadowed:
            return self.row[1]
        return self.shadow[1] if self.shadow else "*"

    @property
    def has_password(self) -> bool:
        """Whether there is a password that can be typed; an empty one is none."""
        return hash_kind(self.password) is not None

    @property
    def is_locked(self) -> bool:
        """Whether no password is right."""
        return bool(self.password) and not self.has_password

    @property
    def hash(self) -> str | None:
        """The kind of hash, also of a password that is locked; None when there is none."""
        return hash_kind(self.password.lstrip("!*"))

    def day(self, field: int) -> int | None:
        """Return a field of ``shadow`` that counts days, or None when it is empty or -1."""
        found = number(self.shadow[field], -1) if self.shadow else -1
        return None if found < 0 else found

    def set_day(self, field: int, value: int) -> None:
        """Set a field of ``shadow`` that counts days, where there is such a line."""
        if self.shadow:
            self.shadow[field] = str(value)


# The fields of `shadow` that count days.
LAST_CHANGE, MIN_DAYS, MAX_DAYS, WARN_DAYS, INACTIVE_DAYS, EXPIRES = range(2, 8)


class Group:
    """A group."""

    def __init__(self, row: list[str], shadow: list[str] | None) -> None:
        """Take the lines of ``group`` and ``gshadow``."""
        self.row = row
        self.shadow = shadow

    @property
    def name(self) -> str:
        """Name of the group."""
        return self.row[0]

    @property
    def gid(self) -> int:
        """Number of the group; -1 when it is none."""
        return number(self.row[2], -1)

    @property
    def members(self) -> list[str]:
        """Names of the users it is a further group of."""
        return [name for name in self.row[3].split(",") if name]

    def clear(self) -> None:
        """Have it no members, neither here nor in ``gshadow``."""
        self.row[3] = ""
        if self.shadow:
            self.shadow[3] = ""


class Accounts:
    """All users and groups.

    Attributes:
        tables: The files by path; those that are not there are empty.
        users: The users, in the order of ``passwd``.
        groups: The groups, in the order of ``group``.
        shells: What ``/etc/shells`` holds: the programs that users may have for their shell.
    """

    def __init__(self, read: Read) -> None:
        """Take a function that returns what a file holds, or None when there is none."""
        self.tables = {path: Table(read(path) or "", width) for path, width in _WIDTHS.items()}
        shadows = _by_name(self.tables[SHADOW].rows)
        self.users = [User(row, shadows.get(row[0])) for row in self.tables[PASSWD].rows]
        gshadows = _by_name(self.tables[GSHADOW].rows)
        self.groups = [Group(row, gshadows.get(row[0])) for row in self.tables[GROUP].rows]
        self._settings = login_defs(read("/etc/login.defs") or "")
        self.shells = read(SHELLS) or ""

    def user(self, name: str) -> User | None:
        """Return a user by name, the first where there are several."""
        return next((user for user in self.users if user.name == name), None)

    def group(self, name: str) -> Group | None:
        """Return a group by name, the first where there are several."""
        return next((group for group in self.groups if group.name == name), None)

    def groups_of(self, user: User) -> list[str]:
        """Return the names of all groups of a user."""
        return [group.name for group in self.groups if group.gid == user.gid or user.name in group.members]

    @property
    def uid_min(self) -> int:
        """The least number of a person's account."""
        return number(self._settings.get("UID_MIN", ""), UID_MIN)

    def is_system(self, user: User) -> bool:
        """Tell whether an account is of the system and not of a person."""
        return user.uid < self.uid_min or user.uid == NOBODY

    def can_log_in(self, user: User) -> bool:
        """Tell whether a user's shell lets in."""
        if user.shell.rpartition("/")[2] in ("nologin", "false", "true", "sync", "halt", "shutdown"):
            return False
        listed = [line.strip() for line in self.shells.split("\n")]
        return not any(listed) or user.shell in listed

    def people(self) -> Iterator[User]:
        """Return the accounts that a person uses, root not among them."""
        return (user for user in self.users if not self.is_system(user) and self.can_log_in(user))


def hash_kind(password: str) -> str | None:
    """Return the kind of hash that a password is kept as, or None when that is no hash."""
    begins = re.match(r"\$([a-z0-9]+)[$,]", password)
    if begins:
        return _HASHES.get(begins[1], "unknown")
    return "des" if re.fullmatch(r"_?[./0-9A-Za-z]{13,}", password) else None


def login_defs(text: str) -> dict[str, str]:
    """Return the settings of ``/etc/login.defs``: of two lines the last counts."""
    found = (line.split(None, 1) for line in text.split("\n") if not line.lstrip().startswith("#"))
    return {fields[0]: fields[1].strip().strip('"') for fields in found if len(fields) == 2}


def number(text: str, default: int) -> int:
    """Return a number that a file has, or the default when it is none."""
    try:
        return int(text)
    except ValueError:
        return default


def _by_name(rows: list[list[str]]) -> dict[str, list[str]]:
    return {row[0]: row for row in reversed(rows)}
