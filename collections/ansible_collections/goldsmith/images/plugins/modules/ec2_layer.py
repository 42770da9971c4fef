#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_layer
short_description: Keep a checkpoint of a layer of a build in EC2
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.aws
description:
  - Makes an AMI of the running builder as a layer has left it, without a restart, from which a later build of the same
    layers starts. M(goldsmith.images.ec2_layer_info) finds it by its tags.
  - Waits until its snapshots have begun, which decides what they hold, and not for their end.
  - It keeps nothing, and warns, where a machine of it could not be entered, or where the state of the archives that its
    packages are of cannot be told.
options:
  instance_id:
    description: ID of the builder.
    type: str
    required: true
  layers:
    description: The layer, last, and those below it, as RV(goldsmith.images.ec2_layer_info#module:layers) has them.
    type: list
    elements: dict
    required: true
  notes:
    description: What M(goldsmith.images.layer_notes) has returned of the machine.
    type: dict
    required: true
  ssh:
    description:
      - How the machine is entered, as RV(goldsmith.images.ec2_builder#module:ssh) has it; empty where not by SSH.
      - A new login is tried, as a layer may have made that impossible.
    type: dict
    default: {}
  build_id:
    description: ID of the build.
    type: str
    required: true
  image_name:
    description: Name of the image that is being built.
    type: str
    default: ""
  platform:
    description: Platform of the image.
    type: str
    default: ""
  tags:
    description: Further tags of the AMI and its snapshots.
    type: dict
    default: {}
  timeout:
    description: Seconds for the snapshots to begin.
    type: int
    default: 300
attributes:
  check_mode:
    description: Keeps nothing.
    support: full
  diff_mode:
    description: There is nothing before to compare with.
    support: none
  idempotent:
    description: A build makes one checkpoint of a layer, however often it is asked to.
    support: full
notes:
  - Needs the permissions C(ec2:CreateImage), C(ec2:CreateTags) and C(ec2:DescribeImages).
seealso:
  - module: goldsmith.images.ec2_layer_info
  - module: goldsmith.images.layer_notes
"""

EXAMPLES = r"""
- name: Write down in the machine what later layers may use
  goldsmith.images.layer_notes:
    known: "{{ known }}"
  register: notes

- name: Keep a checkpoint of the first layer
  goldsmith.images.ec2_layer:
    instance_id: "{{ builder.machine.id }}"
    layers: "{{ cached.layers[:1] }}"
    notes: "{{ notes }}"
    ssh: "{{ builder.ssh }}"
    build_id: "{{ build_id }}"
  delegate_to: localhost
"""

RETURN = r"""
image:
  description: ID of the AMI; empty where nothing was kept.
  returned: success
  type: str
  sample: ami-0abcdef1234567890
msg:
  description: Why nothing was kept.
  returned: when nothing was kept
  type: str
  sample: "layer nginx is not kept: a new login is not let in any more"
"""

from typing import Any, Callable, Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AWS_OPTIONS, Aws, run
from ansible_collections.goldsmith.images.plugins.module_utils._checkpoint import tags
from ansible_collections.goldsmith.images.plugins.module_utils._checkpoint_store import keep
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layer_archives import states
from ansible_collections.goldsmith.images.plugins.module_utils._ssh_probe import Door, attempt

LOGIN = 60.0
"""Seconds that a new login may take."""


def archives(notes: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of the indexes of the archives that a machine fetches from, by line of sources.list.

    Raises:
        Fault: They cannot be told.
    """
    asked = dict(notes.get("archives") or {})
    if not asked:
        raise Fault("it installs packages, and of what archive they are cannot be told")
    unknown = [line for line, digest in asked.items() if not digest]
    try:
        fetched = states(unknown)
    except Fault as fault:
        raise Fault(f"the state of its packages' archive cannot be told: {fault}") from fault
    return {line: digest or fetched.get(line, "") for line, digest in asked.items()}


def enter(ssh: Mapping[str, Any], instance: str) -> None:
    """Try a new login.

    Raises:
        Fault: It is not let in.
    """
    door = Door(
        ssh["user"], ssh["address"], int(ssh["port"]), ssh["key_file"], ssh["known_hosts"], instance, ssh["args"]
    )
    answer = attempt(door, LOGIN)
    if not answer.entered:
        raise Fault(f"a new login is not let in any more: {answer.said}")


def work(aws: Aws, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    layer, notes = params["layers"][-1], params["notes"]
    if module.check_mode:
        return {"changed": True, "image": ""}
    try:
        if notes.get("refused"):
            raise Fault(notes["refused"])
        given = {key: params[key] for key in ("build_id", "image_name", "platform")}
        wanted = tags(params["layers"], archives(notes) if layer["packages"] else {}, given, params["tags"])
        if params["ssh"]:
            enter(params["ssh"], params["instance_id"])
        return {"changed": True, "image": keep(aws.client(), params["instance_id"], wanted, params["timeout"])}
    except Fault as fault:
        # The image will be none the worse for it.
        why = f"layer {layer['name']} is not kept: {fault}"
        module.warn(why)
        return {"changed": False, "image": "", "msg": why}


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    module = module_class(
        argument_spec={
            "instance_id": {"type": "str", "required": True},
            "layers": {"type": "list", "elements": "dict", "required": True},
            "notes": {"type": "dict", "required": True},
            "ssh": {"type": "dict", "default": {}},
            "build_id": {"type": "str", "required": True},
            "image_name": {"type": "str", "default": ""},
            "platform": {"type": "str", "default": ""},
            "tags": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 300},
            **AWS_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
