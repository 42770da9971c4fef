"""Live servers, with systemd and over real SSH: audited, hardened batch by batch, and left alone after a batch that broke."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from goldsmith.lab import Lab

from .account import client

pytestmark = pytest.mark.docker

BROKEN = """
- name: Let the administrator in no more
  ansible.builtin.command: mv /home/admin/.ssh/authorized_keys /home/admin/.ssh/mistake
  when: inventory_hostname == 'one'
  changed_when: true
- name: Break a service, as settings that it does not bear would
  ansible.builtin.command: systemd-run --unit=application false
  when: inventory_hostname == 'two'
  changed_when: true
"""
LOST = """
- name: Break down
  ansible.builtin.shell: systemctl stop ssh; pkill -KILL sshd
  when: inventory_hostname == 'three'
  changed_when: true
"""
# What the role does is the subject of the role's own tests: here the least of it is enough.
CONTROLS = Path(__file__).parents[2] / "roles/os_hardening/vars/main"
AREAS = [path.stem.removeprefix("controls_") for path in CONTROLS.glob("controls_*.yml")]
LITTLE = {f"os_hardening_{area}_enabled": area == "banners" for area in AREAS}


@dataclass
class Fleet:
    """Machines by the names `one`, `two` and `three`, in this order."""

    inventory: Path
    folder: Path

    def run(self, playbook: str, *options: str, **variables: object) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the collection on them; its records go to the folder."""
        given = {"goldsmith_output": str(self.folder), **variables}
        return subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                *("--inventory", self.inventory, f"goldsmith.images.{playbook}"),
                *("--extra-vars", json.dumps(given), *options),
            ],
            env=os.environ | {"ANSIBLE_PIPELINING": "true", "ANSIBLE_HOST_KEY_CHECKING": "false"},
            cwd=self.folder,
            capture_output=True,
            text=True,
        )

    def hook(self, text: str) -> str:
        (self.folder / "hook.yml").write_text(text)
        return "hook.yml"

    def records(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return what is told of each machine, and forget it."""
        found = {}
        for path in sorted(self.folder.glob(f"*.{kind}.json")):
            found[path.name.partition(".")[0]] = json.loads(path.read_text())
            path.unlink()
        return found

    def sh(self, name: str, script: str) -> str:
        """Run a script as root on a machine, by a login of its own."""
        done = subprocess.run(
            [
                Path(sys.executable).with_name("ansible"),
                *("--inventory", self.inventory, name, "--become", "--one-line"),
                *("--module-name", "ansible.builtin.raw", "--args", script),
            ],
            env=os.environ
            | {"ANSIBLE_HOST_KEY_CHECKING": "false", "ANSIBLE_SSH_ARGS": "-o ControlPath=none"}
            | {"ANSIBLE_LOAD_CALLBACK_PLUGINS": "false"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def reachable(address: str) -> None:
    """Wait until the SSH server of a machine that is starting answers."""
    deadline = time.monotonic() + 60
    while True:
        with suppress(OSError), socket.create_connection((address, 22), timeout=5) as answered:
            if answered.recv(4):
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def fleet(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    ec2 = client(lab.environment)
    with open(folder / "key", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(ec2.create_key_pair(KeyName="fleet", KeyType="ed25519")["KeyMaterial"])
    base = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-12-*"]}])["Images"][0]["ImageId"]
    options = {"ImageId": base, "InstanceType": "t3.small", "KeyName": "fleet", "MinCount": 3, "MaxCount": 3}
    started = [instance["InstanceId"] for instance in ec2.run_instances(**options)["Instances"]]
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=started, WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
    described = ec2.describe_instances(InstanceIds=started)["Reservations"]
    addresses = [one["PublicIpAddress"] for reservation in described for one in reservation["Instances"]]
    for address in addresses:
        reachable(address)
    hosts = {name: {"ansible_host": address} for name, address in zip(("one", "two", "three"), addresses, strict=True)}
    login = {
        "ansible_user": "admin",
        "ansible_ssh_private_key_file": str(folder / "key"),
        "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    hosts["two"] |= LITTLE
    hosts["three"] |= LITTLE
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": login}}))
    yield Fleet(inventory, folder)
    ec2.terminate_instances(InstanceIds=started)


def test_an_audit_tells_of_every_machine_and_changes_none(fleet: Fleet) -> None:
    look = 'sh -c \'find / -xdev -type f -newer /run/before -not -path "/var/log/*" -not -path "*/.ansible/*"\''
    fleet.sh("one", "touch /run/before")
    done = fleet.run("audit", "--limit", "one,two", goldsmith_strict="{{ inventory_hostname == 'two' }}")
    records = fleet.records("audit")
    assert {name: record["status"] for name, record in records.items()} == dict.fromkeys(("one", "two"), "ok")
    one = records["one"]
    assert one["system"].startswith("Debian 12") and one["counts"]["not_compliant"] > 0
    assert {"id", "title", "area", "level", "status"} <= one["controls"][0].keys()
    assert len(one["controls"]) == sum(one["counts"].values())
    assert f"two: ok, {records['two']['counts']['not_compliant']} not compliant" in done.stdout
    assert "/etc" not in fleet.sh("one", look)
    assert done.returncode != 0 and done.stdout.count("controls are not met") >= 1
    assert re.search(r"^one .* failed=0 ", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^two .* failed=1 ", done.stdout, re.MULTILINE), done.stdout


def test_machines_that_let_nobody_in_or_lost_a_service_are_named_and_end_the_run_before_the_next_batch(
    fleet: Fleet,
) -> None:
    done = fleet.run("harden", goldsmith_before=fleet.hook(BROKEN), goldsmith_serial=[2, 1], **LITTLE)
    assert done.returncode != 0
    assert "one: FAILED afterwards: " in done.stdout, done.stdout
    assert "two: FAILED afterwards: services that ran before have failed: application.service" in done.stdout
    assert "three: not begun" in done.stdout
    records = fleet.records("harden")
    assert {name: record["status"] for name, record in records.items()} == {"one": "failed", "two": "failed"}
    assert records["two"]["counts"]["changed"] > 0
    assert "Permission denied" in records["one"]["failure"]["message"]


def test_a_machine_that_is_lost_is_told_of_by_the_others_of_its_batch_which_come_through(fleet: Fleet) -> None:
    options = {"goldsmith_after": fleet.hook(LOST), "goldsmith_serial": 2, **LITTLE}
    done = fleet.run("harden", "--limit", "two,three", **options)
    assert done.returncode != 0
    assert "two: ok" in done.stdout and "three: LOST while it was being worked on" in done.stdout, done.stdout
    records = fleet.records("harden")
    assert {name: record["status"] for name, record in records.items()} == {"two": "ok", "three": "lost"}
    # Of what it was held to before, nothing is to be done; of the service that had failed then, nothing is told now.
    assert records["two"]["counts"]["changed"] == 0
    restarted = fleet.sh("two", "systemctl restart ssh && systemctl is-active ssh")
    assert "active" in restarted
