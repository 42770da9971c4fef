# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entering a machine by SSH: the command that is run, and what its output means."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._ssh_probe import Answer, Door, attempt, understand


def door(**changes: Any) -> Door:
    options: dict[str, Any] = {
        "user": "admin",
        "address": "192.0.2.7",
        "port": 22,
        "key_file": "/run/key",
        "known_hosts": "/run/key.known_hosts",
        "alias": "i-1",
    }
    return Door(**{**options, **changes})


def settings(entrance: Door) -> dict[str, str]:
    """What the real ssh makes of the command, without connecting to anything."""
    command = ["ssh", "-G", "-F", "none", *entrance.command()[1:]]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in told.splitlines() if " " in line)


def test_ssh_uses_this_key_alone_asks_nobody_and_pins_the_host_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch()

    found = settings(door(port=2222, key_file=str(key)))

    assert found["user"] == "admin"
    assert found["port"] == "2222"
    assert found["hostname"] == "192.0.2.7"
    assert found["identityfile"] == str(key)
    assert found["identitiesonly"] == "yes"
    assert found["batchmode"] == "yes"
    assert found["stricthostkeychecking"] == "accept-new"
    assert found["userknownhostsfile"] == "/run/key.known_hosts"
    assert found["hostkeyalias"] == "i-1"
    assert found["controlmaster"] == "false"


@pytest.mark.parametrize("path", ["/run/with space/hosts", "/run/100%/hosts"])
def test_odd_paths_arrive_as_they_are(path: str) -> None:
    assert settings(door(known_hosts=path))["userknownhostsfile"].strip('"').replace("%%", "%") == path


def test_user_s_arguments_prevail() -> None:
    found = settings(door(args="-o StrictHostKeyChecking=yes -o 'ProxyCommand=nc %h %p'"))

    assert found["stricthostkeychecking"] == "true"
    assert found["proxycommand"] == "nc %h %p"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)))
def test_common_args_are_the_same_words_in_a_shell(words: list[str]) -> None:
    entrance = door(args=shlex.join(words))

    assert shlex.split(entrance.common_args) == entrance.options
    assert entrance.options[: len(words)] == words


def test_arguments_that_are_no_words_are_refused() -> None:
    with pytest.raises(Fault, match=r"ssh\.args .* cannot be split into words: No closing quotation"):
        door(args="-o 'x").command()


def test_private_key_is_named_and_not_shown() -> None:
    assert "/run/key" in door().command()
    assert all("PRIVATE" not in word for word in door().command())


def test_machine_that_has_booted_tells_its_python() -> None:
    told = "Welcome!\ngoldsmith entered\ngoldsmith cloud-init 0\ngoldsmith python /usr/bin/python3\n"

    assert understand(told, "", door()) == Answer("", entered=True, ready=True, python="/usr/bin/python3", cloud_init=0)


def test_machine_without_python_or_cloud_init_is_ready_all_the_same() -> None:
    assert understand("goldsmith entered\ngoldsmith python\n", "", door()) == Answer("", entered=True, ready=True)


def test_machine_that_still_boots_was_entered() -> None:
    answer = understand("goldsmith entered\n", "it did not answer in time", door())

    assert (answer.entered, answer.ready, answer.denied) == (True, False, False)


@pytest.mark.parametrize(
    "said",
    [
        "ssh: connect to host 192.0.2.7 port 22: Connection refused",
        "ssh: connect to host 192.0.2.7 port 22: Connection timed out",
        "ssh: connect to host 192.0.2.7 port 22: No route to host",
        "kex_exchange_identification: read: Connection reset by peer",
        "Connection closed by 192.0.2.7 port 22",
    ],
)
def test_machine_that_does_not_answer_yet_is_tried_again(said: str) -> None:
    assert understand("", f"{said}\r\n", door()) == Answer(said)


def test_denied_user_is_told_from_silence() -> None:
    assert understand("", "admin@192.0.2.7: Permission denied (publickey).\r\n", door()).denied


def test_user_whom_the_image_sends_away_is_told_the_right_one() -> None:
    with pytest.raises(Fault, match=r"lets in the user ubuntu, not root: set ssh\.user to ubuntu"):
        understand('Please login as the user "ubuntu" rather than the user "root".\n\n', "", door(user="root"))


@pytest.mark.parametrize(
    "stderr",
    [
        "command-line: line 0: Bad configuration option: nonsense",
        "unknown option -- Z\nusage: ssh [-46AaCfGgKkMNnqsTtVvXxYy]\n           destination [command]",
        "Bad owner or permissions on /home/me/.ssh/config",
        'Load key "/run/key": invalid format\nadmin@192.0.2.7: Permission denied (publickey).',
    ],
)
def test_what_is_wrong_on_this_machine_ends_the_wait(stderr: str) -> None:
    with pytest.raises(Fault, match=r"Look at ssh\.args"):
        understand("", stderr, door())


@pytest.mark.parametrize(
    "stderr",
    [
        "@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@\nHost key verification failed.",
        "No ED25519 host key is known for i-1 and you have requested strict checking.\nHost key verification failed.",
    ],
)
def test_other_host_key_ends_the_wait(stderr: str) -> None:
    with pytest.raises(Fault, match=r"another host key.*Somebody may be in between"):
        understand("", stderr, door())


def stand_in(directory: Path, script: str) -> str:
    """A command `ssh` that does something else; return the PATH to find it by."""
    program = directory / "ssh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{directory}:/usr/bin:/bin"


def test_attempt_runs_in_the_machine_what_finds_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", stand_in(tmp_path, 'for last in "$@"; do :; done; exec sh -c "$last"'))

    answer = attempt(door(), 10)

    assert answer.ready
    assert answer.python is None or answer.python.endswith("python3")


def test_attempt_that_takes_too_long_tells_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", stand_in(tmp_path, "echo goldsmith entered; exec sleep 60"))

    answer = attempt(door(), 0.2)

    assert (answer.entered, answer.ready) == (True, False)


def test_missing_ssh_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Fault, match="install OpenSSH's client"):
        attempt(door(), 10)
