#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_ami
short_description: Capture an EC2 instance as an image, once per build
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.aws
description:
  - Stops an instance, creates an image of it, and waits until the image is available.
  - The image and its snapshots have their tags from the call that creates them. By the tag C(goldsmith:build) an image
    that a build has made is found again, so that a build makes one image however often, and after whatever
    interruption, the module is run.
  - EC2 allows a name once in an account and region, so an image cannot take over the name of the one it replaces. Give
    each a name of its own, and find the newest by its tags.
  - After O(wait) seconds it returns with what is done so far, so that a playbook can show the progress by C(until).
  - An image that ends as C(failed) is deregistered, and its snapshots are deleted.
options:
  state:
    description: Whether the image shall exist.
    type: str
    choices: [present, absent]
    default: present
  instance_id:
    description: ID of the instance. Required with O(state=present).
    type: str
  build_id:
    description:
      - The build that the image is of. Required with O(state=present).
      - With O(state=absent), the image of this build goes with all its snapshots, unless it was verified or published;
        see O(id).
    type: str
  id:
    description: With O(state=absent), the image that goes with its snapshots, whatever its state.
    type: str
  copied_to:
    description: With O(state=absent) and O(build_id), further regions where the build's images go.
    type: list
    elements: str
    default: []
  image_name:
    description: Name that all versions of the image have in common, for the tag C(goldsmith:name).
    type: str
  version:
    description: Version, for the tag C(goldsmith:version).
    type: str
  name:
    description: Name of the image in EC2, which no other image of the account may have in the region.
    type: str
  description:
    description: Description of the image.
    type: str
    default: ""
  source:
    description: Image that the instance was started from, for the tag C(goldsmith:source).
    type: str
  user:
    description: User that EC2's key pair is given to, for the tag C(goldsmith:user).
    type: str
  stop:
    description: Whether to stop the instance first. Otherwise files that are being written may be captured half.
    type: bool
    default: true
  terminate:
    description:
      - Whether to terminate the instance as soon as the image is available. That is not waited for.
      - One that EC2 does not let go does not make the capture fail.
    type: bool
    default: false
  expires_in:
    description: Seconds after which a sweep removes the image, unless it was verified or published before.
    type: int
    default: 21600
  block_devices:
    description: Block devices that are to differ from those of the instance.
    type: list
    elements: dict
    default: []
    suboptions:
      device:
        description: Name of the device, such as V(/dev/sdf).
        type: str
        required: true
      size:
        description: Size in GiB.
        type: int
      type:
        description: Type of the volume, such as V(gp3).
        type: str
      iops:
        description: I/O operations a second.
        type: int
      throughput:
        description: Throughput in MiB a second.
        type: int
      snapshot:
        description: Snapshot that the volume is made of.
        type: str
      encrypted:
        description: Whether a further, empty volume is encrypted. What the instance has keeps its encryption.
        type: bool
      kms_key:
        description: Key that encrypts it; by default the account's own for EBS.
        type: str
      delete_on_termination:
        description: Whether the volume goes with its instance.
        type: bool
      virtual_name:
        description: Instance store volume, such as V(ephemeral0).
        type: str
      no_device:
        description: Whether to leave out a device that the instance has.
        type: bool
        default: false
  boot_mode:
    description: How instances of the image boot, if not as the instance did.
    type: str
    choices: [legacy-bios, uefi, uefi-preferred]
  ena:
    description: Whether instances of the image have enhanced networking, if not as the instance had.
    type: bool
  tpm:
    description: Version of the TPM that instances of the image have; it needs O(boot_mode=uefi).
    type: str
    choices: [v2.0]
  imds:
    description: V(v2.0) if instances of the image are to take metadata requests with a token only.
    type: str
    choices: [v2.0]
  tags:
    description: Further tags of the image and its snapshots.
    type: dict
    default: {}
  marks:
    description: Values of further tags C(goldsmith:*), by what follows that, such as V(fingerprint).
    type: dict
    default: {}
  wait:
    description: Seconds to wait in this run.
    type: int
    default: 60
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
    details: An image that the build has made is returned as it is, whatever else is asked for.
notes:
  - With O(boot_mode), O(ena) or O(tpm), where they differ from the instance's, the image is registered from snapshots,
    as CreateImage cannot set them.
seealso:
  - module: goldsmith.images.ec2_ami_publish
  - module: amazon.aws.ec2_ami
"""

EXAMPLES = r"""
- name: Capture the image, with its progress in the output
  goldsmith.images.ec2_ami:
    instance_id: "{{ builder.machine.id }}"
    build_id: 20261122T070000-0a1b2c3d
    image_name: web
    version: "7"
    name: web-7-20261122T070000-0a1b2c3d
    source: "{{ base.source.id }}"
    user: admin
  register: captured
  until: captured is failed or captured.image.state == 'available'
  retries: 1000
  delay: 1

- name: Discard the image of a build that failed
  goldsmith.images.ec2_ami:
    state: absent
    build_id: 20261122T070000-0a1b2c3d
"""

RETURN = r"""
image:
  description: The image.
  returned: with O(state=present)
  type: dict
  contains:
    id:
      description: ID; empty while there is none.
      type: str
      sample: ami-0abcdef1234567890
    name:
      description: Name in EC2.
      type: str
      sample: web-7-20261122T070000-0a1b2c3d
    state:
      description:
        - V(stopping) while the instance stops, V(pending) while the image is made, V(available).
        - In check mode, V(absent) if it would be made.
      type: str
      sample: available
    progress:
      description: How far the snapshots are, in per cent.
      type: int
      sample: 100
    snapshots:
      description: IDs of its snapshots.
      type: list
      elements: str
      sample: [snap-0abcdef1234567890]
    size:
      description: Size of its volumes in bytes.
      type: int
      sample: 8589934592
    region:
      description: Region.
      type: str
      sample: eu-west-1
    account:
      description: Account that it belongs to.
      type: str
      sample: "123456789012"
    architecture:
      description: Architecture.
      type: str
      sample: x86_64
    root_device:
      description: Name of the root device.
      type: str
      sample: /dev/xvda
    block_devices:
      description: Block devices as EC2 describes them.
      type: list
      elements: dict
    boot_mode:
      description: Boot mode, if it has one.
      type: str
      sample: uefi-preferred
    imds:
      description: V(v2.0) if its instances take metadata requests with a token only.
      type: str
      sample: v2.0
    deprecates:
      description: When EC2 shows it as deprecated, if ever.
      type: str
      sample: "2027-05-21T07:00:00.000Z"
    deregistration_protection:
      description: Whether it is protected from being deregistered.
      type: bool
      sample: false
    tags:
      description: Its tags.
      type: dict
      sample: {"goldsmith:build": 20261122T070000-0a1b2c3d, "goldsmith:state": candidate}
removed:
  description: IDs of the image and snapshots that were removed, or in check mode would be.
  returned: with O(state=absent)
  type: list
  elements: str
"""

from datetime import datetime
from typing import Any, Callable, Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._ami import (
    by_id,
    discard,
    snapshot_ids,
    snapshot_leftovers,
    view,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ami_create import Creation
from ansible_collections.goldsmith.images.plugins.module_utils._ami_ledger import ledger
from ansible_collections.goldsmith.images.plugins.module_utils._ami_request import Request, check
from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    AWS_OPTIONS,
    Aws,
    run,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_devices import BLOCK_DEVICES, mappings
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_leftovers import Leftover, find
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "instance_id": {"type": "str"},
    "build_id": {"type": "str"},
    "id": {"type": "str"},
    "copied_to": {"type": "list", "elements": "str", "default": []},
    "image_name": {"type": "str"},
    "version": {"type": "str"},
    "name": {"type": "str"},
    "description": {"type": "str", "default": ""},
    "source": {"type": "str"},
    "user": {"type": "str"},
    "stop": {"type": "bool", "default": True},
    "terminate": {"type": "bool", "default": False},
    "expires_in": {"type": "int", "default": 21600},
    "block_devices": BLOCK_DEVICES,
    "boot_mode": {"type": "str", "choices": ["legacy-bios", "uefi", "uefi-preferred"]},
    "ena": {"type": "bool"},
    "tpm": {"type": "str", "choices": ["v2.0"]},
    "imds": {"type": "str", "choices": ["v2.0"]},
    "tags": {"type": "dict", "default": {}},
    "marks": {"type": "dict", "default": {}},
    "wait": {"type": "int", "default": 60},
    **AWS_OPTIONS,
}


def work(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    return (present if module.params["state"] == "present" else absent)(aws, module)


def present(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    request = Request(
        params["instance_id"],
        params["build_id"],
        params["name"],
        params["description"],
        ledger(params, datetime.now(UTC)),
        params["stop"],
        mappings(params["block_devices"]),
        params["boot_mode"],
        params["ena"],
        params["tpm"],
        params["imds"],
        params["terminate"],
    )
    check(request)
    creation = Creation(aws.client(), aws.region, request, params["wait"])
    found = creation.existing()
    before = view(found, aws.region) if found else None
    if module.check_mode:
        wanted = {"ImageId": "", "Name": request.name, "State": "absent"}
        image = before or {**view(wanted, aws.region, 0), "tags": dict(request.tags)}
        changed = before is None
    else:
        image = creation.complete(found)
        changed = creation.changed
    return {"changed": changed, "image": image, "diff": {"before": {"image": before}, "after": {"image": image}}}


def absent(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    client = aws.client()
    if module.params["id"]:
        image = by_id(client, module.params["id"])
        snapshots = snapshot_leftovers(snapshot_ids(image)) if image else []
        leftovers = [Leftover("image", image["ImageId"]), *snapshots] if image else []
    else:
        now = datetime.now(UTC)
        builds = [module.params["build_id"]]
        regions = list(dict.fromkeys([aws.region, *module.params["copied_to"]]))
        leftovers = find(aws, regions, builds, expired=False, now=now, kinds=("image", "snapshot"))
    there = [one.id for one in leftovers]
    removed, kept = (there, []) if module.check_mode else _discard(aws, leftovers)
    if kept:
        raise Fault(f"{len(kept)} of {len(there)} could not be removed: {'; '.join(kept)}")
    return {
        "changed": bool(removed),
        "removed": removed,
        "diff": {"before": {"images": there}, "after": {"images": [name for name in there if name not in removed]}},
    }


def _discard(aws: Aws, leftovers: Sequence[Leftover]) -> tuple[list[str], list[str]]:
    removed: list[str] = []
    kept: list[str] = []
    for region in dict.fromkeys(one.region for one in leftovers):
        client = aws.client(region=region or aws.region)
        gone, left = discard(client, [one for one in leftovers if one.region == region])
        removed += gone
        kept += left
    return removed, kept


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    module = module_class(
        argument_spec=OPTIONS,
        supports_check_mode=True,
        required_if=[
            ("state", "present", ["instance_id", "build_id", "image_name", "version", "name"]),
            ("state", "absent", ["build_id", "id"], True),
        ],
    )
    run(module, work)


if __name__ == "__main__":
    main()
