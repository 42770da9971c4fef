# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter goldsmith.images.hardening_report."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._hardening import flat
from ansible_collections.goldsmith.images.plugins.module_utils._hardening_report import report

DOCUMENTATION = r"""
name: hardening_report
short_description: What became of every control
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
description:
  - Takes the table of controls of the role os_hardening, what was planned, and the results of its tasks.
options:
  _input:
    description: The controls, as lists by area.
    type: dict
    required: true
  plan:
    description: What P(goldsmith.images.hardening_plan#filter) returned.
    type: dict
    required: true
  results:
    description: Results of the tasks, by what they saw to.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Tell what became of every control
  ansible.builtin.debug:
    msg: "{{ __os_hardening_table | goldsmith.images.hardening_report(plan=plan, results={'sysctl': done}) }}"
"""

RETURN = r"""
_value:
  description: One dictionary a control, with C(id), C(title), C(area), C(level), C(cis), C(status) and C(message).
  type: list
  elements: dict
"""


def rows(table: Mapping[str, Any], plan: Mapping[str, Any], results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row a control, in the order of the table."""
    return report(flat(table), plan["statuses"], results, plan)


class FilterModule:
    """What Ansible asks for the filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"hardening_report": rows}
