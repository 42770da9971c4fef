"""`ec2_builder` on the lab: real machines, entered by real SSH, and nothing left of them."""

from __future__ import annotations

import json
import re
import shlex
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from goldsmith.lab import Fault, Lab

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]
Start = Callable[..., subprocess.Popen[str]]

PLAIN = ["AuthorizeSecurityGroupIngress", "CreateSecurityGroup", "DescribeInstances", "ImportKeyPair", "RunInstances"]


@pytest.fixture(scope="module")
def ec2(lab_client: Callable[..., Any]) -> Any:
    return lab_client()


@pytest.fixture(scope="module")
def base(ec2: Any) -> str:
    images = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-12-amd64-lab"]}])["Images"]
    return str(images[0]["ImageId"])


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """The directory that keys are written to."""
    (tmp_path / "private").mkdir()
    return tmp_path / "private"


@pytest.fixture
def environ(lab: Lab, private: Path) -> dict[str, str]:
    return {**lab.environment, "XDG_RUNTIME_DIR": str(private)}


@pytest.fixture
def wanted(base: str, build_id: str) -> dict[str, Any]:
    """The options of a plain machine."""
    return {
        "build_id": build_id,
        "image_name": "web",
        "ami": base,
        "root_device": "/dev/xvda",
        "instance_types": ["t3.small"],
        "user": "admin",
    }


@pytest.fixture
def build(
    lab: Lab, ec2: Any, run_in_lab: RunModule, environ: dict[str, str], wanted: dict[str, Any]
) -> Iterator[RunModule]:
    """Run the module with the options of a plain machine and others; its machines are ended after the test."""
    lab.clear_calls()

    def run(**options: Any) -> dict[str, Any]:
        return run_in_lab("ec2_builder", environ=environ, **{**wanted, **options})

    yield run
    lab.clear_faults()
    # What else is left goes with the lab.
    running = [one["InstanceId"] for one in Account(ec2, wanted["build_id"]).instances()]
    if running:
        ec2.terminate_instances(InstanceIds=running)


@pytest.fixture
def release(run_in_lab: RunModule, environ: dict[str, str], build_id: str) -> RunModule:
    return partial(run_in_lab, "ec2_builder", environ=environ, build_id=build_id, state="absent")


class Account:
    """What there is of a build in the account."""

    def __init__(self, ec2: Any, build_id: str) -> None:
        self._ec2 = ec2
        self._mine = {"Filters": [{"Name": "tag:goldsmith:build", "Values": [build_id]}]}

    def instances(self) -> list[dict[str, Any]]:
        found = self._ec2.describe_instances(**self._mine)["Reservations"]
        return [one for group in found for one in group["Instances"] if one["State"]["Name"] != "terminated"]

    def key_pairs(self) -> list[dict[str, Any]]:
        return list(self._ec2.describe_key_pairs(**self._mine)["KeyPairs"])

    def groups(self) -> list[dict[str, Any]]:
        return list(self._ec2.describe_security_groups(**self._mine)["SecurityGroups"])

    def volumes(self) -> list[dict[str, Any]]:
        return list(self._ec2.describe_volumes(**self._mine)["Volumes"])

    def interfaces(self) -> list[dict[str, Any]]:
        return list(self._ec2.describe_network_interfaces(**self._mine)["NetworkInterfaces"])

    def left(self) -> dict[str, list[dict[str, Any]]]:
        kinds = ("instances", "key_pairs", "groups", "volumes", "interfaces")
        return {kind: found for kind in kinds if (found := getattr(self, kind)())}


@pytest.fixture
def account(ec2: Any, build_id: str) -> Account:
    return Account(ec2, build_id)


def actions(lab: Lab) -> list[str]:
    return [call["action"] for call in lab.calls()]


def enter(result: dict[str, Any], command: str) -> str:
    """Run a command in the machine, with nothing but what the module returned."""
    ssh = result["ssh"]
    words = ["ssh", "-o", "BatchMode=yes", *shlex.split(ssh["args"]), "-i", ssh["key_file"], "-p", str(ssh["port"])]
    done = subprocess.run([*words, f"{ssh['user']}@{ssh['address']}", command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def test_machine_is_made_in_five_calls_and_can_be_entered(
    build: RunModule, release: RunModule, lab: Lab, account: Account, build_id: str, private: Path
) -> None:
    options = {"expires_in": 3600, "tags": {"team": "web"}, "user_data": "#!/bin/sh\necho hello >/run/hello\n"}
    result = build(**options)

    # As it is read by whoever starts the module; the private key is in none of it.
    key = private / f"goldsmith-{build_id}.key"
    secret = key.read_text().splitlines()[1]
    assert secret not in json.dumps(result)
    assert secret not in json.dumps(lab.calls())
    assert stat.S_IMODE(key.stat().st_mode) == 0o600

    assert sorted(set(actions(lab))) == PLAIN
    # A poll that is repeated says how fast this machine is.
    assert len([action for action, _ in groupby(actions(lab))]) <= 6
    machine, ssh, resources = result["machine"], result["ssh"], result["resources"]
    assert result["changed"]
    assert result["diff"] == {"before": {"state": "absent"}, "after": {"state": "running"}}
    (found,) = account.instances()
    assert machine["id"] == resources["instance"] == found["InstanceId"]
    assert (machine["state"], machine["type"], machine["spot"]) == ("running", "t3.small", False)
    assert machine["python"] == "/usr/bin/python3"
    assert machine["address"] == ssh["address"] == found["PublicIpAddress"]
    assert ssh["key_file"] == str(key)
    assert enter(result, "whoami; sudo id -u") == "admin\n0"

    # Everything bears the ledger's tags.
    expected = {
        "team": "web",
        "Name": f"goldsmith-{build_id}",
        "goldsmith:build": build_id,
        "goldsmith:name": "web",
        "goldsmith:role": "builder",
    }
    for resource in [*account.instances(), *account.key_pairs(), *account.groups(), *account.volumes()]:
        worn = tags(resource)
        expires = datetime.fromisoformat(worn.pop("goldsmith:expires"))
        assert abs(expires - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)
        assert worn == expected

    # Nobody else comes in, and the machine ends by itself.
    (group,) = account.groups()
    assert resources["security_group"] == group["GroupId"]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["IpPermissions"]] == [(22, 22)]
    assert [one["CidrIp"] for one in group["IpPermissions"][0]["IpRanges"]] == ["127.0.0.1/32"]
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    (volume,) = account.volumes()
    assert volume["Encrypted"]
    launched = next(call for call in lab.calls() if call["action"] == "RunInstances")["parameters"]
    assert launched["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert enter(result, "systemctl is-active goldsmith-expiry.timer") == "active"
    assert enter(result, "until [ -e /run/hello ]; do :; done; cat /run/hello") == "hello"

    # Again: it is there.
    lab.clear_calls()
    again = build(**options)
    assert not again["changed"]
    assert again["machine"] == machine
    assert again["ssh"] == ssh
    assert actions(lab) == ["DescribeInstances"]

    # In check mode, what would go is told, and stays.
    told = release(check=True)
    assert {one["kind"] for one in told["removed"]} >= {"instance", "security_group", "key_pair", "key_file"}
    assert len(account.instances()) == 1

    lab.clear_calls()
    gone = release()
    assert gone["changed"]
    assert {one["kind"] for one in gone["removed"]} == {one["kind"] for one in told["removed"]}
    assert actions(lab)[:3] == ["DescribeTags", "TerminateInstances", "DescribeInstances"]
    assert actions(lab)[-2:] == ["DeleteSecurityGroup", "DeleteKeyPair"]
    assert account.left() == {}
    assert list(private.iterdir()) == []
    assert not release()["changed"]


def test_check_mode_makes_nothing(build: RunModule, account: Account, lab: Lab, private: Path) -> None:
    result = build(check=True)

    assert result["changed"]
    assert result["machine"]["id"] is None
    assert actions(lab) == []
    assert account.left() == {}
    assert list(private.iterdir()) == []


def test_wrong_options_are_told_before_anything_is_made(build: RunModule, lab: Lab) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"user": None}, "who logs in to this image is not known"),
        ({"user_data": "echo hello"}, "cloud-init would ignore"),
    ]
    for options, told in wrong:
        result = build(**options)
        assert result["failed"] and told in result["msg"], result

    assert actions(lab) == []


def test_next_type_is_started_where_there_is_no_capacity(build: RunModule, lab: Lab) -> None:
    lab.order(Fault("RunInstances", code="InsufficientInstanceCapacity", match={"InstanceType": "t3.small"}))

    result = build(instance_types=["t3.small", "t3a.small"])

    assert result["machine"]["type"] == "t3a.small"
    assert actions(lab).count("RunInstances") == 2


def test_no_capacity_at_all_is_told_and_nothing_is_left(
    build: RunModule, lab: Lab, account: Account, private: Path
) -> None:
    lab.order(Fault("RunInstances", code="InsufficientInstanceCapacity"))

    result = build(instance_types=["t3.small", "t3a.small"], spot={"enabled": True})

    assert result["failed"]
    assert "t3.small (spot): InsufficientInstanceCapacity" in result["msg"]
    assert "t3a.small: InsufficientInstanceCapacity" in result["msg"]
    assert account.left() == {}
    assert list(private.iterdir()) == []


def test_calls_that_are_throttled_or_whose_answer_is_lost_are_made_again_and_make_nothing_twice(
    build: RunModule, lab: Lab, account: Account
) -> None:
    for action in PLAIN:
        lab.order(Fault(action, kind="lost", first=1, last=1))
        lab.order(Fault(action, code="RequestLimitExceeded", first=2, last=2))

    result = build()

    assert result["changed"], result
    assert {kind: len(found) for kind, found in account.left().items() if kind != "interfaces"} == {
        "instances": 1,
        "key_pairs": 1,
        "groups": 1,
        "volumes": 1,
    }
    assert enter(result, "true") == ""


@pytest.mark.parametrize("action", ["AuthorizeSecurityGroupIngress", "DescribeInstances"])
def test_call_that_is_refused_is_told_and_what_was_made_is_undone(
    build: RunModule, lab: Lab, account: Account, private: Path, action: str
) -> None:
    lab.order(Fault(action, code="UnauthorizedOperation", first=1, last=1))

    result = build()

    assert result["failed"]
    assert f"the permission ec2:{action} is missing" in result["msg"]
    assert "Not everything could be removed" not in result["msg"]
    assert account.left() == {}
    assert list(private.iterdir()) == []


def test_what_cannot_be_undone_is_told(build: RunModule, lab: Lab, account: Account, private: Path) -> None:
    lab.order(Fault("RunInstances", code="VcpuLimitExceeded"))
    lab.order(Fault("DeleteKeyPair", code="UnauthorizedOperation"))

    result = build()

    assert "VcpuLimitExceeded" in result["msg"]
    assert f"key_pair {account.key_pairs()[0]['KeyPairId']}" in result["msg"]
    assert "ec2_sweep" in result["msg"]
    assert list(account.left()) == ["key_pairs"]


def test_release_that_fails_in_part_tells_what_is_left_and_can_be_repeated(
    build: RunModule, release: RunModule, lab: Lab, account: Account, private: Path
) -> None:
    build()
    lab.order(Fault("DeleteSecurityGroup", code="UnauthorizedOperation"))

    result = release()

    assert result["failed"]
    assert "ec2:DeleteSecurityGroup" in result["msg"]
    assert [one["kind"] for one in result["failed_removals"]] == ["security_group"]
    assert "key_pair" in {one["kind"] for one in result["removed"]}
    lab.clear_faults()
    assert [one["kind"] for one in release()["removed"]] == ["security_group", "key_file"]
    assert account.left() == {}
    assert list(private.iterdir()) == []


def test_machine_that_never_answers_shows_its_console_and_is_released(
    build: RunModule, lab: Lab, account: Account
) -> None:
    lab.order(Fault("RunInstances", kind="unreachable"))

    result = build(ssh={"timeout": 1})

    assert result["failed"]
    assert re.search(r"does not answer as admin@\S+ port 22 after 1 s", result["msg"])
    assert "lets in 127.0.0.1/32" in result["msg"]
    assert "The end of its console:" in result["msg"]
    assert account.left() == {}


def test_user_who_is_not_let_in_is_named(build: RunModule, account: Account) -> None:
    result = build(user="nobody-here", ssh={"timeout": 10})

    assert "does not let the user nobody-here in" in result["msg"]
    assert account.left() == {}


def test_machine_to_be_tested_takes_the_builder_s_key_and_group_and_goes_alone(
    build: RunModule, release: RunModule, lab: Lab, account: Account
) -> None:
    builder = build()
    lab.clear_calls()
    verify = partial(
        build,
        role="verify",
        key_name=builder["resources"]["key_name"],
        key_file=builder["ssh"]["key_file"],
        security_group_ids=builder["resources"]["security_group_ids"],
    )

    verifier = verify()

    assert verifier["changed"]
    assert set(actions(lab)) == {"RunInstances", "DescribeInstances"}
    assert verifier["machine"]["name"].endswith("-verify")
    assert enter(verifier, "whoami") == "admin"
    gone = release(role="verify")
    assert {one["kind"] for one in gone["removed"]} <= {"instance", "volume", "network_interface"}
    lab.order(Fault("RunInstances", code="VcpuLimitExceeded"))
    assert verify()["failed"]
    assert [one["InstanceId"] for one in account.instances()] == [builder["machine"]["id"]]
    assert len(account.key_pairs()) == len(account.groups()) == 1
    assert enter(builder, "whoami") == "admin"


def test_interrupt_leaves_nothing(
    build: RunModule,
    start_module: Start,
    lab: Lab,
    account: Account,
    environ: dict[str, str],
    wanted: dict[str, Any],
    private: Path,
) -> None:
    lab.order(Fault("DescribeInstances", kind="hold", first=1, last=1))
    process = start_module("ec2_builder", wanted, environ=environ)
    assert lab.wait_held()
    process.send_signal(signal.SIGINT)
    lab.clear_faults()

    process.communicate()

    assert process.returncode != 0
    assert account.left() == {}
    assert list(private.iterdir()) == []


@pytest.mark.parametrize("action", [pytest.param("CreateSecurityGroup", marks=pytest.mark.exhaustive), "RunInstances"])
def test_run_after_one_that_was_killed_goes_on_where_that_ended(
    build: RunModule,
    start_module: Start,
    lab: Lab,
    account: Account,
    environ: dict[str, str],
    wanted: dict[str, Any],
    action: str,
) -> None:
    lab.order(Fault(action, kind="hold", first=1, last=1))
    killed = start_module("ec2_builder", wanted, environ=environ)
    assert lab.wait_held()
    killed.kill()
    killed.communicate()
    lab.clear_faults()

    result = build()

    assert "machine" in result, result
    assert len(account.instances()) == len(account.key_pairs()) == len(account.groups()) == 1
    assert enter(result, "whoami") == "admin"


def test_build_whose_key_is_lost_must_be_released_first(build: RunModule, private: Path, build_id: str) -> None:
    build()
    (private / f"goldsmith-{build_id}.key").unlink()
    known = build()
    for file in private.iterdir():
        file.unlink()
    unknown = build()

    assert f"its private key {private}/goldsmith-{build_id}.key is gone. Release the build first" in known["msg"]
    assert "its private half is not on this machine" in unknown["msg"]
    assert "state=absent" in unknown["msg"]


def test_machine_comes_to_the_subnet_and_with_the_rights_that_are_asked_for_and_its_profile_goes_with_it(
    build: RunModule, release: RunModule, ec2: Any, lab_client: Callable[..., Any], account: Account, build_id: str
) -> None:
    iam = lab_client("iam")
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["eu-west-1b"]}])["Subnets"][0]

    result = build(
        instance_policy=policy,
        subnet_filters={"availability-zone": "eu-west-1b"},
        security_group_cidrs=["192.0.2.0/24", "2001:db8::/32"],
        root_volume={"size": 9, "encrypted": False},
        ssh={"address": "private"},
    )

    assert result["machine"]["subnet"] == subnet["SubnetId"]
    assert result["machine"]["zone"] == "eu-west-1b"
    assert result["machine"]["address"] == result["machine"]["private_address"]
    (rule,) = account.groups()[0]["IpPermissions"]
    assert [one["CidrIp"] for one in rule["IpRanges"]] == ["192.0.2.0/24"]
    assert [one["CidrIpv6"] for one in rule["Ipv6Ranges"]] == ["2001:db8::/32"]
    assert [one["Size"] for one in account.volumes()] == [9]
    name = f"goldsmith-{build_id}"
    assert result["resources"]["instance_profile"] == result["resources"]["role"] == name
    profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert profile["Path"] == "/goldsmith/"
    assert {tag["Key"] for tag in profile["Tags"]} >= {"goldsmith:build", "goldsmith:expires"}
    assert [role["RoleName"] for role in profile["Roles"]] == [name]
    assert iam.get_role_policy(RoleName=name, PolicyName="build")["PolicyDocument"] == policy

    kinds = [one["kind"] for one in release()["removed"]]

    assert {"instance_profile", "role"} <= set(kinds)
    assert name not in [one["RoleName"] for one in iam.list_roles()["Roles"]]
