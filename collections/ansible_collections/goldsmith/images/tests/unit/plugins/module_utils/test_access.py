# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in to a made-up machine and become root there."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._access import Access, connected
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts

ME = os.geteuid()
KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519" + bytes(36)).decode()
TODAY = 20000
SSHD = {"usepam": "yes"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        "root:x:0:0::/root:/bin/bash\nlp:x:7:7::/var/spool:/usr/sbin/nologin\n"
        f"ann:x:{max(ME, 1000)}:1000::/home/ann:/bin/bash\n"
    )
    (tmp_path / "etc/shadow").write_text("root:*:19000:0:99999:7:::\nlp:*:19000:::::::\nann:$6$a$b:19900:0:365:7:::\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nann:x:1000:\nsudo:x:27:ann\n")
    (tmp_path / "etc/sudoers").write_text("%sudo ALL=(ALL:ALL) ALL\nlp ALL=(ALL) NOPASSWD: ALL\n")
    for home in ("root", "home/ann"):
        (tmp_path / home / ".ssh").mkdir(parents=True)
        (tmp_path / home / ".ssh/authorized_keys").write_text(KEY)
        (tmp_path / home / ".ssh/authorized_keys").chmod(0o600)
    return tmp_path


def edit(root: Path, file: str, before: str, after: str) -> None:
    path = root / "etc" / file
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


def users(root: Path, **sshd: str) -> dict[str, dict[str, Any]]:
    access = Access(Drafts(root), {**SSHD, **sshd}, host="web", today=TODAY, root=root, owner=ME)
    return {user["name"]: user for user in access.users()}


def test_groups_are_told_in_their_order(root: Path) -> None:
    groups = Access(Drafts(root), {}, host="web", today=TODAY, root=root, owner=ME).groups()
    assert groups == [row.partition(":")[0] for row in (root / "etc/group").read_text().splitlines()]


def test_those_who_matter_are_told_with_their_ways(root: Path) -> None:
    found = users(root)
    assert list(found) == ["root", "lp", "ann"]
    assert found["ann"] == {
        "name": "ann",
        "uid": max(ME, 1000),
        "groups": ["ann", "sudo"],
        "home": "/home/ann",
        "shell": "/bin/bash",
        "login": True,
        "ssh": True,
        "keys": True,
        "password": True,
        "stale": False,
        "sudo": "password",
        "exempt": False,
    }
    assert (found["root"]["keys"], found["root"]["password"]) == (True, False)
    assert (found["lp"]["login"], found["lp"]["keys"], found["lp"]["sudo"]) == (False, False, "nopasswd")


def test_somebody_without_account_or_right_does_not_matter(root: Path) -> None:
    edit(root, "sudoers", "lp ALL=(ALL) NOPASSWD: ALL", "lp ALL=(ALL) /bin/ls")
    assert list(users(root)) == ["root", "ann"]


@pytest.mark.parametrize(
    "change",
    [
        ("shadow", "19900:0:365:7:::", "0:0:365:7:::"),
        ("shadow", "19900:0:365:7:::", "19000:0:365:7:::"),
    ],
    ids=["told to change it", "too old"],
)
def test_a_password_that_must_be_changed_first_is_no_way_in_and_spoils_the_key(
    root: Path, change: tuple[str, str, str]
) -> None:
    edit(root, *change)
    ann = users(root)["ann"]
    assert (ann["login"], ann["stale"], ann["keys"], ann["password"]) == (True, True, False, False)


@pytest.mark.parametrize(
    "change",
    [
        ("shadow", "19900:0:365:7:::", "19900:0:365:7::20000:"),
        ("shadow", "19900:0:365:7:::", "19000:0:365:7:30::"),
        ("passwd", "/home/ann:/bin/bash", "/home/ann:/bin/false"),
    ],
    ids=["expired", "inactive", "no shell"],
)
def test_a_closed_account_is_no_way_in(root: Path, change: tuple[str, str, str]) -> None:
    edit(root, "sudoers", "%sudo", "ann")
    edit(root, *change)
    ann = users(root)["ann"]
    assert [ann[way] for way in ("login", "ssh", "keys", "password")] == [False] * 4


@pytest.mark.parametrize(
    ("sshd", "keys"),
    [
        ({}, True),
        ({"pubkeyauthentication": "no"}, False),
        ({"authorizedkeysfile": "/etc/keys/%u"}, False),
        ({"authorizedkeysfile": ".ssh/other .ssh/authorized_keys"}, True),
        ({"denygroups": "sudo"}, False),
        ({"allowusers": "root"}, False),
    ],
)
def test_a_key_counts_as_the_server_is_set(root: Path, sshd: dict[str, str], keys: bool) -> None:
    assert users(root, **sshd)["ann"]["keys"] is keys


def test_a_key_in_a_file_that_others_may_write_does_not_count(root: Path) -> None:
    (root / "home/ann/.ssh").chmod(0o777)
    assert not users(root)["ann"]["keys"]
    assert users(root, strictmodes="no")["ann"]["keys"]


def test_a_locked_account_opens_by_key_with_pam_only(root: Path) -> None:
    edit(root, "shadow", "ann:$6$a$b", "ann:!$6$a$b")
    assert users(root)["ann"]["keys"] and not users(root)["ann"]["password"]
    assert not users(root, usepam="no")["ann"]["keys"]


def test_without_a_server_nobody_comes_by_ssh(root: Path) -> None:
    (ann,) = [
        user
        for user in Access(Drafts(root), {}, host="web", today=TODAY, root=root, owner=ME).users()
        if user["name"] == "ann"
    ]
    assert (ann["ssh"], ann["keys"], ann["password"]) == (False, False, True)


def processes(root: Path, *chain: tuple[int, str, int, int]) -> Path:
    for number, name, parent, uid in chain:
        (root / f"proc/{number}").mkdir(parents=True)
        text = f"Name:\t{name}\nUmask:\t0022\nPPid:\t{parent}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n"
        (root / f"proc/{number}/status").write_text(text)
    return root


def test_whose_connection_it_is_shows_among_the_processes_above(tmp_path: Path) -> None:
    shell = ((9, "python3", 8, 0), (8, "sudo", 7, 0), (7, "sh", 6, 1000))
    server = ((5, "sshd", 4, 0), (4, "sshd", 1, 0), (1, "systemd", 0, 0))
    assert connected(processes(tmp_path / "a", *shell, (6, "sshd", 5, 1000), *server), 9) == 1000
    assert connected(processes(tmp_path / "b", *shell, (6, "sshd-session", 5, 1001), *server), 9) == 1001


def test_a_process_that_came_otherwise_has_no_connection(tmp_path: Path) -> None:
    root = processes(tmp_path, (9, "python3", 1, 0), (1, "sleep", 0, 0), (20, "x", 20, 0), (30, "y", 31, 0))
    assert connected(root, 9) is connected(root, 20) is connected(root, 30) is None
