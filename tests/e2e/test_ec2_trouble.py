"""What goes wrong with an account is told in words, with an exit code, and leaves nothing.

The words for all else are shown where they are made: in the tests of the modules `ec2_builder` and `ec2_source_ami`.
"""

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
    [
        ("ExpiredToken", "get new credentials"),
        pytest.param("InvalidClientTokenId", "does not know this access key", marks=pytest.mark.exhaustive),
    ],
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


@pytest.mark.exhaustive
def test_a_user_that_the_image_does_not_have_is_named(goldsmith: Cli, write_ami_spec: SpecWriter, account: Lab) -> None:
    before = resources(account.environment)
    spec = write_ami_spec(
        targets={"ec2": {"region": "eu-west-1", "machine": {"user": "ubuntu", "ssh": {"timeout": "10s"}}}}
    )
    message = goldsmith.build(spec, code=1)["failure"]["message"]
    assert "does not let the user ubuntu in" in message
    assert only_new(before, resources(account.environment)) == {}
