# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may become root by sudo: only what is plain counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._sudo_rights import Right, SudoRights

GROUPS = [("ann", 1000), ("sudo", 27)]
NO, FREE, ASKED = Right(), Right("nopasswd"), Right("password")


def right(text: str, **files: str) -> Right:
    drafts = Drafts(Path("/nonexistent"))
    drafts.write("/etc/sudoers", text)
    for name, content in files.items():
        drafts.write("/etc/sudoers.d/" + name.replace("__", "."), content)
    return SudoRights(drafts, "web.example.com").right("ann", 1000, GROUPS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", NO),
        ("ann ALL=(ALL:ALL) ALL", ASKED),
        ("ann\tALL = (ALL) NOPASSWD : ALL", FREE),
        ("ann ALL=ALL", ASKED),
        ("ann ALL=(root) NOPASSWD:SETENV: ALL", FREE),
        ("ann ALL=(ALL) NOPASSWD: PASSWD: ALL", ASKED),
        ("ann ALL=(ALL) NOPASSWD: /bin/ls, ALL", FREE),
        ("ann ALL=(ALL) CWD=/tmp NOPASSWD: ALL", FREE),
        ("%sudo ALL=(ALL:ALL) ALL  # the admins", ASKED),
        ("%#27 ALL=(ALL) ALL", ASKED),
        ("#1000 ALL=(ALL) NOPASSWD: ALL", FREE),
        ("ben, ann ALL=(ALL) ALL", ASKED),
        ("ALL ALL=(ALL) ALL", ASKED),
        ("ALL, !ann ALL=(ALL) ALL", NO),
        ("ann web = (ALL) ALL", ASKED),
        ("ann db = (ALL) ALL", NO),
        ("ann db = (ALL) ALL : web = (ALL) NOPASSWD: ALL", FREE),
        ("ann ALL=(ALL) \\\n  NOPASSWD: ALL", FREE),
        # What is allowed but for some commands, or as somebody else, is no way to become root.
        ("ann ALL=(ALL) ALL, !/bin/su", NO),
        ("ann ALL=(www-data) ALL", NO),
        ("ann ALL=(ALL) /usr/bin/apt", NO),
        ("ann ALL=(ALL) NOPASSWD: /usr/bin/apt", NO),
        ("# ann ALL=(ALL) ALL", NO),
        ("anna ALL=(ALL) ALL", NO),
        ("ann ALL", NO),
        # Of several rules the last counts.
        ("ann ALL=(ALL) NOPASSWD: ALL\n%sudo ALL=(ALL:ALL) ALL", ASKED),
        ("%sudo ALL=(ALL:ALL) ALL\nann ALL=(ALL) NOPASSWD: ALL", FREE),
        # Other names for all of it.
        ("User_Alias ADMINS = ben, ann\nADMINS ALL=(ALL) ALL", ASKED),
        ("User_Alias A = ben : B = A, ann\nB ALL=(ALL) ALL", ASKED),
        ("User_Alias A = ALL, !ann\nA ALL=(ALL) ALL", NO),
        ("Runas_Alias R = root\nHost_Alias H = web\nCmnd_Alias C = ALL\nann H=(R) C", ASKED),
        ("User_Alias A = B : B = A\nA ALL=(ALL) ALL", NO),
        # Options.
        ("Defaults !authenticate\nann ALL=(ALL) ALL", Right("nopasswd", exempt=True)),
        ("Defaults:ann !authenticate\nann ALL=(ALL) ALL", Right("nopasswd", exempt=True)),
        ("Defaults:ben !authenticate\nann ALL=(ALL) ALL", ASKED),
        ("Defaults>root !authenticate\nann ALL=(ALL) ALL", ASKED),
        ("Defaults !authenticate\nDefaults authenticate\nann ALL=(ALL) ALL", ASKED),
        ("Defaults env_reset, !authenticate\nann ALL=(ALL) PASSWD: ALL", ASKED),
        ("Defaults rootpw\nann ALL=(ALL) ALL", NO),
        ("Defaults targetpw\nann ALL=(ALL) NOPASSWD: ALL", FREE),
    ],
)
def test_a_rule_is_read_as_sudo_reads_it(text: str, expected: Right) -> None:
    assert right(text) == expected


def test_files_of_a_directory_are_read_in_their_order_without_backups() -> None:
    main = "ann ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n"
    assert right(main, cloud="ann ALL=(ALL) NOPASSWD: ALL") == FREE
    assert right(main, a="ann ALL=(ALL) NOPASSWD: ALL", b="ann ALL=(ALL) ALL") == ASKED
    assert right(main, a__bak="ann ALL=(ALL) NOPASSWD: ALL") == ASKED
    assert right("#includedir /etc/sudoers.d", x="ann ALL=(ALL) ALL") == ASKED
    assert right('#include "/etc/sudoers.d/x"', x="ann ALL=(ALL) ALL") == ASKED
    assert right("@include sudoers.d/x", x="ann ALL=(ALL) ALL") == ASKED
    assert right("@include /etc/sudoers") == NO


WORDS = [
    "ann",
    "ALL",
    "=",
    "(",
    ")",
    ":",
    "NOPASSWD:",
    "!",
    ",",
    "Defaults",
    "User_Alias",
    "A",
    "\\",
    "\n",
    " ",
    "#",
    '"',
]


@given(st.lists(st.sampled_from(WORDS), max_size=25).map("".join))
def test_anything_is_read_without_a_failure(text: str) -> None:
    assert right(text).how in ("", "password", "nopasswd")
