# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of the module layer_facts: facts that are known already become the machine's."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc] # ansible-core has no types
    """Return facts as if they had just been gathered."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Return the task's result."""
        outcome: Dict[str, Any] = super().run(tmp, task_vars)
        options = self.validate_argument_spec({"facts": {"type": "dict", "required": True}})[1]
        return {**outcome, "changed": False, "ansible_facts": options["facts"]}
