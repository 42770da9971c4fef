# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results from the JUnit XML that pytest writes."""

from __future__ import annotations

import ast
import json
import re
from typing import Any, List, NamedTuple, Optional, Tuple
from xml.etree import ElementTree

from ansible_collections.goldsmith.images.plugins.module_utils._test_results import (
    MAX_VALUE,
    ReportError,
    Result,
    shorten,
    show,
)


class Report(NamedTuple):
    """What pytest said: results in the order of the tests, and the errors of files that could not be collected."""

    results: List[Result]
    broken: Tuple[str, ...]
    duration: float


def read_junit(text: str, framework: str, host: str) -> Report:
    """Return the results in a report of the family xunit1.

    Args:
        text: The XML.
        framework: The name to give in the results.
        host: What testinfra calls the machine; it is part of every test's name and left out, as it names one build.

    Raises:
        ReportError: It is no report.
    """
    try:
        suites = list(ElementTree.fromstring(text).iter("testsuite"))  # noqa: S314 - pytest has just written it itself
    except ElementTree.ParseError as error:
        raise ReportError(f"pytest's report cannot be read: {error}") from error
    results: List[Result] = []
    broken: List[str] = []
    for case in (case for suite in suites for case in suite.iter("testcase")):
        fault = case.find("error")
        if fault is not None and fault.get("message") == "collection failure":
            broken.append(_reason(fault.text or ""))
        else:
            results.append(_result(case, framework, host))
    return Report(results, tuple(broken), sum(float(suite.get("time", 0)) for suite in suites))


def _result(case: ElementTree.Element, framework: str, host: str) -> Result:
    outcome, message, expected, found = "passed", "", None, None
    failure, error, skipped = case.find("failure"), case.find("error"), case.find("skipped")
    if failure is not None:
        outcome = "failed"
        message, expected, found = explain(failure.get("message", ""), failure.text or "")
    elif error is not None:
        outcome, message = "failed", shorten(error.get("message", ""))
    elif skipped is not None:
        outcome, message = "skipped", shorten(skipped.get("message", ""))
    return {
        "framework": framework,
        "name": _name(case, host),
        "outcome": outcome,
        "expected": expected,
        "found": found,
        "message": message,
        "duration": float(case.get("time", 0)),
    }


def _name(case: ElementTree.Element, host: str) -> str:
    """Return a test's name as pytest shows it, such as ``test_web.py::TestPort::test_listens[80]``."""
    file = case.get("file", "")
    module = re.sub(r"\.py$", "", file).replace("/", ".")
    groups = case.get("classname", "").removeprefix(module).strip(".")
    name = case.get("name", "").replace(f"[{host}]", "").replace(f"[{host}-", "[").replace(f"-{host}]", "]")
    return "::".join(part for part in (file, *groups.split("."), name) if part)


def explain(message: str, trace: str) -> Tuple[str, Any, Any]:
    """Return one line on why a test failed, and the expected and the found value where the assertion tells them.

    Args:
        message: The exception in words, with pytest's view of the assertion.
        trace: pytest's listing; the line that failed begins with ``>``.
    """
    message = re.sub(r"\bbackend=<[^>]*>, ", "", message).removeprefix("AssertionError: ")
    words, found_it, assertion = message.partition("assert ")
    if not found_it or (words and not words.endswith("\n")):
        return shorten(message), None, None
    first = assertion.splitlines()[0]
    sources = re.findall(r"(?m)^>.*?\b(assert .+)$", trace)
    # The test's author may have said it in words; else the line of code does.
    subject = words.strip() or (sources[-1] if sources else "")
    values = _values(first)
    if values is None:
        return shorten(f"{subject}: {first}" if subject else first), None, None
    expected, found = values
    reason = f"expected {show(expected)}, found {show(found)}"
    return shorten(f"{subject}: {reason}" if subject else reason, 2 * MAX_VALUE), expected, found


def _values(assertion: str) -> Optional[Tuple[Any, Any]]:
    """Return the expected and found values of ``found == expected`` or of a plain truth value."""
    truths = {"False": (True, False), "None": (True, None), "not True": (False, True)}
    if assertion in truths:
        return truths[assertion]
    found, equals, expected = assertion.partition(" == ")
    return (_plain(expected), _plain(found)) if equals else None


def _plain(text: str) -> Any:
    """Return a value shown by ``repr`` as JSON can hold it, otherwise the text."""
    try:
        value = ast.literal_eval(text)
        json.dumps(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text
    return value


def _reason(trace: str) -> str:
    lines = [line[1:].strip() for line in trace.splitlines() if line.startswith("E ")]
    return shorten(" ".join(lines) or trace, 1000)
