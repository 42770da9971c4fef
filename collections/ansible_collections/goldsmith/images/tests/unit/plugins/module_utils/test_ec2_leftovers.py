# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking for what builds have left, in an account that is a table: where it is looked, by which calls, what is told."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.goldsmith.images.plugins.module_utils._ec2_leftovers import (
    EC2_KINDS,
    KINDS,
    Leftover,
    enabled_regions,
    find,
    inspect,
    remove,
    search,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAST, FUTURE = stamp(NOW - timedelta(hours=1)), stamp(NOW + timedelta(hours=1))
HERE, THERE = "eu-west-1", "us-east-1"

Tags = dict[str, str]


def tags(build: str = "B", **more: str) -> Tags:
    own = {f"goldsmith:{key}": value for key, value in {"build": build, "expires": FUTURE, **more}.items()}
    return {**own, "Name": f"goldsmith-{build}"}


@dataclass
class Client:
    """A service in a region that answers from a table of tags, by the resource's type and id."""

    table: Mapping[tuple[str, str], Tags] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failed: tuple[str, ...] = ()

    def called(self, operation: str, **arguments: Any) -> None:
        self.calls.append((operation, arguments))
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "no"}}, operation)

    def get_paginator(self, name: str) -> Any:
        return type("Paginator", (), {"paginate": staticmethod(getattr(self, name))})

    def describe_tags(self, Filters: list[dict[str, Any]], **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        wanted = {one["Name"]: one["Values"] for one in Filters}
        self.called("DescribeTags", **wanted)
        assert all(0 < len(values) <= 200 for values in wanted.values())
        for (kind, name), found in self.table.items():
            for key, value in found.items():
                row = {"ResourceType": kind, "ResourceId": name, "Key": key, "Value": value}
                has = {"key": key, "value": value, "resource-id": name}
                if all(any(fnmatch.fnmatchcase(has[part], one) for one in wanted[part]) for part in wanted):
                    yield {"Tags": [row]}

    def describe_images(self, Filters: list[dict[str, Any]], **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        self.called("DescribeImages")
        assert {one["Name"]: one["Values"] for one in Filters} == {
            "tag:goldsmith:role": ["layer"],
            "state": ["failed", "error", "invalid"],
        }
        devices = [{"Ebs": {"SnapshotId": "snap-of-it"}}]
        for name in self.failed:
            yield {"Images": [{"ImageId": name, "State": "failed", "BlockDeviceMappings": devices}]}

    def describe_instances(self, Filters: list[dict[str, Any]], **_: Any) -> list[dict[str, Any]]:  # noqa: N803
        self.called("DescribeInstances")
        found = [{"InstanceId": one, "State": {"Name": self.states[one]}} for one in Filters[0]["Values"]]
        return [{"Reservations": [{"Instances": found}]}]

    def describe_spot_instance_requests(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.called("DescribeSpotInstanceRequests")
        live = [one for one in Filters[0]["Values"] if self.states[one] == "active"]
        return {"SpotInstanceRequests": [{"SpotInstanceRequestId": one} for one in live]}

    def describe_regions(self) -> dict[str, Any]:
        self.called("DescribeRegions")
        return {"Regions": [{"RegionName": THERE}, {"RegionName": HERE}]}

    def delete_key_pair(self, KeyPairId: str) -> None:  # noqa: N803
        self.called("DeleteKeyPair", id=KeyPairId)

    def list_instance_profiles(self, PathPrefix: str) -> list[dict[str, Any]]:  # noqa: N803
        self.called("ListInstanceProfiles", path=PathPrefix)
        names = [name for kind, name in self.table if kind == "instance-profile"]
        return [{"InstanceProfiles": [{"InstanceProfileName": name} for name in names]}]

    def list_roles(self, PathPrefix: str) -> list[dict[str, Any]]:  # noqa: N803
        self.called("ListRoles", path=PathPrefix)
        return [{"Roles": [{"RoleName": name} for kind, name in self.table if kind == "role"]}]

    def get_instance_profile(self, InstanceProfileName: str) -> dict[str, Any]:  # noqa: N803
        self.called("GetInstanceProfile", name=InstanceProfileName)
        return {"InstanceProfile": self.tag_list("instance-profile", InstanceProfileName)}

    def get_role(self, RoleName: str) -> dict[str, Any]:  # noqa: N803
        self.called("GetRole", name=RoleName)
        return {"Role": self.tag_list("role", RoleName)}

    def tag_list(self, kind: str, name: str) -> dict[str, Any]:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.table[kind, name].items()]}


@dataclass
class Account:
    """Clients by region, and IAM's; they are made in the thread that asks first."""

    clients: dict[str, Client]
    region: str = HERE
    thread: int = field(default_factory=threading.get_ident)

    def client(self, service: str = "ec2", region: str | None = None) -> Client:
        assert threading.get_ident() == self.thread, "the clients are not made by threads"
        return self.clients["iam" if service == "iam" else region or self.region]


def account(iam: Client | None = None, **clients: Client) -> Any:
    named = {name.replace("_", "-"): client for name, client in clients.items()}
    return Account({HERE: Client(), THERE: Client(), **named, "iam": iam or Client()})


def ids(found: list[Leftover]) -> list[str]:
    return [one.id for one in found]


def asked(client: Client) -> list[str]:
    return [operation for operation, _arguments in client.calls]


MINE = Client(
    {
        ("key-pair", "key-1"): tags(),
        ("instance", "i-1"): tags(role="builder"),
        ("instance", "i-2"): tags(role="verify"),
        ("image", "ami-1"): tags(role="artifact", state="published"),
        ("image", "ami-2"): tags(role="artifact", state="candidate"),
        ("instance", "i-9"): tags("another", role="builder", expires=PAST),
        ("image", "ami-9"): tags("another", role="artifact", state="published", expires=PAST),
        ("instance", "i-0"): {"Name": "somebody's"},
    }
)


@pytest.fixture(autouse=True)
def _forget() -> None:
    MINE.calls.clear()


def test_build_is_found_by_one_call_that_leaves_published_images_out() -> None:
    aws = account(eu_west_1=MINE)
    found = find(aws, [HERE], ["B"], expired=False, now=NOW, kinds=EC2_KINDS)
    assert ids(found) == ["i-1", "i-2", "ami-2", "key-1"]
    assert MINE.calls == [
        ("DescribeTags", {"key": ["goldsmith:build", "goldsmith:state"], "value": ["B", "candidate"]})
    ]
    assert aws.clients["iam"].calls == []


def test_what_has_expired_is_found_by_two_calls_with_what_is_of_the_build() -> None:
    found = find(account(eu_west_1=MINE), [HERE], ["B"], expired=True, now=NOW, kinds=EC2_KINDS)
    assert ids(found) == ["i-1", "i-2", "i-9", "ami-2", "key-1"]
    assert {one.id: one.reason for one in found}["i-9"] == "it has expired"
    assert asked(MINE) == ["DescribeTags", "DescribeImages"]


def test_a_checkpoint_that_has_failed_is_found_with_its_snapshots() -> None:
    found = find(account(eu_west_1=Client(failed=("ami-bad",))), [HERE], [], expired=True, now=NOW, kinds=EC2_KINDS)
    assert [(one.kind, one.id) for one in found] == [("image", "ami-bad"), ("snapshot", "snap-of-it")]
    assert {one.reason for one in found} == {"it is a checkpoint that has failed"}


def test_role_finds_the_one_instance_by_one_call() -> None:
    aws = account(eu_west_1=MINE)
    assert ids(find(aws, [HERE], ["B"], expired=False, now=NOW, role="verify")) == ["i-2"]
    assert asked(MINE) == ["DescribeTags"]
    assert aws.clients["iam"].calls == []


def test_kinds_narrow_it_down() -> None:
    found = find(account(eu_west_1=MINE), [HERE], ["B"], expired=False, now=NOW, kinds=["key_pair", "image"])
    assert ids(found) == ["ami-2", "key-1"]


def test_nothing_is_asked_when_nothing_is_looked_for() -> None:
    aws = account(eu_west_1=MINE)
    assert find(aws, [HERE], [], expired=False, now=NOW) == []
    assert MINE.calls == aws.clients["iam"].calls == []


def test_what_is_known_is_there_even_if_tags_are_late_and_only_once() -> None:
    known = [Leftover("key_pair", "key-1", region=HERE, build="B"), Leftover("security_group", "sg-1", region=HERE)]
    found = find(account(eu_west_1=MINE), [HERE], ["B"], expired=False, now=NOW, kinds=EC2_KINDS, known=known)
    assert ids(found) == ["i-1", "i-2", "ami-2", "sg-1", "key-1"]


def test_more_builds_than_a_filter_takes_are_asked_for_in_parts() -> None:
    client = Client({("instance", f"i-{number}"): tags(f"B{number}") for number in range(400)})
    found = find(account(eu_west_1=client), [HERE], [f"B{number}" for number in range(400)], expired=False, now=NOW)
    assert len(found) == 400
    assert asked(client) == ["DescribeTags"] * 3


def test_all_regions_are_searched() -> None:
    far = Client({("instance", "i-5"): tags()})
    found = find(account(eu_west_1=MINE, us_east_1=far), [HERE, THERE], ["B"], expired=False, now=NOW)
    assert [(one.region, one.id) for one in found if one.kind == "instance"] == [
        (HERE, "i-1"),
        (HERE, "i-2"),
        (THERE, "i-5"),
    ]


def test_region_that_refuses_is_told_of_and_the_others_searched() -> None:
    aws = account(eu_west_1=MINE, us_east_1=Client(refusal="AuthFailure"))
    found, refused = search(aws, [THERE, HERE], ["B"], expired=False, now=NOW)
    assert ids(found) == ["i-1", "i-2", "ami-2", "key-1"]
    assert [refusal.where for refusal in refused] == [THERE]
    assert refused[0].reason.startswith("cannot look for what builds have left: AuthFailure: no (AWS does not accept")
    assert refused[0].as_dict() == {"where": THERE, "reason": refused[0].reason}


def test_find_fails_where_a_region_refuses() -> None:
    aws = account(eu_west_1=MINE, us_east_1=Client(refusal="AuthFailure"))
    with pytest.raises(Fault, match="cannot look for what builds have left: AuthFailure"):
        find(aws, [HERE, THERE], ["B"], expired=False, now=NOW)


IAM = {
    ("instance-profile", "goldsmith-B"): tags(),
    ("role", "goldsmith-B"): tags(),
    ("role", "goldsmith-another"): tags("another", expires=PAST),
    ("role", "goldsmith-old"): {},
    ("role", "goldsmith-mismatch"): tags("B"),
}


def test_profiles_and_roles_of_a_build_are_found_below_their_path_by_name_and_tags() -> None:
    iam = Client(IAM)
    found = find(account(iam), [HERE], ["B", "old"], expired=False, now=NOW)
    assert [(one.kind, one.id, one.region) for one in found] == [
        ("instance_profile", "goldsmith-B", ""),
        ("role", "goldsmith-B", ""),
    ]
    assert ("ListRoles", {"path": "/goldsmith/"}) in iam.calls
    assert ("ListInstanceProfiles", {"path": "/goldsmith/"}) in iam.calls
    assert ("GetRole", {"name": "goldsmith-another"}) not in iam.calls


def test_profiles_and_roles_expire_too() -> None:
    found = find(account(Client(IAM)), [HERE], [], expired=True, now=NOW)
    assert [(one.kind, one.id, one.reason) for one in found] == [("role", "goldsmith-another", "it has expired")]


def test_iam_that_refuses_is_told_of_and_the_regions_searched() -> None:
    found, refused = search(
        account(Client(refusal="AccessDenied"), eu_west_1=MINE), [HERE], ["B"], expired=False, now=NOW
    )
    assert len(found) == 4
    assert [refusal.where for refusal in refused] == ["iam"]
    assert "ListInstanceProfiles is missing" in refused[0].reason


def test_inspection_names_what_is_there_and_drops_what_is_over() -> None:
    table = {
        ("instance", "i-1"): tags(),
        ("instance", "i-2"): tags(),
        ("spot-instances-request", "sir-1"): tags(),
        ("spot-instances-request", "sir-2"): tags(),
        ("key-pair", "key-1"): tags(),
    }
    states = {"i-1": "running", "i-2": "terminated", "sir-1": "active", "sir-2": "closed"}
    client = Client(table, states)
    aws = account(Client(IAM), eu_west_1=client)
    found = find(aws, [HERE], ["B"], expired=False, now=NOW)
    client.calls.clear()
    seen = inspect(aws, found)
    assert ids(seen) == ["i-1", "sir-1", "key-1", "goldsmith-B", "goldsmith-B"]
    assert {(one.name, one.expires) for one in seen} == {("goldsmith-B", FUTURE)}
    assert asked(client) == ["DescribeTags", "DescribeInstances", "DescribeSpotInstanceRequests"]


def test_inspection_of_nothing_asks_nothing() -> None:
    assert inspect(account(), []) == []


def test_inspection_of_what_no_machine_is_asks_for_tags_alone() -> None:
    client = Client({("key-pair", "key-1"): tags()})
    inspect(account(eu_west_1=client), [Leftover("key_pair", "key-1", region=HERE)])
    assert asked(client) == ["DescribeTags"]


def test_what_is_in_a_region_that_refuses_to_be_inspected_stays_on_the_list() -> None:
    there = Leftover("instance", "i-9", region=THERE)
    aws = account(eu_west_1=Client({("key-pair", "key-1"): tags()}), us_east_1=Client(refusal="UnauthorizedOperation"))
    seen = inspect(aws, [there, Leftover("key_pair", "key-1", region=HERE)])
    assert [(one.id, one.name) for one in seen] == [("i-9", ""), ("key-1", "goldsmith-B")]


def test_removal_goes_on_in_the_other_regions_when_one_refuses() -> None:
    there = Client(refusal="UnauthorizedOperation")
    keys = [Leftover("key_pair", f"key-{region}", region=region) for region in (HERE, THERE)]
    removed, failed = remove(account(us_east_1=there), keys, 60)
    assert ids(removed) == [f"key-{HERE}"]
    assert ids(failed) == [f"key-{THERE}"]
    assert "ec2:DeleteKeyPair is missing" in failed[0].reason


def test_removal_of_nothing_asks_nothing() -> None:
    aws = account()
    assert remove(aws, [], 60) == ([], [])
    assert all(client.calls == [] for client in aws.clients.values())


def test_regions_of_the_account_are_told_in_order() -> None:
    assert enabled_regions(account()) == [HERE, THERE]


def test_searching_many_regions_at_once_makes_no_client_in_a_thread() -> None:
    names = [f"r-{number}" for number in range(20)]
    clients = {name: Client({("instance", f"i-{name}"): tags()}) for name in names}
    aws: Any = Account({**clients, "iam": Client()})
    assert len(find(aws, names, ["B"], expired=False, now=NOW, kinds=KINDS)) == 20
