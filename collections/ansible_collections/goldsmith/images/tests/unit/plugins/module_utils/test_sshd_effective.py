# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the SSH server's configuration comes to, and whom it lets in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._sshd_effective import lets_in, settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("usr/sbin", "etc/ssh/sshd_config.d"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/sbin/sshd").touch()
    return tmp_path


def silent(command: list[str]) -> tuple[int, str, str]:
    assert command == ["/usr/sbin/sshd", "-T"]
    return 1, "", "sshd: no hostkeys available -- exiting."


def test_the_server_itself_is_asked(root: Path) -> None:
    told = "permitrootlogin without-password\nallowusers ann\nallowusers ben\nport 22\nport 2222\n"
    found = settings(Drafts(root), lambda _rest: (0, told, ""), root)
    assert (found["permitrootlogin"], found["allowusers"]) == ("prohibit-password", "ann ben")
    assert (found["port"], found["denyusers"]) == ("22 2222", "")


def test_the_files_are_read_where_it_does_not_answer(root: Path) -> None:
    (root / "etc/ssh/sshd_config").write_text(
        "Include /etc/ssh/sshd_config.d/*.conf\n"
        "PermitRootLogin yes\npasswordauthentication no\nUsePAM yes\nAllowUsers ann\nPort 2222\n"
        "AuthorizedKeysFile .ssh/Keys /etc/keys/%u\n"
        "Match User ben\n  PasswordAuthentication yes\n  AllowUsers carl\n"
    )
    (root / "etc/ssh/sshd_config.d/10.conf").write_text("PermitRootLogin without-password\nAllowUsers ben dan\n")
    (root / "etc/ssh/sshd_config.d/20.conf").write_text("PermitRootLogin no\n")
    found = settings(Drafts(root), silent, root)
    assert found["permitrootlogin"] == "prohibit-password"
    assert (found["passwordauthentication"], found["usepam"]) == ("no", "yes")
    assert found["allowusers"] == "ben dan ann"
    assert found["authorizedkeysfile"] == ".ssh/Keys /etc/keys/%u"
    assert "port" not in found


def test_without_files_the_servers_own_defaults_hold(root: Path) -> None:
    found = settings(Drafts(root), silent, root)
    assert (found["permitrootlogin"], found["passwordauthentication"], found["usepam"]) == (
        "prohibit-password",
        "yes",
        "no",
    )


def test_without_a_server_there_are_none(tmp_path: Path) -> None:
    assert settings(Drafts(tmp_path), silent, tmp_path) == {}


@pytest.mark.parametrize(
    ("lists", "enters"),
    [
        ({}, True),
        ({"allowusers": "ben ann"}, True),
        ({"allowusers": "ben"}, False),
        ({"allowusers": "a*@10.*"}, True),
        ({"allowusers": "* !ann"}, False),
        ({"denyusers": "ann"}, False),
        ({"denyusers": "ben"}, True),
        ({"allowgroups": "sudo"}, True),
        ({"allowgroups": "wheel"}, False),
        ({"denygroups": "s?do"}, False),
        ({"allowusers": "ann", "allowgroups": "wheel"}, False),
        ({"allowusers": "", "denygroups": ""}, True),
    ],
)
def test_lists_of_users_and_groups_decide(lists: dict[str, str], enters: bool) -> None:
    assert lets_in(lists, "ann", ["ann", "sudo"]) is enters
