# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that ask an engine or a cloud need no process of their own where the controller itself is to ask.

To pack a module, to start an interpreter and to load a client library there takes longer than most of what these
modules do. Here the library is loaded once, in the process that starts the tasks, as that loads the actions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Dict, List, NoReturn, Optional

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()


class _Ended(SystemExit):
    """A module has said how it ended; like the real one's end it is no `Exception`, which a module might catch."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        super().__init__(0)
        self.result = result


class Here:
    """What a module has of ``AnsibleModule``, in this process.

    Args:
        args: The task's arguments.
        check_mode: Whether nothing is to be changed.
        argument_spec: As ``AnsibleModule`` takes it.
        supports_check_mode: Whether the module knows check mode; all of ours do.
        rules: Further rules for the arguments, as ``AnsibleModule`` takes them, such as ``required_if``.
    """

    def __init__(
        self,
        args: Mapping[str, Any],
        check_mode: bool,
        *,
        argument_spec: Mapping[str, Any],
        supports_check_mode: bool,
        **rules: Any,
    ) -> None:
        checked = ArgumentSpecValidator(argument_spec, **rules).validate(args)
        self.no_log_values = set(checked._no_log_values)
        if checked.error_messages:
            self.fail_json(msg=", ".join(checked.error_messages))
        self.params: Dict[str, Any] = checked.validated_parameters
        self.check_mode = check_mode
        if check_mode and not supports_check_mode:
            self.exit_json(skipped=True, msg="the module does not support check mode")

    def warn(self, warning: str) -> None:
        """Warn the user."""
        display.warning(warning)

    def exit_json(self, **result: Any) -> NoReturn:
        """End with a result."""
        raise _Ended(remove_values({"changed": False, **result}, self.no_log_values))

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """End with a failure."""
        raise _Ended(remove_values({**result, "failed": True, "msg": msg}, self.no_log_values))


class HereAction(ActionBase):  # type: ignore[misc] # ansible-core has no types
    """The action of a module that runs in this process where that makes no difference.

    Attributes:
        main: The module's ``main``, which takes what it is to call in place of ``AnsibleModule``.
    """

    main: Callable[[Callable[..., Any]], None]
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Return the task's result."""
        super().run(tmp, task_vars)
        return self.ended(self._task.args, task_vars or {})

    def ended(self, args: Mapping[str, Any], task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module with arguments and return its result."""
        if not self._is_here(task_vars):
            outcome: Dict[str, Any] = self._execute_module(
                module_args=dict(args), task_vars=task_vars, wrap_async=bool(self._task.async_val)
            )
            return outcome
        result: Mapping[str, Any] = {}
        try:
            type(self).main(lambda **spec: Here(_plain(args), self._task.check_mode, **spec))
        except _Ended as end:
            result = end.result
        # As it would come from another process.
        plain: Dict[str, Any] = json.loads(json.dumps(result, default=str))
        return plain

    def _is_here(self, task_vars: Mapping[str, Any]) -> bool:
        """Return whether the task is for this machine, this interpreter and this user, with their own environment."""
        there = task_vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to) or task_vars
        return (
            self._connection.transport == "local"
            and not self._connection.become
            and not self._task.async_val
            and not any(self._task.environment or ())
            and self._templar.template(there.get("ansible_python_interpreter")) == sys.executable
        )


def _plain(value: Any) -> Any:
    """Return a value as a module gets it: without what Ansible notes of it."""
    return json.loads(json.dumps(_copied(value), default=str))


def _copied(value: Any) -> Any:
    # Element by element, as what Ansible has not rendered yet is rendered when it is taken out.
    if isinstance(value, Mapping):
        return {key: _copied(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        items: List[Any] = [_copied(one) for one in value]
        return items
    return value
