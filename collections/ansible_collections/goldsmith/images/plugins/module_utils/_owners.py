# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which number belongs to which user and group."""

from __future__ import annotations

import grp
import pwd
from functools import lru_cache
from typing import Callable


class Owners:
    """The users and groups that a machine knows, from wherever it has them."""

    def __init__(
        self,
        user: Callable[[int], str] = lambda number: pwd.getpwuid(number).pw_name,
        group: Callable[[int], str] = lambda number: grp.getgrgid(number).gr_name,
        uid: Callable[[str], int] = lambda name: pwd.getpwnam(name).pw_uid,
        gid: Callable[[str], int] = lambda name: grp.getgrnam(name).gr_gid,
    ) -> None:
        """Take what answers; each raises KeyError for what there is not.

        Args:
            user: Returns a user's name.
            group: Returns a group's name.
            uid: Returns a user's number.
            gid: Returns a group's number.
        """
        self._ask: dict[str, Callable[..., str]] = {"user": user, "group": group}
        self._find = {"user": uid, "group": gid}
        # Users may come over the network; each is asked for once.
        self._name = lru_cache(maxsize=None)(self._look_up)

    def name(self, kind: str, number: int) -> str | None:
        """Return the name of a ``user`` or ``group``, or None when nobody has that number."""
        return self._name(kind, number)

    def shown(self, uid: int, gid: int) -> str:
        """Return both as a person reads them, such as ``root:shadow``."""
        names = self.name("user", uid) or uid, self.name("group", gid) or gid
        return "{}:{}".format(*names)

    def numbers(self, kind: str, names: list[str]) -> list[int]:
        """Return the numbers of those users or groups that there are, in their order."""
        found = []
        for name in names:
            try:
                found.append(int(name) if name.isdigit() else self._find[kind](name))
            except KeyError:
                continue
        return found

    def _look_up(self, kind: str, number: int) -> str | None:
        try:
            return self._ask[kind](number)
        except KeyError:
            return None
