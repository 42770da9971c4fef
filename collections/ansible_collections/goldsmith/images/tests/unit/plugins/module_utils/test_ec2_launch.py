# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting a machine: which way is taken when there is no capacity, what is asked again, what is known again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.goldsmith.images.plugins.module_utils import _ec2_launch, _patiently, _wait
from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_launch import find, launch
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_request import Surroundings, Wanted
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)
NO_CAPACITY = "InsufficientInstanceCapacity"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes on when somebody sleeps, and not otherwise."""
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    clock.sleep = lambda seconds: setattr(clock, "now", clock.now + seconds)
    for module in (_ec2_launch, _wait, _patiently):
        monkeypatch.setattr(module, "time", clock)
    return clock


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "RunInstances")


class Client:
    """EC2 that starts machines, unless `refuse` says why not, and shows them in the states that it is given."""

    def __init__(
        self,
        refuse: Callable[[dict[str, Any]], str | tuple[str, str]] = lambda _asked: "",
        states: list[dict[str, Any] | str] | None = None,
        earlier: str | None = None,
    ) -> None:
        self.refuse, self.states, self.earlier = refuse, states or ["running"], earlier
        self.meta = SimpleNamespace(events=SimpleNamespace(register_first=self.register))
        self.asked: list[dict[str, Any]] = []
        self.handler: Any = None

    def register(self, event: str, handler: Any, **_: Any) -> None:
        assert event == "needs-retry.ec2.RunInstances"
        self.handler = handler

    def run_instances(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        said = self.refuse(asked)
        if said:
            raise refusal(*([said] if isinstance(said, str) else said))
        return {"Instances": [{"InstanceId": f"i-{len(self.asked)}", "State": {"Name": "pending"}}]}

    def describe_instances(self, **asked: Any) -> dict[str, Any]:
        if "Filters" in asked:
            found = {"InstanceId": self.earlier, "State": {"Name": "running"}} if self.earlier else None
        else:
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            if state == "":
                raise refusal("InvalidInstanceID.NotFound")
            more = state if isinstance(state, dict) else {"State": {"Name": state}}
            found = {"InstanceId": asked["InstanceIds"][0], **more}
        return {"Reservations": [{"Instances": [found]}] if found else []}


def wanted(*types: str, spot: bool = False, fallback: bool = True) -> Wanted:
    return Wanted(
        build_id="b",
        image_name="web",
        role="builder",
        ami="ami-1",
        root_device="/dev/xvda",
        expires_in=3600,
        instance_types=types or ["t3.small"],
        spot={"enabled": spot, "max_price": None, "fallback": fallback},
        root_volume={},
        block_devices=[],
        user_data=None,
        public_ip=None,
        hop_limit=1,
        tenancy=None,
        availability_zone=None,
        placement_group=None,
        host_id=None,
        enclave=False,
        cpu_credits=None,
        ebs_optimized=None,
        tags={},
    )


def start(client: Client, machine: Wanted | None = None, **around: Any) -> tuple[str, list[str]]:
    """Launch, and return the id of the machine and of all that were started."""
    started: list[str] = []
    surroundings = Surroundings(**{"key_name": "k", "groups": ["sg-1"], "profile": None, "subnets": [], **around})
    found = launch(client, machine or wanted(), surroundings, now=NOW, timeout=600, started=started.append)
    return found["InstanceId"], started


def types(client: Client) -> list[str]:
    return [one["InstanceType"] + (" spot" if "InstanceMarketOptions" in one else "") for one in client.asked]


def test_machine_is_waited_for_until_it_runs_also_when_it_is_not_seen_yet() -> None:
    client = Client(states=["", "pending", "running"])

    assert start(client) == ("i-1", ["i-1"])
    assert len(client.asked) == 1


def test_next_type_and_subnet_are_tried_where_there_is_no_capacity() -> None:
    client = Client(lambda asked: NO_CAPACITY if (asked["InstanceType"], asked["SubnetId"]) != ("b", "s2") else "")

    start(client, wanted("a", "b"), subnets=["s1", "s2"])

    assert [(one["InstanceType"], one["SubnetId"]) for one in client.asked] == [
        ("a", "s1"),
        ("a", "s2"),
        ("b", "s1"),
        ("b", "s2"),
    ]


def test_when_nothing_is_to_be_had_every_way_is_told() -> None:
    with pytest.raises(Fault, match=r"any of the 2 wanted kinds(.|\n)*a: Insuff(.|\n)*b: Insuff(.|\n)*Name more"):
        start(Client(lambda _asked: NO_CAPACITY), wanted("a", "b"))


def test_spot_falls_back_to_on_demand() -> None:
    codes = {"a": NO_CAPACITY, "b": "SpotMaxPriceTooLow"}
    client = Client(lambda asked: codes[asked["InstanceType"]] if "InstanceMarketOptions" in asked else "")

    start(client, wanted("a", "b", spot=True))

    assert types(client) == ["a spot", "b spot", "a"]


def test_spot_without_fallback_is_never_on_demand() -> None:
    client = Client(lambda _asked: "MaxSpotInstanceCountExceeded")

    with pytest.raises(Fault, match="EC2 has no machine"):
        start(client, wanted("a", "b", spot=True, fallback=False))

    assert types(client) == ["a spot", "b spot"]


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "VcpuLimitExceeded", "InvalidAMIID.NotFound"])
def test_what_another_type_does_not_help_against_ends_it(code: str) -> None:
    client = Client(lambda _asked: code)

    with pytest.raises(AwsFault) as caught:
        start(client, wanted("a", "b"))

    assert caught.value.code == code
    assert types(client) == ["a"]


def test_machine_that_ends_for_lack_of_capacity_gives_way_to_the_next() -> None:
    ended = {"State": {"Name": "terminated"}, "StateReason": {"Code": f"Server.{NO_CAPACITY}", "Message": "none"}}
    client = Client(states=["pending", ended, "running"])

    assert start(client, wanted("a", "b")) == ("i-2", ["i-1", "i-2"])


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ({"State": {"Name": "terminated"}, "StateReason": {"Code": "Client.InternalError", "Message": "x"}}, "KMS key"),
        ({"State": {"Name": "terminated"}, "StateReason": {"Code": "Client.Other", "Message": "ended so"}}, "ended so"),
        ({"State": {"Name": "stopped"}, "StateReason": {"Code": "x", "Message": "y"}}, "begin again"),
    ],
)
def test_machine_that_ends_otherwise_is_a_fault_with_the_reason(ended: dict[str, Any], told: str) -> None:
    with pytest.raises(Fault, match=told):
        start(Client(states=["pending", ended]), wanted("a", "b"))


def test_machine_that_does_not_come_to_run_is_given_up() -> None:
    with pytest.raises(Fault, match=r"i-1 is still pending after 600 s"):
        start(Client(states=["pending"]))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("key_pair", "InvalidKeyPair.NotFound"),
        ("security_group", "InvalidGroup.NotFound"),
        (
            "instance_profile",
            (
                "InvalidParameterValue",
                "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
            ),
        ),
    ],
)
def test_what_was_made_just_now_may_not_be_known_yet(kind: str, said: str | tuple[str, str]) -> None:
    many = [said, said, ""]
    client = Client(lambda _asked: many.pop(0))

    start(client, made=[kind])

    assert len({one["ClientToken"] for one in client.asked}) == 1
    assert len(client.asked) == 3


def test_what_was_not_made_now_and_is_not_known_is_a_fault_at_once(clock: SimpleNamespace) -> None:
    with pytest.raises(AwsFault):
        start(Client(lambda _asked: "InvalidKeyPair.NotFound"), made=["security_group"])

    assert clock.now == 0


def test_machine_of_an_earlier_run_is_taken_that_asked_for_another_expiry() -> None:
    assert start(Client(lambda _asked: "IdempotentParameterMismatch", earlier="i-0")) == ("i-0", ["i-0"])


def test_after_a_machine_that_has_ended_another_is_started() -> None:
    first = Client()
    start(first)
    token = first.asked[0]["ClientToken"]

    client = Client(lambda asked: "IdempotentParameterMismatch" if asked["ClientToken"] == token else "")

    assert start(client)[1] == ["i-2"]


def test_build_whose_machines_all_have_ended_is_given_up() -> None:
    with pytest.raises(Fault, match="begin a build with a new id"):
        start(Client(lambda _asked: "IdempotentParameterMismatch"))


def test_lacking_capacity_is_not_asked_for_again_by_the_client() -> None:
    client = Client()
    start(client)
    for code, status in ((NO_CAPACITY, 400), ("InternalError", 500)):
        http = SimpleNamespace(status_code=500)

        client.handler(response=(http, {"Error": {"Code": code}}), operation=None, attempts=1)

        assert http.status_code == status
    client.handler(response=None, operation=None, attempts=1)


def test_machine_of_a_build_is_found_by_its_tags() -> None:
    class Told:
        def describe_instances(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            assert {one["Name"]: one["Values"] for one in Filters} == {
                "tag:goldsmith:build": ["b"],
                "tag:goldsmith:role": ["verify"],
                "instance-state-name": ["pending", "running", "stopping", "stopped"],
            }
            return {"Reservations": [{"Instances": []}, {"Instances": [{"InstanceId": "i-1"}]}]}

    assert find(Told(), "b", "verify") == {"InstanceId": "i-1"}
