#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_sweep
short_description: Remove what builds have left in an AWS account
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.aws
description:
  - Finds what builds have left, after a crash, a power cut or a C(kill -9), by the tags that every resource has had
    since it was created, and removes it in the order in which one holds the other, instances first.
  - An image and its snapshots go only while their tag C(goldsmith:state) is V(candidate). Images that were verified or
    published are never touched, nor is anything without the tag C(goldsmith:build), such as checkpoints of layers; but
    of these go, with O(expired), those that have failed.
  - What a build that is swept has left on this machine goes as well, its private key above all.
  - In check mode, lists what would go.
options:
  build_ids:
    description: Builds of which everything goes, finished or not, but verified and published images.
    type: list
    elements: str
    default: []
  expired:
    description: Also remove what is past the time in its tag C(goldsmith:expires), of whichever build.
    type: bool
    default: true
  regions:
    description: Regions to sweep, all at once; V(all) stands for every one that is enabled. By default O(region).
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for instances to be terminated.
    type: int
    default: 300
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
  diff_mode:
    description: Returns what was there before and after.
    support: full
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
notes:
  - Fails at the end if something could not be removed, or a region that was named could not be searched; RV(removed),
    RV(failed_removals) and RV(unsearched) are returned all the same. A region that refuses under V(all), and IAM, are
    warned of.
  - Needs the permissions C(ec2:DescribeTags), C(ec2:DescribeInstances), C(ec2:DescribeImages), those to end and delete
    what builds make, and, to find temporary instance profiles and roles, C(iam:ListInstanceProfiles),
    C(iam:GetInstanceProfile), C(iam:ListRoles) and C(iam:GetRole).
seealso:
  - module: goldsmith.images.ec2_builder
  - module: goldsmith.images.ec2_ami_lifecycle
"""

EXAMPLES = r"""
- name: See what is left anywhere
  goldsmith.images.ec2_sweep:
    regions: [all]
  check_mode: true
  register: left

- name: Remove everything of one build, and nothing else
  goldsmith.images.ec2_sweep:
    build_ids: [20261122T070000-0a1b2c3d]
    expired: false
    regions: [eu-west-1, eu-central-1]
"""

RETURN = r"""
found:
  description: What is to go.
  returned: success
  type: list
  elements: dict
  contains: &leftover
    kind:
      description:
        - V(instance), V(spot_request), V(image), V(snapshot), V(volume), V(network_interface), V(security_group),
          V(key_pair), V(instance_profile) or V(role).
      type: str
      sample: instance
    id:
      description: Its ID; of an instance profile and a role, the name.
      type: str
      sample: i-0a1b2c3d4e5f60718
    name:
      description: Its tag C(Name); empty without one.
      type: str
      sample: goldsmith-20261122T070000-0a1b2c3d
    region:
      description: Its region; empty for instance profiles and roles, which are in all.
      type: str
      sample: eu-west-1
    build:
      description: The build that it belongs to.
      type: str
      sample: 20261122T070000-0a1b2c3d
    expires:
      description: When it expires; empty if it does not by itself.
      type: str
      sample: "2026-11-22T13:00:00Z"
    reason:
      description: Why it goes, or why it could not be removed.
      type: str
      sample: it has expired
removed:
  description: What was removed; empty in check mode. What went by itself meanwhile is not in it.
  returned: success
  type: list
  elements: dict
  contains: *leftover
failed_removals:
  description: What could not be removed.
  returned: success
  type: list
  elements: dict
  contains: *leftover
unsearched:
  description: Where it could not be looked for anything.
  returned: success
  type: list
  elements: dict
  contains:
    where:
      description: The region, or V(iam).
      type: str
      sample: me-south-1
    reason:
      description: Why, and what to do about it.
      type: str
"""

from datetime import datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AWS_OPTIONS, Aws, run
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_leftovers import (
    Leftover,
    Refusal,
    enabled_regions,
    inspect,
    remove,
    search,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._keepsakes import discard
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC


def work(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    named = params["regions"] or [aws.region]
    regions = enabled_regions(aws) if "all" in named else list(dict.fromkeys(named))
    found, refused = search(aws, regions, params["build_ids"], params["expired"], datetime.now(UTC))
    if {refusal.where for refusal in refused}.issuperset(regions):
        raise Fault(refused[0].reason)
    found = inspect(aws, found)
    removed, kept = ([], []) if module.check_mode else remove(aws, found, params["timeout"])
    if not module.check_mode and all(refusal.where == "iam" for refusal in refused):
        discard(params["build_ids"], removed, kept)
    result = {
        "changed": bool(found if module.check_mode else removed),
        "found": [one.as_dict() for one in found],
        "removed": [one.as_dict() for one in removed],
        "failed_removals": [one.as_dict() for one in kept],
        "unsearched": [refusal.as_dict() for refusal in refused],
        "diff": {"before": {"leftovers": _lines(found)}, "after": {"leftovers": _lines(kept)}},
    }
    problems = [f"{_words(one)}: {one.reason}" for one in kept]
    for refusal in refused:
        problem = f"{refusal.where} could not be searched: {refusal.reason}"
        if refusal.where in named:
            problems.append(problem)
        else:
            module.warn(problem)
    if problems:
        module.fail_json(msg=_summary(found, kept, refused) + "; ".join(problems), **result)
    return result


def _summary(found: list[Leftover], kept: list[Leftover], refused: list[Refusal]) -> str:
    if not kept:
        return f"not everything could be searched, {len(found)} found elsewhere: " if refused else ""
    return f"{len(kept)} of {len(found)} could not be removed: "


def _words(one: Leftover) -> str:
    where = f" in {one.region}" if one.region else ""
    return f"{one.kind.replace('_', ' ')} {one.id}{where}"


def _lines(leftovers: list[Leftover]) -> list[str]:
    return [f"{_words(one)} of build {one.build}" for one in leftovers]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "build_ids": {"type": "list", "elements": "str", "default": []},
            "expired": {"type": "bool", "default": True},
            "regions": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 300},
            **AWS_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
