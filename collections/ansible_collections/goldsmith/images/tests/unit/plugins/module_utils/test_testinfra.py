# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""testinfra's tests become results of the same form as goss', whatever lies around them."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._junit import explain, read_junit
from ansible_collections.goldsmith.images.plugins.module_utils._test_results import ReportError
from ansible_collections.goldsmith.images.plugins.module_utils._testinfra import TestinfraError as RunError
from ansible_collections.goldsmith.images.plugins.modules.testinfra import Testinfra as Module

TESTS = """
import pytest

def test_found(host):
    assert host.file("{here}").is_directory

def test_missing(host):
    assert host.file("{here}/missing").exists

def test_mode(host):
    assert host.file("{here}").mode == 0o123

@pytest.mark.parametrize("port", [80, 443])
class TestPort:
    def test_known(self, host, port):
        assert port != 443, "no TLS here"

@pytest.mark.skip(reason="later")
def test_later(host):
    raise AssertionError

@pytest.fixture
def broken():
    raise ValueError("it broke")

def test_setup(broken):
    pass

def test_command(host):
    host.check_output("exit 3")
"""


def module(*paths: Path, **more: Any) -> Module:
    known = dict.fromkeys(("ssh_config", "ssh_identity_file", "ssh_args", "python"))
    return Module({"paths": paths, "connection": "local://", "sudo": False, "timeout": 60} | known | more)


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    path = tmp_path / "test_web.py"
    path.write_text(TESTS.replace("{here}", str(tmp_path)))
    return path


def test_every_outcome_becomes_a_result(tests: Path) -> None:
    here = tests.parent
    result = module(tests).result()
    assert result["failed"] and not result["changed"]
    assert {row["name"]: (row["outcome"], row["message"]) for row in result["results"]} == {
        "test_web.py::test_found": ("passed", ""),
        "test_web.py::test_missing": (
            "failed",
            f'assert host.file("{here}/missing").exists: expected true, found false',
        ),
        "test_web.py::test_mode": (
            "failed",
            f'assert host.file("{here}").mode == 0o123: expected 83, found {here.stat().st_mode & 0o777}',
        ),
        "test_web.py::TestPort::test_known[80]": ("passed", ""),
        "test_web.py::TestPort::test_known[443]": ("failed", "no TLS here: 443 != 443"),
        "test_web.py::test_later": ("skipped", "later"),
        "test_web.py::test_setup": ("failed", 'failed on setup with "ValueError: it broke"'),
        "test_web.py::test_command": (
            "failed",
            "Unexpected exit code 3 for CommandResult(exit_status=3, command=b'exit 3', _stdout=b'', _stderr=b'')",
        ),
    }
    assert {row["framework"] for row in result["results"]} == {"testinfra"}
    summary = result["summary"]
    assert [summary[key] for key in ("total", "passed", "failed", "skipped")] == [8, 2, 5, 1]
    assert result["msg"].startswith("5 of 8 testinfra tests of test_web.py failed:\n- test_web.py::test_missing: ")


def test_what_lies_around_the_tests_has_no_effect_and_nothing_is_left(
    tests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = tests.parent / "pytest.ini"
    above.write_text("[pytest]\naddopts = --no-such-option\n")
    folder = tests.parent / "tests"
    folder.mkdir()
    (tests.parent / "conftest.py").write_text("raise RuntimeError('not mine')\n")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (folder / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef port():\n    return 80\n")
    (folder / "helper.py").write_text("PORT = 80\n")
    (folder / "test_a.py").write_text("import helper\ndef test_a(host, port):\n    assert port == helper.PORT\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    before = sorted(tests.parent.rglob("*"))
    result = module(folder).result()
    assert result["msg"] == "1 of 1 testinfra tests of tests passed, 0 skipped"
    assert sorted(tests.parent.rglob("*")) == before


def test_secrets_do_not_appear_in_a_command_line(tests: Path) -> None:
    tests.write_text("def test_me(host):\n    assert 'local' not in open('/proc/self/cmdline').read()\n")
    assert not module(tests).result()["failed"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import no_such_module\n",
            r"test_web\.py cannot be run: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("def test_a(:\n", r"test_web\.py cannot be run: .*test_web\.py\", line 1 .*SyntaxError"),
        ("a = 1\n", r"there are no tests in test_web\.py"),
        ("import pytest\npytest.exit('enough')\n", r"enough"),
        ("import os\nos._exit(7)\n", r"exit status 7"),
    ],
)
def test_tests_that_cannot_be_run_say_why(tests: Path, text: str, message: str) -> None:
    tests.write_text(text)
    with pytest.raises(RunError, match=message):
        module(tests).result()


@pytest.mark.parametrize("connection", ["docker://-", "nonsense://x", "ssh://nobody@127.0.0.1:9"])
def test_a_machine_that_does_not_answer_is_told_from_one_that_fails(tests: Path, connection: str) -> None:
    with pytest.raises(RunError, match=f"the machine {connection} does not answer: "):
        module(tests, connection=connection).result()


def test_a_python_without_the_packages_is_told_what_to_install(tests: Path) -> None:
    bare = tests.parent / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(RunError, match=r"python has no pytest, .*python -m pip install pytest"):
        module(tests, python=str(bare)).result()
    with pytest.raises(RunError, match=r"cannot be run"):
        module(tests, python=str(tests)).result()


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there are no tests at .*test_missing\.py"):
        module(tmp_path / "test_missing.py").result()
    with pytest.raises(RunError, match="no path"):
        module().result()


def test_tests_that_do_not_end_are_stopped_with_their_children(tests: Path) -> None:
    pid = tests.parent / "pid"
    endless = tests.parent / "python"
    endless.write_text(f"#!/bin/sh\nsleep 300 &\necho $! >{pid}\nwait\n")
    endless.chmod(0o755)
    with pytest.raises(RunError, match="within 1 seconds"):
        module(tests, python=str(endless), timeout=1).result()
    status = Path(f"/proc/{int(pid.read_text())}/stat")
    with contextlib.suppress(FileNotFoundError):
        # Whoever inherits it may not have taken notice of its death yet.
        assert status.read_text().rpartition(")")[2].split()[0] in "ZX"


@pytest.mark.parametrize(
    ("message", "expected", "found"),
    [
        ("AssertionError: assert False\n +  where False = f()", True, False),
        ("assert None\n +  where", True, None),
        ("assert not True\n", False, True),
        ("assert 420 == 384\n", 384, 420),
        ("AssertionError: words\nassert ['a'] == ['b']\n", ["b"], ["a"]),
        ("assert <object> == {1, 2}", "{1, 2}", "<object>"),
        ("assert 'x' in 'abc'", None, None),
        ("ValueError: assert nothing", None, None),
        ("", None, None),
    ],
)
def test_expected_and_found_are_read_where_an_assertion_tells_them(message: str, expected: Any, found: Any) -> None:
    line, *values = explain(message, "")
    assert values == [expected, found]
    assert "\n" not in line


def test_what_is_no_report_is_an_error() -> None:
    with pytest.raises(ReportError):
        read_junit("<testsuites><tests", "testinfra", "local://")
