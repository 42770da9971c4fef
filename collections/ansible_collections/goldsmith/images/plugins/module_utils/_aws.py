# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the EC2 modules share: clients, one way to make a call, what errors mean, and the tags that are the ledger."""

from __future__ import annotations

import functools
import os
import re
import traceback
from collections.abc import Collection, Mapping
from typing import Any, Callable, TypeVar

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
        ProfileNotFound,
    )
    from botocore.parsers import ResponseParserError
except ImportError:
    BOTO3_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    BOTO3_IMPORT_ERROR = None

TAG_BUILD = "goldsmith:build"
TAG_NAME = "goldsmith:name"
TAG_VERSION = "goldsmith:version"
TAG_EXPIRES = "goldsmith:expires"
TAG_ROLE = "goldsmith:role"
"""What a resource is for: ``builder``, ``verify`` or ``artifact``."""
TAG_STATE = "goldsmith:state"
"""Of artifacts: ``candidate`` until it was published, ``verified`` when only its publication failed, ``published``."""
TAG_SOURCE = "goldsmith:source"
TAG_USER = "goldsmith:user"
"""Of artifacts: the user that EC2's key pair is given to."""

AWS_OPTIONS: dict[str, Any] = {
    "region": {"type": "str"},
    "profile": {"type": "str"},
    "endpoint_url": {"type": "str"},
}
"""Options that every EC2 module takes; what is not given is found as botocore finds it."""

ATTEMPTS = 8
"""How often botocore makes a call that is throttled, or whose answer is lost: about half a minute at most."""

_PERMISSION = re.compile(r"not authorized to perform: ?([a-z0-9-]+:[A-Za-z]+)")

_HINTS = {
    "AuthFailure": "AWS does not accept these credentials here: are they right, is the region enabled in the account?",
    "InvalidClientTokenId": "AWS does not know this access key: was it deleted, or is it another partition's?",
    "UnrecognizedClientException": "AWS does not know this access key: was it deleted, or is it another partition's?",
    "SignatureDoesNotMatch": "The secret key does not belong to the access key, or the machine's clock is wrong.",
    "ExpiredToken": "The session has expired: get new credentials (aws sso login, or assume the role again).",
    "ExpiredTokenException": "The session has expired: get new credentials (aws sso login, or assume the role again).",
    "RequestExpired": "The session has expired, or the machine's clock is wrong: get new credentials.",
    "RequestLimitExceeded": "The account makes too many calls at once: build fewer images side by side.",
    "VcpuLimitExceeded": "The account's quota of vCPUs is used up: end instances, or raise it in Service Quotas.",
    "InstanceLimitExceeded": "The account's quota of instances is used up: end some, or raise it in Service Quotas.",
    "MaxSpotInstanceCountExceeded": "The account's quota of spot instances is used up: build on demand, or raise it.",
    "SecurityGroupLimitExceeded": "The VPC's quota of security groups is used up: sweep, or name one that exists.",
    "ResourceLimitExceeded": "A quota of the account is used up: raise it in Service Quotas.",
    "SnapshotLimitExceeded": "The account's quota of snapshots is used up: deregister old images with their snapshots.",
    "OptInRequired": "The account has not subscribed to this: accept the terms of the image in AWS Marketplace.",
    "VPCIdNotSpecified": "The region has no default VPC: name a subnet.",
}


class AwsFault(Fault):
    """A call that AWS refused.

    Attributes:
        code: AWS's error code, such as ``InvalidAMIName.Duplicate``; empty when there was no answer.
        detail: AWS's message.
    """

    def __init__(self, message: str, code: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


class Aws:
    """Clients of one account, by service and region, made when they are first needed.

    Args:
        profile: Profile of the AWS configuration.
        region: Region; by default that of the environment (``AWS_REGION``, ``AWS_DEFAULT_REGION``) or the profile.
        endpoint_url: Endpoint of all services; by default ``AWS_ENDPOINT_URL``, else AWS's own.

    Raises:
        Fault: There is no such profile, or no region is named anywhere.
    """

    def __init__(self, profile: str | None = None, region: str | None = None, endpoint_url: str | None = None) -> None:
        try:
            session: Any = boto3.session.Session(
                profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None
            )
        except ProfileNotFound as error:
            raise Fault(f"{error}: add it to ~/.aws/config, or unset AWS_PROFILE.") from error
        if not session.region_name:
            raise Fault("no region is named: set targets.ec2.region in the spec, the option `region`, or AWS_REGION.")
        self.region: str = session.region_name
        self._session = session
        self._endpoint_url = endpoint_url
        self._clients: dict[tuple[str, str, int], Any] = {}

    @property
    def endpoint_url(self) -> str | None:
        """The endpoint that all calls go to, or None for AWS's own."""
        return self._endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or None

    def client(self, service: str = "ec2", region: str | None = None, attempts: int = ATTEMPTS) -> Any:
        """Return a client, the same one each time. Clients may be used by several threads, this method by one.

        Args:
            service: Name of the service, as boto3 has it.
            region: Region; by default this account's.
            attempts: How often a call is made that is throttled, fails within AWS, or is not answered.
        """
        key = (service, region or self.region, attempts)
        if key not in self._clients:
            config = Config(
                retries={"mode": "standard", "total_max_attempts": attempts},
                connect_timeout=10,
                read_timeout=60,
                user_agent_extra="goldsmith",
            )
            self._clients[key] = self._session.client(
                service, region_name=key[1], endpoint_url=self._endpoint_url, config=config
            )
        return self._clients[key]


def run(module: AnsibleModule, work: Callable[[Aws, AnsibleModule], dict[str, Any]]) -> None:
    """Call ``work`` with an account and end the module with what it returns.

    Args:
        module: The module; its parameters hold `AWS_OPTIONS`.
        work: Takes the account and the module, returns the module's result.
    """
    if BOTO3_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("boto3"), exception=BOTO3_IMPORT_ERROR)
    try:
        result = work(Aws(*(module.params[key] for key in ("profile", "region", "endpoint_url"))), module)
    except Fault as fault:
        module.fail_json(msg=str(fault))
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        module.fail_json(msg=explain(error))
    module.exit_json(**result)


Returned = TypeVar("Returned")


def call(
    doing: str, missing: Collection[str] = ()
) -> Callable[[Callable[..., Returned]], Callable[..., Returned | None]]:
    """Decorate a function that makes one call of the API, so that its failure says what was being done.

    Throttling, errors within AWS and lost answers are botocore's to retry; see `ATTEMPTS`.

    Args:
        doing: What the call does, to follow *cannot*: ``import the key pair``.
        missing: Error codes that mean that the resource is not there, for which the function returns None.

    Returns:
        The decorated function. It raises `AwsFault`.
    """

    def decorate(function: Callable[..., Returned]) -> Callable[..., Returned | None]:
        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Returned | None:
            try:
                return function(*args, **kwargs)
            except ClientError as error:
                if error_code(error) in missing:
                    return None
                detail = str(error.response.get("Error", {}).get("Message", ""))
                raise AwsFault(f"cannot {doing}: {explain(error)}", error_code(error), detail) from error
            except (BotoCoreError, ResponseParserError) as error:
                raise AwsFault(f"cannot {doing}: {explain(error)}") from error

        return called

    return decorate


def error_code(error: Any) -> str:
    """Return the code of a ``ClientError``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def explain(error: Exception) -> str:
    """Return in words what AWS, or the way to it, has against a call, and what to do about it."""
    if not isinstance(error, ClientError):
        return _unreached(error)
    code, operation = error_code(error), error.operation_name
    told = str(error.response.get("Error", {}).get("Message", "")).strip()
    if code in ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException"):
        service = error.response.get("Error", {}).get("Service", "")
        match = _PERMISSION.search(told)
        permission = match[1] if match else f"{service or 'ec2'}:{operation}"
        return f"the permission {permission} is missing ({code}). Add it to the policy of the user or role that builds."
    hint = _HINTS.get(code)
    return " ".join(filter(None, (f"{code}: {told}", hint and f"({hint})")))


def _unreached(error: Exception) -> str:
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return f"{error}. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use an instance profile."
    if isinstance(error, NoRegionError):
        return "no region is named: set targets.ec2.region in the spec, the option `region`, or AWS_REGION."
    if isinstance(error, EndpointConnectionError):
        return f"{error}. Is the region's name right, and is there a way to it from here?"
    if isinstance(error, ResponseParserError):
        return "the answer is not one of AWS. Is the endpoint right, or does a proxy answer in its place?"
    return str(error)


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as the API takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a resource that the API described."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or ()}


def tag_specifications(kinds: Collection[str], tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return tags for the call that creates resources of these kinds, such as ``instance`` and ``volume``."""
    return [{"ResourceType": kind, "Tags": tag_list(tags)} for kind in kinds]


def tag_filter(key: str, *values: str) -> dict[str, Any]:
    """Return a filter for resources that have the tag with one of these values."""
    return {"Name": f"tag:{key}", "Values": list(values)}
