# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``Defaults`` of sudo, of which the last holds, and the tag ``NOPASSWD`` of its rules."""

from __future__ import annotations

from typing import Any

import pytest

MAIN = "/etc/sudoers"
OURS = "/etc/sudoers.d/90-goldsmith"
TEXT = """\
# This file MUST be edited with the 'visudo' command as root.
Defaults	env_reset
Defaults	secure_path="/usr/sbin:/usr/bin"
#Defaults:%sudo env_keep += "EDITOR"
root	ALL=(ALL:ALL) ALL
%sudo	ALL=(ALL:ALL) ALL

@includedir /etc/sudoers.d
"""
PTY = {"key": "use_pty", "value": True}
LOG = {"key": "logfile", "value": "/var/log/sudo.log"}


def body(text: str) -> list[str]:
    return text.splitlines()[1:]


def test_new_defaults_stand_behind_the_others(root: Any, file: Any) -> None:
    root.write({MAIN: TEXT})
    settings = [PTY, LOG, {"key": "lecture", "value": False}, {"key": "badpass_message", "value": "No, try again"}]
    root.settle(file(MAIN, "sudoers", *settings))
    added = "Defaults\tuse_pty\nDefaults\tlogfile=/var/log/sudo.log\nDefaults\t!lecture\n"
    added += 'Defaults\tbadpass_message="No, try again"\n'
    assert root.read(MAIN) == TEXT.replace("#Defaults:", f"{added}#Defaults:")


def test_a_parameter_is_changed_among_others_on_its_line(root: Any, file: Any) -> None:
    root.write({MAIN: 'Defaults env_reset, !use_pty , secure_path="/a,/b", logfile=/x # why\n'})
    outcomes = root.settle(file(MAIN, "sudoers", PTY, LOG, {"key": "secure_path", "value": "/a,/b"}))
    assert root.read(MAIN) == ('Defaults env_reset, use_pty, secure_path="/a,/b", logfile=/var/log/sudo.log # why\n')
    assert [outcome.message for outcome in outcomes] == ["was false", "was /x", ""]


def test_later_files_obey_and_lose_the_parameter_only(root: Any, file: Any) -> None:
    root.write(
        {
            MAIN: f"Defaults !use_pty\n{TEXT}",
            "/etc/sudoers.d/10-a": "Defaults !use_pty\n",
            "/etc/sudoers.d/99-z": "Defaults env_keep += X, \\\n    !use_pty, mail_badpass\nDefaults logfile=/x\n",
            "/etc/sudoers.d/99.dotted": "Defaults !use_pty\n",
            "/etc/sudoers.d/99-z~": "Defaults !use_pty\n",
        }
    )
    before = root.files()
    outcomes = root.settle(file(MAIN, "sudoers", PTY, LOG, drop_in=OURS))
    after = root.files()
    assert {path for path in after if after[path] != before.get(path)} == {OURS, "/etc/sudoers.d/99-z"}
    assert body(after[OURS]) == ["Defaults\tuse_pty", "Defaults\tlogfile=/var/log/sudo.log"]
    assert after["/etc/sudoers.d/99-z"] == ("Defaults env_keep += X, mail_badpass\n# goldsmith: Defaults logfile=/x\n")
    assert outcomes[0].message == "was false; was set otherwise in /etc/sudoers.d/99-z"
    assert f"{(root.path / OURS[1:]).stat().st_mode & 0o777:o}" == "440"


@pytest.mark.parametrize("line", ["@includedir /etc/sudoers.d", "#includedir /etc/sudoers.d", "@includedir sudoers.d"])
def test_every_form_of_an_include_is_known(root: Any, file: Any, line: str) -> None:
    root.write({MAIN: f"{line}\n", "/etc/sudoers.d/a": ""})
    root.settle(file(MAIN, "sudoers", PTY, drop_in=OURS))
    assert root.read(MAIN) == f"{line}\n"


@pytest.mark.parametrize("name", ["90-goldsmith", "goldsmith.conf"])
def test_a_drop_in_that_would_not_be_read_is_included_last(root: Any, file: Any, name: str) -> None:
    text = "Defaults !use_pty\n# include\n@include /etc/missing"
    text += "\n@includedir /etc/sudoers.d" if "." in name else ""
    root.write({MAIN: text})
    root.settle(file(MAIN, "sudoers", PTY, drop_in=f"/etc/sudoers.d/{name}"))
    assert root.read(MAIN) == f"{text}\n@include /etc/sudoers.d/{name}\n"


def test_defaults_for_some_stay_and_are_told(root: Any, file: Any) -> None:
    text = "Defaults use_pty\nDefaults:john,jane !use_pty\nDefaults!/bin/ls !use_pty\nDefaults@host use_pty\n"
    root.write({MAIN: text})
    (outcome,) = root.settle(file(MAIN, "sudoers", PTY))
    assert root.read(MAIN) == text
    assert outcome.message == f"for :john,jane it is false, in {MAIN}; for !/bin/ls it is false, in {MAIN}"


def test_what_nobody_may_switch_off_is_so_for_nobody(root: Any, file: Any) -> None:
    root.write({MAIN: "Defaults !authenticate\nDefaults:john !authenticate, insults\n"})
    (outcome,) = root.settle(file(MAIN, "sudoers", {"key": "authenticate", "absent": True}))
    assert root.read(MAIN) == "# goldsmith: Defaults !authenticate\nDefaults:john insults\n"
    assert outcome.status == "changed"


def test_rules_ask_for_a_password_except_of_those_who_are_kept(root: Any, file: Any) -> None:
    root.write(
        {
            MAIN: TEXT,
            "/etc/sudoers.d/90-cloud-init-users": "admin ALL=(ALL) NOPASSWD:ALL\n",
            "/etc/sudoers.d/rules": (
                "# admin ALL=(ALL) NOPASSWD:ALL\n"
                "Cmnd_Alias A = /bin/a NOPASSWD: x\n"
                "%ops, john ALL = NOPASSWD: /bin/a, \\\n  PASSWD: /bin/b, NOPASSWD : SETENV: /bin/c\n"
                "#1000 ALL=(ALL) NOPASSWD:ALL\n"
            ),
        }
    )
    (outcome,) = root.settle(file(MAIN, "sudoers", {"key": "NOPASSWD", "absent": True, "keep": ["admin"]}))
    assert root.read("/etc/sudoers.d/90-cloud-init-users") == "admin ALL=(ALL) NOPASSWD:ALL\n"
    assert root.read("/etc/sudoers.d/rules") == (
        "# admin ALL=(ALL) NOPASSWD:ALL\n"
        "Cmnd_Alias A = /bin/a NOPASSWD: x\n"
        "%ops, john ALL = /bin/a, \\\n  PASSWD: /bin/b, SETENV: /bin/c\n"
        "#1000 ALL=(ALL) ALL\n"
    )
    assert outcome.message == (
        "was set otherwise in /etc/sudoers.d/rules; for admin it is true, in /etc/sudoers.d/90-cloud-init-users"
    )
