# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the API is told what an instance is to be captured as."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._ami import progress, view
from ansible_collections.goldsmith.images.plugins.module_utils._ami_request import (
    Request,
    check,
    creation,
    must_register,
    newest,
    registration,
    snapshotting,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

TAGS = {"goldsmith:build": "b"}
LIST = [{"Key": "goldsmith:build", "Value": "b"}]
INSTANCE = {
    "InstanceId": "i-1",
    "Architecture": "x86_64",
    "RootDeviceName": "/dev/xvda",
    "EnaSupport": True,
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-1"}},
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeId": "vol-2"}},
    ],
}
DETAILS = {
    "vol-1": {"VolumeId": "vol-1", "Size": 8, "VolumeType": "gp3", "Iops": 3000, "Throughput": 125},
    "vol-2": {"VolumeId": "vol-2", "Size": 1, "VolumeType": "gp2", "Iops": 100},
}
SNAPSHOTS = {"vol-1": {"SnapshotId": "snap-1"}, "vol-2": {"SnapshotId": "snap-2"}}


def test_image_and_snapshots_have_their_tags_from_the_call_that_makes_them() -> None:
    parameters = creation(Request("i-1", "b", "web-1", tags=TAGS))
    assert parameters == {
        "InstanceId": "i-1",
        "Name": "web-1",
        "NoReboot": False,
        "TagSpecifications": [
            {"ResourceType": "image", "Tags": LIST},
            {"ResourceType": "snapshot", "Tags": LIST},
        ],
    }


def test_an_instance_that_is_not_stopped_is_not_rebooted_either() -> None:
    assert creation(Request("i-1", "b", "web-1", stop=False))["NoReboot"] is True


@pytest.mark.parametrize(
    ("wish", "registered"),
    [
        ({}, False),
        ({"ena": True}, False),
        ({"ena": False}, True),
        ({"boot_mode": "uefi"}, True),
        ({"boot_mode": "uefi", "tpm": "v2.0"}, True),
        ({"imds": "v2.0"}, False),
    ],
)
def test_an_image_is_registered_only_for_what_the_instance_is_not_already(wish: dict, registered: bool) -> None:
    assert must_register(Request("i-1", "b", "web-1", **wish), INSTANCE) is registered


def test_what_the_instance_is_already_needs_no_registration() -> None:
    wish = Request("i-1", "b", "web-1", boot_mode="uefi", tpm="v2.0")
    assert not must_register(wish, {**INSTANCE, "BootMode": "uefi", "TpmSupport": "v2.0"})


@pytest.mark.parametrize("boot_mode", [None, "legacy-bios", "uefi-preferred"])
def test_a_tpm_for_a_boot_mode_without_one_is_refused_before_anything_is_done(boot_mode: str | None) -> None:
    with pytest.raises(Fault, match="needs boot_mode: uefi"):
        check(Request("i-1", "b", "web-1", boot_mode=boot_mode, tpm="v2.0"))
    check(Request("i-1", "b", "web-1", boot_mode="uefi", tpm="v2.0"))


def test_a_registered_image_has_the_volumes_as_the_instance_had_them() -> None:
    request = Request("i-1", "b", "web-1", "A web server", TAGS, boot_mode="uefi", imds="v2.0")
    assert registration(request, INSTANCE, SNAPSHOTS, DETAILS) == {
        "Name": "web-1",
        "Description": "A web server",
        "Architecture": "x86_64",
        "RootDeviceName": "/dev/xvda",
        "VirtualizationType": "hvm",
        "EnaSupport": True,
        "BootMode": "uefi",
        "ImdsSupport": "v2.0",
        "TagSpecifications": [{"ResourceType": "image", "Tags": LIST}],
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {
                    "SnapshotId": "snap-1",
                    "VolumeSize": 8,
                    "VolumeType": "gp3",
                    "Iops": 3000,
                    "Throughput": 125,
                    "DeleteOnTermination": True,
                },
            },
            {
                "DeviceName": "/dev/sdf",
                "Ebs": {"SnapshotId": "snap-2", "VolumeSize": 1, "VolumeType": "gp2", "DeleteOnTermination": True},
            },
        ],
    }


def test_devices_of_a_registered_image_are_changed_left_out_and_added() -> None:
    changes = [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}},
        {"DeviceName": "/dev/sdf", "NoDevice": ""},
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
    ]
    request = Request("i-1", "b", "web-1", devices=changes, ena=False)
    found = registration(request, INSTANCE, SNAPSHOTS, DETAILS)
    assert [(one["DeviceName"], one.get("Ebs", {}).get("VolumeSize")) for one in found["BlockDeviceMappings"]] == [
        ("/dev/xvda", 20),
        ("/dev/sdb", None),
    ]
    assert found["EnaSupport"] is False
    assert snapshotting(request, INSTANCE)["InstanceSpecification"] == {
        "InstanceId": "i-1",
        "ExcludeDataVolumeIds": ["vol-2"],
    }


def test_of_two_sets_of_snapshots_the_second_is_taken() -> None:
    start = datetime(2026, 11, 22)
    sets = [
        {"SnapshotId": f"snap-{number}", "VolumeId": f"vol-{number % 2}", "StartTime": start + timedelta(number // 2)}
        for number in (3, 0, 2, 1)
    ]
    assert {volume: one["SnapshotId"] for volume, one in newest(sets, ["vol-0", "vol-1", "vol-9"]).items()} == {
        "vol-0": "snap-2",
        "vol-1": "snap-3",
    }
    assert newest(sets, []) == {}


snapshots = st.builds(
    lambda state, percent, size: {"State": state, "Progress": percent, "VolumeSize": size},
    st.sampled_from(["pending", "completed"]),
    st.one_of(st.just(""), st.integers(0, 100).map(lambda number: f"{number}%")),
    st.integers(1, 1000),
)


@given(st.lists(snapshots))
def test_progress_is_whole_when_all_snapshots_are_complete_and_never_more(snapshots: list[dict]) -> None:
    percent = progress(snapshots)
    assert 0 <= percent <= 100
    if snapshots and all(one["State"] == "completed" for one in snapshots):
        assert percent == 100


def test_a_large_snapshot_weighs_more_than_a_small_one() -> None:
    large = {"State": "pending", "Progress": "10%", "VolumeSize": 90}
    assert progress([large, {"State": "completed", "Progress": "100%", "VolumeSize": 10}]) == 19
    assert progress([]) == 0


def test_an_image_whose_snapshots_are_not_known_yet_can_be_shown() -> None:
    shown = view({"ImageId": "ami-1", "State": "pending", "BlockDeviceMappings": [{"DeviceName": "/dev/xvda"}]}, "r", 7)
    assert (shown["id"], shown["state"], shown["progress"], shown["snapshots"], shown["size"]) == (
        "ami-1",
        "pending",
        7,
        [],
        0,
    )
