"""What runs in EC2, by its API: no machine is logged into."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from goldsmith.fleet.running import Found, Running, Unreached

_TEMPORARY = ("builder", "verify")


def instances(profile: str | None = None, region: str | None = None) -> Found:
    """Return the instances that run in a region of an account.

    Args:
        profile: Profile of the AWS configuration; by default the environment's credentials.
        region: Region; by default that of the environment or the profile.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  half a second
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    from ansible_collections.goldsmith.images.plugins.module_utils._aws import Aws, explain  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault  # noqa: PLC0415

    place = "/".join(filter(None, (profile, region or os.environ.get("AWS_REGION")))) or "EC2"
    try:
        account = Aws(profile, region)
        place = f"{profile or 'EC2'}/{account.region}"
        pages = account.client("ec2").get_paginator("describe_instances")
        wanted = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        found = [
            (reservation["OwnerId"], instance)
            for page in pages.paginate(Filters=wanted)
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        ]
    except Fault as fault:
        return Found(unreached=[Unreached(place, "", str(fault))])
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        return Found(unreached=[Unreached(place, "", explain(error))])
    mine = [(owner, one) for owner, one in found if _tags(one).get("goldsmith:role") not in _TEMPORARY]
    return Found(
        [_running(one, f"{owner}/{account.region}") for owner, one in mine], passed_over=len(found) - len(mine)
    )


def _running(instance: Mapping[str, Any], place: str) -> Running:
    called = _tags(instance).get("Name")
    name = f"{instance['InstanceId']} ({called})" if called else instance["InstanceId"]
    return Running("instance", place, name, instance["ImageId"], (instance["ImageId"],))


def _tags(instance: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags") or ()}
