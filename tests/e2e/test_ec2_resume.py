"""A publication that was cut off or failed is finished by itself: nothing is started, nothing is done twice."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from goldsmith.lab import Fault, Lab

from .account import client, only_new, resources
from .conftest import Cli, SpecWriter

pytestmark = [pytest.mark.docker, pytest.mark.network]

TARGETS = {
    "ec2": {
        "region": "eu-west-1",
        "root_volume": {"encrypted": False, "size": 12},
        "copy_to": ["eu-central-1"],
        "share_with": {"accounts": ["111122223333"], "snapshots": True},
        "ssm_parameter": "/images/web",
        "deprecate_after": "180d",
        "tags": {"team": "os"},
    }
}


def resume(goldsmith: Cli, build: str, account: Lab) -> tuple[dict[str, Any], list[str]]:
    """Resume a build, and return its result and the calls that this took."""
    account.clear_faults()
    account.clear_calls()
    done = goldsmith("build", "--resume", build, "--json")
    result = next(one for one in map(json.loads, done.stdout.splitlines()) if one["kind"] == "result")
    return result, [call["action"] for call in account.calls()]


@pytest.mark.parametrize("action", ["CopyImage", pytest.param("ModifyImageAttribute", marks=pytest.mark.exhaustive)])
def test_a_build_that_was_killed_while_it_published_is_resumed_and_goes_where_the_spec_says(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab, action: str
) -> None:
    before = resources(account.environment)
    account.order(Fault(action, "hold", last=1))
    runner = goldsmith.start("build", write_ami_spec(targets=TARGETS))
    try:
        assert account.wait_held(300)
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.communicate()
    [build] = [path.name for path in (goldsmith.home / "builds").iterdir()]

    result, calls = resume(goldsmith, build, account)

    assert "RunInstances" not in calls
    assert "CreateImage" not in calls
    assert (result["status"], result["artifact"]["published"]) == ("built", True)
    assert result["packages"] > 50
    made = only_new(before, resources(account.environment))
    assert made["eu-west-1"]["images"] == [result["artifact"]["id"]]
    assert made["eu-central-1"]["images"] == [result["artifact"]["images"]["eu-central-1"]["id"]]
    assert {kind for region in made.values() for kind in region} == {"images", "snapshots", "parameters"}
    assert not list(Path("/dev/shm").glob(f"goldsmith-{build}*"))
    for region in made:
        [image] = made[region]["images"]
        ec2 = client(account.environment, region=region)
        shared = ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")
        assert shared["LaunchPermissions"] == [{"UserId": "111122223333"}]
        [found] = ec2.describe_images(ImageIds=[image])["Images"]
        marks = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
        assert (marks["team"], marks["goldsmith:state"]) == ("os", "published")
        assert found["DeprecationTime"] > "2026"
    parameter = client(account.environment, "ssm").get_parameter(Name="/images/web")["Parameter"]
    assert parameter["Value"] == result["artifact"]["id"]
    assert result["artifact"]["size"] == 12 << 30
    shown = json.loads(goldsmith("images", "show", goldsmith.name, "--json").stdout)
    assert shown["versions"][0]["builds"][0]["state"] == "built"


def test_a_publication_that_failed_keeps_the_image_and_is_resumed_with_a_mended_spec(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    denied = Fault("CopyImage", "error", "UnauthorizedOperation")
    account.order(denied)
    failed = goldsmith.build(write_ami_spec(targets=TARGETS), code=1)
    assert failed["failure"]["phase"] == "publish"
    assert "ec2:CopyImage" in failed["failure"]["message"]
    assert not failed["artifact"]["published"]

    write_ami_spec(targets={"ec2": TARGETS["ec2"] | {"copy_to": []}})
    result, calls = resume(goldsmith, failed["build"], account)

    assert result["artifact"]["id"] == failed["artifact"]["id"]
    assert result["artifact"]["published"]
    assert "CopyImage" not in calls
    assert "there is nothing left to do" in goldsmith("build", "--resume", failed["build"], code=2).stderr
    assert "name SPECs to build, or a build by --resume" in goldsmith("build", code=2).stderr
