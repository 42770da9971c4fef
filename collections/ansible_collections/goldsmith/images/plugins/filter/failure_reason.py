# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter goldsmith.images.failure_reason."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.goldsmith.images.plugins.module_utils._reason import reason

DOCUMENTATION = r"""
name: failure_reason
short_description: Why a task failed, in words
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
description:
  - Makes one text of a failed task's result, its message, those of the failed items of a loop, or, where a command only
    says that its exit status was not 0, the command and the last line it printed.
options:
  _input:
    description: The result of the task, as in C(ansible_failed_result) or a registered variable.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Try
  block:
    - name: Look into a directory that is not there
      ansible.builtin.command:
        cmd: ls /nowhere
      changed_when: false
  rescue:
    - name: Say why that failed
      ansible.builtin.debug:
        msg: "{{ ansible_failed_result | goldsmith.images.failure_reason }}"
"""

RETURN = r"""
_value:
  description: The reason.
  type: str
"""


class FilterModule:
    """What Ansible asks for the filters of this file."""

    def filters(self) -> dict[str, Callable[[Any], str]]:
        """Return the filters by name."""
        return {"failure_reason": reason}
