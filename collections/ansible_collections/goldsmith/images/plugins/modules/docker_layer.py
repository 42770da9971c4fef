#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_layer
short_description: Keep a layer of a build in the layer cache
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - Commits the builder as a layer has left it, to an image without a name, from which a later build of the same layers
    starts.
  - What later layers may use of it is kept with it, namely the variables and facts of the machine that were not there
    before the first layer. So the task has to be one of the machine's play, delegated to the controller.
  - Where it has installed packages, the state of the archives that the machine fetches from is kept with it as well.
    Where that cannot be told, the layer is not kept.
  - What processes do that a layer has started is not kept, nor is what lies in volumes or in memory.
  - M(goldsmith.images.docker_layer_info) finds it again.
options:
  container:
    description: Name or id of the builder's container.
    type: str
    required: true
  layer:
    description: The layer, as RV(goldsmith.images.docker_layer_info#module:layers) has it.
    type: dict
    required: true
  known:
    description: Names of what was known before the first layer, in the keys C(variables) and C(facts).
    type: dict
    default: {}
  build_id:
    description: Id of the build.
    type: str
    required: true
  image_name:
    description: Name of the image that is being built.
    type: str
    default: ""
  variables:
    description: Variables to keep. Filled in by the action; not to be given.
    type: dict
    default: {}
  facts:
    description: Facts to keep. Filled in by the action; not to be given.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Keeps nothing.
    support: full
  diff_mode:
    description: There is nothing before to compare with.
    support: none
  idempotent:
    description: Each run makes an image; the newest of a key is the one that is found.
    support: none
seealso:
  - module: goldsmith.images.docker_layer_info
"""

EXAMPLES = r"""
- name: Note what is known before the layers
  ansible.builtin.set_fact:
    known:
      variables: "{{ lookup('ansible.builtin.varnames', '.+', wantlist=true) }}"
      facts: "{{ ansible_facts.keys() | list }}"

- name: Install nginx
  ansible.builtin.include_role:
    name: nginx

- name: Keep it
  goldsmith.images.docker_layer:
    container: builder
    layer: "{{ cached.layers[0] }}"
    known: "{{ known }}"
    build_id: "{{ build_id }}"
  delegate_to: localhost
"""

RETURN = r"""
image:
  description: Id of the image; empty where nothing was kept.
  returned: success
  type: str
  sample: sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
"""

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, patient, run
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import keep
from ansible_collections.goldsmith.images.plugins.module_utils._layer_state import added_archives


def work(client: Any, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    if module.check_mode:
        return {"changed": True, "image": ""}
    patient(client)
    ingredients = params["layer"].get("ingredients", {})
    try:
        archives = added_archives(client, params["container"], ingredients) if params["layer"].get("packages") else {}
    except Fault as fault:
        return {"changed": False, "image": "", "msg": f"the layer is not kept: {fault}"}
    about = {
        "ingredients": ingredients,
        "archives": archives,
        "variables": {"variables": params["variables"], "facts": params["facts"]},
        "build_id": params["build_id"],
        "image_name": params["image_name"],
    }
    return {"changed": True, "image": keep(client, params["container"], params["layer"], about)}


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    module = module_class(
        argument_spec={
            "container": {"type": "str", "required": True},
            "layer": {"type": "dict", "required": True},
            "known": {"type": "dict", "default": {}},
            "build_id": {"type": "str", "required": True},
            "image_name": {"type": "str", "default": ""},
            "variables": {"type": "dict", "default": {}},
            "facts": {"type": "dict", "default": {}},
            **DOCKER_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
