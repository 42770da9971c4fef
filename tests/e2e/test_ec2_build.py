"""A spec becomes an AMI: in the lab, where machines are real ones that are reached by SSH."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import docker
import pytest

from goldsmith.lab import Lab
from goldsmith.lab.cloud import CONTENT

from .account import client, only_new, resources
from .conftest import Cli, SpecWriter

pytestmark = [pytest.mark.docker, pytest.mark.network]

CALLS = 20
"""What the lifecycle of a plain build may ask of the API; Packer asks 27 times."""


def images(lab: Lab, result: dict[str, Any], region: str = "eu-west-1") -> list[dict[str, Any]]:
    """Return the images of a build, as EC2 describes them."""
    mine = [{"Name": "tag:goldsmith:build", "Values": [result["build"]]}]
    return list(client(lab.environment, region=region).describe_images(Owners=["self"], Filters=mine)["Images"])


def tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def test_a_plain_build_makes_one_image_in_twenty_calls_and_leaves_nothing_else(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    # EC2 takes no plus in a name, and no long description.
    spec = write_ami_spec(
        "- ansible.builtin.copy: {content: hello, dest: /etc/motd}", version="1.0+x", description="long " * 60
    )
    before = resources(account.environment)
    account.clear_calls()

    result = goldsmith.build(spec)

    calls = [call["action"] for call in account.calls() if call["service"] == "ec2"]
    # A poll that is repeated says how fast this machine is, not what the lifecycle needs.
    assert len([action for action, _ in groupby(calls)]) <= CALLS, calls
    [image] = images(account, result)
    artifact = result["artifact"]
    assert artifact["id"] == image["ImageId"]
    assert (artifact["region"], artifact["published"]) == ("eu-west-1", True)
    assert artifact["tags"] == [image["Name"]] == [f"{goldsmith.name}-debian-12-1.0-x-{result['build']}"]
    assert image["Description"] == ("long " * 60)[:255]
    assert only_new(before, resources(account.environment)) == {
        "eu-west-1": {"images": [image["ImageId"]], "snapshots": artifact["snapshots"]}
    }
    assert not list(Path("/dev/shm").glob(f"goldsmith-{result['build']}*"))
    assert not image["Public"]
    marks = tags(image)
    assert marks["goldsmith:state"] == "published"
    assert marks["goldsmith:name"] == goldsmith.name
    assert marks["goldsmith:source"] == result["source"]["id"]
    assert len(marks["goldsmith:fingerprint"]) == 64
    snapshots = client(account.environment).describe_snapshots(SnapshotIds=artifact["snapshots"])["Snapshots"]
    assert {tags(snapshot)["goldsmith:build"] for snapshot in snapshots} == {result["build"]}
    assert all(snapshot["Encrypted"] for snapshot in snapshots)
    assert result["packages"] > 50
    folder = goldsmith.home / "builds" / result["build"]
    about, inside = (json.loads((folder / name).read_text()) for name in ("provenance.json", "sbom.cdx.json"))
    assert [one["name"] for one in about["subject"]] == [
        f"arn:aws:ec2:eu-west-1:{artifact['account']}:image/{artifact['id']}"
    ]
    base = about["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert base["uri"] == f"arn:aws:ec2:eu-west-1::image/{result['source']['id']}"
    assert len([one for one in inside["components"] if ":deb/" in one.get("purl", "")]) == result["packages"]


def test_what_the_layers_did_is_in_a_fresh_machine_and_the_builders_key_is_not(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    boot = """
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
      /etc/goldsmith-release: {exists: true, contents: ['IMAGE_VERSION="1"']}
    """
    spec = write_ami_spec(
        "- ansible.builtin.copy: {content: hello, dest: /etc/motd}",
        files={
            "boot.yaml": boot,
            "test_inside.py": "def test_user(host):\n    assert host.user().name == 'root'\n",
            "test_boot.py": "def test_motd(host):\n    assert host.file('/etc/motd').content_string == 'hello'\n",
        },
        tests=[{"testinfra": "test_inside.py"}, {"boot": {"goss": "boot.yaml", "testinfra": "test_boot.py"}}],
    )
    before = resources(account.environment)

    result = goldsmith.build(spec)

    assert [test["outcome"] for test in result["tests"]] == ["passed"] * len(result["tests"])
    assert {test["framework"] for test in result["tests"]} == {"goss", "testinfra"}
    assert list(only_new(before, resources(account.environment))["eu-west-1"]) == ["images", "snapshots"]


def test_the_example_becomes_an_image_that_boots(goldsmith: Cli, account: Lab) -> None:
    result = goldsmith.build(Path(__file__).parents[2] / "examples" / "base.yml", "--target", "ec2")
    assert result["status"] == "built"
    assert "verify" in result["phases"]
    assert {test["outcome"] for test in result["tests"]} == {"passed"}
    assert images(account, result)[0]["DeprecationTime"]


def test_a_layer_may_restart_the_machine(goldsmith: Cli, write_ami_spec: SpecWriter) -> None:
    spec = write_ami_spec(
        "- ansible.builtin.command: cat /proc/sys/kernel/random/boot_id /run/before\n  register: before\n"
        "  failed_when: false\n"
        "- ansible.builtin.command: touch /run/before\n"
        "- ansible.builtin.reboot: {reboot_timeout: 60}\n"
        "- ansible.builtin.stat: {path: /run/before}\n  register: mark\n"
        "- ansible.builtin.assert: {that: not mark.stat.exists}\n"
    )
    assert goldsmith.build(spec)["status"] == "built"


def test_a_layer_that_fails_leaves_nothing_and_is_named(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    spec = write_ami_spec("- name: Break\n  ansible.builtin.fail: {msg: no such luck}")
    before = resources(account.environment)

    result = goldsmith.build(spec, code=1)

    assert result["failure"] == {
        "phase": "provision",
        "layer": "tasks",
        "task": "Break",
        "message": "no such luck",
    }
    assert only_new(before, resources(account.environment)) == {}


def test_a_boot_test_that_fails_discards_the_image(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> None:
    spec = write_ami_spec(
        files={"boot.yaml": "file: {/nowhere: {exists: true}}"}, tests=[{"boot": {"goss": "boot.yaml"}}]
    )
    before = resources(account.environment)

    result = goldsmith.build(spec, code=1)

    assert result["failure"]["phase"] == "verify"
    assert "/nowhere" in result["failure"]["message"]
    assert result["artifact"] is None
    assert only_new(before, resources(account.environment)) == {}


def test_an_image_goes_where_the_spec_says(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> None:
    spec = write_ami_spec(
        targets={
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
    )
    result = goldsmith.build(spec)

    [image] = images(account, result)
    [copy] = images(account, result, "eu-central-1")
    assert result["artifact"]["images"]["eu-central-1"]["id"] == copy["ImageId"]
    for region, one in (("eu-west-1", image), ("eu-central-1", copy)):
        ec2 = client(account.environment, region=region)
        shared = ec2.describe_image_attribute(ImageId=one["ImageId"], Attribute="launchPermission")
        assert shared["LaunchPermissions"] == [{"UserId": "111122223333"}]
        assert one["DeprecationTime"] > "2026"
        assert tags(one)["team"] == "os"
        assert tags(one)["goldsmith:state"] == "published"
    parameter = client(account.environment, "ssm").get_parameter(Name="/images/web")["Parameter"]
    assert parameter["Value"] == image["ImageId"]
    assert result["artifact"]["size"] == 12 << 30


def test_what_is_said_of_the_machine_is_asked_of_ec2_for_the_one_that_verifies_as_well(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/1"
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    machine = {
        "instance_policy": {"Version": "2012-10-17", "Statement": [reads]},
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
    image = {"name": "forged {{ version }} (x)", "imds": "v2.0"}
    options = {"machine": machine, "image": image, "root_volume": {"size": 9, "kms_key": key}}
    spec = write_ami_spec(
        layers=None,
        files={"inside.yaml": "file: {/etc/said: {exists: true}}", "boot.yaml": "file: {/etc/said: {exists: true}}"},
        tests=[{"goss": "inside.yaml"}, {"boot": {"goss": "boot.yaml"}}],
        targets={"ec2": {"region": "eu-west-1", **options}},
    )
    before = resources(account.environment)

    result = goldsmith.build(spec)

    asked = [call["parameters"] for call in account.calls() if call["action"] == "RunInstances"]
    assert len(asked) == 2
    for one in asked:
        assert one["InstanceMarketOptions.SpotOptions.MaxPrice"] == "0.05"
        assert (one["Placement.Tenancy"], one["Placement.GroupName"]) == ("dedicated", "forge")
        assert (one["EbsOptimized"], one["EnclaveOptions.Enabled"]) == ("true", "true")
        assert one["CreditSpecification.CpuCredits"] == "standard"
        assert one["NetworkInterface.1.AssociatePublicIpAddress"] == "true"
        assert one["IamInstanceProfile.Name"] == f"goldsmith-{result['build']}"
        assert (one["BlockDeviceMapping.1.Ebs.VolumeSize"], one["BlockDeviceMapping.1.Ebs.KmsKeyId"]) == ("9", key)
    [made] = images(account, result)
    assert (made["Name"], made["ImdsSupport"]) == ("forged 1 (x)", "v2.0")
    assert result["artifact"]["size"] == 12 << 30
    left = only_new(before, resources(account.environment))
    assert {kind for things in left.values() for kind in things} == {"images", "snapshots"}


def test_a_spec_may_start_from_the_ami_of_another(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab, tmp_path: Path
) -> None:
    base = write_ami_spec("- ansible.builtin.copy: {content: base, dest: /etc/base}")
    child = tmp_path / "child.yml"
    child.write_text(
        f"name: {goldsmith.name}-child\nplatforms: {{debian-12: {{ec2: {{from: {goldsmith.name}}}}}}}\n"
        "tests: [{goss: child.goss.yaml}]\ntargets: {ec2: {region: eu-west-1}}\n"
    )
    (tmp_path / "child.goss.yaml").write_text("file: {/etc/base: {exists: true, contents: [base]}}")

    parent, made = goldsmith.builds(child, base)[::-1]

    assert made["source"]["id"] == parent["artifact"]["id"]
    assert made["status"] == "built"


def test_older_images_are_retired_once_the_new_one_is_published(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    spec = write_ami_spec(targets={"ec2": {"region": "eu-west-1", "retire": {"keep": 1, "action": "deregister"}}})
    first = goldsmith.build(spec)
    second = goldsmith.build(spec)
    assert images(account, first) == []
    assert len(images(account, second)) == 1


def test_the_exported_project_builds_without_the_runner(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab, tmp_path: Path
) -> None:
    spec = write_ami_spec("- ansible.builtin.copy: {content: hello, dest: /etc/motd}")
    before = resources(account.environment)
    goldsmith("export", spec, tmp_path / "project")
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
    assert only_new(before, resources(account.environment))["eu-west-1"]["images"] == [result["artifact"]["id"]]


@pytest.fixture
def kept(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> Iterator[dict[str, Any]]:
    """A build that failed and whose machine was kept."""
    result = goldsmith.build(write_ami_spec("- ansible.builtin.command: 'false'"), "--on-error", "keep", code=1)
    yield result
    goldsmith("sweep", result["build"])


def test_a_machine_that_is_kept_can_be_entered_and_swept(goldsmith: Cli, account: Lab, kept: dict[str, Any]) -> None:
    assert kept["kept"]
    done = goldsmith("shell", kept["build"], input="hostname; id -un; exit\n")
    assert "admin" in done.stdout.split()

    goldsmith("sweep", kept["build"])

    left = resources(account.environment)["eu-west-1"]
    assert not [name for name in left["keys"] if kept["build"] in name]
    assert not list(Path("/dev/shm").glob(f"goldsmith-{kept['build']}*"))
    assert "has no machine any more" in goldsmith("shell", kept["build"], code=2).stderr


def test_after_a_boot_test_that_failed_it_is_the_machine_of_the_image_that_is_entered(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    tests = [{"boot": {"goss": "boot.yaml"}}]
    boot = "command: {is there: {exec: 'test -e /nowhere', exit-status: 0, timeout: 1000}}"
    failed = goldsmith.build(write_ami_spec(files={"boot.yaml": boot}, tests=tests), "--on-error", "keep", code=1)

    done = goldsmith("shell", failed["build"], input="cat /etc/goldsmith-release; exit\n")

    assert f'BUILD_ID="{failed["build"]}"' in done.stdout
    goldsmith("sweep", failed["build"])


def test_no_secret_is_found_anywhere(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab, tmp_path: Path, docker_client: docker.DockerClient
) -> None:
    """The private key, a vaulted variable and a password: not in logs, records, process lists or the image."""
    key, listing = tmp_path / "key", tmp_path / "processes"
    secret = "s3cr3t-f0r-th3-r3g1stry"
    tasks = (
        f"- ansible.builtin.shell: cat /dev/shm/goldsmith-*{{{{ goldsmith_build_id }}}}.key > {key}\n"
        '  delegate_to: localhost\n  become: false\n  vars: {goldsmith_build_id: "{{ hostvars.localhost.goldsmith_build_id }}"}\n'
        f"- ansible.builtin.shell: ps axww -o args > {listing}\n  delegate_to: localhost\n  become: false\n"
        "- ansible.builtin.shell: test {{ password | length }} -eq 23\n"
    )
    spec = write_ami_spec(tasks, secrets={"password": {"env": "REGISTRY_PASSWORD"}})
    goldsmith.environ["REGISTRY_PASSWORD"] = secret

    result = goldsmith.build(spec, "-vvv")

    private = key.read_text().splitlines()[3]  # the lines before it are the same in every key, or public
    assert len(private) > 60
    [snapshot] = result["artifact"]["snapshots"]
    image = b"".join(docker_client.images.get(f"{CONTENT}:{snapshot}").save())
    for text in (private, secret):
        found = subprocess.run(
            ["grep", "-rlF", text, str(goldsmith.home), str(listing), str(account.directory)],
            capture_output=True,
            text=True,
        )
        assert found.stdout == "", text
        assert text.encode() not in image
