"""Images hold the file systems of machines, in snapshots as on AWS, through capture, copy, registration and the end."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from tests.lab.conftest import Account, Machine, refused, until

from goldsmith.lab import Fault

pytestmark = pytest.mark.docker

TAGS = [{"ResourceType": kind, "Tags": [{"Key": "build", "Value": "b1"}]} for kind in ("image", "snapshot")]


@pytest.fixture(scope="module")
def machine(account: Account) -> Machine:
    machine = account.run(BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 10}}]).enter()
    machine.do("echo mine >/root/mark; sync")
    return machine


@pytest.fixture(scope="module")
def image(account: Account, machine: Machine) -> dict[str, Any]:
    """An image of the machine, which runs on."""
    made = account.ec2.create_image(InstanceId=machine.id, Name="one", NoReboot=True, TagSpecifications=TAGS)
    assert account.image_state(made["ImageId"]) == "pending"
    return account.wait_image(made["ImageId"])


def content(snapshot: str) -> bool:
    """Tell whether the engine holds a snapshot's file system."""
    return bool(subprocess.run(["docker", "images", "-q", f"goldsmith/lab:{snapshot}"], capture_output=True).stdout)


def root_snapshot(image: dict[str, Any]) -> str:
    return str(image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])


def test_a_machine_from_the_image_has_what_was_written_and_host_keys_of_its_own(
    account: Account, machine: Machine, image: dict[str, Any]
) -> None:
    again = account.run(image["ImageId"]).enter()
    assert again.do("cat /root/mark") == "mine"
    public = "cat /etc/ssh/ssh_host_ed25519_key.pub"
    assert again.do(public) != machine.do(public)
    again.terminate()


def test_nothing_of_the_lab_but_the_authorised_key_is_in_the_image(image: dict[str, Any]) -> None:
    command = "test ! -e /run/goldsmith-lab && test ! -e /run/systemd && grep -c . /home/admin/.ssh/authorized_keys"
    listed = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", f"goldsmith/lab:{root_snapshot(image)}", "sh", "-c", command],
        capture_output=True,
        text=True,
    )
    assert listed.stdout.strip() == "1", listed


def test_image_and_snapshot_are_described_as_ec2_does(
    account: Account, machine: Machine, image: dict[str, Any]
) -> None:
    assert image["SourceInstanceId"] == machine.id and image["OwnerId"] == "123456789012"
    assert image["RootDeviceName"] == "/dev/xvda" and image["Tags"] == [{"Key": "build", "Value": "b1"}]
    ebs = image["BlockDeviceMappings"][0]["Ebs"]
    assert (ebs["VolumeSize"], ebs["VolumeType"], ebs["DeleteOnTermination"], ebs["Encrypted"]) == (
        10,
        "gp3",
        True,
        False,
    )
    snapshot = account.ec2.describe_snapshots(SnapshotIds=[ebs["SnapshotId"]])["Snapshots"][0]
    assert (snapshot["State"], snapshot["Progress"], snapshot["VolumeSize"]) == ("completed", "100%", 10)
    assert snapshot["Tags"] == [{"Key": "build", "Value": "b1"}]
    assert image["ImageId"] in snapshot["Description"]


def test_a_running_machine_is_rebooted_for_its_image_unless_that_is_not_wanted(
    account: Account, machine: Machine
) -> None:
    boot_id = machine.do("cat /proc/sys/kernel/random/boot_id")
    image = account.ec2.create_image(InstanceId=machine.id, Name="rebooted")["ImageId"]
    assert machine.state == "running"
    account.wait_image(image)
    assert machine.enter().do("cat /proc/sys/kernel/random/boot_id") != boot_id


def test_an_image_of_a_machine_that_is_terminated_at_once_is_complete(account: Account) -> None:
    machine = account.run().enter()
    machine.do("echo late >/root/late; sync")
    image = account.ec2.create_image(InstanceId=machine.id, Name="late", NoReboot=True)["ImageId"]
    machine.terminate()
    assert content(root_snapshot(account.wait_image(image)))


def test_a_copy_in_another_region_boots_and_carries_its_own_tags(account: Account, image: dict[str, Any]) -> None:
    other = Account(account.lab, account.key, "eu-central-1")
    other.import_key("lab")
    arguments = {"Name": "one", "SourceImageId": image["ImageId"], "SourceRegion": "eu-west-1", "ClientToken": "token"}
    copy = other.ec2.copy_image(**arguments, Encrypted=True, TagSpecifications=TAGS)["ImageId"]
    copied = other.wait_image(copy)
    assert copied["Tags"] == [{"Key": "build", "Value": "b1"}] and copied["SourceImageRegion"] == "eu-west-1"
    snapshot = other.ec2.describe_snapshots(SnapshotIds=[root_snapshot(copied)])["Snapshots"][0]
    assert snapshot["Encrypted"] and snapshot["KmsKeyId"].startswith("arn:aws:kms:eu-central-1:")
    assert snapshot["Tags"] == [{"Key": "build", "Value": "b1"}]
    # The same token again makes nothing; with other parameters it is refused.
    assert other.ec2.copy_image(**arguments, Encrypted=True, TagSpecifications=TAGS)["ImageId"] == copy
    refused("IdempotentParameterMismatch", other.ec2.copy_image, **{**arguments, "Name": "two"})
    machine = other.run(copy).enter()
    assert machine.do("cat /root/mark") == "mine"
    assert other.ec2.describe_volumes()["Volumes"][0]["Encrypted"]
    machine.terminate()


def test_a_copy_takes_tags_along_only_where_that_is_asked_for(account: Account, image: dict[str, Any]) -> None:
    for name, options, tags in (("plain", {}, []), ("tagged", {"CopyImageTags": True}, image["Tags"])):
        made = account.ec2.copy_image(Name=name, SourceImageId=image["ImageId"], SourceRegion="eu-west-1", **options)
        assert account.wait_image(made["ImageId"])["Tags"] == tags


def test_an_image_is_registered_from_the_snapshots_of_a_machine(account: Account, machine: Machine) -> None:
    made = account.ec2.create_snapshots(InstanceSpecification={"InstanceId": machine.id}, TagSpecifications=[TAGS[1]])[
        "Snapshots"
    ]
    assert made[0]["State"] == "pending" and made[0]["Tags"] == [{"Key": "build", "Value": "b1"}]
    identifier = made[0]["SnapshotId"]
    until(lambda: account.ec2.describe_snapshots(SnapshotIds=[identifier])["Snapshots"][0]["State"] == "completed")
    registered = account.ec2.register_image(
        Name="registered",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": identifier, "VolumeSize": 12}}],
        Architecture="x86_64",
        VirtualizationType="hvm",
        BootMode="uefi",
        TpmSupport="v2.0",
        ImdsSupport="v2.0",
        EnaSupport=True,
        TagSpecifications=[TAGS[0]],
    )["ImageId"]
    image = account.wait_image(registered)
    assert (image["BootMode"], image["TpmSupport"], image["ImdsSupport"]) == ("uefi", "v2.0", "v2.0")
    again = account.run(registered).enter()
    assert again.do("cat /root/mark") == "mine"
    assert again.describe()["MetadataOptions"]["HttpTokens"] == "required"
    again.terminate()
    refused("InvalidSnapshot.InUse", account.ec2.delete_snapshot, SnapshotId=identifier)


def test_a_snapshot_without_a_file_system_registers_no_image(account: Account) -> None:
    volume = account.ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    snapshot = account.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    until(lambda: account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")
    devices = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    arguments: dict[str, Any] = {"Name": "none", "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": devices}
    refused("InvalidBlockDeviceMapping", account.ec2.register_image, **arguments)
    account.ec2.delete_volume(VolumeId=volume)
    account.ec2.delete_snapshot(SnapshotId=snapshot)


def test_deregistering_leaves_the_snapshot_and_deleting_that_leaves_nothing(account: Account, machine: Machine) -> None:
    ec2 = account.ec2
    made = ec2.create_image(InstanceId=machine.id, Name="gone", NoReboot=True)["ImageId"]
    snapshot = root_snapshot(account.wait_image(made))
    refused("InvalidSnapshot.InUse", ec2.delete_snapshot, SnapshotId=snapshot)
    ec2.deregister_image(ImageId=made)
    refused("InvalidAMIID.Unavailable", ec2.describe_images, ImageIds=[made])
    refused("InvalidAMIID.Unavailable", ec2.deregister_image, ImageId=made)
    assert content(snapshot)
    ec2.delete_snapshot(SnapshotId=snapshot)
    until(lambda: not content(snapshot))
    refused("InvalidSnapshot.NotFound", ec2.delete_snapshot, SnapshotId=snapshot)


def test_deregistering_with_the_snapshots_leaves_nothing(account: Account, machine: Machine) -> None:
    made = account.ec2.create_image(InstanceId=machine.id, Name="gone", NoReboot=True)["ImageId"]
    snapshot = root_snapshot(account.wait_image(made))
    done = account.ec2.deregister_image(ImageId=made, DeleteAssociatedSnapshots=True)
    assert done["DeleteSnapshotResults"] == [{"SnapshotId": snapshot, "ReturnCode": "success"}]
    until(lambda: not content(snapshot))


def test_an_image_that_is_deregistered_while_it_is_made_leaves_nothing(account: Account, machine: Machine) -> None:
    account.lab.set_delays(image=0.5)
    made = account.ec2.create_image(InstanceId=machine.id, Name="early", NoReboot=True)["ImageId"]
    snapshot = root_snapshot(account.ec2.describe_images(ImageIds=[made])["Images"][0])
    account.ec2.deregister_image(ImageId=made)
    account.ec2.delete_snapshot(SnapshotId=snapshot)
    account.lab.set_delays(image=0)
    other = account.ec2.create_image(InstanceId=machine.id, Name="later", NoReboot=True)["ImageId"]
    account.wait_image(other)
    until(lambda: not content(snapshot))


def test_an_image_that_fails_says_why_and_cannot_be_started(account: Account, machine: Machine) -> None:
    account.lab.order(Fault("CreateImage", "fails", last=1))
    made = account.ec2.create_image(InstanceId=machine.id, Name="failed")["ImageId"]
    failed = account.wait_image(made, "failed")
    account.lab.clear_faults()
    assert failed["StateReason"]["Code"] == "Client.InternalError"
    refused("InvalidAMIID.Unavailable", account.run, image=made)
    account.ec2.deregister_image(ImageId=made)
    account.ec2.delete_snapshot(SnapshotId=root_snapshot(failed))


def test_a_copy_that_fails_ends_failed(account: Account, image: dict[str, Any]) -> None:
    account.lab.order(Fault("CopyImage", "fails", last=1))
    made = account.ec2.copy_image(Name="badly", SourceImageId=image["ImageId"], SourceRegion="eu-west-1")["ImageId"]
    account.wait_image(made, "failed")
    account.lab.clear_faults()


def test_states_take_the_time_that_is_set(account: Account, image: dict[str, Any]) -> None:
    account.lab.set_delays(copy=60)
    arguments = {"SourceImageId": image["ImageId"], "SourceRegion": "eu-west-1"}
    made = account.ec2.copy_image(Name="slowly", **arguments)["ImageId"]
    account.lab.set_delays(copy=0)
    account.wait_image(account.ec2.copy_image(Name="quickly", **arguments)["ImageId"])
    pending = account.ec2.describe_images(ImageIds=[made])["Images"][0]
    assert pending["State"] == "pending"
    snapshot = account.ec2.describe_snapshots(SnapshotIds=[root_snapshot(pending)])["Snapshots"][0]
    assert (snapshot["State"], snapshot["Progress"]) == ("pending", "42%")
    refused("InvalidAMIID.Unavailable", account.run, image=made)
    refused("InvalidAMIID.Unavailable", account.ec2.copy_image, Name="again", **{**arguments, "SourceImageId": made})
