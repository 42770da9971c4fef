# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which number belongs to which user and group."""

from __future__ import annotations

import os

from ansible_collections.goldsmith.images.plugins.module_utils._owners import Owners


def test_root_is_known_by_name_and_number_and_others_are_not() -> None:
    owners = Owners()
    assert (owners.name("user", 0), owners.name("group", 0)) == ("root", "root")
    assert owners.numbers("user", ["no-such-user", "root", "4711"]) == [0, 4711]
    assert owners.name("user", 4_000_000_000) is None
    assert owners.shown(0, 4_000_000_000) == "root:4000000000"


def test_each_user_is_asked_for_once() -> None:
    asked: list[int] = []

    def user(number: int) -> str:
        asked.append(number)
        raise KeyError(number)

    owners = Owners(user=user)
    assert owners.name("user", 4711) is owners.name("user", 4711) is None
    assert asked == [4711]
    assert owners.name("group", os.getegid())
