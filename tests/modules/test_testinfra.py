"""pytest-testinfra against real containers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]
TESTS = """
def test_bash(host):
    assert host.package("bash").is_installed

def test_nginx(host):
    assert host.package("nginx").is_installed

def test_passwd(host):
    assert host.file("/etc/passwd").user == "daemon"
"""


def test_a_machine_without_python_is_validated_and_left_as_it_was(
    run_module: RunModule, start_container: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "test_web.py").write_text(TESTS)
    container = start_container()
    result = run_module("testinfra", paths=[str(tmp_path)], connection=f"docker://{container.name}")
    assert result["failed"] and not result["changed"]
    assert result["msg"].splitlines() == [
        f"2 of 3 testinfra tests of {tmp_path.name} failed:",
        '- test_web.py::test_nginx: assert host.package("nginx").is_installed: expected true, found false',
        '- test_web.py::test_passwd: assert host.file("/etc/passwd").user == "daemon": expected "daemon", found "root"',
    ]
    outcomes = {row["name"]: (row["framework"], row["outcome"]) for row in result["results"]}
    assert outcomes == {
        "test_web.py::test_bash": ("testinfra", "passed"),
        "test_web.py::test_nginx": ("testinfra", "failed"),
        "test_web.py::test_passwd": ("testinfra", "failed"),
    }
    assert result["results"][2]["expected"] == "daemon" and result["results"][2]["found"] == "root"
    assert [result["summary"][key] for key in ("total", "passed", "failed", "skipped")] == [3, 1, 2, 0]
    assert not container.diff()
    assert [path.name for path in tmp_path.iterdir()] == ["test_web.py"]


def test_a_passed_run_is_no_failure_and_no_change(
    run_module: RunModule, start_container: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "test_web.py").write_text("def test_me(host):\n    assert host.user().name == 'root'\n")
    connection = f"docker://{start_container().name}"
    for check in (False, True):
        result = run_module("testinfra", check=check, paths=[str(tmp_path / "test_web.py")], connection=connection)
        assert not result.get("failed") and not result["changed"]
        assert result["msg"] == "1 of 1 testinfra tests of test_web.py passed, 0 skipped"


def test_a_machine_that_is_gone_is_not_taken_for_one_that_fails_the_tests(
    run_module: RunModule, start_container: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "test_web.py").write_text(TESTS)
    container = start_container()
    container.remove(force=True)
    result = run_module("testinfra", paths=[str(tmp_path)], connection=f"docker://{container.name}")
    assert result["failed"] and "results" not in result
    assert f"docker://{container.name} does not answer" in result["msg"]
