"""Instances are machines: reached over SSH, with the keys and user data they were given, and they follow the API."""

from __future__ import annotations

import base64
import gzip
import subprocess
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from tests.lab.conftest import Account, Machine, refused, until

pytestmark = pytest.mark.docker

HOOK = "#cloud-boothook\n#!/bin/sh\necho $INSTANCE_ID >>/root/hooks\n"
SCRIPT = "#!/bin/bash\necho once >>/root/scripts\necho said to the console\n"


def message() -> bytes:
    """User data of two parts, and one that only cloud-init itself understands, compressed."""
    whole = MIMEMultipart(boundary="lab")
    whole.attach(MIMEText(HOOK, "cloud-boothook"))
    whole.attach(MIMEText(SCRIPT, "x-shellscript"))
    whole.attach(MIMEText("#cloud-config\npackages: [hello]\n", "cloud-config"))
    return gzip.compress(whole.as_bytes(), mtime=0)


@pytest.fixture(scope="module")
def machine(account: Account) -> Machine:
    return account.run(UserData=message()).enter()


def test_the_machine_knows_the_key_pair_by_its_name_and_the_user_may_do_everything(machine: Machine) -> None:
    assert machine.do("id -un") == "root"
    assert machine.ssh("cat .ssh/authorized_keys").stdout.split()[2] == "lab"


def test_root_is_told_to_be_the_other_user(machine: Machine) -> None:
    line = machine.do("cat /root/.ssh/authorized_keys")
    assert line.startswith("no-port-forwarding,") and 'Please login as the user \\"admin\\"' in line


def test_the_system_runs_without_a_failed_unit(machine: Machine) -> None:
    assert machine.do("systemctl is-system-running --wait") == "running"


def test_user_data_run_and_speak_on_the_console(machine: Machine) -> None:
    machine.do("cloud-init status --wait")
    assert machine.do("cat /root/hooks /root/scripts").split() == [machine.id, "once"]
    said = machine.account.ec2.get_console_output(InstanceId=machine.id)["Output"]
    assert "said to the console" in said
    assert "ignored in the user data: text/cloud-config" in said


def test_user_data_that_fail_show_as_clouds_own_would(account: Account) -> None:
    failing = account.run(UserData="#!/bin/sh\nexit 3\n").enter()
    done = failing.ssh("cloud-init status --wait")
    assert (done.returncode, done.stdout) == (1, "status: error\n")
    failing.terminate()


def test_the_metadata_need_a_token_where_version_2_is_required(machine: Machine) -> None:
    url = "http://169.254.169.254/latest"
    token = f"$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {url}/api/token)"
    ask = f'curl -s -H "X-aws-ec2-metadata-token: {token}" {url}'
    status = "curl -s -o /dev/null -w '%{http_code}'"

    def change(tokens: str) -> None:
        machine.account.ec2.modify_instance_metadata_options(InstanceId=machine.id, HttpTokens=tokens)

    change("required")
    assert machine.do(f"{status} {url}/meta-data/instance-id") == "401"
    assert machine.do(f"{status} -H 'X-aws-ec2-metadata-token: wrong' {url}/meta-data/instance-id") == "401"
    assert machine.do(f"{status} -X PUT {url}/api/token") == "400"
    assert machine.do(f"{ask}/meta-data/instance-id") == machine.id
    assert machine.do(f"{ask}/meta-data/placement/") == "availability-zone\nregion"
    assert machine.do(f"{ask}/meta-data/nothing -o /dev/null -w '%{{http_code}}'") == "404"
    change("optional")


def test_the_metadata_are_open_where_version_1_is_allowed(machine: Machine) -> None:
    assert machine.do("curl -sf http://169.254.169.254/latest/meta-data/ami-id") == machine.account.base()


def test_a_reboot_from_within_comes_back_with_another_boot_id_and_the_same_address(machine: Machine) -> None:
    boot_id, address = machine.do("cat /proc/sys/kernel/random/boot_id"), machine.describe()["PublicIpAddress"]
    machine.ssh("sudo reboot")
    until(lambda: machine.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip() not in ("", boot_id))
    assert machine.state == "running" and machine.describe()["PublicIpAddress"] == address
    machine.do("cloud-init status --wait")
    # Boot hooks run at every boot, scripts at the first one only.
    assert machine.do("cat /root/hooks /root/scripts").split() == [machine.id, machine.id, "once"]
    assert machine.do("journalctl --boot --quiet | head -n 1")


def test_a_reboot_by_the_api_comes_back_too(machine: Machine) -> None:
    boot_id = machine.do("cat /proc/sys/kernel/random/boot_id")
    machine.account.ec2.reboot_instances(InstanceIds=[machine.id])
    until(lambda: machine.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip() not in ("", boot_id))
    assert machine.state == "running"


def test_stopping_and_starting_keeps_the_disk_and_changes_the_states_in_order(machine: Machine) -> None:
    ec2 = machine.account.ec2
    machine.do("echo kept >/root/kept; sync")
    stopping = ec2.stop_instances(InstanceIds=[machine.id])["StoppingInstances"][0]
    assert (stopping["PreviousState"]["Name"], stopping["CurrentState"]["Name"]) == ("running", "stopping")
    machine.wait("stopped")
    assert "PublicIpAddress" not in machine.describe()
    assert machine.describe()["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    refused("IncorrectInstanceState", ec2.reboot_instances, InstanceIds=[machine.id])
    starting = ec2.start_instances(InstanceIds=[machine.id])["StartingInstances"][0]
    assert (starting["PreviousState"]["Name"], starting["CurrentState"]["Name"]) == ("stopped", "pending")
    assert machine.wait("running").enter().do("cat /root/kept") == "kept"


def test_a_poweroff_from_within_stops_the_instance(account: Account) -> None:
    machine = account.run().enter()
    machine.ssh("sudo poweroff")
    machine.wait("stopped")
    assert machine.describe()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    machine.terminate()
    machine.wait("terminated")


def test_a_poweroff_from_within_ends_the_instance_that_is_to_terminate_then(account: Account) -> None:
    machine = account.run(InstanceInitiatedShutdownBehavior="terminate").enter()
    machine.ssh("sudo poweroff")
    machine.wait("terminated")


def test_a_timer_as_a_dead_mans_switch_ends_the_instance(account: Account) -> None:
    timer = "systemd-run --no-block --on-active=1 --timer-property=AccuracySec=10ms systemctl poweroff"
    switch = f"#cloud-boothook\n#!/bin/sh\n{timer}\n"
    account.run(InstanceInitiatedShutdownBehavior="terminate", UserData=switch).wait("terminated")


def test_terminating_takes_the_container_the_volumes_and_the_interface_along(account: Account) -> None:
    machine = account.run().wait("running")
    container = f"name={machine.id}$"
    assert subprocess.run(["docker", "ps", "-qf", container], capture_output=True).stdout
    volume = machine.describe()["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    interface = machine.describe()["NetworkInterfaces"][0]["NetworkInterfaceId"]
    machine.terminate()
    machine.wait("terminated")
    assert not subprocess.run(["docker", "ps", "-aqf", container], capture_output=True).stdout
    refused("InvalidVolume.NotFound", account.ec2.describe_volumes, VolumeIds=[volume])
    refused(
        "InvalidNetworkInterfaceID.NotFound",
        account.ec2.describe_network_interfaces,
        NetworkInterfaceIds=[interface],
    )


def test_a_volume_that_is_not_to_go_stays(account: Account) -> None:
    kept = [{"DeviceName": "/dev/xvdb", "Ebs": {"VolumeSize": 3, "DeleteOnTermination": False}}]
    machine = account.run(BlockDeviceMappings=kept).wait("running")
    volumes = {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in machine.describe()["BlockDeviceMappings"]}
    machine.terminate()
    machine.wait("terminated")
    left = account.ec2.describe_volumes(VolumeIds=[volumes["/dev/xvdb"]])["Volumes"][0]
    assert (left["State"], left["Size"]) == ("available", 3)
    refused("InvalidVolume.NotFound", account.ec2.describe_volumes, VolumeIds=[volumes["/dev/xvda"]])


def test_a_machine_without_a_public_address_has_none(account: Account) -> None:
    interface = [{"DeviceIndex": 0, "AssociatePublicIpAddress": False}]
    machine = account.run(NetworkInterfaces=interface).wait("running")
    assert "PublicIpAddress" not in machine.describe() and machine.describe()["PrivateIpAddress"]
    machine.terminate()


def test_a_machine_is_terminated_while_it_starts(account: Account) -> None:
    machine = account.run()
    machine.terminate()
    machine.wait("terminated")


def test_console_and_user_data_come_as_ec2_gives_them(machine: Machine) -> None:
    given = machine.account.ec2.describe_instance_attribute(InstanceId=machine.id, Attribute="userData")
    assert base64.b64decode(given["UserData"]["Value"]) == message()
    said = machine.account.ec2.get_console_output(InstanceId=machine.id)["Output"]
    assert "Started" in said and "ssh.service" in said
