# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of the module layer_notes: gives it the variables and facts that the layers have set so far."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.plugins.action import ActionBase

from ansible_collections.goldsmith.images.plugins.action.docker_layer import new


class ActionModule(ActionBase):  # type: ignore[misc] # ansible-core has no types
    """Let the machine keep what is known of it by now."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Return the task's result."""
        super().run(tmp, task_vars)
        given: Dict[str, Any] = {}
        if self._task.args.get("state") != "absent":
            known = self._task.args.get("known") or {}
            there = dict(task_vars or {})
            given = {
                "variables": self._templar.template(new(there, known.get("variables") or ())),
                "facts": new(there.get("ansible_facts") or {}, known.get("facts") or ()),
            }
        result: Dict[str, Any] = self._execute_module(
            module_name="goldsmith.images.layer_notes",
            module_args={**self._task.args, **given},
            task_vars=task_vars,
        )
        result.pop("invocation", None)  # what was kept may be long
        return result
