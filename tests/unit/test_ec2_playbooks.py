"""What a spec says of an AMI is passed on by the playbooks, all of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from goldsmith import checkpoints
from goldsmith.targets import ec2_options as ec2

PLAYBOOKS = Path(__file__).parents[2] / "collections/ansible_collections/goldsmith/images/playbooks"
MODULES = "ansible_collections.goldsmith.images.plugins.modules"


def told(*names: str) -> str:
    return "\n".join((PLAYBOOKS / "tasks" / f"ec2_{name}.yml").read_text() for name in names)


@pytest.mark.parametrize(
    ("model", "variable", "files"),
    [
        (ec2.Ami, "goldsmith_source.ami", ["acquire"]),
        (ec2.Machine, "machine", ["acquire", "connect"]),
        (ec2.Ssm, "machine.ssm", ["connect"]),
        (ec2.Image, "image", ["capture"]),
        (ec2.Ec2Options, "goldsmith_target", ["acquire", "capture", "publish", "direct_acquire"]),
        (ec2.Retire, "goldsmith_target.retire", ["publish"]),
        (ec2.Subnet, "machine.subnet", ["acquire"]),
        (ec2.SecurityGroup, "machine.security_group", ["acquire"]),
    ],
)
def test_every_key_of_the_spec_is_asked_for(model: type[BaseModel], variable: str, files: list[str]) -> None:
    # The runner puts an id in place of `from`; the plays take the region.
    # The strategy decides on the playbook, and with it on the sources.
    keys = {field.alias or name for name, field in model.model_fields.items()} - {"from", "region", "strategy"}
    text = told(*files)
    assert {key for key in keys if not re.search(rf"\b{re.escape(variable)}\.{key}\b", text)} == set()


def test_every_source_of_an_instance_is_asked_for() -> None:
    text = told("acquire")
    assert {key for key in ("id", "ssm", "ami.owner", "architecture") if f"goldsmith_source.{key}" not in text} == set()


def test_an_imported_image_has_all_that_an_image_can_have() -> None:
    asked = set(re.findall(r"\bimage\.(\w+)", told("direct_capture"))) - {"path"}
    assert asked == set(ec2.Image.model_fields) - {"stop", "block_devices"}


@pytest.mark.parametrize(
    ("model", "module", "option"),
    [
        (ec2.Ssh, "ec2_builder", "ssh"),
        (ec2.Spot, "ec2_builder", "spot"),
        (ec2.RootVolume, "ec2_builder", "root_volume"),
        (ec2.BlockDevice, "ec2_builder", "block_devices"),
        (ec2.BlockDevice, "ec2_ami", "block_devices"),
        (ec2.Copy, "ec2_ami_publish", "copy_to"),
        (ec2.ShareWith, "ec2_ami_publish", "share_with"),
    ],
)
def test_what_is_passed_on_whole_has_the_keys_of_the_module(model: type[BaseModel], module: str, option: str) -> None:
    documented = YAML(typ="safe").load(import_module(f"{MODULES}.{module}").DOCUMENTATION)["options"]
    assert set(model.model_fields) <= set(documented[option]["suboptions"])


def test_a_plan_looks_for_checkpoints_by_the_same_options_as_a_build() -> None:
    look_up = next(line for line in told("acquire").splitlines() if "goldsmith_target | dict2items" in line)
    assert set(re.findall(r"'(\w+)'", look_up)) - {"key", "in"} == set(checkpoints.MACHINE)


def test_a_machine_to_verify_is_like_the_one_that_was_built_in() -> None:
    own = {"user_data", "block_devices"}
    elsewhere = {"availability_zone"}  # its subnet says it
    asked = _arguments("acquire", "goldsmith.images.ec2_builder") - own - elsewhere
    assert asked - _arguments("verify", "goldsmith.images.ec2_builder") == set()


def _arguments(name: str, module: str) -> set[str]:
    def tasks(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for task in found for one in (task, *tasks(task.get("block", [])))]

    read = tasks(YAML(typ="safe").load(PLAYBOOKS / "tasks" / f"ec2_{name}.yml"))
    return {key for task in read for key in task.get(module, {})}


SSH = {
    "user": "admin",
    "port": 22,
    "address": "192.0.2.1",
    "key_file": "/run/k",
    "known_hosts": "/run/k.h",
    "args": "-C",
}


@pytest.mark.parametrize(
    ("ssh", "machine", "connection", "inside", "noted"),
    [
        (SSH, {}, "ssh", "ssh://admin@192.0.2.1:22", {**SSH, "id": "i-1", "control": "/run/k.builder"}),
        (
            None,
            {"connection": "ssm", "ssm": {"bucket": "b", "timeout": 60}},
            "amazon.aws.aws_ssm",
            "ansible://web",
            {"id": "i-1", "control": ".builder"},
        ),
    ],
    ids=["ssh", "ssm"],
)
def test_a_machine_is_known_by_how_it_is_entered(
    tmp_path: Path, ssh: Any, machine: Any, connection: str, inside: str, noted: dict[str, Any]
) -> None:
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "goldsmith_output": str(tmp_path),
            "goldsmith_target": {"machine": machine},
            "goldsmith_base": {"source": {"region": "eu-west-1"}},
        },
        "tasks": [
            {
                "ansible.builtin.import_tasks": str(PLAYBOOKS / "tasks/ec2_connect.yml"),
                "vars": {
                    "started": {"machine": {"id": "i-1", "python": "/usr/bin/python3"}, "ssh": ssh},
                    "role": "builder",
                    "host": "web",
                    "groups_of_host": ["goldsmith_machines"],
                },
            },
            {
                "ansible.builtin.assert": {
                    "that": [
                        f"hostvars.web.ansible_connection == '{connection}'",
                        f"hostvars.web.goldsmith_testinfra_at.connection == '{inside}'",
                        "hostvars.web.ansible_become",
                        f"hostvars.web.ansible_host == '{'192.0.2.1' if ssh else 'i-1'}'",
                    ]
                }
            },
        ],
    }
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", tmp_path / "play.yml"],
        env=os.environ | {"ANSIBLE_LOCAL_TEMP": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "machine.json").read_text()) == noted
