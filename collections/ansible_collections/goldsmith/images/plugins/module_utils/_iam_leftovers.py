# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The temporary instance profiles and roles of builds: found below their path, by name and tags, and removed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._aws import TAG_BUILD, AwsFault, call, tags_of
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_delete import PATIENCE, held
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_ledger import Leftover, Resource
from ansible_collections.goldsmith.images.plugins.module_utils._patiently import patiently

PATH = "/goldsmith/"
"""Path of what builds make in IAM, so that a policy can allow just that."""

_GONE = ["NoSuchEntity"]


def iam_name(build: str) -> str:
    """Return the name of a build's instance profile and role."""
    return f"goldsmith-{build}"


@call("look for instance profiles of builds")
def _profiles(client: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_instance_profiles").paginate(PathPrefix=PATH)
    return [profile for page in pages for profile in page["InstanceProfiles"]]


@call("look for roles of builds")
def _roles(client: Any) -> list[dict[str, Any]]:
    return [role for page in client.get_paginator("list_roles").paginate(PathPrefix=PATH) for role in page["Roles"]]


@call("look at the instance profile", missing=_GONE)
def _profile(client: Any, name: str) -> dict[str, Any]:
    return dict(client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"])


@call("look at the role", missing=_GONE)
def _role(client: Any, name: str) -> dict[str, Any]:
    return dict(client.get_role(RoleName=name)["Role"])


@call("take the role out of the instance profile", missing=_GONE)
def _take_out(client: Any, profile: str, role: str) -> bool:
    client.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=role)
    return True


@call("delete the instance profile", missing=_GONE)
def _delete_profile(client: Any, name: str) -> bool:
    client.delete_instance_profile(InstanceProfileName=name)
    return True


@call("look at the policies of the role", missing=_GONE)
def _policies(client: Any, name: str) -> list[str]:
    return list(client.list_role_policies(RoleName=name)["PolicyNames"])


@call("look at the managed policies of the role", missing=_GONE)
def _managed_policies(client: Any, name: str) -> list[str]:
    return [row["PolicyArn"] for row in client.list_attached_role_policies(RoleName=name)["AttachedPolicies"]]


@call("delete the policy of the role", missing=_GONE)
def _delete_policy(client: Any, role: str, name: str) -> bool:
    client.delete_role_policy(RoleName=role, PolicyName=name)
    return True


@call("detach the managed policy of the role", missing=_GONE)
def _detach_policy(client: Any, role: str, arn: str) -> bool:
    client.detach_role_policy(RoleName=role, PolicyArn=arn)
    return True


@call("delete the role", missing=_GONE)
def _delete_role(client: Any, name: str) -> bool:
    client.delete_role(RoleName=name)
    return True


def iam_resources(client: Any, build_ids: Collection[str] | None) -> list[Resource]:
    """Return the instance profiles and roles of builds.

    Lists tell no tags: they cost a call for each that is looked at.

    Args:
        client: IAM's client.
        build_ids: Builds to look for; None for all.

    Raises:
        AwsFault: AWS refuses.
    """
    wanted = None if build_ids is None else {iam_name(build) for build in build_ids}
    found = []
    for kind, items, key, read in (
        ("instance_profile", _profiles(client), "InstanceProfileName", _profile),
        ("role", _roles(client), "RoleName", _role),
    ):
        for item in items or ():
            name = item[key]
            if wanted is not None and name not in wanted:
                continue
            tags = tags_of(read(client, name) or {})
            if name == iam_name(tags.get(TAG_BUILD, "")):
                found.append(Resource(kind, name, "", {**tags, "Name": name}))
    return found


def remove_iam(client: Any, leftovers: Sequence[Leftover]) -> tuple[list[Leftover], list[Leftover]]:
    """Remove instance profiles and roles, which are in this order; go on after what cannot be removed.

    Returns:
        What was removed, and what was not, with its reason. What had gone before is in neither.
    """
    removed, failed = [], []
    for one in leftovers:
        delete = _remove_profile if one.kind == "instance_profile" else _remove_role
        try:
            # IAM needs a moment until all of it knows what was taken away.
            if patiently(lambda: delete(client, one.id), held, PATIENCE):  # noqa: B023  called here
                removed.append(one)
        except AwsFault as fault:
            failed.append(replace(one, reason=str(fault)))
    return removed, failed


def _remove_profile(client: Any, name: str) -> bool:
    for role in (_profile(client, name) or {}).get("Roles", ()):
        _take_out(client, name, role["RoleName"])
    return bool(_delete_profile(client, name))


def _remove_role(client: Any, name: str) -> bool:
    for policy in _policies(client, name) or ():
        _delete_policy(client, name, policy)
    for arn in _managed_policies(client, name) or ():
        _detach_policy(client, name, arn)
    return bool(_delete_role(client, name))
