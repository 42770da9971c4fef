# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told when AWS refuses a call or cannot be reached, and tags as the API has them."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils import _aws
from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    AWS_OPTIONS,
    Aws,
    AwsFault,
    call,
    explain,
    run,
    tag_filter,
    tag_list,
    tag_specifications,
    tags_of,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


def refusal(code: str, told: str = "", operation: str = "RunInstances") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": told}}, operation)


SENTENCE = (
    "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: {} on resource: "
    "arn:aws:ec2:eu-west-1:111122223333:instance/* because no identity-based policy allows it"
)


@pytest.mark.parametrize(
    ("code", "told", "operation", "permission"),
    [
        (
            "UnauthorizedOperation",
            "You are not authorized to perform this operation.",
            "CreateImage",
            "ec2:CreateImage",
        ),
        ("UnauthorizedOperation", SENTENCE.format("ec2:CreateTags"), "RunInstances", "ec2:CreateTags"),
        ("UnauthorizedOperation", SENTENCE.format("iam:PassRole"), "RunInstances", "iam:PassRole"),
        ("AccessDenied", SENTENCE.format("iam:CreateRole"), "CreateRole", "iam:CreateRole"),
        ("AccessDeniedException", SENTENCE.format("ssm:PutParameter"), "PutParameter", "ssm:PutParameter"),
        (
            "UnauthorizedOperation",
            f"You are not authorized to do this. {SENTENCE.format('ec2:RunInstances')}. Encoded message: 4OIAC2nYV8uBuK",
            "RunInstances",
            "ec2:RunInstances",
        ),
        ("UnauthorizedOperation", "is not authorized to perform:ec2:CopyImage", "RunInstances", "ec2:CopyImage"),
    ],
)
def test_missing_permission_is_named(code: str, told: str, operation: str, permission: str) -> None:
    words = explain(refusal(code, told, operation))
    assert words == (
        f"the permission {permission} is missing ({code}). Add it to the policy of the user or role that builds."
    )


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ExpiredToken", "get new credentials"),
        ("ExpiredTokenException", "get new credentials"),
        ("RequestExpired", "get new credentials"),
        ("InvalidClientTokenId", "AWS does not know this access key"),
        ("UnrecognizedClientException", "AWS does not know this access key"),
        ("SignatureDoesNotMatch", "secret key does not belong to the access key"),
        ("AuthFailure", "is the region enabled"),
        ("VcpuLimitExceeded", "Service Quotas"),
        ("InstanceLimitExceeded", "Service Quotas"),
        ("RequestLimitExceeded", "build fewer images side by side"),
        ("SecurityGroupLimitExceeded", "sweep"),
        ("OptInRequired", "accept the terms"),
        ("VPCIdNotSpecified", "name a subnet"),
    ],
)
def test_refusal_says_what_aws_told_and_what_to_do(code: str, advice: str) -> None:
    words = explain(refusal(code, "Something is not as it should be."))
    assert words.startswith(f"{code}: Something is not as it should be. (")
    assert advice in words


def test_refusal_that_nobody_has_advice_on_is_told_as_it_is() -> None:
    assert explain(refusal("InvalidBlockDeviceMapping", " No. ")) == "InvalidBlockDeviceMapping: No."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoCredentialsError(), "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "missing: AWS_SECRET_ACCESS_KEY"),
        (NoRegionError(), "no region is named: set targets.ec2.region"),
        (EndpointConnectionError(endpoint_url="https://ec2.eu-west-9.amazonaws.com/"), "Is the region's name right"),
        (ResponseParserError("Unable to parse response: b'<!doctype html>'"), "does a proxy answer in its place"),
        (ValueError("something else"), "something else"),
    ],
)
def test_way_that_does_not_lead_to_aws_is_told_with_what_to_do(error: Exception, words: str) -> None:
    assert words in explain(error)


def failing(error: Exception, **options: Any) -> Any:
    @call("start the machine", **options)
    def made() -> str:
        raise error

    return made


def test_call_returns_what_the_function_returns() -> None:
    @call("add")
    def add(one: int, *, other: int) -> int:
        """Add."""
        return one + other

    assert add(1, other=2) == 3
    assert (add.__name__, add.__doc__) == ("add", "Add.")


def test_failed_call_says_what_was_being_done_and_keeps_the_code() -> None:
    with pytest.raises(AwsFault) as raised:
        failing(refusal("VcpuLimitExceeded", "You have requested more vCPU"))()
    assert str(raised.value).startswith("cannot start the machine: VcpuLimitExceeded: You have requested more vCPU (")
    assert (raised.value.code, raised.value.detail) == ("VcpuLimitExceeded", "You have requested more vCPU")
    assert isinstance(raised.value, Fault)


def test_call_that_reached_nobody_has_no_code() -> None:
    with pytest.raises(AwsFault, match=r"^cannot start the machine: Unable to locate credentials\. Set") as raised:
        failing(NoCredentialsError())()
    assert (raised.value.code, raised.value.detail) == ("", "")


def test_answer_that_is_no_answer_of_aws_fails_the_call() -> None:
    with pytest.raises(AwsFault, match="cannot start the machine: the answer is not one of AWS"):
        failing(ResponseParserError("Unable to parse response"))()


def test_what_is_not_there_is_none_where_the_call_says_so() -> None:
    missing = ["InvalidKeyPair.NotFound"]
    assert failing(refusal("InvalidKeyPair.NotFound"), missing=missing)() is None
    with pytest.raises(AwsFault):
        failing(refusal("InvalidKeyPair.Format"), missing=missing)()


def test_mistakes_of_the_program_itself_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())()


keys = st.text(min_size=1, max_size=20)


@given(st.dictionaries(keys, keys))
def test_tags_come_back_as_they_were_given(tags: dict[str, str]) -> None:
    assert tags_of({"Tags": tag_list(tags)}) == tags


@pytest.mark.parametrize("resource", [{}, {"Tags": []}, {"Tags": None}])
def test_resource_without_tags(resource: dict[str, Any]) -> None:
    assert tags_of(resource) == {}


def test_tags_of_what_a_call_creates() -> None:
    tags = [{"Key": "team", "Value": "web"}]
    assert tag_specifications(["instance", "volume"], {"team": "web"}) == [
        {"ResourceType": "instance", "Tags": tags},
        {"ResourceType": "volume", "Tags": tags},
    ]


def test_filter_by_tag() -> None:
    assert tag_filter("goldsmith:build", "a", "b") == {"Name": "tag:goldsmith:build", "Values": ["a", "b"]}


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave the settings of whoever runs the tests out of it."""
    for name in ("PROFILE", "DEFAULT_PROFILE", "REGION", "DEFAULT_REGION", "ENDPOINT_URL", "ACCESS_KEY_ID"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_region_is_the_option_else_the_environments_else_the_profiles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "AWS_CONFIG_FILE").write_text("[profile work]\nregion = eu-north-1\n")
    assert Aws("work").region == "eu-north-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert Aws().region == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert Aws().region == "eu-west-1"
    assert Aws(region="eu-central-1").region == "eu-central-1"


def test_account_without_a_region_is_refused() -> None:
    with pytest.raises(Fault, match=r"no region is named: set targets.ec2.region in the spec"):
        Aws()


def test_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(Fault, match=r"\(nobody\) could not be found: add it to ~/\.aws/config"):
        Aws("nobody", "eu-west-1")


def test_endpoint_is_the_option_else_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Aws(region="eu-west-1").endpoint_url is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert Aws(region="eu-west-1").endpoint_url == "http://127.0.0.1:1"
    assert Aws(region="eu-west-1", endpoint_url="http://127.0.0.1:2").endpoint_url == "http://127.0.0.1:2"


def test_client_is_made_once_for_each_service_region_and_patience() -> None:
    aws = Aws(region="eu-west-1", endpoint_url="http://127.0.0.1:1")
    first = aws.client()
    assert aws.client("ec2") is aws.client(region="eu-west-1") is first
    assert aws.client(region="us-east-1").meta.region_name == "us-east-1"
    assert aws.client("sts") is not first
    assert aws.client(attempts=2) is not first
    assert first.meta.region_name == "eu-west-1"
    assert first.meta.endpoint_url == "http://127.0.0.1:1"
    assert "goldsmith" in first.meta.config.user_agent_extra


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a module with some work, and return what it tells and its exit status."""

    def tell(work: Any, **options: Any) -> dict[str, Any]:
        output = io.StringIO()
        monkeypatch.setattr("sys.stdout", output)
        with patch_module_args(options), pytest.raises(SystemExit) as ended:
            run(basic.AnsibleModule(argument_spec=AWS_OPTIONS), work)
        return {**json.loads(output.getvalue()), "status": ended.value.code}

    return tell


def test_module_ends_with_the_result_of_its_work(told: Any) -> None:
    result = told(lambda aws, module: {"changed": True, "where": [aws.region, module.params["region"]]}, region="x-1")
    assert (result["status"], result["changed"], result["where"]) == (0, True, ["x-1", "x-1"])


def test_module_tells_a_fault_and_no_traceback(told: Any) -> None:
    def work(_aws: Aws, _module: Any) -> dict[str, Any]:
        raise Fault("it is broken: mend it.")

    result = told(work, region="x-1")
    assert (result["status"], result["msg"], result["failed"]) == (1, "it is broken: mend it.", True)
    assert "exception" not in result


def test_module_explains_a_call_that_nobody_decorated(told: Any) -> None:
    def work(_aws: Aws, _module: Any) -> dict[str, Any]:
        raise refusal("ExpiredToken", "The token has expired")

    assert "get new credentials" in told(work, region="x-1")["msg"]


def test_module_without_a_region_says_where_to_name_one(told: Any) -> None:
    assert "no region is named" in told(lambda _aws, _module: {})["msg"]


def test_module_without_boto3_says_so(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_aws, "BOTO3_IMPORT_ERROR", "Traceback: no module named boto3")
    assert "boto3" in told(lambda _aws, _module: {}, region="x-1")["msg"]


def test_endpoint_that_nobody_listens_at_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        client = Aws(region="eu-west-1", endpoint_url=f"http://127.0.0.1:{port}").client(attempts=1)

        @call("list the regions")
        def regions() -> Any:
            return client.describe_regions()

        with pytest.raises(AwsFault, match=f"cannot list the regions: Could not connect .*:{port}/.*is there a way"):
            regions()
