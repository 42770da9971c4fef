"""`make setup`: what it does on a machine that has all, on one that lacks something, and when two run at once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = """
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"
[project]
name = "small"
version = "1"
[project.optional-dependencies]
dev = []
[tool.hatch.build.targets.wheel]
bypass-selection = true
"""


def _setup(checkout: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script with nothing in the environment but PATH, HOME, what pip needs and `env`."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "DOCKER_"))}
    environment = kept | {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8"} | env
    return subprocess.run(
        [checkout / "scripts/setup.sh", *arguments],
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def small(checkout: Path, tmp_path: Path) -> Path:
    """A checkout of a project that needs no package, with this project's set-up."""
    project = tmp_path / "project"
    (project / "scripts").mkdir(parents=True)
    shutil.copy(checkout / "scripts/setup.sh", project / "scripts")
    (project / "pyproject.toml").write_text(PROJECT)
    return project


@pytest.mark.docker
def test_costs_nothing_and_says_nothing_where_all_is_there(checkout: Path) -> None:
    wanted = hashlib.sha256((checkout / "pyproject.toml").read_bytes()).hexdigest()
    stamp = checkout / ".venv/.goldsmith"
    if not stamp.exists() or wanted not in stamp.read_text():
        pytest.skip("this checkout was not set up by `make setup`, or not since pyproject.toml changed")
    started = time.monotonic()
    done = _setup(checkout)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < 2


@pytest.mark.network
def test_makes_the_virtual_environment_once_and_again_when_the_project_asks_for_something_else(small: Path) -> None:
    first = _setup(small, "python", PYTHON=sys.executable)
    assert first.returncode == 0, first.stderr
    assert "making .venv" in first.stdout
    subprocess.run([small / ".venv/bin/python", "-c", "import importlib.metadata as m; m.version('small')"], check=True)

    second = _setup(small, "python", PYTHON=sys.executable)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")

    (small / "pyproject.toml").write_text(PROJECT.replace('version = "1"', 'version = "2"'))
    third = _setup(small, "python", PYTHON=sys.executable)
    assert third.returncode == 0, third.stderr
    assert "making .venv" not in third.stdout
    assert "installing the Python packages" in third.stdout


@pytest.mark.network
def test_a_checkout_that_was_moved_gets_a_new_virtual_environment(small: Path) -> None:
    assert _setup(small, "python", PYTHON=sys.executable).returncode == 0
    moved = small.rename(small.with_name("moved"))
    done = _setup(moved, "python", PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert "making .venv" in done.stdout


@pytest.mark.network
def test_of_two_at_once_one_works_and_the_other_waits(small: Path) -> None:
    command = [small / "scripts/setup.sh", "python"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sorted("making .venv" in output for output in outputs) == [False, True]


def test_says_what_to_do_where_no_python_is_new_enough(small: Path) -> None:
    done = _setup(small, "python", PYTHON="/bin/false")
    assert done.returncode == 3
    assert "no Python 3.11 or newer" in done.stderr
    assert "make setup PYTHON=" in done.stderr


def test_starts_no_engine_when_another_one_is_asked_for(small: Path) -> None:
    done = _setup(small, "machine", DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode == 3
    assert "no Docker engine answers at DOCKER_HOST=tcp://127.0.0.1:1" in done.stderr
