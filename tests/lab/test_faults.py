"""Faults that are ordered happen to the calls that they are for, in the service's own words, and to no other ones."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from tests.lab.conftest import TYPE, Account, refused, until

from goldsmith.lab import Fault, Lab

pytestmark = pytest.mark.docker


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    lab.clear_calls()
    yield
    lab.clear_faults()


def actions(lab: Lab) -> list[str]:
    return [call["action"] for call in lab.calls()]


def test_calls_are_recorded_with_what_was_answered(account: Account, lab: Lab) -> None:
    account.ec2.describe_regions(RegionNames=["eu-west-1"])
    refused("InvalidKeyPair.NotFound", account.ec2.describe_key_pairs, KeyNames=["nobody"])
    refused("ParameterNotFound", account.client("ssm").get_parameter, Name="/nothing")
    account.client("iam").list_roles()
    told = [(one["service"], one["action"], one["region"], one["status"], one["error"]) for one in lab.calls()]
    assert told == [
        ("ec2", "DescribeRegions", "eu-west-1", 200, ""),
        ("ec2", "DescribeKeyPairs", "eu-west-1", 400, "InvalidKeyPair.NotFound"),
        ("ssm", "GetParameter", "eu-west-1", 400, "ParameterNotFound"),
        ("iam", "ListRoles", "eu-west-1", 200, ""),
    ]
    assert lab.calls()[0]["parameters"]["RegionName.1"] == "eu-west-1"
    assert lab.calls()[2]["parameters"]["Name"] == "/nothing"


def test_errors_come_with_aws_s_status_and_message(account: Account, lab: Lab) -> None:
    for code, status in (
        ("RequestLimitExceeded", 503),
        ("InsufficientInstanceCapacity", 500),
        ("UnauthorizedOperation", 403),
        ("VcpuLimitExceeded", 400),
    ):
        lab.order(Fault("DescribeVpcs", code=code))
        with pytest.raises(ClientError) as caught:
            account.ec2.describe_vpcs()
        answer = caught.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
        assert "lab was told" not in answer["Error"]["Message"]
        lab.clear_faults()
    lab.order(Fault("DescribeVpcs", code="UnauthorizedOperation"))
    assert "not authorized to perform: ec2:DescribeVpcs" in refused("UnauthorizedOperation", account.ec2.describe_vpcs)


def test_errors_speak_the_protocol_of_each_service(account: Account, lab: Lab) -> None:
    lab.order(Fault(code="AccessDenied", message="no"))
    assert refused("AccessDenied", account.client("iam").list_roles) == "no"
    assert refused("AccessDenied", account.client("sts").get_caller_identity) == "no"
    assert refused("AccessDenied", account.client("ssm").describe_parameters) == "no"
    assert refused("AccessDenied", account.client("kms").list_keys) == "no"


def test_a_fault_is_for_some_calls_of_an_action(account: Account, lab: Lab) -> None:
    lab.order(Fault("DescribeVpcs", code="RequestLimitExceeded", first=2, last=3))
    account.ec2.describe_vpcs()
    account.ec2.describe_regions()
    refused("RequestLimitExceeded", account.ec2.describe_vpcs)
    refused("RequestLimitExceeded", account.ec2.describe_vpcs)
    account.ec2.describe_vpcs()


def test_a_fault_is_for_one_call_of_all(account: Account, lab: Lab) -> None:
    lab.order(Fault(call=2))
    account.ec2.describe_vpcs()
    refused("InternalError", account.ec2.describe_regions)
    account.ec2.describe_vpcs()


def test_botocore_swallows_a_throttled_call(account: Account, lab: Lab) -> None:
    patient = Account(lab, account.key, attempts=3)
    lab.order(Fault.throttled("DescribeVpcs", last=2))
    patient.ec2.describe_vpcs()
    assert actions(lab) == ["DescribeVpcs"] * 3


def test_no_capacity_is_for_a_type(account: Account, lab: Lab) -> None:
    lab.order(Fault.no_capacity("m5.large"))
    said = refused("InsufficientInstanceCapacity", account.run, InstanceType="m5.large")
    assert "sufficient capacity" in said
    account.run(InstanceType=TYPE).terminate()


def test_a_call_whose_answer_is_lost_was_done(account: Account, lab: Lab) -> None:
    lab.order(Fault("CreateSecurityGroup", "lost"))
    with pytest.raises(ConnectionClosedError):
        account.ec2.create_security_group(GroupName="lost", Description="-")
    lab.clear_faults()
    refused("InvalidGroup.Duplicate", account.ec2.create_security_group, GroupName="lost", Description="-")


def test_a_token_finds_what_a_lost_answer_would_have_named(account: Account, lab: Lab) -> None:
    lab.order(Fault("RunInstances", "lost", last=1))
    machine = Account(lab, account.key, attempts=3).run()
    assert [one["fault"] for one in lab.calls() if one["action"] == "RunInstances"] == ["lost", ""]
    running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    assert len(account.ec2.describe_instances(Filters=running)["Reservations"]) == 1
    machine.terminate()


def test_a_call_that_is_dropped_was_not_done(account: Account, lab: Lab) -> None:
    lab.order(Fault("CreateSecurityGroup", "dropped"))
    with pytest.raises(ConnectionClosedError):
        account.ec2.create_security_group(GroupName="dropped", Description="-")
    lab.clear_faults()
    account.ec2.create_security_group(GroupName="dropped", Description="-")


def test_an_answer_is_held_until_the_faults_are_cleared(account: Account, lab: Lab) -> None:
    lab.order(Fault("CreateSecurityGroup", "hold"))
    assert not lab.wait_held(0)
    with ThreadPoolExecutor() as pool:
        held = pool.submit(account.ec2.create_security_group, GroupName="held", Description="-")
        assert lab.wait_held()
        # It is done, and others are answered meanwhile.
        groups = account.ec2.describe_security_groups(GroupNames=["held"])["SecurityGroups"]
        assert not held.done()
        lab.clear_faults()
        assert held.result()["GroupId"] == groups[0]["GroupId"]


def test_a_client_can_be_killed_between_a_call_and_its_answer(account: Account, lab: Lab) -> None:
    lab.order(Fault("CreateSecurityGroup", "hold"))
    program = "import boto3; boto3.client('ec2').create_security_group(GroupName='killed', Description='-')"
    client = subprocess.Popen([sys.executable, "-c", program], env=lab.environment)
    assert lab.wait_held()
    client.kill()
    client.wait()
    lab.clear_faults()
    until(lambda: not lab.wait_held(0))
    assert account.ec2.describe_security_groups(GroupNames=["killed"])["SecurityGroups"]


def test_an_unreachable_instance_runs_fails_its_check_and_never_answers(account: Account, lab: Lab) -> None:
    lab.order(Fault("RunInstances", "unreachable"))
    machine = account.run().wait("running")
    begun = time.monotonic()
    assert machine.ssh("true").returncode == 255
    assert time.monotonic() - begun < 20
    check = account.ec2.describe_instance_status(InstanceIds=[machine.id])["InstanceStatuses"][0]
    assert (check["InstanceStatus"]["Status"], check["SystemStatus"]["Status"]) == ("impaired", "ok")
    until(lambda: "ssh.service" in account.ec2.get_console_output(InstanceId=machine.id)["Output"])
    machine.terminate()
    machine.wait("terminated")


def test_a_fault_that_there_is_not_is_refused(lab: Lab) -> None:
    with pytest.raises(ValueError, match="burns"):
        lab.order(Fault(kind="burns"))  # type: ignore[arg-type]
