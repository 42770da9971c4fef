# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments that every installed kernel is started with, where grubby(8) keeps the boot entries."""

from __future__ import annotations

import re
import shlex
from typing import Any, Callable, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils import _outcome
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome

PROGRAM = "grubby"

Run = Callable[["list[str]"], "tuple[int, str, str]"]


def started_with(told: str) -> dict[str, set[str]]:
    """Return the arguments by kernel, of what ``grubby --info=ALL`` prints."""
    found: dict[str, set[str]] = {}
    kernel = ""
    for key, value in re.findall(r'(?m)^(kernel|args)="?(.*?)"?$', told):
        if key == "kernel":
            kernel = value
            found[kernel] = set()
        else:
            found.setdefault(kernel, set()).update(value.split())
    return found


def hold(wanted: Iterable[Mapping[str, Any]], run: Run, *, check: bool) -> list[Outcome]:
    """Have every kernel start with arguments, and tell what became of each.

    Args:
        wanted: Each with ``argument`` and ``control``.
        run: Runs a command.
        check: Whether nothing is changed.
    """
    entries = list(wanted)
    status, told, complaint = run([PROGRAM, "--info=ALL"])
    kernels = started_with(told)
    if status or not kernels:
        why = complaint.strip() or f"{PROGRAM} knows of no kernel"
        return [_told(entry, _outcome.FAILED, why) for entry in entries]
    lack = {entry["argument"]: _lacking(entry["argument"], kernels) for entry in entries}
    missing = [argument for argument, without in lack.items() if without]
    trouble = "" if check or not missing else _add(missing, run)
    return [_verdict(entry, lack[entry["argument"]], trouble) for entry in entries]


def _lacking(argument: str, kernels: Mapping[str, set[str]]) -> list[str]:
    return [kernel.rpartition("/")[2] for kernel, arguments in kernels.items() if argument not in arguments]


def _add(arguments: list[str], run: Run) -> str:
    """Add arguments, in the place of those of their name; return why it could not be done."""
    command = [PROGRAM, "--update-kernel=ALL", f"--args={' '.join(arguments)}"]
    status, told, complaint = run(command)
    return f"{shlex.join(command)} ended with {status}: {(complaint or told).strip()}" if status else ""


def _verdict(entry: Mapping[str, Any], without: list[str], trouble: str) -> Outcome:
    if not without:
        return _told(entry, _outcome.COMPLIANT)
    if trouble:
        return _told(entry, _outcome.FAILED, trouble)
    return _told(entry, _outcome.CHANGED, f"was missing for {', '.join(without)}")


def _told(entry: Mapping[str, Any], status: str, message: str = "") -> Outcome:
    return Outcome(entry["control"], entry["argument"], status, message)
