# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of EC2 for a machine: the ways to have it, in order, and the request for each."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._ec2_request import (
    Candidate,
    Surroundings,
    Wanted,
    candidates,
    request,
    token,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)
ON_DEMAND = {"enabled": False, "max_price": None, "fallback": True}
SPOT = {"enabled": True, "max_price": None, "fallback": True}
WAY = Candidate("t3.small", None, spot=False)
AROUND = Surroundings("goldsmith-b", ["sg-1"], None, [])


def wanted(**changes: Any) -> Wanted:
    options: dict[str, Any] = {
        "build_id": "b",
        "image_name": "web",
        "role": "builder",
        "ami": "ami-1",
        "root_device": "/dev/xvda",
        "expires_in": 3600,
        "instance_types": ["t3.small"],
        "spot": ON_DEMAND,
        "root_volume": {"type": "gp3", "encrypted": True},
        "block_devices": [],
        "user_data": None,
        "public_ip": None,
        "hop_limit": 1,
        "tenancy": None,
        "availability_zone": None,
        "placement_group": None,
        "host_id": None,
        "enclave": False,
        "cpu_credits": None,
        "ebs_optimized": None,
        "tags": {},
    }
    return Wanted(**{**options, **changes})


def asked(way: Candidate = WAY, around: Surroundings = AROUND, **changes: Any) -> dict[str, Any]:
    return request(wanted(**changes), way, around, NOW)


def test_types_and_subnets_are_tried_in_order() -> None:
    assert [str(way) for way in candidates(["a", "b"], ["s1", "s2"], ON_DEMAND)] == [
        "a in s1",
        "a in s2",
        "b in s1",
        "b in s2",
    ]


def test_spot_goes_before_on_demand() -> None:
    assert [str(way) for way in candidates(["a", "b"], [], SPOT)] == ["a (spot)", "b (spot)", "a", "b"]


def test_spot_without_fallback_is_spot_alone() -> None:
    assert candidates(["a"], [], {**SPOT, "fallback": False}) == [Candidate("a", None, spot=True)]


@given(st.lists(st.sampled_from("abc"), min_size=1), st.lists(st.sampled_from("xyz")), st.booleans(), st.booleans())
def test_every_way_comes_once_and_the_first_is_the_most_wanted(
    types: list[str], subnets: list[str], spot: bool, fallback: bool
) -> None:
    ways = candidates(types, subnets, {"enabled": spot, "fallback": fallback})

    assert len(ways) == len(set(ways)) == len(set(types)) * (len(set(subnets)) or 1) * (2 if spot and fallback else 1)
    assert ways[0] == Candidate(types[0], subnets[0] if subnets else None, spot)


@given(st.lists(st.tuples(st.sampled_from(["b", "c"]), st.sampled_from(["builder", "verify"]), st.integers(0, 3))))
def test_token_is_of_one_build_one_role_and_one_try(many: list[tuple[str, str, int]]) -> None:
    tokens = {
        (build, role, number): token(wanted(build_id=build, role=role), WAY, number) for build, role, number in many
    }

    assert len(set(tokens.values())) == len(tokens)
    assert all(len(one) <= 64 and one.isascii() for one in tokens.values())


def test_time_does_not_change_the_token() -> None:
    later = request(wanted(), WAY, AROUND, NOW.replace(hour=9))

    assert later["ClientToken"] == asked()["ClientToken"]
    assert later != asked()


def test_everything_that_a_start_makes_is_tagged_by_it() -> None:
    specifications = asked(tags={"team": "web", "cost": 7, "goldsmith:build": "mine"})["TagSpecifications"]

    assert [one["ResourceType"] for one in specifications] == ["instance", "volume", "network-interface"]
    for one in specifications:
        assert {tag["Key"]: tag["Value"] for tag in one["Tags"]} == {
            "team": "web",
            "cost": "7",
            "Name": "goldsmith-b",
            "goldsmith:build": "b",
            "goldsmith:name": "web",
            "goldsmith:role": "builder",
            "goldsmith:expires": "2026-11-22T08:00:00Z",
        }


def test_machine_to_be_tested_has_a_name_of_its_own() -> None:
    assert wanted(role="verify").all_tags(NOW)["Name"] == "goldsmith-b-verify"


def test_defaults_are_the_safe_ones() -> None:
    plain = asked()

    assert plain["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }
    assert plain["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert plain["BlockDeviceMappings"] == [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}}
    ]
    assert b"goldsmith-expiry" in plain["UserData"]
    assert (plain["KeyName"], plain["SecurityGroupIds"]) == ("goldsmith-b", ["sg-1"])


def test_options_that_are_off_are_not_passed_on() -> None:
    assert {"Placement", "EbsOptimized", "EnclaveOptions", "CreditSpecification", "InstanceMarketOptions"}.isdisjoint(
        asked()
    )
    assert {"SubnetId", "NetworkInterfaces", "IamInstanceProfile"}.isdisjoint(asked())


def test_request_is_one_that_the_api_takes() -> None:
    full = asked(
        Candidate("m7i.large", "subnet-1", spot=True),
        Surroundings("key", ["sg-1"], "arn:aws:iam::111122223333:instance-profile/x", ["subnet-1"]),
        spot={**SPOT, "max_price": "0.05"},
        root_volume={
            "size": 20,
            "type": "gp3",
            "iops": 4000,
            "throughput": 300,
            "encrypted": True,
            "kms_key": "alias/x",
        },
        block_devices=[{"device": "/dev/sdf", "size": 5, "encrypted": True}, {"device": "/dev/sdg", "no_device": True}],
        user_data="#!/bin/sh\n",
        public_ip=True,
        tenancy="host",
        availability_zone="eu-west-1a",
        placement_group="p",
        host_id="h-1",
        enclave=True,
        cpu_credits="unlimited",
        ebs_optimized=True,
    )

    # The client encodes it before the request is held against its shape.
    full["UserData"] = base64.b64encode(full["UserData"]).decode()
    shape = Session().get_service_model("ec2").operation_model("RunInstances").input_shape
    assert ParamValidator().validate(full, shape).generate_report() == ""
    assert full["Placement"] == {
        "AvailabilityZone": "eu-west-1a",
        "Tenancy": "host",
        "GroupName": "p",
        "HostId": "h-1",
    }
    assert full["InstanceMarketOptions"]["SpotOptions"]["MaxPrice"] == "0.05"
    assert full["TagSpecifications"][-1]["ResourceType"] == "spot-instances-request"
    assert full["IamInstanceProfile"] == {"Arn": "arn:aws:iam::111122223333:instance-profile/x"}
    assert full["BlockDeviceMappings"][1]["Ebs"] == {"VolumeSize": 5, "Encrypted": True, "DeleteOnTermination": True}


@pytest.mark.parametrize("public", [True, False])
def test_wish_for_a_public_address_goes_to_the_network_interface(public: bool) -> None:
    found = asked(Candidate("a", "subnet-1", spot=False), public_ip=public)

    assert found["NetworkInterfaces"] == [
        {
            "DeviceIndex": 0,
            "AssociatePublicIpAddress": public,
            "DeleteOnTermination": True,
            "SubnetId": "subnet-1",
            "Groups": ["sg-1"],
        }
    ]
    assert {"SubnetId", "SecurityGroupIds"}.isdisjoint(found)


def test_encryption_that_is_not_wanted_leaves_the_base_s() -> None:
    assert "Encrypted" not in asked(root_volume={"encrypted": False})["BlockDeviceMappings"][0]["Ebs"]


def test_volume_that_shall_outlive_the_machine_does() -> None:
    kept = asked(block_devices=[{"device": "/dev/sdf", "delete_on_termination": False}])

    assert kept["BlockDeviceMappings"][1]["Ebs"] == {"DeleteOnTermination": False}


def test_root_device_has_an_option_of_its_own() -> None:
    with pytest.raises(Fault, match="use root_volume"):
        wanted(block_devices=[{"device": "/dev/xvda"}]).check(NOW)


def test_machine_without_a_type_is_refused() -> None:
    with pytest.raises(Fault, match="instance_types is empty"):
        wanted(instance_types=[]).check(NOW)
