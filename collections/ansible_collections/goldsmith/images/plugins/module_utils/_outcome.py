# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each item of a desired state, as the modules for hardening return it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable

from ansible.module_utils.basic import AnsibleModule

COMPLIANT = "compliant"
CHANGED = "changed"
NOT_APPLICABLE = "not_applicable"
FAILED = "failed"

# Options that every such module, and every item of its list, has.
STRICT: dict[str, Any] = {"type": "bool", "default": False}
CONTROL: dict[str, Any] = {"type": "str"}


@dataclass(frozen=True)
class Outcome:
    """What became of one item.

    Attributes:
        control: The control that wants it, as the caller calls it.
        item: What it is about, in few words, such as a key or a path.
        status: ``compliant``, ``changed`` (in check mode: would be), ``not_applicable`` or ``failed``.
        message: What a person should know of it, such as how it was before. Empty when there is nothing.
    """

    control: str | None
    item: str
    status: str
    message: str = ""

    def row(self) -> dict[str, Any]:
        """Return it as modules return it."""
        return {"control": self.control, "item": self.item, "status": self.status, "message": self.message}


def conclude(module: AnsibleModule, outcomes: Iterable[Outcome], *, strict: bool, **result: Any) -> None:
    """End the module with the outcomes as ``results``.

    Args:
        module: The module that runs; it does not return from here.
        outcomes: What became of the items, in the order given.
        strict: Whether the task fails when an item did.
        result: What else the module returns, ``changed`` and ``diff`` among it.
    """
    told = list(outcomes)
    rows = [outcome.row() for outcome in told]
    failed = [f"{outcome.item}: {outcome.message}" for outcome in told if outcome.status == FAILED]
    if strict and failed:
        message = f"{len(failed)} of {len(told)} could not be done. " + ". ".join(failed)
        module.fail_json(msg=message, results=rows, **result)
    module.exit_json(results=rows, **result)
