#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_source_ami
short_description: Resolve what an AMI is built on to one image
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.aws
description:
  - Says which Amazon Machine Image exactly it is that is asked for, by its ID, by owner and name, or by a parameter of
    the SSM parameter store.
  - Of several that answer to name and filters, the newest one counts that can be built on; of those made at the same
    moment the one whose ID is last.
  - Refuses, with the reason, an image that is deprecated or not available, that is of another architecture, or whose
    root device is not EBS.
options:
  id:
    description: ID of the image.
    type: str
  owner:
    description:
      - Account that owns the image, as a number, or V(self), V(amazon) or V(aws-marketplace).
      - Needed with O(name) and O(filters), as anybody may give a public image any name.
    type: str
  name:
    description: Name of the image, with C(*) and C(?) as wildcards.
    type: str
  filters:
    description: Filters of DescribeImages; each value is one or a list.
    type: dict
    default: {}
  ssm:
    description: Name of an SSM parameter that holds the image's ID, such as those that AWS publishes.
    type: str
  architecture:
    description: What the image must be built for, such as V(x86_64) or V(arm64).
    type: str
  include_deprecated:
    description: Whether a deprecated image will do.
    type: bool
    default: false
  reference:
    description: What to call the image. By default what is asked for.
    type: str
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
    details: It only asks.
  diff_mode:
    description: Returns the image's ID before and after, which is the same.
    support: full
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
notes:
  - Needs the permission C(ec2:DescribeImages), with O(ssm) also C(ssm:GetParameter).
seealso:
  - module: goldsmith.images.ec2_builder
"""

EXAMPLES = r"""
- name: Build on the newest Debian 12
  goldsmith.images.ec2_source_ami:
    owner: "136693071363"
    name: debian-12-amd64-*
  register: base

- name: Build on Amazon Linux 2023 for Graviton
  goldsmith.images.ec2_source_ami:
    ssm: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64
    architecture: arm64
  register: base

- name: Build on the newest image of another spec
  goldsmith.images.ec2_source_ami:
    owner: self
    filters:
      tag:goldsmith:name: base
      tag:goldsmith:state: published
    reference: base
  register: base
"""

RETURN = r"""
source:
  description: The image.
  returned: success
  type: dict
  contains:
    id:
      description: ID.
      type: str
      sample: ami-0a1b2c3d4e5f60718
    reference:
      description: What it is called, see O(reference).
      type: str
      sample: 136693071363/debian-12-amd64-*
    digest:
      description: Always null; an AMI's ID is of one content for ever.
      type: str
    kind:
      description: Always V(ami).
      type: str
      sample: ami
    name:
      description: Name.
      type: str
      sample: debian-12-amd64-20261109-2284
    owner:
      description: Number of the account that owns it.
      type: str
      sample: "136693071363"
    architecture:
      description: Architecture, as EC2 calls it.
      type: str
      sample: x86_64
    os:
      description: Operating system, V(linux) or V(windows).
      type: str
      sample: linux
    root_device:
      description: Name of the root device.
      type: str
      sample: /dev/xvda
    block_devices:
      description: Block devices, as EC2 describes them.
      type: list
      elements: dict
    created:
      description: Time of creation.
      type: str
      sample: "2026-11-09T03:12:41.000Z"
    deprecates:
      description: When it is, or was, deprecated; null if never.
      type: str
      sample: "2028-11-09T03:12:41.000Z"
    boot_mode:
      description: V(uefi), V(legacy-bios) or V(uefi-preferred); null for what the instance type does.
      type: str
      sample: uefi-preferred
    ena:
      description: Whether enhanced networking is on.
      type: bool
      sample: true
    imds:
      description: V(v2.0) if instances of it take metadata tokens only; else null.
      type: str
      sample: v2.0
    user:
      description:
        - The user who logs in by SSH, as its tag C(goldsmith:user) says, or else as the makers of such images usually
          have it. Null if that is not known.
      type: str
      sample: admin
    tags:
      description: Tags that this account can see.
      type: dict
      sample: {}
    region:
      description: Region.
      type: str
      sample: eu-west-1
"""

from datetime import datetime
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AWS_OPTIONS, Aws, run
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_source import Wanted, describe, find
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC


def work(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    wanted = Wanted(**{key: module.params[key] for key in Wanted._fields})
    source = describe(find(aws, wanted, datetime.now(UTC)), wanted.called, aws.region)
    return {
        "changed": False,
        "source": source,
        "diff": {"before": {"id": source["id"]}, "after": {"id": source["id"]}},
    }


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    module = module_class(
        argument_spec={
            "id": {"type": "str"},
            "owner": {"type": "str"},
            "name": {"type": "str"},
            "filters": {"type": "dict", "default": {}},
            "ssm": {"type": "str"},
            "architecture": {"type": "str"},
            "include_deprecated": {"type": "bool", "default": False},
            "reference": {"type": "str"},
            **AWS_OPTIONS,
        },
        mutually_exclusive=[("id", "owner", "ssm"), ("id", "name", "ssm")],
        required_one_of=[("id", "owner", "ssm")],
        required_by={"name": "owner"},
        supports_check_mode=True,
    )
    if module.params["owner"] and not (module.params["name"] or module.params["filters"]):
        module.fail_json(msg="owner alone names no image: give a name, or filters, as well.")
    if module.params["filters"] and not module.params["owner"]:
        module.fail_json(msg="filters need an owner: without one anybody's image could be taken.")
    run(module, work)


if __name__ == "__main__":
    main()
