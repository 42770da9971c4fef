#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_layer_info
short_description: Find the checkpoints of a build's layers in EC2
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.aws
description:
  - A build's layers are looked for among the checkpoints that M(goldsmith.images.ec2_layer) makes, by all that they are
    made from. A checkpoint is an AMI of the account that has the tag C(goldsmith:role=layer).
  - Tells from which image the builder is to start, and of each layer whether it has to run, and why.
  - One that holds packages is taken only while the signed indexes of their archives are as they were then.
options:
  base:
    description: ID of the base AMI.
    type: str
    required: true
  layers:
    description: The layers, the lowest first.
    type: list
    elements: dict
    required: true
    suboptions:
      number:
        description: Position, counted from 1.
        type: int
        required: true
      name:
        description: What people call it.
        type: str
        required: true
      ingredients:
        description: What the layer is made from, a digest or a text each, by name.
        type: dict
        default: {}
      engine:
        description: Not used; it is here so that layers can be passed on as they are.
        type: list
        elements: str
        default: []
      packages:
        description: Whether it installs packages, so that it depends on the state of the distribution's archives.
        type: bool
        default: false
      "off":
        description: Why the layer is never taken from a checkpoint, nor what is above it; empty where it is.
        type: str
        default: ""
      fresh:
        description: Why the layer runs this time although it is kept, and what is above it; empty where it need not.
        type: str
        default: ""
      keep:
        description: Whether a checkpoint of the layer is kept; one above it holds it as well.
        type: bool
        default: true
  machine:
    description: Options of the machine that decide what a layer finds.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
notes:
  - Needs the permission C(ec2:DescribeImages).
seealso:
  - module: goldsmith.images.ec2_layer
  - module: goldsmith.images.layer_notes
"""

EXAMPLES = r"""
- name: Look for checkpoints of the layers
  goldsmith.images.ec2_layer_info:
    base: "{{ base.source.id }}"
    layers:
      - number: 1
        name: nginx
        ingredients:
          role: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
        packages: true
  register: cached

- name: Start the builder where they end
  goldsmith.images.ec2_builder:
    ami: "{{ cached.image }}"
    build_id: "{{ build_id }}"
    instance_types: [t3.small]
"""

RETURN = r"""
image:
  description: ID of the image to start from, which is the base where no layer has a checkpoint.
  returned: success
  type: str
  sample: ami-0abcdef1234567890
inside:
  description: Whether that is a checkpoint, so that M(goldsmith.images.layer_notes) finds what the layers have left.
  returned: success
  type: bool
  sample: true
layers:
  description: Of each layer, whether it has to run.
  returned: success
  type: list
  elements: dict
  contains:
    number:
      description: Position, counted from 1.
      type: int
      sample: 1
    name:
      description: What people call it.
      type: str
      sample: nginx
    key:
      description: Digest of what it is made from and what it stands on.
      type: str
      sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    below:
      description: Key of what it stands on.
      type: str
      sample: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    cache:
      description: V(hit) where it need not run, V(miss) where it runs and is kept, V(off) where it is not kept.
      type: str
      sample: miss
    reason:
      description: Why it has to run; empty for a hit. The first thing that differs from the newest layer of this name.
      type: str
      sample: role nginx tasks/main.yml changed
    packages:
      description: Whether it, or one below it, installs packages.
      type: bool
    ingredients:
      description: What it is made from.
      type: dict
      sample: {}
"""

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AWS_OPTIONS, Aws, run
from ansible_collections.goldsmith.images.plugins.module_utils._checkpoint_store import look_up


def work(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    verdicts, found = look_up(aws.client(), params["base"], params["layers"], params["machine"])
    return {
        "changed": False,
        "image": found.id if found else params["base"],
        "inside": found is not None,
        "layers": [
            {
                **verdict.as_dict(),
                "ingredients": dict(verdict.layer.ingredients),
                "packages": any(layer["packages"] for layer in params["layers"][: verdict.layer.number]),
            }
            for verdict in verdicts
        ],
    }


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    layer = {
        "number": {"type": "int", "required": True},
        "name": {"type": "str", "required": True},
        "ingredients": {"type": "dict", "default": {}},
        "engine": {"type": "list", "elements": "str", "default": []},
        "packages": {"type": "bool", "default": False},
        "off": {"type": "str", "default": ""},
        "fresh": {"type": "str", "default": ""},
        "keep": {"type": "bool", "default": True},
    }
    module = module_class(
        argument_spec={
            "base": {"type": "str", "required": True},
            "layers": {"type": "list", "elements": "dict", "required": True, "options": layer},
            "machine": {"type": "dict", "default": {}},
            **AWS_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
