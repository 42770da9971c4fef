# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users and groups of a machine, as its own files have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._accounts import (
    LAST_CHANGE,
    MAX_DAYS,
    Accounts,
    Table,
    hash_kind,
    login_defs,
)

FILES = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:\n+::::::\nold:$1$a$b:7:7::/:/bin/sh\n",
    "/etc/shadow": "root:*:20000:0:99999:7:::\nann:!$y$j9T$salt$hash:20000:0::-1:::\n",
    "/etc/group": "root:x:0:\nann:x:1000:\nsudo:x:27:ann,bob\nbroken\n",
    "/etc/gshadow": "sudo:!::ann,bob\n",
    "/etc/shells": "# shells\n/bin/sh\n/bin/bash\n",
    "/etc/login.defs": "UID_MIN 500\n# UID_MIN 1\nUMASK\n",
}


@pytest.fixture
def accounts() -> Accounts:
    return Accounts(FILES.get)


def test_users_have_what_shadow_says_of_them(accounts: Accounts) -> None:
    root, ann, old = accounts.users
    assert (root.password, root.is_locked, root.has_password, root.hash) == ("*", True, False, None)
    assert (ann.is_locked, ann.has_password, ann.hash, ann.shell) == (True, False, "yescrypt", "/bin/sh")
    assert (ann.day(LAST_CHANGE), ann.day(MAX_DAYS), ann.day(MAX_DAYS + 1)) == (20000, None, None)
    assert (old.is_shadowed, old.has_password, old.hash, old.day(LAST_CHANGE)) == (False, True, "md5", None)
    assert accounts.user("bob") is None


def test_groups_lose_their_members_in_both_files(accounts: Accounts) -> None:
    sudo = accounts.group("sudo")
    assert sudo is not None and sudo.members == ["ann", "bob"]
    ann = accounts.user("ann")
    assert ann is not None and accounts.groups_of(ann) == ["ann", "sudo"]
    sudo.clear()
    assert accounts.tables["/etc/group"].text == "root:x:0:\nann:x:1000:\nsudo:x:27:\nbroken\n"
    assert accounts.tables["/etc/gshadow"].text == "sudo:!::\n"


def test_what_is_no_account_is_kept_and_told(accounts: Accounts) -> None:
    assert accounts.tables["/etc/passwd"].others == ["+::::::"]
    assert accounts.tables["/etc/group"].others == ["broken"]


def test_people_are_those_with_a_number_from_the_least_on_and_a_shell(accounts: Accounts) -> None:
    assert accounts.uid_min == 500
    assert [user.name for user in accounts.people()] == ["ann"]
    accounts.users[1].row[6] = "/bin/zsh"
    assert list(accounts.people()) == []
    accounts.shells = ""
    assert [user.name for user in accounts.people()] == ["ann"]


@given(st.text(st.sampled_from("a:+#\n \u2028\r")), st.integers(1, 9))
def test_any_file_comes_back_as_it_was(text: str, width: int) -> None:
    assert Table(text, width).text == text


@pytest.mark.parametrize(("text", "after"), [("", "a:b\n"), ("x:y", "x:y\na:b\n"), ("x:y\n", "x:y\na:b\n")])
def test_a_line_is_added_at_the_end(text: str, after: str) -> None:
    table = Table(text, 2)
    table.add(["a", "b"])
    assert (table.text, table.rows[-1]) == (after, ["a", "b"])


@pytest.mark.parametrize(
    ("password", "kind"),
    [
        ("$y$j9T$a$b", "yescrypt"),
        ("$6$a$b", "sha512"),
        ("$2y$10$abc", "bcrypt"),
        ("$sha1$1$a$b", "sha1"),
        ("$md5,rounds=1$a$b", "sunmd5"),
        ("$zz$a", "unknown"),
        ("abJnggxhB/yWI", "des"),
        ("!$6$a$b", None),
        ("*", None),
        ("x", None),
        ("", None),
    ],
)
def test_hashes_are_known_by_how_they_begin(password: str, kind: str | None) -> None:
    assert hash_kind(password) == kind


def test_of_two_settings_the_last_counts() -> None:
    assert login_defs('UMASK 022\n#UMASK 1\n UMASK\t"027" \nEMPTY\n') == {"UMASK": "027"}
