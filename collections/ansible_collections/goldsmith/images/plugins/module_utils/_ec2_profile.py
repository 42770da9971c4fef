# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The temporary instance profile of a machine: a role with a policy that its builder gives."""

from __future__ import annotations

import json
from typing import Any, Callable, Collection, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault, call, tag_list
from ansible_collections.goldsmith.images.plugins.module_utils._iam_leftovers import PATH

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_SESSION_MANAGER = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ssm:UpdateInstanceInformation",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
                "ec2messages:AcknowledgeMessage",
                "ec2messages:DeleteMessage",
                "ec2messages:FailMessage",
                "ec2messages:GetEndpoint",
                "ec2messages:GetMessages",
                "ec2messages:SendReply",
            ],
            "Resource": "*",
        }
    ],
}
"""What the agent of a machine needs
(https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html)."""


@call("make the role")
def _create_role(client: Any, name: str, tags: Mapping[str, str]) -> None:
    client.create_role(
        RoleName=name,
        Path=PATH,
        AssumeRolePolicyDocument=json.dumps(_TRUST),
        Description="Temporary, of an image build",
        Tags=tag_list(tags),
    )


@call("give the role its policy")
def _put_policy(client: Any, role: str, name: str, policy: Mapping[str, Any]) -> None:
    client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


@call("make the instance profile")
def _create_profile(client: Any, name: str, tags: Mapping[str, str]) -> None:
    client.create_instance_profile(InstanceProfileName=name, Path=PATH, Tags=tag_list(tags))


@call("put the role into the instance profile")
def _add_role(client: Any, profile: str, role: str) -> None:
    client.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)


def make(client: Any, name: str, policy: Mapping[str, Any], ssm: bool, tags: Mapping[str, str]) -> None:
    """Make a role with a policy and an instance profile that holds it; what is there already is made use of.

    Args:
        client: IAM's client.
        name: Name of both, which belongs to the build.
        policy: Policy document.
        ssm: Whether the machine is also to answer to the session manager.
        tags: Tags of both.

    Raises:
        AwsFault: AWS refuses.
    """
    _unless(("EntityAlreadyExists",), lambda: _create_role(client, name, tags))
    _put_policy(client, name, "build", policy)
    if ssm:
        _put_policy(client, name, "session-manager", _SESSION_MANAGER)
    _unless(("EntityAlreadyExists",), lambda: _create_profile(client, name, tags))
    # A profile holds one role at most: when it is in there already, it is over its limit.
    _unless(("EntityAlreadyExists", "LimitExceeded"), lambda: _add_role(client, name, name))


def _unless(codes: Collection[str], create: Callable[[], Any]) -> None:
    try:
        create()
    except AwsFault as fault:
        if fault.code not in codes:
            raise
