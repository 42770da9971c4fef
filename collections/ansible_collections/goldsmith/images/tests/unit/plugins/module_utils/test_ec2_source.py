# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image is taken of those that EC2 tells of, why one is refused, and who logs in to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._ec2_source import (
    Wanted,
    describe,
    find,
    newest,
    refusal,
    usual_user,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DEBIAN = Wanted(owner="136693071363", name="debian-12-amd64-*")


def image(number: int = 1, **changes: Any) -> dict[str, Any]:
    made = {
        "ImageId": f"ami-{number:08x}",
        "Name": f"debian-12-amd64-{number}",
        "OwnerId": "136693071363",
        "State": "available",
        "Architecture": "x86_64",
        "RootDeviceType": "ebs",
        "RootDeviceName": "/dev/xvda",
        "CreationDate": f"2026-11-{number:02}T03:12:41.000Z",
    }
    return {**made, **changes}


class Account:
    """An account that knows some images and parameters, and counts its calls."""

    region = "eu-west-1"

    def __init__(self, *images: dict[str, Any], parameters: dict[str, str] | None = None) -> None:
        self.images = images
        self.parameters = parameters or {}
        self.calls: list[dict[str, Any]] = []

    def client(self, _service: str = "ec2") -> Any:
        return self

    def describe_images(self, **asked: Any) -> dict[str, Any]:
        self.calls.append(asked)
        if "ImageIds" in asked:
            found = [one for one in self.images if one["ImageId"] in asked["ImageIds"]]
            if not found:
                raise ClientError({"Error": {"Code": "InvalidAMIID.NotFound", "Message": ""}}, "DescribeImages")
            return {"Images": found}
        shown = [one for one in self.images if asked["IncludeDeprecated"] or "DeprecationTime" not in one]
        return {"Images": shown}

    def get_parameter(self, **asked: Any) -> dict[str, Any]:
        self.calls.append(asked)
        if asked["Name"] not in self.parameters:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": ""}}, "GetParameter")
        return {"Parameter": {"Value": self.parameters[asked["Name"]]}}


def resolve(account: Any, wanted: Wanted) -> str:
    return str(find(account, wanted, NOW)["ImageId"])


def test_newest_image_wins_by_one_call() -> None:
    account = Account(image(2), image(9), image(5))

    assert resolve(account, DEBIAN) == "ami-00000009"
    assert account.calls == [
        {
            "Owners": ["136693071363"],
            "Filters": [{"Name": "name", "Values": ["debian-12-amd64-*"]}],
            "IncludeDeprecated": False,
        }
    ]


@given(st.permutations([image(number, CreationDate="2026-11-09") for number in range(1, 5)]))
def test_of_images_of_one_moment_the_last_id_wins_in_whatever_order_they_are_told(images: list[dict[str, Any]]) -> None:
    assert newest(images)["ImageId"] == "ami-00000004"


def test_filters_take_one_value_or_several() -> None:
    account = Account(image())

    resolve(
        account, Wanted(owner="self", filters={"tag:goldsmith:name": "base", "boot-mode": ["uefi", "uefi-preferred"]})
    )

    assert account.calls[0]["Filters"] == [
        {"Name": "tag:goldsmith:name", "Values": ["base"]},
        {"Name": "boot-mode", "Values": ["uefi", "uefi-preferred"]},
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"State": "pending"}, "is pending"),
        ({"State": "failed", "StateReason": {"Message": "torn"}}, r"is failed \(torn\)"),
        ({"State": "disabled"}, "is disabled"),
        ({"Architecture": "arm64"}, "is built for arm64, not for x86_64"),
        ({"RootDeviceType": "instance-store"}, "has its root on an instance store"),
        ({"DeprecationTime": "2026-11-01T00:00:00.000Z"}, "has been deprecated since 2026-11-01"),
    ],
)
def test_image_that_cannot_be_built_on_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    account: Any = Account(image(**changes))

    with pytest.raises(Fault, match=rf"ami-00000001 \(debian-12-amd64-1\) cannot be built on: it {reason}"):
        find(account, Wanted(id="ami-00000001", architecture="amd64"), NOW)


@pytest.mark.parametrize("when", [None, "", "2027-01-01T00:00:00.000Z"])
def test_image_that_is_deprecated_later_or_never_will_do(when: str | None) -> None:
    assert refusal(image(DeprecationTime=when), DEBIAN, NOW) == ""


def test_deprecated_image_will_do_if_asked_for() -> None:
    account = Account(image(DeprecationTime="2026-11-01T00:00:00.000Z"))

    assert resolve(account, DEBIAN._replace(include_deprecated=True)) == "ami-00000001"


def test_unusable_newest_image_gives_way_to_the_newest_usable_one() -> None:
    account = Account(image(1), image(2), image(3, State="pending"), image(4, Architecture="arm64"))

    assert resolve(account, DEBIAN._replace(architecture="x86_64")) == "ami-00000002"


def test_when_none_is_usable_it_is_said_why_the_newest_is_not() -> None:
    account: Any = Account(image(1, State="failed"), image(2, Architecture="arm64"))

    with pytest.raises(Fault, match=r"none of the 2 images.*ami-00000002.*is built for arm64"):
        find(account, DEBIAN._replace(architecture="x86_64"), NOW)


def test_name_that_only_deprecated_images_bear_is_told_from_one_that_none_bears() -> None:
    old: Any = Account(image(DeprecationTime="2026-11-01T00:00:00.000Z"))
    none: Any = Account()

    with pytest.raises(Fault, match="deprecated since"):
        find(old, DEBIAN, NOW)
    with pytest.raises(Fault, match=r"no image in eu-west-1 answers to 136693071363/debian-12-amd64-\*"):
        find(none, DEBIAN, NOW)


def test_unknown_id_is_said_to_be_of_one_region() -> None:
    account: Any = Account()

    with pytest.raises(Fault, match=r"no image ami-0abc in eu-west-1.*of one region"):
        find(account, Wanted(id="ami-0abc"), NOW)


def test_parameter_holds_the_id() -> None:
    account = Account(image(), parameters={"/aws/service/debian": "ami-00000001\n"})

    assert resolve(account, Wanted(ssm="/aws/service/debian")) == "ami-00000001"
    assert len(account.calls) == 2


def test_parameter_that_is_not_there_or_holds_something_else_is_said_so() -> None:
    account: Any = Account(parameters={"/ecs/recommended": '{"image_id": "ami-1"}'})

    with pytest.raises(Fault, match="no SSM parameter /nowhere in eu-west-1"):
        find(account, Wanted(ssm="/nowhere"), NOW)
    with pytest.raises(Fault, match="/image_id"):
        find(account, Wanted(ssm="/ecs/recommended"), NOW)


@pytest.mark.parametrize(
    ("name", "owner", "user"),
    [
        ("anything", "136693071363", "admin"),
        ("debian-13-arm64-20261109", "111122223333", "admin"),
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server", "099720109477", "ubuntu"),
        ("al2023-ami-2023.6.2026-kernel-6.1-x86_64", "amazon", "ec2-user"),
        ("amzn2-ami-kernel-5.10-hvm-2.0", "137112412989", "ec2-user"),
        ("Rocky-9-EC2-Base-9.5.x86_64", "111122223333", "rocky"),
        ("AlmaLinux OS 9.5 x86_64", "764336703387", "ec2-user"),
        ("RHEL-9.5.0_HVM-x86_64", "309956199498", "ec2-user"),
        ("CentOS 7.9.2009 x86_64", "125523088429", "centos"),
        ("CentOS Stream 9 x86_64 20261101", "125523088429", "ec2-user"),
        ("Fedora-Cloud-Base-AmazonEC2.x86_64-43", "125523088429", "fedora"),
        ("suse-sles-15-sp6-v20261101-hvm-ssd-x86_64", "013907871322", "ec2-user"),
        ("web", "111122223333", None),
    ],
)
def test_user_is_the_one_that_the_makers_of_the_image_have(name: str, owner: str, user: str | None) -> None:
    assert usual_user(name, owner) == user


def test_tag_tells_the_user_better_than_the_name() -> None:
    tagged = image(Tags=[{"Key": "goldsmith:user", "Value": "deploy"}])

    assert describe(tagged, "web", "eu-west-1")["user"] == "deploy"


def test_image_is_called_what_was_asked_for_unless_it_is_given_a_name() -> None:
    assert Wanted(owner="self", filters={"tag:a": ["b", "c"]}).called == "self/tag:a=b,c"
    assert Wanted(id="ami-1").called == "ami-1"
    assert DEBIAN._replace(reference="base").called == "base"
