# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter goldsmith.images.hardening_plan."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._hardening import Wish, flat, level, select
from ansible_collections.goldsmith.images.plugins.module_utils._hardening_family import configs_of, translated
from ansible_collections.goldsmith.images.plugins.module_utils._hardening_machine import machine
from ansible_collections.goldsmith.images.plugins.module_utils._hardening_state import Gatherer, options

DOCUMENTATION = r"""
name: hardening_plan
short_description: Which controls apply to a machine, and what they demand of it
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
description:
  - Takes the table of controls of the role os_hardening and returns what its tasks hand to the modules.
options:
  _input:
    description: The controls, as lists by area.
    type: dict
    required: true
  look:
    description: What M(goldsmith.images.access_facts) found.
    type: dict
    required: true
  wish:
    description:
      - What the user wants, with C(profile), C(areas), C(exclude), C(include), C(run_tags), C(skip_tags), C(asked).
    type: dict
    required: true
  overrides:
    description: Values of the user by kind and key, that come in the place of the table's. V(null) takes one out.
    type: dict
    default: {}
  configs:
    description: What the settings of each kind are in.
    type: dict
    default: {}
  context:
    description:
      - What else is known, with C(own_kernel), C(own_init), C(live), C(probes), C(choices), C(given), C(family).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: See what the role would do here
  ansible.builtin.debug:
    msg: "{{ __os_hardening_table | goldsmith.images.hardening_plan(look=look, wish=wish) }}"
"""

RETURN = r"""
_value:
  description: Statuses of the controls that take no part, ids of those that do, and the options of the modules.
  type: dict
"""


def plan(
    table: Mapping[str, Any],
    *,
    look: Mapping[str, Any],
    wish: Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    configs: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the role's tasks hand to the modules.

    Raises:
        AnsibleFilterError: The user names what does not exist, or controls contradict each other.
    """
    family = (context or {}).get("family", {})
    controls = translated(flat(table), family)
    places = configs_of(configs or {}, family)
    here = machine(look, context or {})
    wanted = Wish(
        level=level(wish["profile"]),
        exclude=frozenset(wish["exclude"]),
        include=frozenset(wish["include"]),
        areas=wish["areas"],
        run_tags=frozenset(wish["run_tags"]),
        skip_tags=frozenset(wish["skip_tags"]),
        asked=bool(wish["asked"]),
        installs=wish["profile"] != "container",
    )
    try:
        chosen = select(controls, here, wanted)
        state = Gatherer(places, overrides or {}, here).gather(chosen)
        handed = options(state, places, here)
    except Fault as fault:
        raise AnsibleFilterError(str(fault)) from fault
    people = here.access.people
    return {
        **handed,
        "statuses": {name: list(told) for name, told in chosen.statuses.items()},
        "keep_access": [here.access.connected] if here.access.connected else [],
        "others_become_root": any(person.becomes_root for person in people if not person.root),
    }


class FilterModule:
    """What Ansible asks for the filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"hardening_plan": plan}
