#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_ami_import
short_description: Make an Amazon Machine Image of a disk image, without an instance
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.aws
description:
  - Writes a raw disk image into an EBS snapshot by the EBS direct API, and registers the snapshot as an image.
  - Blocks that are zero are not sent. Where this machine has imported an earlier version of the image, the snapshot
    begins with that version's, and only the blocks in which they differ are sent. Every block is sent with its
    checksum, by which EBS refuses what was damaged on the way.
  - The snapshot and the image have their tags from the call that creates them. A build makes one image however often,
    and after whatever interruption, the module is run. EBS itself cancels a snapshot that nothing is written to for an
    hour.
options:
  path:
    description: The raw disk image. It may be sparse.
    type: path
    required: true
  build_id:
    description: The build that the image is of.
    type: str
    required: true
  image_name:
    description: Name that all versions of the image have in common, for the tag C(goldsmith:name).
    type: str
    required: true
  version:
    description: Version, for the tag C(goldsmith:version).
    type: str
    required: true
  name:
    description: Name of the image in EC2, which no other image of the account may have in the region.
    type: str
    required: true
  description:
    description: Description of the image.
    type: str
    default: ""
  source:
    description: What the disk was built on, for the tag C(goldsmith:source).
    type: str
  user:
    description: User that EC2's key pair is given to, for the tag C(goldsmith:user).
    type: str
  expires_in:
    description: Seconds after which a sweep removes the image, unless it was verified or published before.
    type: int
    default: 21600
  root_volume:
    description: The root volume of instances.
    type: dict
    suboptions:
      size:
        description: Size in GiB; by default what the disk image needs.
        type: int
      type:
        description: Volume type.
        type: str
        default: gp3
      iops:
        description: Operations a second.
        type: int
      throughput:
        description: MiB a second.
        type: int
      encrypted:
        description: Whether the snapshot is encrypted.
        type: bool
        default: true
      kms_key:
        description: ARN of the KMS key that encrypts. By default the account's own for EBS.
        type: str
  architecture:
    description: Architecture of the system on the disk.
    type: str
    choices: [x86_64, arm64]
    default: x86_64
  boot_mode:
    description: How instances boot. By default as their type prefers to, which is legacy BIOS for most.
    type: str
    choices: [legacy-bios, uefi, uefi-preferred]
  ena:
    description: Whether instances have enhanced networking, for which the kernel needs the driver.
    type: bool
    default: true
  tpm:
    description: Version of the TPM that instances have; it needs O(boot_mode=uefi).
    type: str
    choices: [v2.0]
  imds:
    description: V(v2.0) if instances are to take metadata requests with a token only.
    type: str
    choices: [v2.0]
    default: v2.0
  incremental:
    description: Whether the snapshot may begin with that of an earlier version.
    type: bool
    default: true
  tags:
    description: Further tags of the image and its snapshot.
    type: dict
    default: {}
  marks:
    description: Values of further tags C(goldsmith:*), by what follows that, such as V(fingerprint).
    type: dict
    default: {}
  timeout:
    description: Seconds until the image must be available, once all blocks are sent.
    type: int
    default: 3600
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
  - Which blocks a snapshot has is noted in C(goldsmith/ebs) in E(XDG_CACHE_HOME).
  - Needs the permissions C(ebs:StartSnapshot), C(ebs:PutSnapshotBlock), C(ebs:CompleteSnapshot),
    C(ec2:RegisterImage), C(ec2:CreateTags), C(ec2:DescribeImages), C(ec2:DescribeSnapshots), C(ec2:DeregisterImage) and
    C(ec2:DeleteSnapshot).
seealso:
  - module: goldsmith.images.ec2_ami
  - module: goldsmith.images.ec2_ami_publish
  - module: goldsmith.images.disk_image
"""

EXAMPLES = r"""
- name: Make an image of the disk
  goldsmith.images.ec2_ami_import:
    path: /srv/images/web-7.raw
    build_id: 20261122T070000-0a1b2c3d
    image_name: web
    version: "7"
    name: web-7-20261122T070000-0a1b2c3d
    user: debian
    boot_mode: uefi-preferred
  register: imported
"""

RETURN = r"""
image:
  description: The image, as M(goldsmith.images.ec2_ami) returns it.
  returned: success
  type: dict
  sample: {id: ami-0abcdef1234567890, state: available}
imported:
  description: What was sent; null where the image was there before, and in check mode.
  returned: success
  type: dict
  contains:
    snapshot:
      description: ID of the snapshot.
      type: str
      sample: snap-0abcdef1234567890
    parent:
      description: ID of the snapshot that it began with; null without one.
      type: str
      sample: snap-0123456789abcdef0
    blocks:
      description: How many blocks of the disk hold anything.
      type: int
      sample: 1102
    sent:
      description: How many were sent.
      type: int
      sample: 37
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._ami import (
    FAILED,
    await_image,
    by_build,
    give_up,
    ours,
    view,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ami_ledger import ledger
from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    AWS_OPTIONS,
    Aws,
    AwsFault,
    call,
    run,
    tag_specifications,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ebs_blocks import Disk
from ansible_collections.goldsmith.images.plugins.module_utils._ebs_snapshot import Imported, Wanted, import_disk, notes
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_devices import ROOT_VOLUME
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

ROOT_DEVICE = "/dev/xvda"


def registration(params: dict[str, Any], imported: Imported, tags: dict[str, str]) -> dict[str, Any]:
    """Return the parameters of RegisterImage."""
    volume = params["root_volume"]
    ebs = {
        "SnapshotId": imported.id,
        "VolumeSize": volume["size"] or imported.gibibytes,
        "VolumeType": volume["type"],
        "Iops": volume["iops"],
        "Throughput": volume["throughput"],
        "DeleteOnTermination": True,
    }
    given = {
        "Description": params["description"],
        "BootMode": params["boot_mode"],
        "TpmSupport": params["tpm"],
        "ImdsSupport": params["imds"],
    }
    return {
        "Name": params["name"],
        "Architecture": params["architecture"],
        "RootDeviceName": ROOT_DEVICE,
        "VirtualizationType": "hvm",
        "EnaSupport": params["ena"],
        "BlockDeviceMappings": [
            {"DeviceName": ROOT_DEVICE, "Ebs": {key: value for key, value in ebs.items() if value is not None}}
        ],
        "TagSpecifications": tag_specifications(["image"], tags),
        **{key: value for key, value in given.items() if value},
    }


@call("register the image")
def _register(client: Any, parameters: dict[str, Any]) -> str:
    return str(client.register_image(**parameters)["ImageId"])


def check(params: dict[str, Any], disk: Disk) -> None:
    """Refuse what AWS would refuse after all was sent.

    Raises:
        Fault: It would.
    """
    volume = params["root_volume"]
    if params["tpm"] and params["boot_mode"] != "uefi":
        raise Fault(f"tpm {params['tpm']} needs boot_mode: uefi. Set it, or leave the TPM out.")
    if volume["size"] and volume["size"] < disk.gibibytes:
        raise Fault(
            f"the disk {params['path']} needs {disk.gibibytes} GiB, and root_volume.size is {volume['size']}: make it "
            "larger, or leave it out."
        )
    if volume["kms_key"] and not volume["kms_key"].startswith("arn:"):
        raise Fault(f"the EBS direct API takes a key by its ARN only, and root_volume.kms_key is {volume['kms_key']}.")


def work(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    params, client = module.params, aws.client()
    tags = ledger(params, datetime.now(UTC))
    found = by_build(client, params["build_id"])
    if found is not None and found["State"] in FAILED:
        raise give_up(client, found, aws.region)
    before = view(found, aws.region) if found else None
    imported = None
    try:
        with Disk(Path(params["path"])) as disk:
            check(params, disk)
            if found is None and not module.check_mode:
                imported = _import(aws, params, disk, tags)
    except OSError as error:
        raise Fault(f"the disk image {params['path']} cannot be read: {error.strerror or error}") from error
    if module.check_mode and found is None:
        image = {**view({"ImageId": "", "Name": params["name"], "State": "absent"}, aws.region, 0), "tags": tags}
    else:
        name = found["ImageId"] if found else _registered(aws, params, imported, tags)
        found = await_image(client, name, aws.region, params["timeout"])
        image = view(found, aws.region)
    return {
        "changed": before is None,
        "image": image,
        "imported": imported
        and {"snapshot": imported.id, "parent": imported.parent, "blocks": imported.blocks, "sent": imported.sent},
        "diff": {"before": {"image": before}, "after": {"image": image}},
    }


def _import(aws: Aws, params: dict[str, Any], disk: Disk, tags: dict[str, str]) -> Imported:
    wanted = Wanted(
        build_id=params["build_id"],
        name=params["image_name"],
        description=params["description"] or params["name"],
        tags=tags,
        encrypted=params["root_volume"]["encrypted"],
        kms_key=params["root_volume"]["kms_key"],
        incremental=params["incremental"],
        timeout=params["timeout"],
    )
    return import_disk(aws.client(), aws.client("ebs"), disk, wanted, notes())


def _registered(aws: Aws, params: dict[str, Any], imported: Any, tags: dict[str, str]) -> str:
    client = aws.client()
    try:
        return str(_register(client, registration(params, imported, tags)))
    except AwsFault as fault:
        return ours(client, aws.region, params["name"], params["build_id"], fault)


def main() -> None:
    strings = ("build_id", "image_name", "version", "name")
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            **{name: {"type": "str", "required": True} for name in strings},
            "description": {"type": "str", "default": ""},
            "source": {"type": "str"},
            "user": {"type": "str"},
            "expires_in": {"type": "int", "default": 21600},
            "root_volume": ROOT_VOLUME,
            "architecture": {"type": "str", "choices": ["x86_64", "arm64"], "default": "x86_64"},
            "boot_mode": {"type": "str", "choices": ["legacy-bios", "uefi", "uefi-preferred"]},
            "ena": {"type": "bool", "default": True},
            "tpm": {"type": "str", "choices": ["v2.0"]},
            "imds": {"type": "str", "choices": ["v2.0"], "default": "v2.0"},
            "incremental": {"type": "bool", "default": True},
            "tags": {"type": "dict", "default": {}},
            "marks": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 3600},
            **AWS_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
