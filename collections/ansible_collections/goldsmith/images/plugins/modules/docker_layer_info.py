#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_layer_info
short_description: Find the layers of a build in the layer cache
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - A build's layers are looked for in the cache that M(goldsmith.images.docker_layer) fills, by all that they are made
    from.
  - Tells from which image the builder is to start, and of each layer whether it has to run, and why.
options:
  base:
    description: Id of the base image.
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
        description: What of the engine's machine the layer depends on.
        type: list
        elements: str
        choices: [kernel, memory, processors]
        default: []
      packages:
        description: Whether it installs packages, so that it depends on the state of the distribution's archives.
        type: bool
        default: false
      "off":
        description: Why the layer is never taken from the cache, nor what is above it; empty where it is.
        type: str
        default: ""
      keep:
        description: Whether the layer is kept for itself, not only below one that is.
        type: bool
        default: true
      fresh:
        description: Why the layer runs this time although it is kept, and what is above it; empty where it need not.
        type: str
        default: ""
  machine:
    description: Options of the builder's container that decide what a layer finds.
    type: dict
    default: {}
  indexes:
    description:
      - Whether the archives that the base fetches from are asked for their signed indexes, for layers with I(packages).
      - Not needed for a base that was made from the archives as they are now.
    type: bool
    default: true
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
seealso:
  - module: goldsmith.images.docker_layer
"""

EXAMPLES = r"""
- name: Look for the layers in the cache
  goldsmith.images.docker_layer_info:
    base: "{{ base.source.id }}"
    layers:
      - number: 1
        name: nginx
        ingredients:
          role: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
        packages: true
  register: cached

- name: Start the builder where they end
  goldsmith.images.docker_builder:
    name: builder
    image: "{{ cached.image }}"
    build_id: "{{ build_id }}"
"""

RETURN = r"""
image:
  description: Id of the image to start from, which is the base where no layer is in the cache.
  returned: success
  type: str
  sample: sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
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
      description: V(hit) where it need not run, V(miss) where it runs and is kept, V(off) where it is not kept either.
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
      description: What it is made from, with what was looked up here.
      type: dict
      sample: {}
variables:
  description: Variables that the layers taken from the cache have set.
  returned: success
  type: dict
  sample: {}
facts:
  description: Facts that they have gathered.
  returned: success
  type: dict
  sample: {}
"""

from typing import Any, Callable, Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, run
from ansible_collections.goldsmith.images.plugins.module_utils._layer_state import look_up


def work(client: Any, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    verdicts, image = look_up(client, params["base"], params["layers"], params["machine"], indexed=params["indexes"])
    state: Mapping[str, Any] = image.variables if image else {}
    return {
        "changed": False,
        "image": image.id if image else params["base"],
        "layers": [
            {
                **verdict.as_dict(),
                "ingredients": dict(verdict.layer.ingredients),
                "packages": any(layer["packages"] for layer in params["layers"][: verdict.layer.number]),
            }
            for verdict in verdicts
        ],
        "variables": state.get("variables", {}),
        "facts": state.get("facts", {}),
    }


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    layer = {
        "number": {"type": "int", "required": True},
        "name": {"type": "str", "required": True},
        "ingredients": {"type": "dict", "default": {}},
        "engine": {"type": "list", "elements": "str", "choices": ["kernel", "memory", "processors"], "default": []},
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
            "indexes": {"type": "bool", "default": True},
            **DOCKER_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
