"""What EC2's API does and moto's does not: errors, tokens, tags, attributes, deprecation, protection."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.lab.conftest import DEBIAN, TYPE, Account, Machine, refused, until

pytestmark = pytest.mark.docker

ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-abcdefghij"
UNIT = "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-ab12-abcdefgh"


@pytest.fixture(scope="module")
def machine(account: Account) -> Machine:
    return account.run().wait("running")


@pytest.fixture(scope="module")
def image(account: Account, machine: Machine) -> dict[str, Any]:
    made = account.ec2.create_image(InstanceId=machine.id, Name="image", NoReboot=True)["ImageId"]
    return account.wait_image(made)


def tagged(*kinds: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "build", "Value": "b2"}]} for kind in kinds]


# --- Starting instances ---


def test_what_cannot_be_started_is_refused_with_the_reason(account: Account) -> None:
    run, base = account.ec2.run_instances, account.base()
    one: dict[str, Any] = {"MinCount": 1, "MaxCount": 1, "InstanceType": TYPE}
    refused("InvalidAMIID.NotFound", run, ImageId="ami-0123456789abcdef0", **one)
    refused("InvalidAMIID.Malformed", run, ImageId="ami-xyz", **one)
    refused("InvalidKeyPair.NotFound", run, ImageId=base, KeyName="nobody", **one)
    refused("InvalidParameterValue", run, ImageId=base, **{**one, "InstanceType": "t3.tiny"})
    said = refused("InvalidParameterValue", run, ImageId=base, **{**one, "InstanceType": "t4g.small"})
    assert "arm64" in said and "x86_64" in said
    small = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 1}}]
    refused("InvalidBlockDeviceMapping", run, ImageId=base, BlockDeviceMappings=small, **one)
    refused("InvalidParameterValue", run, ImageId=base, UserData="x" * 16385, **one)
    profile = {"Name": "nobody"}
    assert "nobody" in refused("InvalidParameterValue", run, ImageId=base, IamInstanceProfile=profile, **one)
    refused("DryRunOperation", run, ImageId=base, DryRun=True, **one)
    assert len(account.ec2.describe_instances()["Reservations"]) <= 1


def test_a_client_token_starts_one_instance_only(account: Account) -> None:
    arguments: dict[str, Any] = {"ImageId": account.base(), "MinCount": 1, "MaxCount": 1, "InstanceType": TYPE}
    first, second = (
        account.ec2.run_instances(ClientToken="one", **arguments)["Instances"][0]["InstanceId"] for _ in range(2)
    )
    assert first == second
    refused("IdempotentParameterMismatch", account.ec2.run_instances, ClientToken="one", UserData="x", **arguments)
    machine = Machine(account, first).wait("running")
    by_token = account.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["one"]}])["Reservations"]
    assert [one["InstanceId"] for one in by_token[0]["Instances"]] == [first]
    again = account.ec2.run_instances(ClientToken="one", **arguments)["Instances"][0]
    assert again["State"]["Name"] == "running"
    machine.terminate()


def test_all_that_a_call_creates_is_tagged_by_it_and_found_by_the_tag(account: Account) -> None:
    kinds = ("instance", "volume", "network-interface", "spot-instances-request")
    market = {"MarketType": "spot"}
    machine = account.run(TagSpecifications=tagged(*kinds), InstanceMarketOptions=market).wait("running")
    described = machine.describe()
    expected = {
        ("instance", machine.id),
        ("volume", described["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]),
        ("network-interface", described["NetworkInterfaces"][0]["NetworkInterfaceId"]),
        ("spot-instance-request", described["SpotInstanceRequestId"]),
    }
    for filters in ([("tag:build", "b2")], [("key", "build"), ("value", "b*")]):
        asked = [{"Name": name, "Values": [value]} for name, value in filters]
        found = account.ec2.describe_tags(Filters=asked)["Tags"]
        assert {(tag["ResourceType"], tag["ResourceId"]) for tag in found} == expected
    pages = account.ec2.get_paginator("describe_tags").paginate(PaginationConfig={"PageSize": 5})
    assert len([tag for page in pages for tag in page["Tags"]]) == 4
    account.ec2.terminate_instances(InstanceIds=[machine.id])
    machine.wait("terminated")
    left = account.ec2.describe_tags(Filters=[{"Name": "tag:build", "Values": ["b2"]}])["Tags"]
    assert {tag["ResourceType"] for tag in left} == {"instance", "spot-instance-request"}
    request = account.ec2.describe_spot_instance_requests()["SpotInstanceRequests"][0]
    assert request["State"] == "closed"


def test_a_spot_request_is_cancelled_and_its_instance_runs_on(account: Account) -> None:
    machine = account.run(InstanceMarketOptions={"MarketType": "spot"}).wait("running")
    request = machine.describe()["SpotInstanceRequestId"]
    assert machine.describe()["InstanceLifecycle"] == "spot"
    cancelled = account.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request])
    assert cancelled["CancelledSpotInstanceRequests"][0]["State"] == "cancelled"
    assert machine.state == "running"
    refused(
        "InvalidSpotInstanceRequestID.NotFound",
        account.ec2.cancel_spot_instance_requests,
        SpotInstanceRequestIds=["sir-00000000"],
    )
    machine.terminate()


def test_volumes_are_as_they_were_asked_for(account: Account) -> None:
    root = {"VolumeSize": 9, "VolumeType": "io1", "Iops": 200, "Encrypted": True}
    more = {"VolumeSize": 2, "VolumeType": "gp3", "Throughput": 200}
    devices = [{"DeviceName": "/dev/xvda", "Ebs": root}, {"DeviceName": "/dev/xvdb", "Ebs": more}]
    machine = account.run(BlockDeviceMappings=devices).wait("running")
    found = account.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [machine.id]}])[
        "Volumes"
    ]
    volumes = {one["Attachments"][0]["Device"]: one for one in found}
    assert {key: volumes["/dev/xvda"].get({"VolumeSize": "Size"}.get(key, key)) for key in root} == root
    assert volumes["/dev/xvda"]["KmsKeyId"].startswith("arn:aws:kms:eu-west-1:")
    assert (volumes["/dev/xvdb"]["Size"], volumes["/dev/xvdb"]["Iops"], volumes["/dev/xvdb"]["Throughput"]) == (
        2,
        3000,
        200,
    )
    machine.terminate()


def test_a_group_and_an_interface_stay_as_long_as_an_instance_has_them(account: Account) -> None:
    group = account.ec2.create_security_group(GroupName="one", Description="-")["GroupId"]
    machine = account.run(SecurityGroupIds=[group]).wait("running")
    refused("DependencyViolation", account.ec2.delete_security_group, GroupId=group)
    [interface] = account.ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": [group]}])[
        "NetworkInterfaces"
    ]
    nic = interface["NetworkInterfaceId"]
    refused("InvalidNetworkInterface.InUse", account.ec2.delete_network_interface, NetworkInterfaceId=nic)
    machine.terminate()
    machine.wait("terminated")
    account.ec2.delete_security_group(GroupId=group)
    refused("InvalidGroup.NotFound", account.ec2.delete_security_group, GroupId=group)


def test_a_protected_instance_is_not_terminated(account: Account) -> None:
    machine = account.run(DisableApiTermination=True).wait("running")
    refused("OperationNotPermitted", account.ec2.terminate_instances, InstanceIds=[machine.id])
    off = {"Value": False}
    account.ec2.modify_instance_attribute(InstanceId=machine.id, DisableApiTermination=off)
    machine.terminate()


def test_status_checks_pass_after_a_while(account: Account, machine: Machine) -> None:
    account.lab.set_delays(status=600)
    checked = account.ec2.describe_instance_status(InstanceIds=[machine.id])["InstanceStatuses"][0]
    assert checked["InstanceStatus"]["Status"] == checked["SystemStatus"]["Status"] == "initializing"
    account.lab.set_delays(status=0)
    checked = account.ec2.describe_instance_status(InstanceIds=[machine.id])["InstanceStatuses"][0]
    assert checked["InstanceStatus"]["Status"] == "ok"


def test_key_pairs_have_unique_names_and_go_by_name_or_id(account: Account) -> None:
    account.import_key("twice")
    material = account.key.with_suffix(".pub").read_bytes()
    refused("InvalidKeyPair.Duplicate", account.ec2.import_key_pair, KeyName="twice", PublicKeyMaterial=material)
    identifier = account.ec2.describe_key_pairs(KeyNames=["twice"])["KeyPairs"][0]["KeyPairId"]
    assert account.ec2.describe_key_pairs(KeyPairIds=[identifier])["KeyPairs"][0]["KeyName"] == "twice"
    account.ec2.delete_key_pair(KeyPairId=identifier)
    account.ec2.delete_key_pair(KeyName="twice")
    refused("InvalidKeyPair.NotFound", account.ec2.describe_key_pairs, KeyNames=["twice"])


# --- Finding images ---


def test_the_public_images_are_in_every_region_and_named_by_parameters(account: Account) -> None:
    frankfurt = Account(account.lab, account.key, "eu-central-1")
    assert account.base() != frankfurt.base()
    for region in (account, frankfurt):
        ssm = region.client("ssm")
        for release in ("12", "13"):
            name = f"/aws/service/debian/release/{release}/latest/amd64"
            assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == region.base(f"debian-{release}-amd64-lab")
        assert ssm.describe_parameters()["Parameters"] == []
    found = account.ec2.describe_images(Owners=[DEBIAN])["Images"]
    assert sorted(found, key=lambda one: one["CreationDate"])[-1]["Name"] == "debian-13-amd64-lab"
    assert all(one["Public"] and one["Architecture"] == "x86_64" and one["EnaSupport"] for one in found)


def test_the_regions_are_those_that_an_account_has(account: Account) -> None:
    found = {one["RegionName"] for one in account.ec2.describe_regions()["Regions"]}
    assert {"eu-west-1", "us-east-1"} <= found and not found & {"cn-north-1", "us-gov-west-1", "me-south-1"}


def test_a_region_that_there_is_not_lets_nobody_in(account: Account) -> None:
    nowhere = Account(account.lab, account.key, "eu-west-9")
    refused("AuthFailure", nowhere.ec2.describe_images)


def test_an_image_of_somebody_else_cannot_be_changed(account: Account) -> None:
    base = account.base()
    refused("AuthFailure", account.ec2.deregister_image, ImageId=base)
    refused("AuthFailure", account.ec2.modify_image_attribute, ImageId=base, Description={"Value": "mine"})


def test_names_of_images_are_unique_and_well_formed(account: Account, machine: Machine, image: dict[str, Any]) -> None:
    create = account.ec2.create_image
    said = refused("InvalidAMIName.Duplicate", create, InstanceId=machine.id, Name="image")
    assert image["ImageId"] in said
    refused("InvalidAMIName.Malformed", create, InstanceId=machine.id, Name="what:ever")
    copy: dict[str, Any] = {"SourceImageId": image["ImageId"], "SourceRegion": "eu-west-1", "Name": "image"}
    refused("InvalidAMIName.Duplicate", account.ec2.copy_image, **copy)


# --- Changing images ---


def test_an_image_is_shared_with_accounts_groups_organisations_and_units(
    account: Account, image: dict[str, Any]
) -> None:
    ec2, identifier = account.ec2, image["ImageId"]
    wanted = [
        {"UserId": "111122223333"},
        {"Group": "all"},
        {"OrganizationArn": ORGANIZATION},
        {"OrganizationalUnitArn": UNIT},
    ]

    def permissions() -> list[dict[str, str]]:
        shown = ec2.describe_image_attribute(ImageId=identifier, Attribute="launchPermission")
        return list(shown["LaunchPermissions"])

    ec2.modify_image_attribute(ImageId=identifier, LaunchPermission={"Add": wanted})
    assert permissions() == wanted
    ec2.modify_image_attribute(ImageId=identifier, LaunchPermission={"Remove": wanted[1:]})
    assert permissions() == wanted[:1]
    older = {"OperationType": "add", "Attribute": "launchPermission", "UserIds": ["444455556666", "777788889999"]}
    ec2.modify_image_attribute(ImageId=identifier, **older)
    assert [one["UserId"] for one in permissions()] == ["111122223333", "444455556666", "777788889999"]
    bad = {"Add": [{"UserId": "12"}]}
    refused("InvalidAMIAttributeItemValue", ec2.modify_image_attribute, ImageId=identifier, LaunchPermission=bad)
    shared = ec2.describe_images(ExecutableUsers=["111122223333"], Owners=["self"])["Images"]
    assert [one["ImageId"] for one in shared] == [identifier]
    ec2.reset_image_attribute(ImageId=identifier, Attribute="launchPermission")
    assert permissions() == []


def test_a_snapshot_is_shared_and_no_longer(account: Account, image: dict[str, Any]) -> None:
    ec2, snapshot = account.ec2, image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]

    def permissions() -> list[dict[str, str]]:
        shown = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
        return list(shown["CreateVolumePermissions"])

    user = [{"UserId": "111122223333"}]
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission={"Add": user})
    assert permissions() == user
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission={"Remove": user})
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, OperationType="add", UserIds=["444455556666"])
    assert permissions() == [{"UserId": "444455556666"}]


def test_what_is_encrypted_with_awss_own_key_cannot_be_shared(account: Account, image: dict[str, Any]) -> None:
    ec2, source = account.ec2, {"SourceImageId": image["ImageId"], "SourceRegion": "eu-west-1", "Encrypted": True}
    own = ec2.copy_image(Name="default key", **source)["ImageId"]
    mine = ec2.copy_image(Name="my key", KmsKeyId="alias/mine", **source)["ImageId"]
    snapshot = account.wait_image(own)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    user = {"Add": [{"UserId": "111122223333"}]}
    refused("InvalidParameter", ec2.modify_image_attribute, ImageId=own, LaunchPermission=user)
    refused("OperationNotPermitted", ec2.modify_snapshot_attribute, SnapshotId=snapshot, CreateVolumePermission=user)
    account.wait_image(mine)
    ec2.modify_image_attribute(ImageId=mine, LaunchPermission=user)


def test_a_deprecated_image_is_seen_by_its_owner_and_by_who_asks_for_it(
    account: Account, image: dict[str, Any]
) -> None:
    ec2, identifier = account.ec2, image["ImageId"]
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=180)
    ec2.enable_image_deprecation(ImageId=identifier, DeprecateAt=moment)
    shown = ec2.describe_images(ImageIds=[identifier])["Images"][0]["DeprecationTime"]
    assert abs(datetime.fromisoformat(shown) - moment) <= timedelta(seconds=30)
    past = datetime.now(UTC) - timedelta(days=1)
    refused("InvalidParameterValue", ec2.enable_image_deprecation, ImageId=identifier, DeprecateAt=past)
    ec2.disable_image_deprecation(ImageId=identifier)
    assert "DeprecationTime" not in ec2.describe_images(ImageIds=[identifier])["Images"][0]


def test_a_disabled_image_is_hidden_and_cannot_be_started(account: Account, image: dict[str, Any]) -> None:
    ec2, identifier = account.ec2, image["ImageId"]
    ec2.disable_image(ImageId=identifier)

    def seen(**options: bool) -> bool:
        found = ec2.describe_images(Owners=["self"], **options)["Images"]
        return identifier in [one["ImageId"] for one in found]

    assert not seen() and seen(IncludeDisabled=True)
    refused("InvalidAMIID.Unavailable", account.run, image=identifier)
    ec2.enable_image(ImageId=identifier)
    assert seen()


def test_a_protected_image_is_not_deregistered(account: Account, image: dict[str, Any]) -> None:
    ec2, identifier = account.ec2, image["ImageId"]
    ec2.enable_image_deregistration_protection(ImageId=identifier)
    shown = ec2.describe_images(ImageIds=[identifier])["Images"][0]["DeregistrationProtection"]
    assert shown == "enabled-without-cooldown"
    refused("OperationNotPermitted", ec2.deregister_image, ImageId=identifier)
    ec2.disable_image_deregistration_protection(ImageId=identifier)
    ec2.deregister_image(ImageId=identifier)


def test_an_action_that_the_lab_does_not_know_is_refused_and_named(account: Account) -> None:
    assert "describe_ipams" in refused("InvalidAction", account.ec2.describe_ipams)


def test_a_page_in_a_browser_is_not_answered(account: Account) -> None:
    request = urllib.request.Request(f"{account.lab.endpoint}/goldsmith-lab/calls", headers={"Origin": "http://a.test"})
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        urllib.request.urlopen(request)
    caught.value.close()


def test_an_instance_with_a_profile_has_its_credentials_and_an_agent(account: Account) -> None:
    iam, ssm = account.client("iam"), account.client("ssm")
    iam.create_role(RoleName="role", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="profile")
    iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName="role")
    machine = account.run(IamInstanceProfile={"Name": "profile"}).enter()
    url = "http://169.254.169.254/latest/meta-data/iam/security-credentials"
    assert machine.do(f"curl -sf {url}/") == "role"
    assert '"AccessKeyId"' in machine.do(f"curl -sf {url}/role")
    agents = ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [machine.id]}])
    assert [one["PingStatus"] for one in agents["InstanceInformationList"]] == ["Online"]
    machine.terminate()


def test_pages_of_images_are_complete(account: Account, machine: Machine) -> None:
    pages = account.ec2.get_paginator("describe_images").paginate(PaginationConfig={"PageSize": 1})
    images = [one["ImageId"] for page in pages for one in page["Images"]]
    assert len(images) == len(set(images)) == len(account.ec2.describe_images()["Images"])
    until(lambda: machine.state == "running")
