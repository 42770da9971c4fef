# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until a machine can be entered: how long, how often, and what is told when it cannot."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.goldsmith.images.plugins.module_utils import _ec2_reach, _wait
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_reach import by_ssh, by_ssm
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._ssh_probe import Answer, Door

DOOR = Door("admin", "192.0.2.7", 22, "/run/key", "/run/known_hosts", "i-1")
READY = Answer("", entered=True, ready=True, python="/usr/bin/python3")
SILENT = Answer("ssh: connect to host 192.0.2.7 port 22: Connection timed out")
DENIED = Answer("admin@192.0.2.7: Permission denied (publickey).")
BOOTING = Answer("it did not answer in time", entered=True)
OK = {
    "InstanceState": {"Name": "running"},
    "InstanceStatus": {"Status": "initializing"},
    "SystemStatus": {"Status": "ok"},
}


class World:
    """A machine that answers as it is told, a clock that goes on when somebody waits, and EC2."""

    def __init__(self, answers: list[Answer], status: dict[str, Any] | None = None) -> None:
        self.answers, self.status = answers, OK if status is None else status
        self.console: str | None = "boot\r\n\x1b[1;31mFailed\x1b[0m to start networking\x00\r\n"
        self.latest = True
        self.refusal = ""
        self.pings = [""]
        self.now = 0.0
        self.asked: list[tuple[str, float]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def attempt(self, _door: Door, _timeout: float) -> Answer:
        self.now += 0.1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def describe_instance_status(self, **_asked: Any) -> dict[str, Any]:
        self.asked.append(("status", self.now))
        return {"InstanceStatuses": [self.status] if self.status else []}

    def get_console_output(self, InstanceId: str, Latest: bool) -> dict[str, Any]:  # noqa: N803
        self.asked.append(("console", self.now))
        if self.refusal or (Latest and not self.latest):
            code = self.refusal or "UnsupportedOperation"
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "GetConsoleOutput")
        return {"Output": self.console} if self.console is not None else {}

    def describe_instance_information(self, **_asked: Any) -> dict[str, Any]:
        ping = self.pings.pop(0) if len(self.pings) > 1 else self.pings[0]
        return {"InstanceInformationList": [{"PingStatus": ping}] if ping else []}

    def looks(self) -> list[float]:
        return [when for what, when in self.asked if what == "status"]


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Any:
    def enter(world: World, timeout: float = 300, permitted: tuple[str, ...] = ("198.51.100.1/32",)) -> Answer:
        monkeypatch.setattr(_ec2_reach, "time", world)
        monkeypatch.setattr(_ec2_reach, "attempt", world.attempt)
        return by_ssh(world, "i-1", DOOR, timeout, permitted)

    return enter


@pytest.fixture
def ask_agent(monkeypatch: pytest.MonkeyPatch) -> Any:
    def ask_agent(world: World, timeout: float = 300) -> None:
        monkeypatch.setattr(_ec2_reach, "time", world)
        monkeypatch.setattr(_wait, "time", SimpleNamespace(monotonic=world.monotonic, sleep=world.sleep))
        by_ssm(world, world, "i-1", timeout)

    return ask_agent


def test_machine_that_answers_soon_costs_no_call(enter: Any) -> None:
    world = World([SILENT, SILENT, READY])

    assert enter(world) == READY
    assert world.asked == []
    assert world.now < 2


def test_ec2_is_asked_how_it_is_only_after_a_while_and_less_and_less_often(enter: Any) -> None:
    world = World([SILENT])

    with pytest.raises(Fault):
        enter(world, timeout=120)

    looks = world.looks()
    assert looks[0] >= 10
    gaps = [later - sooner for sooner, later in itertools.pairwise(looks)]
    assert min(gaps) >= 8 and gaps[-1] > gaps[0]


def test_machine_that_never_answers_shows_its_console_and_names_what_to_look_at(enter: Any) -> None:
    with pytest.raises(Fault) as caught:
        enter(World([SILENT]), timeout=30)

    told = str(caught.value)
    assert "i-1 runs but does not answer as admin@192.0.2.7 port 22 after 30 s" in told
    assert "Connection timed out" in told
    for part in ("route", "lets in 198.51.100.1/32", "network ACL", "ssh.address"):
        assert part in told
    assert told.endswith("The end of its console:\n  boot\n  Failed to start networking")


def test_only_the_end_of_a_long_console_is_shown(enter: Any) -> None:
    world = World([SILENT])
    world.console = "\n".join(f"line {number}" for number in range(1000))

    with pytest.raises(Fault, match="line 999") as caught:
        enter(world, timeout=1)

    assert "line 900" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"console": ""}, "Its console is empty"),
        ({"console": None}, "Its console is empty"),
        ({"refusal": "UnauthorizedOperation"}, "ec2:GetConsoleOutput is missing"),
        ({"latest": False}, "Failed to start networking"),
    ],
)
def test_console_that_cannot_be_had_does_not_hide_what_happened(enter: Any, change: dict[str, Any], told: str) -> None:
    world = World([SILENT])
    vars(world).update(change)

    with pytest.raises(Fault, match=rf"does not answer as(.|\n)*{told}"):
        enter(world, timeout=1)


def test_impaired_machine_is_given_up_early(enter: Any) -> None:
    world = World([SILENT], {**OK, "InstanceStatus": {"Status": "impaired"}})

    with pytest.raises(Fault, match=r"fails EC2's instance status check(.|\n)*Failed to start networking"):
        enter(world)

    assert world.now < 20


def test_machine_that_has_ended_is_given_up_early(enter: Any) -> None:
    world = World([SILENT], {"InstanceState": {"Name": "shutting-down"}})

    with pytest.raises(Fault, match="i-1 is shutting-down before it could be entered"):
        enter(world)

    assert world.now < 20


def test_user_who_is_not_let_in_is_named_and_not_at_once(enter: Any) -> None:
    world = World([DENIED])

    with pytest.raises(Fault, match=r"does not let the user admin in with the key /run/key(.|\n)*Set ssh\.user"):
        enter(world)

    assert 15 <= world.now <= 30


def test_user_whose_key_is_being_written_is_let_in(enter: Any) -> None:
    assert enter(World([SILENT, DENIED, DENIED, READY])) == READY


def test_denial_that_lasts_to_the_end_is_told_as_such(enter: Any) -> None:
    with pytest.raises(Fault, match="does not let the user admin in"):
        enter(World([SILENT, DENIED]), timeout=3)


def test_boot_that_does_not_end_is_told_from_silence(enter: Any) -> None:
    with pytest.raises(Fault, match=r"can be entered but has not finished to boot after 3 s"):
        enter(World([BOOTING]), timeout=3)


def test_agent_is_waited_for(ask_agent: Any) -> None:
    world = World([])
    world.pings = ["", "ConnectionLost", "Online"]

    ask_agent(world)

    assert world.asked == []


def test_agent_that_never_answers_is_told_with_what_it_needs(ask_agent: Any) -> None:
    with pytest.raises(Fault, match=r"AmazonSSMManagedInstanceCore(.|\n)*Failed to start networking"):
        ask_agent(World([]), timeout=30)


def test_agent_of_a_machine_that_has_ended_is_not_waited_for(ask_agent: Any) -> None:
    with pytest.raises(Fault, match="i-1 is terminated"):
        ask_agent(World([], {"InstanceState": {"Name": "terminated"}}))
