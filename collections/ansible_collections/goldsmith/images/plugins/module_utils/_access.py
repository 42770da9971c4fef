# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in to a machine and become root there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils import _authorized_keys, _sshd_effective
from ansible_collections.goldsmith.images.plugins.module_utils._accounts import (
    EXPIRES,
    INACTIVE_DAYS,
    LAST_CHANGE,
    MAX_DAYS,
    Accounts,
    User,
)
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._sudo_rights import SudoRights

_SERVERS = ("sshd", "sshd-session", "dropbear")
_ANCESTORS = 64


class Access:
    """The accounts of a machine and the ways in."""

    def __init__(
        self,
        drafts: Drafts,
        sshd: Mapping[str, str],
        *,
        host: str,
        today: int,
        root: Path = Path("/"),
        owner: int = 0,
    ) -> None:
        """Take what decides.

        Args:
            drafts: The files.
            sshd: The settings of the SSH server.
            host: Name of the machine.
            today: Days since 1970-01-01.
            root: The directory that is the machine's root.
            owner: Number of root.

        Raises:
            Fault: A file is there and cannot be read.
        """
        self._drafts = drafts
        self._accounts = Accounts(drafts.read)
        self._sudo = SudoRights(drafts, host)
        self._sshd = sshd
        self._today = today
        self._root = root
        self._owner = owner

    def users(self) -> list[dict[str, Any]]:
        """Return the accounts that matter: root's, those that a person uses, and those that become root by sudo."""
        people = {user.name for user in self._accounts.people()}
        told = (self._user(user) for user in self._accounts.users)
        return [user for user in told if user["uid"] == 0 or user["name"] in people or user["sudo"]]

    def groups(self) -> list[str]:
        """Return the names of all groups."""
        return [group.name for group in self._accounts.groups]

    def _user(self, user: User) -> dict[str, Any]:
        groups = self._accounts.groups_of(user)
        numbers = [(group.name, group.gid) for group in self._accounts.groups if group.name in groups]
        right = self._sudo.right(user.name, user.uid, numbers)
        login = self._accounts.can_log_in(user) and not self._is_closed(user)
        stale = self._is_stale(user)
        ssh = login and _sshd_effective.lets_in(self._sshd, user.name, groups)
        return {
            "name": user.name,
            "uid": user.uid,
            "groups": groups,
            "home": user.home,
            "shell": user.shell,
            "login": login,
            "ssh": bool(self._sshd) and ssh,
            "keys": bool(self._sshd) and ssh and not stale and self._has_key(user),
            "password": login and not stale and user.has_password,
            "stale": stale,
            "sudo": right.how,
            "exempt": right.exempt,
        }

    def _has_key(self, user: User) -> bool:
        if self._sshd.get("pubkeyauthentication", "yes") != "yes":
            return False
        # Without PAM, sshd refuses accounts that are locked by a "!", whatever the key (auth.c, allowed_user).
        if self._sshd.get("usepam") != "yes" and user.password.startswith("!"):
            return False
        strict = self._sshd.get("strictmodes", "yes") == "yes"
        setting = self._sshd.get("authorizedkeysfile", ".ssh/authorized_keys")
        return any(
            _authorized_keys.usable(self._drafts.read(path) or "")
            for path in _authorized_keys.files(setting, user.name, user.uid, user.home)
            if not strict or _authorized_keys.is_trusted(path, user.uid, user.home, self._root, self._owner)
        )

    def _is_closed(self, user: User) -> bool:
        """Tell whether an account is closed for good, whatever the key or password (shadow(5))."""
        expires, inactive = user.day(EXPIRES), user.day(INACTIVE_DAYS)
        changed, days = user.day(LAST_CHANGE), user.day(MAX_DAYS)
        if expires is not None and expires <= self._today:
            return True
        if inactive is None or changed is None or days is None:
            return False
        return changed + days + inactive < self._today

    def _is_stale(self, user: User) -> bool:
        """Tell whether a password must be changed before anything else can be done, also after a login by a key."""
        changed, days = user.day(LAST_CHANGE), user.day(MAX_DAYS)
        if changed == 0:
            return True
        return changed is not None and days is not None and changed + days < self._today


def connected(root: Path = Path("/"), process: int | None = None) -> int | None:
    """Return the number of the user whose SSH connection this process came by, or None when it came otherwise.

    Args:
        root: The directory that is the machine's root.
        process: Number of the process to begin with; by default this one.
    """
    number = os.getpid() if process is None else process
    for _rest in range(_ANCESTORS):
        try:
            text = (root / f"proc/{number}/status").read_text("utf-8", "replace")
        except OSError:
            return None
        fields = dict(re.findall(r"(?m)^(Name|PPid|Uid):\s+(\S+)", text))
        if fields.get("Name") in _SERVERS:
            return int(fields["Uid"])
        number = int(fields.get("PPid", "0"))
        if number == 0:
            return None
    return None
