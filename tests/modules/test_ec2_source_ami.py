"""`ec2_source_ami` on the lab: which image it is, and what is said when it is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from goldsmith.lab import Fault, Lab

pytestmark = pytest.mark.docker

Run = Callable[..., dict[str, Any]]

DEBIAN = "136693071363"
BASE = "debian-12-amd64-lab"


@pytest.fixture(scope="module")
def ec2(lab_client: Callable[..., Any]) -> Any:
    return lab_client()


@pytest.fixture(scope="module")
def base(ec2: Any) -> str:
    return str(ec2.describe_images(Filters=[{"Name": "name", "Values": [BASE]}])["Images"][0]["ImageId"])


@pytest.fixture
def own_image(ec2: Any, base: str, build_id: str) -> Iterator[str]:
    """An image of this account, with tags as a build gives them."""
    tags = [
        {"Key": "goldsmith:name", "Value": build_id},
        {"Key": "goldsmith:state", "Value": "published"},
        {"Key": "goldsmith:user", "Value": "deploy"},
    ]
    specification = [{"ResourceType": "image", "Tags": tags}]
    image = ec2.copy_image(
        Name=build_id, SourceImageId=base, SourceRegion="eu-west-1", TagSpecifications=specification
    )["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig={"Delay": 1})
    yield str(image)
    ec2.deregister_image(ImageId=image)


@pytest.fixture(autouse=True)
def _clean(lab: Lab) -> Iterator[None]:
    lab.clear_calls()
    yield
    lab.clear_faults()


def actions(lab: Lab) -> list[str]:
    return [call["action"] for call in lab.calls()]


def test_image_of_an_owner_is_found_by_name_with_one_call(run_in_lab: Run, lab: Lab, base: str) -> None:
    result = run_in_lab("ec2_source_ami", owner=DEBIAN, name="debian-12-amd64-*")

    source = result["source"]
    assert actions(lab) == ["DescribeImages"]
    assert not result["changed"]
    assert result["diff"] == {"before": {"id": base}, "after": {"id": base}}
    assert {key: source[key] for key in ("id", "name", "owner", "kind", "digest", "region")} == {
        "id": base,
        "name": BASE,
        "owner": DEBIAN,
        "kind": "ami",
        "digest": None,
        "region": "eu-west-1",
    }
    assert (source["architecture"], source["os"], source["user"]) == ("x86_64", "linux", "admin")
    assert source["root_device"] == "/dev/xvda"
    assert [device["DeviceName"] for device in source["block_devices"]] == ["/dev/xvda"]
    assert source["reference"] == f"{DEBIAN}/debian-12-amd64-*"


def test_newest_image_of_another_spec_is_found_by_its_tags(run_in_lab: Run, own_image: str, build_id: str) -> None:
    filters = {"tag:goldsmith:name": build_id, "tag:goldsmith:state": ["published"]}

    result = run_in_lab("ec2_source_ami", owner="self", filters=filters, reference="base")

    assert result["source"]["id"] == own_image
    assert result["source"]["reference"] == "base"
    assert result["source"]["user"] == "deploy"


def test_parameter_names_the_image(run_in_lab: Run, lab: Lab, lab_client: Callable[..., Any], base: str) -> None:
    lab_client("ssm").put_parameter(Name="/bases/debian", Value=base, Type="String")
    lab.clear_calls()

    result = run_in_lab("ec2_source_ami", ssm="/bases/debian", check=True)

    assert result["source"]["id"] == base
    assert actions(lab) == ["GetParameter", "DescribeImages"]


def test_time_of_deprecation_is_told(run_in_lab: Run, ec2: Any, own_image: str) -> None:
    ec2.enable_image_deprecation(ImageId=own_image, DeprecateAt=datetime.now(UTC) + timedelta(days=1))

    result = run_in_lab("ec2_source_ami", id=own_image)

    assert datetime.fromisoformat(result["source"]["deprecates"]) > datetime.now(UTC)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"id": "ami-0123456789abcdef0"}, "there is no image ami-0123456789abcdef0 in eu-west-1"),
        ({"owner": DEBIAN, "name": "debian-99-*"}, "no image in eu-west-1 answers to"),
        ({"owner": DEBIAN, "name": "debian-12-*", "architecture": "arm64"}, "is built for x86_64, not for arm64"),
        ({"owner": DEBIAN, "name": "debian-12-*", "region": "eu-nowhere-1"}, "is the region enabled in the account?"),
        ({"filters": {"name": "debian-12-*"}}, "owner"),
        ({"owner": DEBIAN}, "a name, or filters"),
    ],
)
def test_what_names_no_image_to_build_on_is_said_so(run_in_lab: Run, options: dict[str, Any], told: str) -> None:
    result = run_in_lab("ec2_source_ami", **options)

    assert result["failed"]
    assert told in result["msg"]


def test_missing_permission_is_named(run_in_lab: Run, lab: Lab, base: str) -> None:
    lab.order(Fault("DescribeImages", code="UnauthorizedOperation"))

    result = run_in_lab("ec2_source_ami", id=base)

    assert result["failed"]
    assert "the permission ec2:DescribeImages is missing" in result["msg"]
