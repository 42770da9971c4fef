"""Packer's builder `amazon-ebs` makes an image in the lab, as it does on AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.lab.conftest import CLEAN, DEBIAN, Account, own_images, resources, until

from goldsmith.lab import Lab

PACKER = shutil.which("packer", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")

# Where there is no Packer, the test is skipped even if all tests with Docker are required: not every system has it.
pytestmark = pytest.mark.docker if PACKER else pytest.mark.skip(reason="packer is not installed")


def test_packer_builds_an_image_and_copies_it(account: Account, lab: Lab, tmp_path: Path) -> None:
    builder = {
        "type": "amazon-ebs",
        "region": "eu-west-1",
        "custom_endpoint_ec2": lab.endpoint,
        "access_key": "test",
        "secret_key": "test",
        "skip_metadata_api_check": True,
        "source_ami_filter": {"filters": {"name": "debian-12-amd64-*"}, "owners": [DEBIAN], "most_recent": True},
        "instance_type": "t3.micro",
        "ssh_username": "admin",
        "ami_name": "packed",
        "ami_regions": ["eu-central-1"],
        "ami_users": ["111122223333"],
        "tags": {"by": "packer"},
        "snapshot_tags": {"by": "packer"},
        "run_tags": {"for": "packer"},
        "run_volume_tags": {"for": "packer"},
        "launch_block_device_mappings": [{"device_name": "/dev/xvda", "volume_size": 9, "delete_on_termination": True}],
    }
    provisioner = {"type": "shell", "inline": ["echo by packer | sudo tee /root/mark", "sync"]}
    (tmp_path / "image.json").write_text(json.dumps({"builders": [builder], "provisioners": [provisioner]}))
    done = subprocess.run(
        [str(PACKER), "build", "-color=false", "image.json"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_POLL_DELAY_SECONDS": "1",
            "CHECKPOINT_DISABLE": "1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    image = own_images(account)["packed"]
    assert {"Key": "by", "Value": "packer"} in image["Tags"]
    shown = account.ec2.describe_image_attribute(ImageId=image["ImageId"], Attribute="launchPermission")
    assert shown["LaunchPermissions"] == [{"UserId": "111122223333"}]
    copied = own_images(Account(lab, account.key, "eu-central-1"))["packed"]
    assert copied["State"] == "available" and copied["SourceImageId"] == image["ImageId"]
    until(lambda: resources(account) == CLEAN)
    again = account.run(image["ImageId"]).enter()
    assert again.do("cat /root/mark") == "by packer"
    again.terminate()
    again.wait("terminated")
