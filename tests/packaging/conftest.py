"""The project as others get it: built from this checkout, and installed where nothing of the checkout is seen."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest


class Run(Protocol):
    """Run a command where nothing of this checkout is set, and return what it printed."""

    def __call__(self, *command: str | Path, cwd: Path, path: Path = ..., fails: bool = ..., **env: str) -> str: ...


@pytest.fixture(scope="session")
def checkout() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("home")
    if (settings := Path("~/.config/pip/pip.conf").expanduser()).exists():
        (home / ".config/pip").mkdir(parents=True)
        (home / ".config/pip/pip.conf").write_text(settings.read_text())
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "DOCKER_", "SSL_"))}

    def run(
        *command: str | Path, cwd: Path, path: Path = Path(sys.executable).parent, fails: bool = False, **env: str
    ) -> str:
        environment = kept | {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{path}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if bool(done.returncode) is not fails:
            pytest.fail(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout}", pytrace=False)
        return done.stdout

    return run


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a directory that `make` has filled, once for all workers of pytest-xdist; the others wait for it."""
    base = factory.getbasetemp()
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with directory.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.fstat(lock.fileno()).st_size:
            shutil.rmtree(directory, ignore_errors=True)  # a worker that failed left it
            directory.mkdir()
            make(directory)
            lock.write("made")
    return directory


@pytest.fixture(scope="session")
def tarball(checkout: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, as `ansible-galaxy collection build` makes it from this checkout."""
    collection = checkout / "collections/ansible_collections/goldsmith/images"

    def make(directory: Path) -> None:
        run("ansible-galaxy", "collection", "build", "--output-path", directory, cwd=collection)

    (built,) = _once(tmp_path_factory, "tarball", make).iterdir()
    return built


@pytest.fixture(scope="session")
def sdist(checkout: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution; `python -m build` also makes a wheel from it, which lies beside it."""

    def make(directory: Path) -> None:
        run(sys.executable, "-m", "build", "--outdir", directory, checkout, cwd=directory)

    (built,) = _once(tmp_path_factory, "dist", make).glob("*.tar.gz")
    return built


@pytest.fixture(scope="session")
def installed(sdist: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Executables of an environment that holds the wheel and what it depends on, and nothing else."""
    (wheel,) = sdist.parent.glob("*.whl")

    def make(directory: Path) -> None:
        run(sys.executable, "-m", "venv", directory / "venv", cwd=directory)
        run(directory / "venv/bin/python", "-m", "pip", "install", "--quiet", "--no-compile", wheel, cwd=directory)

    return _once(tmp_path_factory, "installed", make) / "venv/bin"
