#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_ami_lifecycle
short_description: Deprecate, disable or deregister old AMIs
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.aws
description:
  - Retires AMIs of the account that newer ones have replaced, by count and age. Snapshots go with the AMI that is
    deregistered.
  - Never touched are the newest O(keep) of each series; an AMI that is used by an instance, by any version of a launch
    template, be it by an SSM parameter, by a launch configuration or an auto scaling group of the region; one that is
    protected from deregistration; and one that its build has not finished.
  - A series are the AMIs that differ by version and build alone. Those of another platform or architecture are another
    series.
  - In check mode, lists what would be done, and why the rest stays.
options:
  name:
    description: Name of the images, as in their tag C(goldsmith:name). O(name), O(filters) or O(ids) is required.
    type: str
  ids:
    description:
      - IDs of AMIs. Just these are retired, whatever there is that is newer; O(keep) is passed over.
      - They are deprecated and disabled even when they are used, and deregistered only when they are not.
    type: list
    elements: str
  filters:
    description:
      - Filters of C(DescribeImages), such as V(name) or V(tag:team), each with a value or a list of them. With O(name)
        as well, both hold.
      - AMIs without the tag C(goldsmith:name) are taken as one series for each architecture.
    type: dict
    default: {}
  action:
    description:
      - V(deprecate) hides an AMI from those who look for one.
      - V(disable) also keeps it from being launched, and takes back its launch permissions. It can be enabled again.
      - V(deregister) removes it with its snapshots, for good.
    type: str
    required: true
    choices: [deprecate, disable, deregister]
  keep:
    description:
      - How many AMIs of each series stay at least, the newest ones. Those that can be launched and are published count.
    type: int
    default: 1
  older_than:
    description: Age in seconds that an AMI has at least which goes. By default any.
    type: int
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
  - Works in one region; loop over those that images are copied to.
  - Fails at the end if something could not be done; RV(images) is returned all the same.
  - If it is killed while it deregisters, M(goldsmith.images.ec2_sweep) removes the snapshots that it left.
seealso:
  - module: goldsmith.images.ec2_ami_publish
  - module: goldsmith.images.ec2_sweep
"""

EXAMPLES = r"""
- name: See which images nobody needs any more
  goldsmith.images.ec2_ami_lifecycle:
    name: web
    action: deregister
    keep: 3
    older_than: "{{ 90 * 86400 }}"
  check_mode: true
  register: old

- name: Keep an image that turned out to be bad from being launched
  goldsmith.images.ec2_ami_lifecycle:
    ids: [ami-0a1b2c3d4e5f60718]
    action: disable

- name: Deprecate all but the newest image, wherever it was copied to
  goldsmith.images.ec2_ami_lifecycle:
    name: web
    action: deprecate
    region: "{{ item }}"
  loop: [eu-west-1, eu-central-1]
"""

RETURN = r"""
images:
  description: All images that were looked at, the newest of each series first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: ID of the AMI.
      type: str
      sample: ami-0a1b2c3d4e5f60718
    name:
      description: Name of the AMI.
      type: str
      sample: web-debian-12-7-20261122T070000-0a1b2c3d
    version:
      description: Its version; empty for one that Goldsmith did not build.
      type: str
      sample: "7"
    build:
      description: The build that made it; empty for one that Goldsmith did not build.
      type: str
      sample: 20261122T070000-0a1b2c3d
    created:
      description: When it was made.
      type: str
      sample: "2026-11-22T07:01:12Z"
    snapshots:
      description: IDs of its snapshots.
      type: list
      elements: str
      sample: [snap-0a1b2c3d4e5f60718]
    used_by:
      description: What uses it. Looked up only for images that would go.
      type: list
      elements: str
      sample: [launch template web version 3]
    done:
      description: V(kept), V(deprecated), V(disabled), V(deregistered) or V(failed); in check mode, what would be done.
      type: str
      sample: kept
    reason:
      description: Why.
      type: str
      sample: it is used by launch template web version 3
"""

from datetime import datetime
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AWS_OPTIONS, TAG_NAME, Aws, run
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_lifecycle import (
    DONE,
    Image,
    Verdict,
    image_of,
    judge,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_retire import describe_images, retire
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_usage import users
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp


def work(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    if params["keep"] < 1:
        raise Fault(f"keep is {params['keep']}, but at least one image of each series stays: deregister it by hand.")
    now = datetime.now(UTC)
    images = [image_of(found) for found in describe_images(aws.client(), _filters(params)) or ()]

    named = params["ids"] is not None

    def verdicts_with(used: dict[str, list[str]]) -> list[Verdict]:
        limits = {"keep": 0 if named else params["keep"], "older_than": params["older_than"], "now": now}
        return judge(images, params["action"], used=used, **limits)

    # What uses an image is asked, which is costly, only where it decides.
    verdicts = verdicts_with({})
    if params["action"] == "deregister" or not named:
        verdicts = verdicts_with(users(aws, [verdict.image.id for verdict in verdicts if verdict.goes]))
    going = [verdict.image for verdict in verdicts if verdict.goes]
    failed: dict[str, str] = {}
    if going and not module.check_mode:
        failed = retire(aws.client(), going, params["action"], now)
    told = [_told(verdict, params["action"], failed) for verdict in verdicts]
    result = {
        "changed": any(image["done"] in DONE.values() for image in told),
        "images": told,
        "diff": _diff(images, told),
    }
    if failed:
        reasons = "; ".join(f"{image}: {reason}" for image, reason in failed.items())
        module.fail_json(msg=f"could not {params['action']} {len(failed)} of {len(going)}: {reasons}", **result)
    return result


def _filters(params: dict[str, Any]) -> dict[str, list[str]]:
    filters = {
        name: [str(value) for value in (given if isinstance(given, list) else [given])]
        for name, given in params["filters"].items()
    }
    if params["name"]:
        filters[f"tag:{TAG_NAME}"] = [params["name"]]
    if params["ids"] is not None:
        filters["image-id"] = params["ids"]
    if not filters:
        raise Fault(
            "filters are empty: name at least one, such as `tag:team`, as all images of the account would match."
        )
    return filters


def _told(verdict: Verdict, action: str, failed: dict[str, str]) -> dict[str, Any]:
    image = verdict.image
    done = DONE[action] if verdict.goes else "kept"
    return {
        "id": image.id,
        "name": image.name,
        "version": image.version,
        "build": image.build,
        "created": stamp(image.created),
        "snapshots": list(image.snapshots),
        "used_by": list(verdict.used_by),
        "done": "failed" if image.id in failed else done,
        "reason": failed.get(image.id, verdict.reason),
    }


def _diff(images: list[Image], told: list[dict[str, Any]]) -> dict[str, Any]:
    before = {image.id: f"{image.name}: {image.status}" for image in images}
    changed = {one["id"]: f"{one['name']}: {one['done']}" for one in told if one["done"] in DONE.values()}
    return {"before": {"images": before}, "after": {"images": {**before, **changed}}}


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    module = module_class(
        argument_spec={
            "name": {"type": "str"},
            "ids": {"type": "list", "elements": "str"},
            "filters": {"type": "dict", "default": {}},
            "action": {"type": "str", "required": True, "choices": list(DONE)},
            "keep": {"type": "int", "default": 1},
            "older_than": {"type": "int"},
            **AWS_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
