# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of every control of the table."""

from __future__ import annotations

from itertools import chain
from typing import Any, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._hardening import Control
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import (
    CHANGED,
    COMPLIANT,
    FAILED,
    NOT_APPLICABLE,
)
from ansible_collections.goldsmith.images.plugins.module_utils._reason import reason

# The worst of what became of a control's items is what became of the control.
_WORST = (FAILED, CHANGED, COMPLIANT, NOT_APPLICABLE)
_SHOWN = 5

Row = Mapping[str, Any]


def report(
    controls: Iterable[Control],
    statuses: Mapping[str, Iterable[str]],
    results: Mapping[str, Any],
    plan: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return one row a control, in the order of the table.

    Args:
        controls: All controls.
        statuses: Status and message of those that did not take part.
        results: Results of the tasks, by what they saw to; those that were not run may be missing.
        plan: What was handed to them.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    told = (_items(results), _files(results, plan), _packages(results, plan), _single(results, plan))
    for name, status, message in chain.from_iterable(told):
        found.setdefault(name, []).append((status, message))
    rows = []
    for control in controls:
        name = control["id"]
        status, message = tuple(statuses[name]) if name in statuses else _verdict(found.get(name, []))
        rows.append(
            {
                "id": name,
                "title": control["title"],
                "area": control["area"],
                "level": control["level"],
                "cis": control.get("cis", ""),
                "status": status,
                "message": message,
            }
        )
    return rows


def summary(rows: Iterable[Row]) -> dict[str, int]:
    """Count the controls by what became of them."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    return counts


def _verdict(items: list[tuple[str, str]]) -> tuple[str, str]:
    if not items:
        return COMPLIANT, ""
    status = next(one for one in _WORST if one in {item[0] for item in items})
    told = list(dict.fromkeys(message for one, message in items if one == status and message))
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return status, "; ".join(told[:_SHOWN]) + more


def _items(results: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Read the results of the modules that say what became of each item."""
    for result in results.values():
        for row in result.get("results") or ():
            if isinstance(row, Mapping) and row.get("control"):
                message = f"{row['item']}: {row['message']}" if row.get("message") else row["item"]
                yield row["control"], row["status"], "" if row["status"] == COMPLIANT else message


def _files(results: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    changed = set(results.get("files", {}).get("paths", ()))
    for path, names in plan.get("owners", {}).items():
        for name in names:
            yield name, CHANGED if path in changed else COMPLIANT, path if path in changed else ""
    for group, names in plan.get("groups", {}).items():
        for name in names:
            yield name, CHANGED, f"group {group} made"
    removed = results.get("remove", {}).get("removed", ())
    for pattern, names in plan.get("remove", {}).items():
        there = [path for path in removed if _matches(path, pattern)]
        for name in names:
            yield name, CHANGED if there else COMPLIANT, ", ".join(there)


def _single(results: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Read the results of tasks that see to one control each."""
    for kind, wanted in plan.get("single", {}).items():
        changed = results.get(kind, {}).get("changed")
        yield wanted["control"], CHANGED if changed else COMPLIANT, ""


def _matches(path: str, pattern: str) -> bool:
    return path == pattern or (pattern.endswith("*") and path.startswith(pattern[:-1]))


def _packages(results: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for kind, done in (("install", "installed"), ("uninstall", "removed")):
        result = results.get(kind, {})
        failed = result.get("failed") or result.get("trouble")
        for package, names in plan.get(kind, {}).items():
            told = f"{package} could not be {done}: {reason(result)}" if failed else f"{package} {done}"
            for name in names:
                yield name, FAILED if failed else CHANGED, told
