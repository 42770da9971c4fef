"""`make setup`: what it does on a machine that has all, on one that lacks something, and when two run at once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

# It brings its own build backend, as pip would fetch any other one each time.
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "small"
version = "1"
"""
BACKEND = """
import zipfile

METADATA = "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\nProvides-Extra: dev\\nProvides-Extra: lab\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: small\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{wheel_directory}/small-1-py3-none-any.whl", "w") as wheel:
        for name, text in {"METADATA": METADATA, "WHEEL": WHEEL, "RECORD": ""}.items():
            wheel.writestr(f"small-1.dist-info/{name}", text)
    return "small-1-py3-none-any.whl"
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


def _small(checkout: Path, directory: Path) -> Path:
    project = directory / "project"
    (project / "scripts").mkdir(parents=True)
    shutil.copy(checkout / "scripts/setup.sh", project / "scripts")
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "backend.py").write_text(BACKEND)
    return project


@pytest.fixture
def small(checkout: Path, tmp_path: Path) -> Path:
    """A checkout of a project that needs no package, with this project's set-up."""
    return _small(checkout, tmp_path)


@dataclass(frozen=True)
class Made:
    """A checkout in which two set-ups at once found no virtual environment, and what they printed."""

    project: Path
    outputs: list[str]


@pytest.fixture(scope="module")
def made(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    project = _small(checkout, tmp_path_factory.mktemp("made"))
    command = [project / "scripts/setup.sh", "python"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    return Made(project, outputs)


# A machine inside this one: its own mounts, network and processes, which all end with it; no engine runs there.
MACHINE = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "bash", "-euc")
EMPTY = "mount -t tmpfs none /run; mount -t tmpfs none /var/lib/docker; mount -t tmpfs none /var/log; unset DOCKER_HOST"


def _machines_can_be_made() -> bool:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if os.geteuid() != 0 or not all(shutil.which(program, path=path) for program in ("dockerd", "docker", "unshare")):
        return False
    return subprocess.run([*MACHINE, EMPTY], capture_output=True, check=False).returncode == 0


needs_machine = pytest.mark.skipif(
    not _machines_can_be_made(), reason="needs root, docker.io, and the right to make namespaces"
)


@pytest.fixture
def ready(small: Path) -> Path:
    """A checkout that lacks nothing but an engine."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=small, check=True)
    for program in ("docker-registry", "packer"):
        (small / ".venv/bin" / program).symlink_to("/bin/true")
    state = f"here: {small}\n{hashlib.sha256(PROJECT.encode()).hexdigest()}  -\n"
    (small / ".venv/.goldsmith").write_text(state)
    return small


def _in_machine(directory: Path, script: str) -> subprocess.CompletedProcess[str]:
    command = [*MACHINE, f"{EMPTY}; {script}"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=120)


@needs_machine
def test_of_two_that_find_no_engine_one_starts_it_and_both_wait_for_it(ready: Path) -> None:
    done = _in_machine(
        ready,
        """
        scripts/setup.sh > one & scripts/setup.sh > two
        wait $!
        docker version --format '{{.Server.Version}}'
        exec 9>/run/lock/goldsmith-setup.lock; flock --nonblock 9 || echo the engine holds the lock
        """,
    )
    assert done.returncode == 0, done.stderr
    assert "holds the lock" not in done.stdout
    outputs = [(ready / name).read_text() for name in ("one", "two")]
    assert sorted("starting dockerd" in output for output in outputs) == [False, True]


@needs_machine
def test_shows_the_end_of_the_log_of_an_engine_that_does_not_come_up(ready: Path) -> None:
    (ready / "bin").mkdir()
    dockerd = ready / "bin/dockerd"
    dockerd.write_text("#!/bin/sh\necho the kernel forbids it >&2\nexit 1\n")
    dockerd.chmod(0o755)
    done = _in_machine(ready, f"PATH={ready}/bin:$PATH scripts/setup.sh")
    assert done.returncode == 3
    assert "the kernel forbids it" in done.stderr
    assert "/var/log/goldsmith-dockerd.log" in done.stderr


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


def test_of_two_that_find_no_virtual_environment_one_makes_it_and_both_wait_for_it(made: Made) -> None:
    assert sorted("making .venv" in output for output in made.outputs) == [False, True]
    code = "import importlib.metadata as m; m.version('small')"
    subprocess.run([made.project / ".venv/bin/python", "-c", code], check=True)

    again = _setup(made.project, "python")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_brings_the_virtual_environment_up_to_date(made: Made) -> None:
    (made.project / ".venv/.goldsmith").write_text(f"here: {made.project}\n")
    outdated = _setup(made.project, "python")
    assert outdated.returncode == 0, outdated.stderr
    assert "making .venv" not in outdated.stdout
    assert "installing the Python packages" in outdated.stdout


def test_makes_the_virtual_environment_anew_where_the_checkout_was_moved(made: Made, tmp_path: Path) -> None:
    moved = _setup(shutil.copytree(made.project, tmp_path / "moved", symlinks=True), "python")
    assert moved.returncode == 0, moved.stderr
    assert "making .venv" in moved.stdout


def test_says_what_to_do_where_no_python_is_new_enough(small: Path) -> None:
    done = _setup(small, "python", PYTHON="/bin/false")
    assert done.returncode == 3
    assert "no Python 3.11 or newer" in done.stderr
    assert "make setup PYTHON=" in done.stderr


def test_starts_no_engine_when_another_one_is_asked_for(ready: Path) -> None:
    done = _setup(ready, DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode == 3
    assert "no Docker engine answers at DOCKER_HOST=tcp://127.0.0.1:1" in done.stderr


def test_leaves_alone_an_environment_that_is_only_a_link(small: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    (small / ".venv").symlink_to(other)
    done = _setup(small, "python")
    assert done.returncode == 3
    assert "Remove the link" in done.stderr
    assert (other / "kept").exists()
