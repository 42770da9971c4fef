"""Runs commands, and measures their time and memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KIB = 1024


class Broken(Exception):
    """A command failed; the message has the end of what it printed."""


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: From its start to its end.
        memory: The most that one of its processes held, in MiB.
    """

    seconds: float
    memory: float


def run(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Cost:
    """Run a command to its end.

    Raises:
        Broken: It ended with another status than 0.
    """
    with log.open("w+b") as output:
        began = time.monotonic()
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | dict(environment or {}),
            cwd=cwd,
        ) as process:
            # wait4 and not Popen.wait: only it tells of this one process and those it has waited for.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        if process.returncode:
            output.seek(0)
            said = output.read().decode(errors="replace")[-2000:]
            raise Broken(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return Cost(seconds, usage.ru_maxrss / KIB)


def alternate(
    builders: Mapping[str, Callable[[int], float]], rounds: int, say: Callable[[str], None]
) -> dict[str, list[float]]:
    """Return the seconds of each builder in each round. All take turns, so that a busy minute meets each of them.

    Args:
        builders: By name; given the number of the round, each returns its seconds.
        rounds: How often.
        say: Is told each result.
    """
    taken: dict[str, list[float]] = {name: [] for name in builders}
    for number in range(1, rounds + 1):
        for name, builder in builders.items():
            taken[name].append(builder(number))
            say(f"round {number}: {name}: {taken[name][-1]:.2f} s")
    return taken


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)
