"""What goes wrong with an account is told in words, with an exit code, and leaves nothing."""

from __future__ import annotations

import pytest

from goldsmith.lab import Fault, Lab

from .account import only_new, resources
from .conftest import Cli, SpecWriter

pytestmark = [pytest.mark.docker, pytest.mark.network]


def test_missing_credentials_are_told_before_anything_is_done(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    spec = write_ami_spec()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        goldsmith.environ[name] = ""
    goldsmith.environ |= {"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    said = goldsmith("build", spec, code=3).stderr
    assert "AWS_PROFILE, or AWS_ACCESS_KEY_ID" in said
    assert account.calls() == []
    assert "No image is recorded" in goldsmith("images").stdout


@pytest.mark.parametrize(
    ("code", "words"),
    [("ExpiredToken", "get new credentials"), ("InvalidClientTokenId", "does not know this access key")],
)
def test_credentials_that_aws_does_not_take_are_told_before_anything_is_done(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab, code: str, words: str
) -> None:
    account.order(Fault("GetCallerIdentity", "error", code))
    assert words in goldsmith("build", write_ami_spec(), code=3).stderr
    assert [call["action"] for call in account.calls()] == ["GetCallerIdentity"]


def test_credentials_may_expire_on_the_way(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> None:
    before = resources(account.environment)
    account.order(Fault("CreateImage", "error", "RequestExpired"))
    result = goldsmith.build(write_ami_spec(), code=1)
    assert "get new credentials" in result["failure"]["message"]
    assert only_new(before, resources(account.environment)) == {}


def test_a_permission_that_is_missing_is_named(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> None:
    before = resources(account.environment)
    account.order(Fault("RunInstances", "error", "UnauthorizedOperation"))
    result = goldsmith.build(write_ami_spec(), code=1)
    assert "the permission ec2:RunInstances is missing" in result["failure"]["message"]
    assert only_new(before, resources(account.environment)) == {}


def test_a_quota_that_is_reached_is_told(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> None:
    before = resources(account.environment)
    account.order(Fault("RunInstances", "error", "VcpuLimitExceeded"))
    result = goldsmith.build(write_ami_spec(), code=1)
    assert "quota of vCPUs is used up" in result["failure"]["message"]
    assert only_new(before, resources(account.environment)) == {}


def test_a_type_without_capacity_is_replaced_by_the_next(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    account.order(Fault.no_capacity("t3.small"))
    spec = write_ami_spec(targets={"ec2": {"region": "eu-west-1", "instance_type": ["t3.small", "t3a.small"]}})
    assert goldsmith.build(spec)["status"] == "built"


def test_a_region_that_does_not_exist_is_told(goldsmith: Cli, write_ami_spec: SpecWriter) -> None:
    """AWS itself is not reached from here: its host names are looked up in vain, as that of a wrong region is."""
    spec = write_ami_spec(targets={"ec2": {"region": "eu-nowhere-1"}})
    said = goldsmith.build(spec, code=1)["failure"]["message"]
    assert "region" in said


def test_a_machine_that_never_answers_shows_its_console_and_is_released(
    goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab
) -> None:
    before = resources(account.environment)
    account.order(Fault("RunInstances", "unreachable"))
    spec = write_ami_spec(targets={"ec2": {"region": "eu-west-1", "machine": {"ssh": {"timeout": "8s"}}}})
    message = goldsmith.build(spec, code=1)["failure"]["message"]
    assert "route" in message
    assert "console" in message
    assert "admin" in message
    assert only_new(before, resources(account.environment)) == {}


def test_a_user_that_the_image_does_not_have_is_named(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> None:
    before = resources(account.environment)
    spec = write_ami_spec(
        targets={"ec2": {"region": "eu-west-1", "machine": {"user": "ubuntu", "ssh": {"timeout": "10s"}}}}
    )
    message = goldsmith.build(spec, code=1)["failure"]["message"]
    assert "does not let the user ubuntu in" in message
    assert only_new(before, resources(account.environment)) == {}


def test_an_image_that_is_not_there_is_told(goldsmith: Cli, write_ami_spec: SpecWriter) -> None:
    source = {"ami": {"owner": "136693071363", "name": "debian-99-*"}}
    message = goldsmith.build(write_ami_spec(platforms={"debian-12": {"ec2": source}}), code=1)["failure"]["message"]
    assert "debian-99-*" in message
    assert "136693071363" in message
