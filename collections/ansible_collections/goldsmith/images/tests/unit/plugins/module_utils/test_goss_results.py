# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""goss' report becomes results that say what was expected and what was found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._test_results import (
    MAX_NAMED,
    ReportError,
    Result,
    describe_failures,
    goss_duration,
    goss_results,
    read_goss_report,
    summarize,
)


def row(kind: str = "Package", identity: str = "nginx", attribute: str = "installed", **more: Any) -> dict[str, Any]:
    """Return a test as goss 0.4.9 reports it."""
    match = {"actual": True, "expected": True, "message": "matches expectation", "missing-elements": None}
    known = {"resource-type": kind, "resource-id": identity, "property": attribute, "err": None, "skipped": False}
    return known | {"successful": True, "duration": 1500000, "matcher-result": match} | more


def failed(message: str = "to equal", **match: Any) -> dict[str, Any]:
    return {"successful": False, "matcher-result": {"message": message, "missing-elements": None} | match}


def only(**more: Any) -> Result:
    return goss_results({"results": [row(**more)]})[0]


def test_a_passed_test_has_its_values_and_no_message() -> None:
    assert only() == {
        "framework": "goss",
        "name": "package/nginx installed",
        "outcome": "passed",
        "expected": True,
        "found": True,
        "message": "",
        "duration": 0.0015,
    }


@pytest.mark.parametrize(
    ("match", "message"),
    [
        (failed(expected=True, actual=False), "expected true, found false"),
        (failed("to be numerically eq", expected=0, actual=3), "expected 0, found 3"),
        (failed("to be >", expected=5, actual=3), "expected 5 (to be >), found 3"),
        (
            failed("to contain elements matching", expected=["a", "b"], actual=["a"], **{"missing-elements": ["b"]}),
            'expected ["a", "b"], found ["a"], missing ["b"]',
        ),
        (failed() | {"err": "Command execution timed out (500ms)"}, "Command execution timed out (500ms)"),
    ],
)
def test_a_failed_test_says_what_was_expected_and_found(match: dict[str, Any], message: str) -> None:
    result = only(**match)
    assert (result["outcome"], result["message"]) == ("failed", message)


def test_of_a_stream_the_patterns_met_are_what_was_found() -> None:
    met = {"missing-elements": ["foo"], "found-elements": ["root"]}
    result = only(**failed("to have patterns", expected=["foo", "root"], actual="object: *os.File", **met))
    assert result["found"] == ["root"]
    assert "os.File" not in result["message"]


def test_a_skipped_test_is_neither_passed_nor_failed() -> None:
    assert only(skipped=True)["outcome"] == "skipped"


@pytest.mark.parametrize(
    ("kind", "identity", "attribute", "name"),
    [
        ("KernelParam", "vm.swappiness", "value", "kernel-param/vm.swappiness value"),
        ("HTTP", "http://a/", "status", "http/http://a/ status"),
        ("File", "/etc/passwd", "mode", "file/etc/passwd mode"),
        ("Command", "echo a; exit 1", "exit-status", "command/echo a; exit 1 exit-status"),
    ],
)
def test_a_name_is_resource_and_property(kind: str, identity: str, attribute: str, name: str) -> None:
    assert only(kind=kind, identity=identity, attribute=attribute)["name"] == name


def test_the_order_does_not_depend_on_which_test_was_faster() -> None:
    rows = [row("User", "b", "uid"), row("File", "/x", "mode"), row("User", "a", "uid"), row("File", "/x", "exists")]
    names = [result["name"] for result in goss_results({"results": rows})]
    assert names == ["file/x mode", "file/x exists", "user/a uid", "user/b uid"]


def test_the_last_attempt_counts() -> None:
    first, last = ({"results": [], "summary": {"total-duration": seconds * 10**9}} for seconds in (1, 2))
    output = f"{json.dumps(first)}\nRetrying in 1s\n\n\nAttempt #2:\n{json.dumps(last)}\n{{broken\n"
    assert goss_duration(read_goss_report(output)) == 2


@pytest.mark.parametrize("output", ["", "Error: yaml: line 1\n", "{}\n", "{\n", '{"results": []}\n'])
def test_output_without_a_report_is_an_error(output: str) -> None:
    with pytest.raises(ReportError):
        read_goss_report(output)


def test_a_report_without_results_has_none() -> None:
    assert goss_results({"results": None}) == []


def test_a_message_names_the_failed_tests_up_to_a_limit() -> None:
    results = [only(identity=f"p{number}", **failed(expected=True, actual=False)) for number in range(MAX_NAMED + 3)]
    lines = describe_failures([*results, only()], "goss tests of web.yaml").splitlines()
    assert lines[0] == f"{MAX_NAMED + 3} of {MAX_NAMED + 4} goss tests of web.yaml failed:"
    assert lines[1] == "- package/p0 installed: expected true, found false"
    assert lines[-1] == "- and 3 more"
    assert len(lines) == MAX_NAMED + 2
    assert describe_failures([only()], "tests") == ""


def test_long_values_are_cut_in_the_message_only() -> None:
    text = "x\n" * 10000
    result = only(**failed(expected="y", actual=text))
    assert len(result["message"]) < 700
    assert result["found"] == text


def test_a_summary_counts_every_outcome() -> None:
    results = [only(), only(skipped=True), only(**failed(expected=1, actual=2))]
    assert summarize(results, 0.5018) == {"total": 3, "passed": 1, "failed": 1, "skipped": 1, "duration": 0.502}
