# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a key opens an account by SSH.

Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT"; sshd_config(5), ``StrictModes``.
"""

from __future__ import annotations

import base64
import binascii
import os
import posixpath
import re
import stat
from pathlib import Path

_OPTION = re.compile(r'(?P<name>[A-Za-z0-9@.-]+)(?:="(?P<value>(?:\\"|[^"])*)")?(?P<end>,|\s+)')
_KEY = re.compile(r"(?P<type>[A-Za-z0-9@.-]+)\s+(?P<blob>[A-Za-z0-9+/]+=*)(?:\s|$)")
_OPEN = stat.S_IWGRP | stat.S_IWOTH


def usable(text: str) -> int:
    """Count the keys of a file that open the account for whatever command; cloud-init bars root's by ``command=``."""
    return sum(_is_usable(line.strip()) for line in text.split("\n"))


def files(setting: str, name: str, uid: int, home: str) -> list[str]:
    """Return the files with a user's keys.

    Args:
        setting: The value of ``AuthorizedKeysFile``.
        name: Name of the user.
        uid: Number of the user.
        home: The user's home directory.
    """
    tokens = {"%%": "%", "%u": name, "%h": home, "%U": str(uid)}
    found = []
    for pattern in setting.split():
        if pattern.lower() != "none":
            path = re.sub(r"%[%uhU]", lambda token: tokens[token[0]], pattern)
            found.append(posixpath.normpath(posixpath.join(home, path)))
    return found


def is_trusted(path: str, uid: int, home: str, root: Path = Path("/"), owner: int = 0) -> bool:
    """Tell whether sshd reads a file with ``StrictModes``: nobody else may write it, nor a directory above it.

    Args:
        path: The file.
        uid: Number of the user.
        home: The user's home directory, above which sshd does not look.
        root: The directory that is the machine's root.
        owner: Number of root.
    """
    # Both are taken with their links followed (auth_secure_path in OpenSSH's misc.c).
    top = os.path.realpath(root)
    place, end = (os.path.realpath(f"{top}/{one.lstrip('/')}") for one in (path, home))
    while True:
        try:
            status = Path(place).stat()
        except OSError:
            return False
        if status.st_uid not in (uid, owner) or status.st_mode & _OPEN:
            return False
        if place in (end, top, "/"):
            return True
        place = posixpath.dirname(place)


def _is_usable(line: str) -> bool:
    if not line or line.startswith("#"):
        return False
    options: set[str] = set()
    while not _is_key(line):
        option = _OPTION.match(line)
        if option is None:
            return False
        options.add(option["name"].lower())
        line = line[option.end() :]
    return not options & {"command", "expiry-time"}


def _is_key(text: str) -> bool:
    key = _KEY.match(text)
    if key is None:
        return False
    try:
        blob = base64.b64decode(key["blob"], validate=True)
    except binascii.Error:
        return False
    # The key itself begins with its type, as a length of four bytes and the word (RFC 4253, 6.6).
    word = key["type"].encode()
    return blob[:4] == len(word).to_bytes(4, "big") and blob[4 : 4 + len(word)] == word
