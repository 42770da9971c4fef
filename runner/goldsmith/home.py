"""Where Goldsmith keeps its records, and the private directories that its runs work in."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from goldsmith.errors import EnvironmentFault

_MEMORY = Path("/dev/shm")  # noqa: S108  the directory that is made there is private
_MEMORY_NEEDED = 64 * 1024 * 1024


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return ``GOLDSMITH_HOME``, by default ``goldsmith`` in the XDG data directory."""
    if named := environ.get("GOLDSMITH_HOME"):
        return Path(named).expanduser().absolute()
    data = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser().absolute() / "goldsmith"


def build_directory(root: Path, build_id: str) -> Path:
    """Return the directory that keeps the log and the record of a build."""
    return root / "builds" / build_id


def build_directories(root: Path) -> list[Path]:
    """Return the directories of all builds."""
    return [path for path in (root / "builds").glob("*") if path.is_dir()]


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the lock of a build's directory, which is made: as long as it is held, the build's runner is alive.

    Raises:
        EnvironmentFault: The directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise EnvironmentFault(
            f"{directory} cannot be written: {error.strerror}", "Name another place by GOLDSMITH_HOME."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_held(directory: Path) -> bool:
    """Return whether a living runner holds the lock of a build's directory."""
    try:
        lock = (directory / "lock").open("r")
    except OSError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def private_directory(build_id: str, *, secret: bool) -> Iterator[Path]:
    """Make a directory for one run of ansible-runner, in memory where that can be, and remove it afterwards.

    What passes through it, such as the results of tasks, may hold secrets: it should not reach a disk.

    Args:
        build_id: Id of the build; part of the directory's name, by which `remove_private_directories` finds it.
        secret: The run is given secrets, so memory is required.

    Raises:
        EnvironmentFault: Secrets are to be handed over and there is no file system in memory.
    """
    in_memory = _has_room(_MEMORY)
    if secret and not in_memory:
        raise EnvironmentFault(
            f"secrets are handed to Ansible in memory, and {_MEMORY} is missing, not writable or full",
            f"Mount a tmpfs of {_MEMORY_NEEDED // 1024**2} MiB or more there.",
        )
    parent = _MEMORY if in_memory else Path(tempfile.gettempdir())
    directory = Path(tempfile.mkdtemp(prefix=f"goldsmith-{build_id}-", dir=parent))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def private_directories(build_id: str) -> list[Path]:
    """Return the private directories of a build: those of the run that goes on, or that a killed one left."""
    parents = (_MEMORY, Path(tempfile.gettempdir()))
    return [path for parent in parents for path in parent.glob(f"goldsmith-{build_id}-*") if path.is_dir()]


def remove_private_directories(build_id: str) -> list[Path]:
    """Remove the private directories and the SSH keys that a killed run left, and return the directories."""
    found = private_directories(build_id)
    for parent in filter(None, (os.environ.get("XDG_RUNTIME_DIR"), str(_MEMORY), tempfile.gettempdir())):
        for path in Path(parent).glob(f"goldsmith-{build_id}.*"):
            path.unlink(missing_ok=True)
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return found


def _has_room(directory: Path) -> bool:
    try:
        status = os.statvfs(directory)
    except OSError:
        return False
    return os.access(directory, os.W_OK) and status.f_bavail * status.f_frsize >= _MEMORY_NEEDED
