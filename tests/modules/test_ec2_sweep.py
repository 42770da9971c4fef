"""`ec2_sweep` on the lab: what goes, what stays, in which order and by how many calls."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from goldsmith.lab import Fault, Lab

pytestmark = pytest.mark.docker

POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"}]}'

RunModule = Callable[..., dict[str, Any]]
Sweep = Callable[..., dict[str, Any]]


def stamp(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Account:
    """What tests make in the lab's account, tagged as builds tag it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._session = boto3.session.Session(
            lab.environment["AWS_ACCESS_KEY_ID"],
            lab.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=lab.environment["AWS_REGION"],
        )
        self._clients: dict[tuple[str, str | None], Any] = {}
        self.ec2 = self.client("ec2")
        images = self.ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-12-*"]}])["Images"]
        self.base: str = images[0]["ImageId"]
        self.subnet: str = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]

    def client(self, service: str, region: str | None = None) -> Any:
        if (service, region) not in self._clients:
            self._clients[service, region] = self._session.client(
                service, region_name=region, endpoint_url=self.lab.endpoint
            )
        return self._clients[service, region]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def tags(self, build: str, role: str = "builder", hours: float = 1, **more: str) -> list[dict[str, str]]:
        tags = {"goldsmith:build": build, "goldsmith:role": role, "goldsmith:expires": stamp(hours)}
        tags |= {f"goldsmith:{key}": value for key, value in more.items()} | {"Name": f"goldsmith-{build}"}
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    def specification(self, build: str, *kinds: str, **marks: Any) -> list[dict[str, Any]]:
        tags = self.tags(build, **marks)
        return [{"ResourceType": kind, "Tags": tags} for kind in kinds]

    def key_pair(self, build: str, region: str | None = None, **marks: Any) -> str:
        specification = self.specification(build, "key-pair", **marks)
        made = self.client("ec2", region).create_key_pair(
            KeyName=f"goldsmith-{build}", KeyType="ed25519", TagSpecifications=specification
        )
        return str(made["KeyPairId"])

    def security_group(self, build: str, **marks: Any) -> str:
        specification = self.specification(build, "security-group", **marks)
        made = self.ec2.create_security_group(
            GroupName=f"goldsmith-{build}", Description="test", TagSpecifications=specification
        )
        return str(made["GroupId"])

    def volume(self, build: str, **marks: Any) -> str:
        specification = self.specification(build, "volume", **marks)
        made = self.ec2.create_volume(Size=1, AvailabilityZone="eu-west-1a", TagSpecifications=specification)
        return str(made["VolumeId"])

    def interface(self, build: str, **marks: Any) -> str:
        specification = self.specification(build, "network-interface", **marks)
        made = self.ec2.create_network_interface(SubnetId=self.subnet, TagSpecifications=specification)
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def instance(self, build: str, *, groups: list[str] | None = None, **marks: Any) -> str:
        more: dict[str, Any] = {"SecurityGroupIds": groups} if groups else {}
        made = self.ec2.run_instances(
            ImageId=self.base,
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=self.specification(build, "instance", "volume", **marks),
            **more,
        )
        name = str(made["Instances"][0]["InstanceId"])
        self.ec2.get_waiter("instance_running").wait(
            InstanceIds=[name], WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
        )
        return name

    def image(self, instance: str, build: str, state: str, **marks: Any) -> tuple[str, str]:
        specification = self.specification(build, "image", "snapshot", role="artifact", state=state, **marks)
        name = self.ec2.create_image(
            InstanceId=instance, Name=f"web-{state}-{build}", NoReboot=True, TagSpecifications=specification
        )["ImageId"]
        self.ec2.get_waiter("image_available").wait(ImageIds=[name], WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
        found = self.ec2.describe_images(ImageIds=[name])["Images"][0]
        return name, found["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]

    def role(self, build: str, **marks: Any) -> str:
        """Make an instance profile with a role, as a builder does."""
        name, iam, tags = f"goldsmith-{build}", self.client("iam"), self.tags(build, **marks)
        iam.create_role(RoleName=name, Path="/goldsmith/", AssumeRolePolicyDocument="{}", Tags=tags)
        iam.put_role_policy(RoleName=name, PolicyName="build", PolicyDocument=POLICY)
        iam.create_instance_profile(InstanceProfileName=name, Path="/goldsmith/", Tags=tags)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return name

    def state(self, instance: str) -> str:
        found = self.ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": [instance]}])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])

    def there(self, kind: str, name: str) -> bool:
        """Tell whether something is there, from the lists of the API."""
        operation, key, identifier = {
            "sg": ("describe_security_groups", "SecurityGroups", "GroupId"),
            "key": ("describe_key_pairs", "KeyPairs", "KeyPairId"),
            "vol": ("describe_volumes", "Volumes", "VolumeId"),
            "eni": ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
        }[kind]
        return name in {one[identifier] for one in getattr(self.ec2, operation)()[key]}

    def images(self) -> set[str]:
        return {one["ImageId"] for one in self.ec2.describe_images(Owners=["self"])["Images"]}

    def snapshots(self) -> set[str]:
        return {one["SnapshotId"] for one in self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}


@pytest.fixture(scope="module")
def account(lab: Lab) -> Iterator[Account]:
    account = Account(lab)
    yield account
    account.close()


@pytest.fixture
def sweep(lab: Lab, run_module: RunModule) -> Iterator[Sweep]:
    """Run the module against the lab; faults end with the test."""

    def run(*, check: bool = False, environ: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
        lab.clear_calls()
        return run_module("ec2_sweep", check=check, environ={**lab.environment, **(environ or {})}, **options)

    yield run
    lab.clear_faults()


def ids(result: dict[str, Any], key: str, build: str | None = None) -> list[str]:
    return sorted(one["id"] for one in result[key] if build in (None, one["build"]))


def actions(lab: Lab) -> list[str]:
    return [call["action"] for call in lab.calls()]


def test_everything_temporary_of_a_build_goes_and_nothing_else(
    account: Account, sweep: Sweep, lab: Lab, build_id: str, tmp_path: Path
) -> None:
    group = account.security_group(build_id)
    instance = account.instance(build_id, groups=[group])
    mine = [group, account.key_pair(build_id), account.volume(build_id), account.interface(build_id)]
    other = account.security_group(f"{build_id}x")
    foreign = account.ec2.create_volume(Size=1, AvailabilityZone="eu-west-1a")["VolumeId"]
    key = tmp_path / f"goldsmith-{build_id}.key"
    key.touch()
    options = {"build_ids": [build_id], "expired": False, "environ": {"XDG_RUNTIME_DIR": str(tmp_path)}}

    told = sweep(check=True, **options)
    assert told["changed"]
    assert key.exists()
    assert told["removed"] == []
    assert set(actions(lab)) == {"DescribeTags", "DescribeInstances", "ListRoles", "ListInstanceProfiles"}
    assert account.state(instance) == "running"

    first = sweep(**options)
    done = actions(lab)
    second = sweep(**options)

    assert {instance, *mine} < set(ids(told, "found"))
    assert ids(told, "found") == ids(first, "found") == ids(first, "removed")
    assert first["failed_removals"] == first["unsearched"] == []
    assert {one["name"] for one in first["found"]} == {f"goldsmith-{build_id}"}
    assert {one["region"] for one in first["found"]} == {"eu-west-1"}
    assert {one["reason"] for one in first["found"]} == {"its build is to be swept"}
    assert first["diff"]["before"]["leftovers"][0] == f"instance {instance} in eu-west-1 of build {build_id}"
    assert first["diff"]["after"]["leftovers"] == []
    assert (second["changed"], second["found"]) == (False, [])
    assert account.state(instance) == "terminated"
    assert not key.exists()
    assert not any(account.there(name.partition("-")[0], name) for name in mine)
    assert account.there("sg", other)
    assert account.there("vol", foreign)
    # The instance's own volume, which goes along with it, costs no call.
    assert [action for action in done if action.startswith(("Delete", "Terminate"))] == [
        "TerminateInstances",
        "DeleteVolume",
        "DeleteNetworkInterface",
        "DeleteSecurityGroup",
        "DeleteKeyPair",
    ]


def test_candidate_goes_with_its_snapshot_and_finished_images_stay(
    account: Account, sweep: Sweep, build_id: str
) -> None:
    instance = account.instance(build_id)
    made = {
        state: account.image(instance, build_id, state, hours=-1) for state in ("candidate", "verified", "published")
    }

    result = sweep(build_ids=[build_id])

    kinds = {one["kind"]: one["id"] for one in result["removed"]}
    assert (kinds["image"], kinds["snapshot"]) == made["candidate"]
    stayed = [made["verified"], made["published"]]
    assert account.images() & {image for image, _snapshot in made.values()} == {image for image, _ in stayed}
    assert account.snapshots() & {snapshot for _image, snapshot in made.values()} == {
        snapshot for _, snapshot in stayed
    }


def test_what_has_expired_goes_in_all_regions_that_are_named_whichever_build_it_is_of(
    account: Account, sweep: Sweep, build_id: str
) -> None:
    old, young = f"{build_id}-old", f"{build_id}-young"
    here, there = account.key_pair(old, hours=-1), account.key_pair(old, "ap-south-1", hours=-1)
    role = account.role(old, hours=-1)
    kept = account.role(young)
    stays = account.key_pair(young)

    told = sweep(check=True, regions=["eu-west-1", "ap-south-1"])
    result = sweep(regions=["eu-west-1", "ap-south-1"])

    assert {(one["region"], one["id"]) for one in result["removed"] if one["build"] == old} == {
        ("eu-west-1", here),
        ("ap-south-1", there),
        ("", role),
    }
    assert ids(told, "found", old) == ids(result, "removed", old)
    assert {one["reason"] for one in told["found"] if one["build"] == old} == {"it has expired"}
    assert ids(result, "found", young) == []
    assert account.there("key", stays)
    iam = account.client("iam")
    assert {one["RoleName"] for one in iam.list_roles(PathPrefix="/goldsmith/")["Roles"]} & {role, kept} == {kept}
    profiles = iam.list_instance_profiles(PathPrefix="/goldsmith/")["InstanceProfiles"]
    assert {one["InstanceProfileName"] for one in profiles} & {role, kept} == {kept}


def test_region_that_refuses_under_all_is_warned_of_and_the_others_are_swept(
    account: Account, sweep: Sweep, lab: Lab, build_id: str
) -> None:
    regions = ["eu-west-1", "eu-central-1", "us-east-1"]
    keys = {region: account.key_pair(build_id, region) for region in regions}
    lab.order(Fault("DescribeTags", code="AuthFailure", last=1))

    result = sweep(build_ids=[build_id], expired=False, regions=["all"])

    (refused,) = result["unsearched"]
    expected = sorted(key for region, key in keys.items() if region != refused["where"])
    assert ids(result, "removed") == expected
    assert refused["reason"].startswith("cannot look for what builds have left: AuthFailure: ")
    assert f"{refused['where']} could not be searched" in str(result["warnings"])
    assert result["rc"] == 0


def test_named_region_that_refuses_fails_the_sweep_after_the_others(
    account: Account, sweep: Sweep, lab: Lab, build_id: str
) -> None:
    regions = ["eu-west-1", "eu-central-1"]
    keys = {region: account.key_pair(build_id, region) for region in regions}
    lab.order(Fault("DescribeTags", code="UnauthorizedOperation", last=1))

    result = sweep(build_ids=[build_id], expired=False, regions=regions)

    (refused,) = result["unsearched"]
    assert result["rc"] == 1
    assert ids(result, "removed") == [key for region, key in keys.items() if region != refused["where"]]
    assert f"{refused['where']} could not be searched" in result["msg"]
    assert "the permission ec2:DescribeTags is missing" in result["msg"]


def test_iam_that_refuses_is_warned_of(account: Account, sweep: Sweep, lab: Lab, build_id: str) -> None:
    key = account.key_pair(build_id)
    lab.order(Fault("ListRoles", code="AccessDenied"))

    result = sweep(build_ids=[build_id], expired=False)

    assert (result["rc"], ids(result, "removed")) == (0, [key])
    assert [one["where"] for one in result["unsearched"]] == ["iam"]
    assert "iam could not be searched" in str(result["warnings"])


def test_what_aws_does_not_let_go_is_reported_and_the_rest_removed(
    account: Account, sweep: Sweep, lab: Lab, build_id: str
) -> None:
    group, key = account.security_group(build_id), account.key_pair(build_id)
    lab.order(Fault("DeleteSecurityGroup", code="DependencyViolation", message=f"{group} has a dependent object"))

    result = sweep(build_ids=[build_id], expired=False)

    assert (result["rc"], result["changed"]) == (1, True)
    assert ids(result, "removed") == [key]
    assert ids(result, "failed_removals") == [group]
    reason = f"cannot delete the security group: DependencyViolation: {group} has a dependent object"
    assert result["failed_removals"][0]["reason"] == reason
    assert result["msg"] == f"1 of 2 could not be removed: security group {group} in eu-west-1: {reason}"
    assert result["diff"]["after"]["leftovers"] == [f"security group {group} in eu-west-1 of build {build_id}"]


def test_throttled_sweep_succeeds(account: Account, sweep: Sweep, lab: Lab, build_id: str) -> None:
    key = account.key_pair(build_id)
    lab.order(Fault.throttled("DeleteKeyPair", last=1))

    result = sweep(build_ids=[build_id], expired=False)

    assert (result["rc"], ids(result, "removed")) == (0, [key])


def test_sweep_that_is_killed_is_finished_by_the_next_one(
    account: Account, sweep: Sweep, lab: Lab, start_module: Callable[..., subprocess.Popen[str]], build_id: str
) -> None:
    group = account.security_group(build_id)
    instance = account.instance(build_id, groups=[group])
    lab.order(Fault("TerminateInstances", "hold"))
    options = {"build_ids": [build_id], "expired": False}

    process = start_module("ec2_sweep", options, environ=lab.environment)
    assert lab.wait_held()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    lab.clear_faults()
    result = sweep(**options)

    assert result["rc"] == 0
    assert account.state(instance) == "terminated"
    assert not account.there("sg", group)


def test_sweep_without_credentials_says_where_to_put_them(sweep: Sweep, tmp_path: Any) -> None:
    nowhere = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }
    result = sweep(environ=nowhere)
    assert result["rc"] == 1
    assert "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in result["msg"]
