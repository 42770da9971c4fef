# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a region uses an image: instances, launch templates, and what auto scaling groups launch from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._aws import Aws, call
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_delete import chunks

THREADS = 8
PARAMETER = "resolve:ssm:"
"""What a launch template has in place of an image that it looks up in a parameter."""

_STATES = ["pending", "running", "shutting-down", "stopping", "stopped"]


@call("look for instances that use the images")
def _instances(client: Any, ids: Collection[str]) -> list[dict[str, Any]]:
    filters = [{"Name": "image-id", "Values": list(ids)}, {"Name": "instance-state-name", "Values": _STATES}]
    pages = client.get_paginator("describe_instances").paginate(Filters=filters, PaginationConfig={"PageSize": 1000})
    return [instance for page in pages for group in page["Reservations"] for instance in group["Instances"]]


@call("look for launch templates")
def _templates(client: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_launch_templates").paginate(PaginationConfig={"PageSize": 200})
    return [template for page in pages for template in page["LaunchTemplates"]]


@call("look at the versions of a launch template", missing=["InvalidLaunchTemplateId.NotFound"])
def _versions(client: Any, template: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_launch_template_versions").paginate(
        LaunchTemplateId=template, PaginationConfig={"PageSize": 200}
    )
    return [version for page in pages for version in page["LaunchTemplateVersions"]]


@call("look for launch configurations")
def _configurations(client: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_launch_configurations").paginate(PaginationConfig={"PageSize": 100})
    return [configuration for page in pages for configuration in page["LaunchConfigurations"]]


@call("look for auto scaling groups")
def _groups(client: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_auto_scaling_groups").paginate(PaginationConfig={"PageSize": 100})
    return [group for page in pages for group in page["AutoScalingGroups"]]


@call("read the parameters that launch templates name")
def _parameters(client: Any, names: Collection[str]) -> list[dict[str, Any]]:
    return list(client.get_parameters(Names=list(names))["Parameters"])


def users(aws: Aws, ids: Collection[str]) -> dict[str, list[str]]:
    """Return what uses images, in words, by the image's id.

    Counted are instances until they are terminated, every version of every launch template, also where it names the
    image by an SSM parameter, launch configurations, and images that auto scaling groups override their template with.

    Raises:
        AwsFault: AWS refuses. Nothing is taken for unused then.
    """
    found: dict[str, list[str]] = {image: [] for image in ids}
    if not found:
        return found
    client, scaling = aws.client(), aws.client("autoscaling")
    for image, user in _all_users(aws, client, scaling, sorted(found)):
        if image in found and user not in found[image]:
            found[image].append(user)
    return found


def _all_users(aws: Aws, client: Any, scaling: Any, ids: list[str]) -> Iterable[tuple[str, str]]:
    for part in chunks(ids):
        for instance in _instances(client, part) or ():
            yield instance["ImageId"], f"instance {instance['InstanceId']}"
    yield from _template_users(aws, client)
    for configuration in _configurations(scaling) or ():
        yield configuration.get("ImageId", ""), f"launch configuration {configuration['LaunchConfigurationName']}"
    for group in _groups(scaling) or ():
        template = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
        for override in template.get("Overrides") or ():
            yield override.get("ImageId", ""), f"auto scaling group {group['AutoScalingGroupName']}"


def _template_users(aws: Aws, client: Any) -> Iterable[tuple[str, str]]:
    """Yield images with the versions of launch templates that name them.

    An auto scaling group may be pinned to any version, and a version is looked at only by its template.
    """
    templates = [template["LaunchTemplateId"] for template in _templates(client) or ()]
    if not templates:
        return
    with ThreadPoolExecutor(THREADS) as pool:
        versions = [one for found in pool.map(lambda name: _versions(client, name), templates) for one in found or ()]
    named = [(str(one["LaunchTemplateData"].get("ImageId", "")), _template_words(one)) for one in versions]
    parameters = sorted({image[len(PARAMETER) :] for image, _user in named if image.startswith(PARAMETER)})
    values = _values(aws, parameters)
    for image, user in named:
        for found in values[image[len(PARAMETER) :]] if image.startswith(PARAMETER) else [image]:
            yield found, user


def _template_words(version: Mapping[str, Any]) -> str:
    return f"launch template {version['LaunchTemplateName']} version {version['VersionNumber']}"


def _values(aws: Aws, parameters: list[str]) -> dict[str, set[str]]:
    """Return the values of SSM parameters, by what templates name: ``name``, ``name:version`` or ``name:label``.

    Of one of which several versions are named, each is told the values of all: that spares too much, never too little.
    """
    values: dict[str, set[str]] = {name: set() for name in parameters}
    for part in chunks(parameters, 10):
        for parameter in _parameters(aws.client("ssm"), part) or ():
            for name in parameters:
                for known in (parameter["Name"], parameter.get("ARN") or parameter["Name"]):
                    if name == known or name.startswith(f"{known}:"):
                        values[name].add(parameter["Value"])
    return values
