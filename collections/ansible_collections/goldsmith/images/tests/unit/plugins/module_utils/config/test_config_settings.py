# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of configuration files: what may be wanted, and what becomes of it when a file is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._config_settings import take
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.modules import config_settings

COLLECTIONS = Path(config_settings.__file__).parents[5]
A = {"key": "a", "value": "1"}


def run(files: list[dict[str, Any]], *, check: bool = False, **options: Any) -> dict[str, Any]:
    """Run the module in a process of its own, as Ansible does."""
    given = {"files": files, **options, "_ansible_check_mode": check, "_ansible_diff": True}
    done = subprocess.run(
        [sys.executable, "-m", config_settings.__name__],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": given}),
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(COLLECTIONS), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_results_come_in_the_order_given_whatever_the_files(root: Any, file: Any) -> None:
    root.write({"/etc/one": "", "/etc/two": ""})
    entries = [
        file("/etc/one", "space", A),
        file("/etc/two", "space", A),
        file("/etc//one", "space", {**A, "key": "b"}),
    ]
    outcomes = root.settle(*entries)
    assert [outcome.item for outcome in outcomes] == ["/etc/one: a", "/etc/two: a", "/etc/one: b"]
    assert root.read("/etc/one") == "a 1\nb 1\n"


def test_several_controls_may_want_the_same(root: Any, file: Any) -> None:
    root.write({"/etc/one": "a 1\n"})
    outcomes = root.settle(file("/etc/one", "space", {**A, "control": "x"}, {**A, "value": 1, "control": "y"}))
    assert [(outcome.control, outcome.status) for outcome in outcomes] == [("x", "compliant"), ("y", "compliant")]


@pytest.mark.parametrize(
    ("format_", "settings", "message"),
    [
        ("space", [A, {**A, "value": 2}], "/etc/f: a is to be '1' and '2'. Leave one"),
        ("space", [A, {"key": "a", "absent": True}], "is to be '1' and absent"),
        (
            "directive",
            [
                {"key": "ChallengeResponseAuthentication", "value": "yes"},
                {"key": "kbdinteractiveauthentication", "value": "no"},
            ],
            "is to be 'yes' and 'no'",
        ),
        ("space", [{"key": "a"}], "needs either a value or 'absent: true'"),
        ("space", [{**A, "absent": True}], "needs either a value or 'absent: true'"),
        ("space", [{**A, "value": ["1"]}], "list or a map"),
        ("space", [{**A, "value": True}], "is to be true, which may be written in many ways"),
        ("space", [{**A, "value": "1\nb 2"}], "must be on one line"),
        ("space", [{**A, "key": " "}], "must be on one line"),
        ("space", [{**A, "section": "x"}], "'section' belongs to the format ini"),
        ("ini", [{**A, "section": "x", "match": "User x"}], "'match' to the format directive"),
        ("ini", [A], "belongs to a section"),
    ],
)
def test_what_cannot_be_meant_is_told(file: Any, format_: str, settings: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(Fault, match=re.escape(message)):
        take([file("/etc/f", format_, *settings)])


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("etc/f", {}, "'etc/f' is not an absolute path"),
        ("/etc/f", {"mode": "rw"}, "'rw' is not a mode"),
        ("/etc/f", {"owner": "no-such-user"}, "no user 'no-such-user'"),
    ],
)
def test_a_file_that_cannot_be_meant_is_told(file: Any, path: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(Fault, match=message):
        take([file(path, "space", A, **options)])


def test_the_same_path_with_other_options_is_told(file: Any) -> None:
    with pytest.raises(Fault, match="/etc/f stands there twice with different values of: separator, mode"):
        take([file("/etc/f", "space", A), file("/etc/f", "space", A, separator="\t", mode="0600")])


def test_the_same_in_other_blocks_is_no_contradiction(file: Any) -> None:
    settings = [{**A, "match": f"User {user}", "value": user} for user in ("x", "y")]
    assert take([file("/etc/f", "directive", {**A, "value": "z"}, *settings)])


def test_a_file_that_cannot_be_read_fails_alone(root: Any, file: Any) -> None:
    root.write({"/etc/one": ""})
    (root.path / "etc/folder").mkdir()
    outcomes = root.settle(file("/etc/folder", "space", A), file("/etc/one", "space", A))
    assert [outcome.status for outcome in outcomes] == ["failed", "changed"]
    assert "cannot read /etc/folder: Is a directory" in outcomes[0].message


def test_the_module_changes_all_that_is_accepted_and_tells_of_the_rest(tmp_path: Path) -> None:
    good, bad, missing = (tmp_path / name for name in ("good", "bad", "missing"))
    good.write_text("a 0\n")
    bad.write_text("a 0\nb 1\n")
    wanted: list[dict[str, Any]] = [
        {"path": str(good), "format": "space", "settings": [{**A, "control": "x"}], "mode": "0600"},
        {"path": str(bad), "format": "space", "settings": [A, {**A, "key": "b"}], "validate": "grep -q 'a 0' %s"},
        {"path": str(missing), "format": "space", "settings": [A]},
    ]
    foretold = run(wanted, check=True)
    assert (good.read_text(), bad.read_text()) == ("a 0\n", "a 0\nb 1\n")
    done = run(wanted)
    for result in (foretold, done):
        assert [row["status"] for row in result["results"]] == ["changed", "failed", "compliant", "not_applicable"]
        assert result["results"][0] == {"control": "x", "item": f"{good}: a", "status": "changed", "message": "was 0"}
        assert f"the new content of {bad} is refused" in result["results"][1]["message"]
        assert (result["changed"], result["paths"], len(result["diff"])) == (True, [str(good)], 1)
    assert (good.read_text(), bad.read_text()) == ("a 1\n", "a 0\nb 1\n")
    assert f"{good.stat().st_mode & 0o777:o}" == "600"
    second = run(wanted[:1])
    assert (second["changed"], second["diff"], second["results"][0]["status"]) == (False, [], "compliant")


def test_the_module_fails_for_an_item_only_when_it_is_strict(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    wanted: list[dict[str, Any]] = [{"path": str(tmp_path / "file"), "format": "space", "settings": [A]}]
    wanted[0]["validate"] = "false %s"
    assert "failed" not in run(wanted)
    result = run(wanted, strict=True)
    assert result["failed"] and result["msg"].startswith(
        f"1 of 1 could not be done. {tmp_path}/file: a: the new content"
    )
    assert [row["status"] for row in result["results"]] == ["failed"]


def test_the_module_tells_what_contradicts_itself_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run([{"path": str(tmp_path / "file"), "format": "space", "settings": [A, {**A, "value": "2"}]}])
    assert result["failed"] and "is to be '1' and '2'" in result["msg"]
    assert (tmp_path / "file").read_text() == ""
