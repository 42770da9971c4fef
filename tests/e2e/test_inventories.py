"""The inventories that come with Goldsmith list the machines of an account, and lead into them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goldsmith.lab import Lab

from .account import client

pytestmark = pytest.mark.docker

INVENTORIES = Path(__file__).parents[2] / "inventories"
ANSIBLE = Path(sys.executable).parent


def ansible(lab: Lab, program: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [ANSIBLE / program, *arguments], env=os.environ | lab.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def machine(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A machine of the lab, tagged as one of the image `web`, and the key that opens it."""
    ec2 = client(lab.environment)
    key = tmp_path_factory.mktemp("key") / "key"
    with open(key, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(ec2.create_key_pair(KeyName="inventories", KeyType="ed25519")["KeyMaterial"])
    base = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-12-*"]}])["Images"][0]["ImageId"]
    tags = [{"Key": "Name", "Value": "web-1"}, {"Key": "goldsmith:name", "Value": "web"}]
    started = ec2.run_instances(
        ImageId=base,
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        KeyName="inventories",
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    name = str(started["Instances"][0]["InstanceId"])
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=[name], WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
    yield name, key
    ec2.terminate_instances(InstanceIds=[name])


def listed(lab: Lab, name: str) -> dict[str, Any]:
    return dict(json.loads(ansible(lab, "ansible-inventory", "-i", INVENTORIES / name, "--list")))


def test_the_machines_of_an_account_are_grouped_by_image_and_region(lab: Lab, machine: tuple[str, Path]) -> None:
    found = listed(lab, "aws_ec2.yml")
    assert found["image_web"]["hosts"] == ["web-1"]
    assert found["region_eu_west_1"]["hosts"] == ["web-1"]
    assert found["_meta"]["hostvars"]["web-1"]["instance_id"] == {"__ansible_unsafe": machine[0]}


def test_the_lab_s_machines_are_entered(lab: Lab, machine: tuple[str, Path]) -> None:
    name, key = machine
    assert name in listed(lab, "lab.aws_ec2.yml")["_meta"]["hostvars"]
    inventory = INVENTORIES / "lab.aws_ec2.yml"
    said = ansible(
        lab, "ansible", "-i", inventory, name, "-m", "ansible.builtin.command", "-a", "id -un", "--private-key", key
    )
    assert said.splitlines()[-1] == "root"
