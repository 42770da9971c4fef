"""The processes of a build, found by a variable in their environment, so that none outlives a killed runner."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

MARK = "GOLDSMITH_BUILD"
"""Environment variable that holds the build's id in every process that ansible-playbook starts on this machine."""


def end(build_id: str) -> list[int]:
    """Kill the processes of a build, and return their ids.

    Args:
        build_id: Id of the build.
    """
    ended = []
    for pid in _processes(f"{MARK}={build_id}".encode()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            ended.append(pid)
    return ended


def _processes(entry: bytes) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*"):
        pid = int(path.name)
        try:
            environment = (path / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if pid != os.getpid() and entry in environment:
            yield pid
