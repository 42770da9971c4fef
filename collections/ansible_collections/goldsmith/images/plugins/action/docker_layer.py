# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of the module docker_layer: gives it the variables and facts that the layers have set so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Dict, Optional

from ansible.plugins.action import ActionBase

OWN = ("ansible_", "goldsmith_")
"""Prefixes of the variables of Ansible and of the lifecycle."""


class ActionModule(ActionBase):  # type: ignore[misc] # ansible-core has no types
    """Commit the machine together with what is known of it by now."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Return the task's result."""
        super().run(tmp, task_vars)
        known = self._task.args.get("known") or {}
        there = dict(task_vars or {})
        facts = there.get("ansible_facts") or {}
        given = {
            "variables": self._templar.template(new(there, known.get("variables") or ())),
            "facts": new(facts, known.get("facts") or ()),
        }
        result: Dict[str, Any] = self._execute_module(
            module_name="goldsmith.images.docker_layer", module_args={**self._task.args, **given}, task_vars=task_vars
        )
        result.pop("invocation", None)  # what was kept may be long
        return result


def new(there: Mapping[str, Any], known: Collection[str]) -> Dict[str, Any]:
    """Return what was not known before, without what is Ansible's or the lifecycle's own."""
    before = set(known)
    return {name: value for name, value in there.items() if name not in before and not name.startswith(OWN)}
