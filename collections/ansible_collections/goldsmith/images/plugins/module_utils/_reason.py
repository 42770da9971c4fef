# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a task failed, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EMPTY = {"", "non-zero return code"}


def reason(result: Any) -> str:
    """Return why a task failed: its message, those of its failed items, or the last line that it printed.

    Args:
        result: What the task returned: a mapping, or a text where the result is hidden.
    """
    if not isinstance(result, Mapping):
        return str(result or "")
    items = [item for item in result.get("results") or () if isinstance(item, Mapping) and item.get("failed")]
    if items:
        return "; ".join(filter(None, map(reason, items)))
    told = str(result.get("msg") or result.get("reason") or "")
    if told not in _EMPTY and not told.startswith("MODULE FAILURE"):
        return told
    command = result.get("cmd")
    shown = " ".join(map(str, command)) if isinstance(command, (list, tuple)) else str(command or "")
    printed = str(result.get("stderr") or result.get("module_stderr") or result.get("stdout") or "").strip()
    return ": ".join(filter(None, (told, shown, printed.splitlines()[-1] if printed else "")))
