"""`--require-docker`, as CI runs: a Docker test that does not run is a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.docker
def test_skips_itself():
    pytest.skip("it felt like it")

@pytest.mark.docker
@pytest.mark.skipif(True, reason="never")
def test_never_runs(): ...

@pytest.mark.docker
@pytest.mark.xfail
def test_is_known_to_fail():
    raise AssertionError

def test_needs_no_engine_and_skips_itself():
    pytest.skip("fine")
"""


@pytest.fixture
def suite(checkout: Path, tmp_path: Path) -> Path:
    shutil.copy(checkout / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = docker: needs an engine\n")
    (tmp_path / "test_suite.py").write_text(TESTS)
    return tmp_path


def _pytest(suite: Path, *arguments: str, **env: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("DOCKER_")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *arguments]
    done = subprocess.run(command, cwd=suite, env=environment | env, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.docker
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_skipped_docker_test_fails_and_other_tests_may_skip(suite: Path, workers: str) -> None:
    status, output = _pytest(suite, "--require-docker", "-n", workers)
    assert status == 1
    assert "FAILED test_suite.py::test_skips_itself" in output
    assert "ERROR test_suite.py::test_never_runs" in output
    assert "1 failed, 1 skipped, 1 xfailed, 1 error" in output


@pytest.mark.docker
def test_a_file_that_skips_itself_fails(suite: Path) -> None:
    (suite / "test_suite.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    status, output = _pytest(suite, "--require-docker")
    assert status != 0
    assert "--require-docker was given" in output


def test_nothing_runs_where_no_engine_answers(suite: Path) -> None:
    status, output = _pytest(suite, "--require-docker", DOCKER_HOST="unix:///nowhere.sock")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "no Docker engine answers, `make setup` starts one" in output
    assert "passed" not in output


def test_without_it_docker_tests_skip_and_say_why(suite: Path) -> None:
    status, output = _pytest(suite, "-rs", DOCKER_HOST="unix:///nowhere.sock")
    assert status == 0
    assert "4 skipped" in output
    assert "no Docker engine answers" in output
