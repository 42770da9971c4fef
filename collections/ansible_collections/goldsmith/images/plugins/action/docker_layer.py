# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of the module docker_layer: gives it the variables and facts that the layers have set so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Dict

from ansible_collections.goldsmith.images.plugins.modules import docker_layer
from ansible_collections.goldsmith.images.plugins.plugin_utils._here import HereAction

OWN = ("ansible_", "goldsmith_")
"""Prefixes of the variables of Ansible and of the lifecycle."""


class ActionModule(HereAction):
    """Commit the machine together with what is known of it by now."""

    main = staticmethod(docker_layer.main)
    _supports_async = False

    def ended(self, args: Mapping[str, Any], task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Return the task's result."""
        known = args.get("known") or {}
        there = dict(task_vars)
        facts = there.get("ansible_facts") or {}
        given = {
            "variables": self._templar.template(new(there, known.get("variables") or ())),
            "facts": new(facts, known.get("facts") or ()),
        }
        result = super().ended({**args, **given}, task_vars)
        result.pop("invocation", None)  # what was kept may be long
        return result


def new(there: Mapping[str, Any], known: Collection[str]) -> Dict[str, Any]:
    """Return what was not known before, without what is Ansible's or the lifecycle's own."""
    before = set(known)
    return {name: value for name, value in there.items() if name not in before and not name.startswith(OWN)}
