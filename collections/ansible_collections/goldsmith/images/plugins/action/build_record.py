# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of the module build_record: it writes a file on the controller, for which no process need be started."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, Optional

from ansible.plugins.action import ActionBase

OPTIONS: Dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "record": {"type": "dict", "required": True},
}


class ActionModule(ActionBase):  # type: ignore[misc] # ansible-core has no types
    """Write a part of a build's record, whole or not at all."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Return the task's result."""
        outcome: Dict[str, Any] = super().run(tmp, task_vars)
        options = self.validate_argument_spec(OPTIONS)[1]
        path = Path(options["path"])
        text = json.dumps(options["record"], indent=2) + "\n"
        try:
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            outcome["changed"] = before != text
            if outcome["changed"] and not self._task.check_mode:
                _write(path, text)
        except OSError as error:
            outcome.update(failed=True, msg=f"the build's record {path} cannot be written: {error.strerror}")
        return outcome


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".", dir=str(path.parent))
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
