#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_ami_publish
short_description: Copy, share, deprecate and announce an EC2 image
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.aws
description:
  - Copies an image to regions, shares it, sets when it is deprecated, protects it, has an SSM parameter hold its ID,
    and at last tags it and its snapshots as published, in all regions at once.
  - Each step is taken only where it is missing. When one fails, the others go on as far as they do not build on it, and
    running the module again does what is left.
  - When publishing fails, the images stay, and are tagged as verified, so that no sweep takes them.
  - After O(wait) seconds it returns with what is done so far, so that a playbook can show the progress of the copies by
    C(until).
options:
  image:
    description: ID of the image.
    type: str
    required: true
  build_id:
    description: The build that the image is of. Its copies are found again by it.
    type: str
    required: true
  known:
    description:
      - The image as M(goldsmith.images.ec2_ami) has just returned it, which saves asking for it.
      - It is left unheeded unless it is of the same image, and available.
    type: dict
  name:
    description: Name of the copies. By default that of the image.
    type: str
  copy_to:
    description: Regions that the image is copied to, with its tags.
    type: list
    elements: dict
    default: []
    suboptions:
      region:
        description: The region.
        type: str
        required: true
      kms_key:
        description:
          - Key of that region that encrypts the copy.
          - By default an encrypted image is encrypted with the region's default key, with which it cannot be shared.
        type: str
  share_with:
    description: Who else may start machines of the image, in every region. Whoever may already, stays.
    type: dict
    suboptions:
      accounts:
        description: Account IDs, each of 12 digits.
        type: list
        elements: str
        default: []
      organizations:
        description: ARNs of organisations.
        type: list
        elements: str
        default: []
      organizational_units:
        description: ARNs of organisational units.
        type: list
        elements: str
        default: []
      groups:
        description: V(all) makes the image public.
        type: list
        elements: str
        choices: [all]
        default: []
      snapshots:
        description: Whether the accounts and groups may make volumes of the snapshots as well, and so copy the image.
        type: bool
        default: false
  ssm_parameter:
    description:
      - Name of an SSM parameter that is to hold the image's ID, in every region that of the image there.
      - It is made with the data type C(aws:ec2:image); one that exists keeps its own.
    type: str
  deprecate_at:
    description: When EC2 shows the image as deprecated, such as V(2027-05-21T07:00:00Z). EC2 rounds to the minute.
    type: str
  deregistration_protection:
    description: Whether to protect the image from being deregistered. V(false) leaves it as it is.
    type: bool
    default: false
  tags:
    description: Further tags of the image and its snapshots.
    type: dict
    default: {}
  begin:
    description:
      - Whether only to begin the copies, as far as that can be, and to return at once. The image may still be tested.
      - Copies are private. Those of an image that is never published go with M(goldsmith.images.ec2_ami), or
        with a sweep.
    type: bool
    default: false
  wait:
    description: Seconds to wait for copies in this run.
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
seealso:
  - module: goldsmith.images.ec2_ami
"""

EXAMPLES = r"""
- name: Say that the image is published, in a single call of the API
  goldsmith.images.ec2_ami_publish:
    image: "{{ captured.image.id }}"
    known: "{{ captured.image }}"
    build_id: 20261122T070000-0a1b2c3d

- name: Copy and share the image
  goldsmith.images.ec2_ami_publish:
    image: "{{ captured.image.id }}"
    build_id: 20261122T070000-0a1b2c3d
    copy_to:
      - region: eu-central-1
        kms_key: alias/images
    share_with:
      accounts: ["111122223333"]
      snapshots: true
    ssm_parameter: /images/web
    deprecate_at: "2027-05-21T07:00:00Z"
  register: published
  until: published is failed or published.published
  retries: 1000
  delay: 1
"""

RETURN = r"""
images:
  description: The image in each region, by region.
  returned: always, once the image is found
  type: dict
  sample:
    eu-west-1: {id: ami-0abcdef1234567890, snapshots: [snap-0abcdef1234567890], state: available, progress: 100}
    eu-central-1: {id: ami-0fedcba0987654321, snapshots: [], state: pending, progress: 42}
published:
  description: Whether everything is done. It is not while copies are being made.
  returned: always, once the image is found
  type: bool
ssm_parameter:
  description: Name of the parameter that holds the image's ID, if any.
  returned: always, once the image is found
  type: str
  sample: /images/web
steps:
  description: What was done in this run, or in check mode would be.
  returned: always, once the image is found
  type: list
  elements: dict
  contains:
    region:
      description: The region.
      type: str
      sample: eu-central-1
    step:
      description: V(copy), V(share), V(share snapshot), V(deprecate), V(protect), V(set parameter) or V(tag).
      type: str
      sample: copy
    subject:
      description: What it was done to.
      type: str
      sample: ami-0fedcba0987654321
"""

from datetime import datetime
from typing import Any, Callable, Mapping, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._ami import by_id, view
from ansible_collections.goldsmith.images.plugins.module_utils._ami_publication import Wish, deprecation, sharing
from ansible_collections.goldsmith.images.plugins.module_utils._ami_publish import NEVER, Publication
from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    AWS_OPTIONS,
    TAG_BUILD,
    TAG_EXPIRES,
    TAG_STATE,
    Aws,
    run,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
OPTIONS: dict[str, Any] = {
    "image": {"type": "str", "required": True},
    "build_id": {"type": "str", "required": True},
    "known": {"type": "dict"},
    "name": {"type": "str"},
    "copy_to": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"region": {"type": "str", "required": True}, "kms_key": {"type": "str", "no_log": False}},
    },
    "share_with": {
        "type": "dict",
        "options": {
            "accounts": NAMES,
            "organizations": NAMES,
            "organizational_units": NAMES,
            "groups": {**NAMES, "choices": ["all"]},
            "snapshots": {"type": "bool", "default": False},
        },
    },
    "ssm_parameter": {"type": "str"},
    "deprecate_at": {"type": "str"},
    "deregistration_protection": {"type": "bool", "default": False},
    "tags": {"type": "dict", "default": {}},
    "begin": {"type": "bool", "default": False},
    "wait": {"type": "int", "default": 60},
    **AWS_OPTIONS,
}


def source_image(aws: Aws, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the image that is to be published.

    Raises:
        Fault: There is none that could be.
    """
    known = params["known"] or {}
    whole = set(view({"ImageId": "", "State": ""}, aws.region)) <= set(known)
    if whole and (known["id"], known["state"], known["region"]) == (params["image"], "available", aws.region):
        image: Mapping[str, Any] = known
    else:
        found = by_id(aws.client(), params["image"])
        if found is None:
            raise Fault(f"there is no image {params['image']} in {aws.region}: was it deregistered? Build again.")
        image = view(found, aws.region)
    if image["state"] != "available":
        raise Fault(f"the image {image['id']} is {image['state']}: wait until it is available, then publish it.")
    builder = image["tags"].get(TAG_BUILD, params["build_id"])
    if builder != params["build_id"]:
        raise Fault(f"the image {image['id']} is of the build {builder}, not of {params['build_id']}: name its own.")
    return image


def copies(params: Mapping[str, Any], home: str) -> dict[str, Optional[str]]:
    """Return the keys of copies by region.

    Raises:
        Fault: A region is named twice, or is the image's own and has a key.
    """
    found: dict[str, Optional[str]] = {}
    for copy in params["copy_to"]:
        region, key = copy["region"], copy["kms_key"]
        if region in found and found[region] != key:
            raise Fault(f"copy_to names {region} twice, with different keys: leave one.")
        if region == home and key:
            raise Fault(f"copy_to names {region}, where the image is made: have root_volume.kms_key encrypt it there.")
        if region != home:
            found[region] = key
    return found


def wish(params: Mapping[str, Any]) -> Wish:
    """Return what the image is to be in every region.

    Raises:
        Fault: Something is wished that EC2 does not know.
    """
    launch, volumes = sharing(params["share_with"])
    return Wish(
        launch,
        volumes,
        deprecation(params["deprecate_at"], datetime.now(UTC)),
        params["deregistration_protection"],
        params["ssm_parameter"],
        {**{key: str(value) for key, value in params["tags"].items()}, TAG_STATE: "published", TAG_EXPIRES: NEVER},
    )


def work(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    image = source_image(aws, params)
    try:
        wanted, others = wish(params), copies(params, aws.region)
    except Fault:
        if not (module.check_mode or params["begin"]):
            Publication(aws, image, params["build_id"], {}, Wish()).keep()
        raise
    publication = Publication(
        aws, image, params["build_id"], others, wanted, name=params["name"], patience=params["wait"]
    )

    def result(published: bool) -> dict[str, Any]:
        return {
            "changed": bool(publication.steps),
            "images": publication.images(),
            "published": published,
            "ssm_parameter": params["ssm_parameter"],
            "steps": publication.steps,
            "diff": publication.diff(),
        }

    if module.check_mode:
        publication.plan()
        return result(published=not publication.steps)
    if params["begin"]:
        publication.begin()
        return result(published=False)
    try:
        published = publication.publish()
    except Fault as fault:
        publication.keep()
        module.fail_json(
            msg=f"{fault} The image {image['id']} in {aws.region} is good and stays. Mend this and publish again: what "
            f"is done is not done twice.",
            **result(published=False),
        )
    return result(published)


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    run(module_class(argument_spec=OPTIONS, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
