"""A spec becomes an AMI: in the lab, where machines are real ones that are reached by SSH.

Two builds are looked at by most of these tests: a plain one, and one of another spec that stands on it and asks for much.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import docker
import pytest

from goldsmith.lab import Fault, Lab
from goldsmith.lab.cloud import CONTENT

from .account import client, only_new, resources
from .conftest import Cli, SpecWriter, ami_spec_writer

pytestmark = [pytest.mark.docker, pytest.mark.network]

CALLS = 20
"""What the lifecycle of a plain build may ask of the API; Packer asks 27 times."""

SECRET = "s3cr3t-f0r-th3-r3g1stry"

RESTARTS = """
- ansible.builtin.copy: {content: hello, dest: /etc/motd}
- ansible.builtin.command: touch /run/before
- ansible.builtin.reboot: {reboot_timeout: 60}
- ansible.builtin.stat: {path: /run/before}
  register: mark
- ansible.builtin.assert: {that: not mark.stat.exists}
"""

LOOKS_AROUND = """
- ansible.builtin.shell: cat /dev/shm/goldsmith-*{{{{ hostvars.localhost.goldsmith_build_id }}}}.key > {folder}/key
  delegate_to: localhost
  become: false
- ansible.builtin.shell: ps axww -o args > {folder}/processes
  delegate_to: localhost
  become: false
- ansible.builtin.shell: test {{{{ password | length }}}} -eq 23
"""


def images(lab: Lab, result: dict[str, Any], region: str = "eu-west-1") -> list[dict[str, Any]]:
    """Return the images of a build, as EC2 describes them."""
    mine = [{"Name": "tag:goldsmith:build", "Values": [result["build"]]}]
    return list(client(lab.environment, region=region).describe_images(Owners=["self"], Filters=mine)["Images"])


def tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


@dataclass(frozen=True)
class Built:
    """A build that several tests look at.

    Attributes:
        result: What `--json` tells of it.
        calls: The calls that it made.
        new: What there is in the account that was not there before.
        image: Its image as EC2 described it then.
        folder: A directory that its layers may write to.
    """

    result: dict[str, Any]
    calls: list[dict[str, Any]]
    new: dict[str, Any]
    image: dict[str, Any]
    folder: Path


def build(goldsmith: Cli, lab: Lab, spec: Path, *options: str) -> Built:
    before = resources(lab.environment)
    lab.clear_calls()
    result = goldsmith.build(spec, *options)
    calls = lab.calls()
    [image] = images(lab, result)
    return Built(result, calls, only_new(before, resources(lab.environment)), image, spec.parent)


@pytest.fixture(scope="module")
def goldsmith(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> Cli:
    """The command, with a home that the tests of this file share."""
    home = tmp_path_factory.mktemp("ec2") / "home"
    return Cli(home, f"t-{uuid.uuid4().hex[:8]}", lab.environment | {"REGISTRY_PASSWORD": SECRET})


@pytest.fixture(scope="module")
def plain(goldsmith: Cli, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build of one layer, which restarts the machine."""
    folder = tmp_path_factory.mktemp("plain")
    lab.clear_faults()
    # EC2 takes no plus in a name, and no long description.
    spec = ami_spec_writer(folder, goldsmith.name)(
        RESTARTS + LOOKS_AROUND.format(folder=folder),
        version="1.0+x",
        description="long " * 60,
        secrets={"password": {"env": "REGISTRY_PASSWORD"}},
    )
    return build(goldsmith, lab, spec, "-vvv")


def test_a_plain_build_makes_one_image_in_twenty_calls_and_leaves_nothing_else(
    goldsmith: Cli, plain: Built, lab: Lab
) -> None:
    calls = [call["action"] for call in plain.calls if call["service"] == "ec2"]
    # A poll that is repeated says how fast this machine is, not what the lifecycle needs.
    assert len([action for action, _ in groupby(calls)]) <= CALLS, calls
    result, image = plain.result, plain.image
    artifact = result["artifact"]
    assert artifact["id"] == image["ImageId"]
    assert (artifact["region"], artifact["published"]) == ("eu-west-1", True)
    assert artifact["tags"] == [image["Name"]] == [f"{goldsmith.name}-debian-12-1.0-x-{result['build']}"]
    assert image["Description"] == ("long " * 60)[:255]
    assert plain.new == {"eu-west-1": {"images": [image["ImageId"]], "snapshots": artifact["snapshots"]}}
    assert not list(Path("/dev/shm").glob(f"goldsmith-{result['build']}*"))
    assert not image["Public"]
    marks = tags(image)
    assert marks["goldsmith:state"] == "published"
    assert marks["goldsmith:name"] == goldsmith.name
    assert marks["goldsmith:source"] == result["source"]["id"]
    assert len(marks["goldsmith:fingerprint"]) == 64
    snapshots = client(lab.environment).describe_snapshots(SnapshotIds=artifact["snapshots"])["Snapshots"]
    assert {tags(snapshot)["goldsmith:build"] for snapshot in snapshots} == {result["build"]}
    assert all(snapshot["Encrypted"] for snapshot in snapshots)


def test_the_record_of_a_build_has_what_is_inside(goldsmith: Cli, plain: Built) -> None:
    result = plain.result
    artifact = result["artifact"]
    assert result["packages"] > 50
    folder = goldsmith.home / "builds" / result["build"]
    about, inside = (json.loads((folder / name).read_text()) for name in ("provenance.json", "sbom.cdx.json"))
    assert [one["name"] for one in about["subject"]] == [
        f"arn:aws:ec2:eu-west-1:{artifact['account']}:image/{artifact['id']}"
    ]
    base = about["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert base["uri"] == f"arn:aws:ec2:eu-west-1::image/{result['source']['id']}"
    assert len([one for one in inside["components"] if ":deb/" in one.get("purl", "")]) == result["packages"]


def test_a_layer_may_restart_the_machine(plain: Built) -> None:
    """The layer itself fails where the machine was not restarted, or does not come back."""
    assert plain.result["status"] == "built"


def test_no_secret_is_found_anywhere(
    goldsmith: Cli, plain: Built, lab: Lab, docker_client: docker.DockerClient
) -> None:
    """The private key and a password: not in logs, records, process lists or the image."""
    private = (
        (plain.folder / "key").read_text().splitlines()[3]
    )  # the lines before are the same in every key, or public
    assert len(private) > 60
    [snapshot] = plain.result["artifact"]["snapshots"]
    image = b"".join(docker_client.images.get(f"{CONTENT}:{snapshot}").save())
    for text in (private, SECRET):
        places = [goldsmith.home, plain.folder / "processes", lab.directory]
        found = subprocess.run(["grep", "-rlF", text, *map(str, places)], capture_output=True, text=True)
        assert found.stdout == "", text
        assert text.encode() not in image


KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"

MACHINE = {
    "instance_policy": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    },
    "user_data": "#!/bin/sh\necho hello > /etc/said\n",
    "block_devices": [{"device": "/dev/sdf", "size": 3}],
    "spot": {"max_price": "0.05"},
    "tenancy": "dedicated",
    "placement_group": "forge",
    "ebs_optimized": True,
    "enclave": True,
    "cpu_credits": "standard",
    "public_ip": True,
}

BOOT = """
command:
  ready:
    exec: systemctl is-active ssh
    exit-status: 0
  keys:
    exec: cat /root/.ssh/authorized_keys /home/admin/.ssh/authorized_keys | grep -c .
    exit-status: 0
    stdout: ["2"]
file:
  /etc/motd: {exists: true, contents: [hello]}
  /etc/forged: {exists: true}
  /etc/said: {exists: true}
  /etc/goldsmith-release: {exists: true, contents: ['IMAGE_VERSION="1"']}
"""


@pytest.fixture(scope="module")
def older(goldsmith: Cli, lab: Lab) -> str:
    """An image as an older build of the forged one would have made it."""
    ec2 = client(lab.environment)
    debian = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-12-*"]}])["Images"][0]["ImageId"]
    made = ec2.copy_image(SourceImageId=debian, SourceRegion="eu-west-1", Name="forged 0 (x)")["ImageId"]
    marks = {"name": f"{goldsmith.name}-forged", "version": "0", "build": "b", "state": "published", "role": "artifact"}
    ec2.create_tags(Resources=[made], Tags=[{"Key": f"goldsmith:{key}", "Value": marks[key]} for key in marks])
    ec2.get_waiter("image_available").wait(ImageIds=[made], WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    return str(made)


@pytest.fixture(scope="module")
def forged(goldsmith: Cli, lab: Lab, plain: Built, older: str, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build on the image of another spec, by a machine of which much is said, that is tested and retires an older."""
    lab.clear_faults()
    lab.order(Fault.no_capacity("t3.small"))
    ec2 = {
        "region": "eu-west-1",
        "instance_type": ["t3.small", "t3a.small"],
        "machine": MACHINE,
        "image": {"name": "forged {{ version }} (x)", "imds": "v2.0"},
        "root_volume": {"size": 9, "kms_key": KEY},
        "deprecate_after": "180d",
        "retire": {"keep": 1, "action": "deregister"},
    }
    spec = ami_spec_writer(tmp_path_factory.mktemp("forged"), f"{goldsmith.name}-forged")(
        "- ansible.builtin.copy: {content: hello, dest: /etc/forged}",
        files={
            "boot.yaml": BOOT,
            "inside.yaml": "file: {/etc/said: {exists: true}}",
            "test_inside.py": "def test_user(host):\n    assert host.user().name == 'root'\n",
            "test_boot.py": "def test_motd(host):\n    assert host.file('/etc/motd').content_string == 'hello'\n",
        },
        platforms={"debian-12": {"ec2": {"from": goldsmith.name}}},
        tests=[
            {"goss": "inside.yaml"},
            {"testinfra": "test_inside.py"},
            {"boot": {"goss": "boot.yaml", "testinfra": "test_boot.py"}},
        ],
        targets={"ec2": ec2},
    )
    try:
        return build(goldsmith, lab, spec)
    finally:
        lab.clear_faults()


def test_what_the_layers_did_is_in_a_fresh_machine_and_the_builders_key_is_not(forged: Built) -> None:
    """The machines test it themselves: what they found is in the result."""
    found = forged.result["tests"]
    assert [test["outcome"] for test in found] == ["passed"] * len(found)
    assert {test["framework"] for test in found} == {"goss", "testinfra"}
    assert any("/etc/forged" in json.dumps(test) for test in found)


def test_a_spec_may_start_from_the_ami_of_another(plain: Built, forged: Built) -> None:
    assert forged.result["source"]["id"] == plain.result["artifact"]["id"]


def test_what_is_said_of_the_machine_is_asked_of_ec2_for_the_one_that_verifies_as_well(forged: Built) -> None:
    asked = [call["parameters"] for call in forged.calls if call["action"] == "RunInstances"]
    for one in asked:
        assert one["InstanceMarketOptions.SpotOptions.MaxPrice"] == "0.05"
        assert (one["Placement.Tenancy"], one["Placement.GroupName"]) == ("dedicated", "forge")
        assert (one["EbsOptimized"], one["EnclaveOptions.Enabled"]) == ("true", "true")
        assert one["CreditSpecification.CpuCredits"] == "standard"
        assert one["NetworkInterface.1.AssociatePublicIpAddress"] == "true"
        assert one["IamInstanceProfile.Name"] == f"goldsmith-{forged.result['build']}"
        assert (one["BlockDeviceMapping.1.Ebs.VolumeSize"], one["BlockDeviceMapping.1.Ebs.KmsKeyId"]) == ("9", KEY)
    assert (forged.image["Name"], forged.image["ImdsSupport"]) == ("forged 1 (x)", "v2.0")
    assert forged.result["artifact"]["size"] == 12 << 30
    assert {kind for things in forged.new.values() for kind in things} == {"images", "snapshots"}


def test_a_type_without_capacity_is_replaced_by_the_next(forged: Built) -> None:
    asked = [call["parameters"]["InstanceType"] for call in forged.calls if call["action"] == "RunInstances"]
    assert [kind for kind, _ in groupby(asked)] == ["t3.small", "t3a.small"] * 2


def test_older_images_are_retired_once_the_new_one_is_published(lab: Lab, forged: Built, older: str) -> None:
    found = client(lab.environment).describe_images(Owners=["self"])["Images"]
    assert older not in {image["ImageId"] for image in found}
    assert forged.image["ImageId"] in {image["ImageId"] for image in found}
    assert forged.image["DeprecationTime"] > "2026"


def test_the_example_becomes_an_image_that_boots_and_its_exported_project_needs_no_runner(
    goldsmith: Cli, account: Lab, tmp_path: Path
) -> None:
    before = resources(account.environment)
    goldsmith("export", Path(__file__).parents[2] / "examples" / "base.yml", tmp_path / "project", "--target", "ec2")
    done = subprocess.run(
        ["ansible-playbook", "build.yml"],
        cwd=tmp_path / "project",
        env=os.environ | account.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    result = json.loads((tmp_path / "project/output/result.json").read_text())
    assert (result["status"], result["target"]) == ("built", "ec2")
    assert {test["outcome"] for test in result["tests"]} == {"passed"}
    assert "command/the system is up exit-status" in {test["name"] for test in result["tests"]}
    assert only_new(before, resources(account.environment))["eu-west-1"]["images"] == [result["artifact"]["id"]]
    assert images(account, result)[0]["DeprecationTime"]


def test_a_layer_that_fails_is_named_and_its_machine_can_be_entered_and_swept(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    spec = write_ami_spec("- name: Break\n  ansible.builtin.fail: {msg: no such luck}")
    before = resources(account.environment)

    failed = goldsmith.build(spec, "--on-error", "keep", code=1)

    assert failed["failure"] == {"phase": "provision", "layer": "tasks", "task": "Break", "message": "no such luck"}
    assert failed["kept"]
    assert "has no image to publish" in goldsmith("build", "--resume", failed["build"], code=2).stderr
    done = goldsmith("shell", failed["build"], input="hostname; id -un; exit\n")
    assert "admin" in done.stdout.split()

    goldsmith("sweep", failed["build"])

    assert only_new(before, resources(account.environment)) == {}
    assert not list(Path("/dev/shm").glob(f"goldsmith-{failed['build']}*"))
    assert "has no machine any more" in goldsmith("shell", failed["build"], code=2).stderr


def test_after_a_boot_test_that_failed_it_is_the_machine_of_the_image_that_is_entered(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    tests = [{"boot": {"testinfra": "test_boot.py"}}]
    boot = "def test_is_there(host):\n    assert host.file('/nowhere').exists\n"
    before = resources(account.environment)

    failed = goldsmith.build(write_ami_spec(files={"test_boot.py": boot}, tests=tests), "--on-error", "keep", code=1)

    assert failed["failure"]["phase"] == "verify"
    assert "test_is_there" in failed["failure"]["message"]
    done = goldsmith("shell", failed["build"], input="cat /etc/goldsmith-release; exit\n")
    assert f'BUILD_ID="{failed["build"]}"' in done.stdout
    goldsmith("sweep", failed["build"])
    assert only_new(before, resources(account.environment)) == {}


def test_an_image_that_cannot_be_tested_is_discarded_and_a_machine_that_does_not_go_at_once_is_ended(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    spec = write_ami_spec(
        files={"boot.yaml": "file: {/etc: {exists: true}}"},
        tests=[{"boot": {"goss": "boot.yaml"}}],
        targets={"ec2": {"region": "eu-west-1", "copy_to": ["eu-central-1"]}},
    )
    before = resources(account.environment)
    account.order(Fault("RunInstances", "error", "UnauthorizedOperation", first=2))
    # The capture asks for the machine's end, then the release.
    account.order(Fault("TerminateInstances", "error", "UnauthorizedOperation", last=2))

    result = goldsmith.build(spec, code=1)

    assert result["failure"]["phase"] == "verify"
    assert "ec2:RunInstances" in result["failure"]["message"]
    assert result["artifact"] is None
    assert "CopyImage" in [call["action"] for call in account.calls()], "the image was copied meanwhile"
    assert only_new(before, resources(account.environment)) == {}


@pytest.mark.exhaustive
def test_an_image_whose_boot_test_fails_is_discarded(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> None:
    spec = write_ami_spec(
        files={"boot.yaml": "file: {/nowhere: {exists: true}}"}, tests=[{"boot": {"goss": "boot.yaml"}}]
    )
    before = resources(account.environment)

    result = goldsmith.build(spec, code=1)

    assert result["failure"]["phase"] == "verify"
    assert "/nowhere" in result["failure"]["message"]
    assert result["artifact"] is None
    assert only_new(before, resources(account.environment)) == {}
