# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing what builds have left in a region, with an EC2 that is a table: what is asked of it, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.goldsmith.images.plugins.module_utils import _ec2_delete, _patiently, _wait
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_delete import (
    PATIENCE,
    chunks,
    remove_in_region,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_ledger import Leftover, in_order


def refusal(operation: str, code: str, told: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": told}}, operation)


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Ec2:
    """An EC2 that answers from tables.

    Attributes:
        states: What describing an instance tells, call by call; the last one stays.
        described: What it tells besides, until the instance is terminated.
        refusals: What is answered to a call about something, call by call, before it succeeds.
        calls: What was called, and about what.
    """

    states: dict[str, list[str]] = field(default_factory=dict)
    described: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[tuple[str, str], list[ClientError]] = field(default_factory=dict)
    live_spot_requests: set[str] = field(default_factory=set)
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def _called(self, operation: str, *names: str) -> None:
        self.calls.append((operation, names[0] if len(names) == 1 else list(names)))
        for name in names:
            if self.refusals.get((operation, name)):
                raise self.refusals[operation, name].pop(0)

    def terminate_instances(self, InstanceIds: list[str]) -> dict[str, Any]:  # noqa: N803
        self._called("TerminateInstances", *InstanceIds)
        return {
            "TerminatingInstances": [
                {"InstanceId": name, "PreviousState": {"Name": self.states[name].pop(0)}} for name in InstanceIds
            ]
        }

    def get_paginator(self, name: str) -> Ec2:
        assert name == "describe_instances"
        return self

    def paginate(self, Filters: list[dict[str, Any]], **_: Any) -> list[dict[str, Any]]:  # noqa: N803
        assert [one["Name"] for one in Filters] == ["instance-id"]
        names = Filters[0]["Values"]
        self._called("DescribeInstances", *names)
        found = []
        for name in names:
            states = self.states[name]
            state = states.pop(0) if len(states) > 1 else states[0]
            if state:
                more = {} if state == "terminated" else self.described.get(name, {})
                found.append({"InstanceId": name, "State": {"Name": state}, **more})
        return [{"Reservations": [{"Instances": found}]}]

    def describe_spot_instance_requests(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        names = set(Filters[0]["Values"])
        return {"SpotInstanceRequests": [{"SpotInstanceRequestId": one} for one in names & self.live_spot_requests]}

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(part.capitalize() for part in name.split("_"))

        def called(**arguments: Any) -> dict[str, Any]:
            value = next(iter(arguments.values()))
            self._called(operation, value[0] if isinstance(value, list) else value)
            return {}

        return called


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_patiently, "time", clock)
    monkeypatch.setattr(_wait, "time", clock)
    return clock


def left(kind: str, name: str) -> Leftover:
    return Leftover(kind, name, region="eu-west-1", build="B", reason="it has expired")


def removed_from(client: Ec2, *leftovers: Leftover, timeout: float = 300) -> tuple[list[str], dict[str, str]]:
    removed, failed = remove_in_region(client, in_order(leftovers), timeout)
    return [one.id for one in removed], {one.id: one.reason for one in failed}


INSTANCE = left("instance", "i-1")
PLAIN = {
    "BlockDeviceMappings": [{"Ebs": {"VolumeId": "vol-1", "DeleteOnTermination": True}}],
    "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Attachment": {"DeleteOnTermination": True}}],
}


def test_plain_build_is_released_by_four_calls() -> None:
    client = Ec2({"i-1": ["running", "shutting-down", "terminated"]}, {"i-1": PLAIN})
    leftovers = [
        left("key_pair", "key-1"),
        left("security_group", "sg-1"),
        left("volume", "vol-1"),
        left("network_interface", "eni-1"),
        INSTANCE,
    ]
    assert removed_from(client, *leftovers) == (["i-1", "vol-1", "eni-1", "sg-1", "key-1"], {})
    assert client.calls == [
        ("TerminateInstances", "i-1"),
        ("DescribeInstances", "i-1"),
        ("DescribeInstances", "i-1"),
        ("DeleteSecurityGroup", "sg-1"),
        ("DeleteKeyPair", "key-1"),
    ]


def test_all_instances_are_terminated_in_one_call_and_waited_for_together() -> None:
    states = {"i-1": ["running", "terminated"], "i-2": ["stopped", "shutting-down", "shutting-down", "terminated"]}
    client = Ec2(states)
    assert removed_from(client, INSTANCE, left("instance", "i-2")) == (["i-1", "i-2"], {})
    assert client.calls == [("TerminateInstances", ["i-1", "i-2"])] + [("DescribeInstances", ["i-1", "i-2"])] * 3


def test_volume_that_does_not_go_along_with_its_instance_is_deleted() -> None:
    kept = {"BlockDeviceMappings": [{"Ebs": {"VolumeId": "vol-1", "DeleteOnTermination": False}}]}
    client = Ec2({"i-1": ["running", "shutting-down", "terminated"]}, {"i-1": kept})
    assert removed_from(client, INSTANCE, left("volume", "vol-1")) == (["i-1", "vol-1"], {})
    assert client.calls[-1] == ("DeleteVolume", "vol-1")


def test_instance_that_is_over_already_counts_as_neither_removed_nor_failed() -> None:
    client = Ec2({"i-1": ["terminated"]})
    client.states["i-1"] *= 2
    assert removed_from(client, INSTANCE) == ([], {})
    assert client.calls == [("TerminateInstances", "i-1")]


def test_instance_that_nobody_remembers_is_over() -> None:
    client = Ec2({"i-1": ["running", ""]})
    assert removed_from(client, INSTANCE) == (["i-1"], {})


def test_instance_that_was_launched_a_moment_ago_is_terminated_as_soon_as_ec2_knows_it(clock: Clock) -> None:
    client = Ec2({"i-1": ["pending", "terminated"]})
    client.refusals["TerminateInstances", "i-1"] = [refusal("TerminateInstances", "InvalidInstanceID.NotFound")] * 2
    assert removed_from(client, INSTANCE) == (["i-1"], {})
    assert len(clock.slept) == 2


def test_instance_that_is_unknown_for_long_is_gone(clock: Clock) -> None:
    client = Ec2({"i-1": [""]})
    client.refusals["TerminateInstances", "i-1"] = [refusal("TerminateInstances", "InvalidInstanceID.NotFound")] * 99
    assert removed_from(client, INSTANCE, left("key_pair", "key-1")) == (["key-1"], {})
    assert sum(clock.slept) == pytest.approx(_ec2_delete.UNSEEN)


def test_one_instance_that_aws_protects_does_not_spare_the_others() -> None:
    client = Ec2({"i-1": ["running"], "i-2": ["running", "terminated"]})
    protected = refusal("TerminateInstances", "OperationNotPermitted", "it is protected")
    client.refusals["TerminateInstances", "i-1"] = [protected] * 2
    removed, failed = removed_from(client, INSTANCE, left("instance", "i-2"), left("key_pair", "key-1"))
    assert removed == ["i-2", "key-1"]
    assert failed == {"i-1": "cannot terminate the instances: OperationNotPermitted: it is protected"}


def test_what_goes_along_with_a_terminated_instance_went_whatever_becomes_of_the_others() -> None:
    client = Ec2({"i-1": ["running", "shutting-down", "terminated"], "i-2": ["running"]}, {"i-1": PLAIN})
    protected = refusal("TerminateInstances", "OperationNotPermitted", "it is protected")
    client.refusals["TerminateInstances", "i-2"] = [protected] * 2
    removed, failed = removed_from(client, left("instance", "i-2"), INSTANCE, left("volume", "vol-1"))
    assert (removed, list(failed)) == (["i-1", "vol-1"], ["i-2"])


def test_instance_that_takes_too_long_is_told_of_with_what_hangs_on_it() -> None:
    client = Ec2({"i-1": ["running", "shutting-down"]}, {"i-1": PLAIN})
    client.refusals["DeleteSecurityGroup", "sg-1"] = [refusal("DeleteSecurityGroup", "DependencyViolation", "in use")]
    leftovers = [INSTANCE, left("volume", "vol-1"), left("security_group", "sg-1"), left("key_pair", "key-1")]
    removed, failed = removed_from(client, *leftovers, timeout=60)
    assert removed == ["key-1"]
    assert failed == {
        "i-1": "it is still shutting-down after 60 s: sweep again later",
        "vol-1": "the instance that it goes with is not terminated",
        "sg-1": "cannot delete the security group: DependencyViolation: in use",
    }


@pytest.mark.parametrize(
    ("kind", "name", "operation", "code", "told"),
    [
        ("security_group", "sg-1", "DeleteSecurityGroup", "DependencyViolation", "sg-1 has a dependent object"),
        ("volume", "vol-1", "DeleteVolume", "VolumeInUse", "vol-1 is attached"),
        ("network_interface", "eni-1", "DeleteNetworkInterface", "InvalidParameterValue", "eni-1 is currently in use."),
        ("network_interface", "eni-1", "DeleteNetworkInterface", "InvalidNetworkInterface.InUse", "in use"),
    ],
)
def test_what_a_terminated_instance_holds_for_a_moment_more_is_tried_again(
    clock: Clock, kind: str, name: str, operation: str, code: str, told: str
) -> None:
    client = Ec2({"i-1": ["running", "terminated"]})
    client.refusals[operation, name] = [refusal(operation, code, told)] * 3
    assert removed_from(client, INSTANCE, left(kind, name)) == (["i-1", name], {})
    assert 0 < sum(clock.slept) < 5


def test_snapshot_that_a_deregistered_image_holds_for_a_moment_more_is_tried_again() -> None:
    client = Ec2()
    client.refusals["DeleteSnapshot", "snap-1"] = [refusal("DeleteSnapshot", "InvalidSnapshot.InUse")]
    assert removed_from(client, left("snapshot", "snap-1"), left("image", "ami-1")) == (["ami-1", "snap-1"], {})
    assert [operation for operation, _name in client.calls] == ["DeregisterImage", "DeleteSnapshot", "DeleteSnapshot"]


def test_what_something_else_holds_is_told_at_once(clock: Clock) -> None:
    client = Ec2()
    client.refusals["DeleteSecurityGroup", "sg-1"] = [refusal("DeleteSecurityGroup", "DependencyViolation", "in use")]
    removed, failed = removed_from(client, left("security_group", "sg-1"), left("key_pair", "key-1"))
    assert removed == ["key-1"]
    assert failed == {"sg-1": "cannot delete the security group: DependencyViolation: in use"}
    assert clock.slept == []


def test_what_stays_held_is_given_up_in_the_end(clock: Clock) -> None:
    client = Ec2({"i-1": ["running", "terminated"]})
    held = refusal("DeleteSecurityGroup", "DependencyViolation", "in use")
    client.refusals["DeleteSecurityGroup", "sg-1"] = [held] * 999
    removed, failed = removed_from(client, INSTANCE, left("security_group", "sg-1"))
    assert (removed, list(failed)) == (["i-1"], ["sg-1"])
    assert sum(clock.slept) == pytest.approx(PATIENCE)


@pytest.mark.parametrize(
    ("kind", "operation", "code"),
    [
        ("image", "DeregisterImage", "InvalidAMIID.NotFound"),
        ("image", "DeregisterImage", "InvalidAMIID.Unavailable"),
        ("snapshot", "DeleteSnapshot", "InvalidSnapshot.NotFound"),
        ("volume", "DeleteVolume", "InvalidVolume.NotFound"),
        ("network_interface", "DeleteNetworkInterface", "InvalidNetworkInterfaceID.NotFound"),
        ("security_group", "DeleteSecurityGroup", "InvalidGroup.NotFound"),
        ("key_pair", "DeleteKeyPair", "InvalidKeyPair.NotFound"),
    ],
)
def test_what_is_gone_already_is_neither_removed_nor_a_failure(kind: str, operation: str, code: str) -> None:
    client = Ec2()
    client.refusals[operation, "x-1"] = [refusal(operation, code)]
    assert removed_from(client, left(kind, "x-1")) == ([], {})


def test_spot_request_that_is_open_is_cancelled_and_one_that_has_ended_left_alone() -> None:
    client = Ec2(live_spot_requests={"sir-1"})
    assert removed_from(client, left("spot_request", "sir-1"), left("spot_request", "sir-2")) == (["sir-1"], {})
    assert client.calls == [("CancelSpotInstanceRequests", "sir-1")]


def test_instances_that_cannot_be_looked_at_are_not_called_removed() -> None:
    client = Ec2({"i-1": ["running", "terminated"]})
    client.refusals["DescribeInstances", "i-1"] = [refusal("DescribeInstances", "UnauthorizedOperation")]
    removed, failed = removed_from(client, INSTANCE, left("key_pair", "key-1"))
    assert removed == ["key-1"]
    assert "ec2:DescribeInstances is missing" in failed["i-1"]


def test_ids_are_parted_as_a_filter_takes_them() -> None:
    names = [str(number) for number in range(401)]
    parts = list(chunks(names))
    assert [len(part) for part in parts] == [200, 200, 1]
    assert [name for part in parts for name in part] == names
    assert list(chunks([])) == []
