# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One form for the results of tests, whichever framework ran them."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Optional, TypedDict

MAX_NAMED = 20
"""How many failed tests a message names; the results hold all of them."""
MAX_VALUE = 300
"""How many characters of a value a message shows."""


class ReportError(ValueError):
    """The framework's output is not a report."""


class Result(TypedDict):
    """What one test said.

    ``outcome`` is ``passed``, ``failed`` or ``skipped``; ``expected`` and ``found`` are any JSON value, null where the
    framework does not tell them; ``message`` is one line, empty for a passed test; ``duration`` is in seconds.
    """

    framework: str
    name: str
    outcome: str
    expected: Any
    found: Any
    message: str
    duration: float


class Summary(TypedDict):
    """How many tests there were of each outcome, and how long they took together, in seconds."""

    total: int
    passed: int
    failed: int
    skipped: int
    duration: float


def summarize(results: List[Result], duration: float) -> Summary:
    """Count outcomes; ``duration`` is the whole run's time in seconds."""
    outcomes = [result["outcome"] for result in results]
    return {
        "total": len(results),
        "passed": outcomes.count("passed"),
        "failed": outcomes.count("failed"),
        "skipped": outcomes.count("skipped"),
        "duration": round(duration, 3),
    }


def describe_failures(results: List[Result], what: str) -> str:
    """Return a message that names each failed test, expected and found values included; empty when none failed.

    Args:
        results: All results.
        what: The tests in words: ``goss tests of web.goss.yaml``.
    """
    failed = [result for result in results if result["outcome"] == "failed"]
    if not failed:
        return ""
    lines = [f"{len(failed)} of {len(results)} {what} failed:"]
    lines += [f"- {result['name']}: {result['message']}" for result in failed[:MAX_NAMED]]
    if len(failed) > MAX_NAMED:
        lines.append(f"- and {len(failed) - MAX_NAMED} more")
    return "\n".join(lines)


def shorten(text: str, limit: int = MAX_VALUE) -> str:
    """Return ``text`` as one line of at most ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def show(value: Any) -> str:
    """Return a value as short JSON."""
    return shorten(json.dumps(value, ensure_ascii=False, sort_keys=True))


def read_goss_report(output: str) -> Dict[str, Any]:
    """Return the last report in what ``goss validate --format json`` printed.

    With a retry timeout goss prints one report an attempt, and words between them.

    Raises:
        ReportError: There is no report: goss could not read its file, or did not come to its end.
    """
    for line in reversed(output.splitlines()):
        if not line.startswith("{"):
            continue
        try:
            report = json.loads(line)
        except ValueError:
            continue
        if isinstance(report, dict) and "results" in report and "summary" in report:
            return report
    msg = "goss printed no report"
    raise ReportError(msg)


def goss_results(report: Dict[str, Any]) -> List[Result]:
    """Return the results of a report by goss 0.4, ordered by resource, as goss runs its tests side by side."""
    rows = sorted(report["results"] or [], key=lambda row: (row["resource-type"], row["resource-id"]))
    return [_goss_result(row) for row in rows]


def goss_duration(report: Dict[str, Any]) -> float:
    """Return the seconds that goss took for all tests."""
    return float(report["summary"].get("total-duration", 0)) / 1e9


def _goss_result(row: Dict[str, Any]) -> Result:
    match = row.get("matcher-result") or {}
    expected, found = match.get("expected"), match.get("actual")
    missing = match.get("missing-elements")
    if isinstance(found, str) and found.startswith("object: *"):
        # goss reads files and output as a stream and keeps only which of the patterns it met.
        found = match.get("found-elements") or []
    outcome, message = "passed", ""
    if row.get("skipped"):
        outcome, message = "skipped", "skipped by goss"
    elif not row.get("successful"):
        outcome = "failed"
        message = _goss_message(row.get("err"), match.get("message"), expected, found, missing)
    return {
        "framework": "goss",
        "name": _goss_name(row),
        "outcome": outcome,
        "expected": expected,
        "found": found,
        "message": message,
        "duration": round(float(row.get("duration", 0)) / 1e9, 6),
    }


def _goss_message(error: Optional[Any], relation: Optional[str], expected: Any, found: Any, missing: Any) -> str:
    if error:
        return shorten(error if isinstance(error, str) else json.dumps(error))
    # What a reader assumes anyway is not worth the words.
    usual = ("to equal", "to be numerically eq", "to have patterns", "to contain elements matching")
    words = "" if not relation or relation in usual else f" ({relation})"
    message = f"expected {show(expected)}{words}, found {show(found)}"
    return f"{message}, missing {show(missing)}" if missing else message


def _goss_name(row: Dict[str, Any]) -> str:
    """Return a name such as ``package/nginx installed`` or ``file/etc/passwd mode``."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", row["resource-type"]).lower()
    identity = str(row["resource-id"])
    return f"{kind}{'' if identity.startswith('/') else '/'}{identity} {row['property']}"
