#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: layer_facts
short_description: Take over the facts that a layer from the cache has gathered
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
description:
  - Gives the machine facts that were gathered in an earlier build, such as those of M(ansible.builtin.package_facts). A
    layer that is taken from the layer cache does not run, and later ones may use what it found.
  - It runs on the controller and starts no process there.
options:
  facts:
    description: The facts, as RV(goldsmith.images.docker_layer_info#module:facts) has them.
    type: dict
    required: true
attributes:
  action:
    description: There is no module to run on a machine.
    support: full
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
seealso:
  - module: goldsmith.images.docker_layer_info
"""

EXAMPLES = r"""
- name: Take over what the layers from the cache have found
  goldsmith.images.layer_facts:
    facts: "{{ cached.facts }}"
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: success
  type: dict
  sample: {"packages": {}}
"""
