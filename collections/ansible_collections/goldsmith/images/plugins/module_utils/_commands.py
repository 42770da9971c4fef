# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the package tools so that neither a lost connection nor a hanging mirror does harm."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

LOCK_POLL = 1.0
"""Seconds between two looks at a lock that another program holds."""

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Done:
    """A command that has ended.

    Attributes:
        status: Its exit status; None if it was ended, as nothing came of it any more.
        output: What it printed, errors included.
    """

    status: int | None
    output: str

    @property
    def ok(self) -> bool:
        """Whether it says that it did its work."""
        return self.status == 0


class Commands:
    """Runs commands one after the other, each to its end.

    A package tool that is stopped midway leaves a machine half upgraded. So a command is a session of its own, which a
    lost connection does not end, and prints to a file, which cannot break as a pipe does. A signal is heeded between
    two commands, where everything can be put back.
    """

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        """Prepare.

        Args:
            log: File for the output of the command that runs.
            environment: Variables to be added to this process's.
        """
        self._log = log
        self._environment = {**os.environ, **environment}
        self._received = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Commands:
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._log.unlink(missing_ok=True)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._received = number

    def heed(self) -> None:
        """Stop here if a signal came.

        Raises:
            Fault: One came.
        """
        if self._received:
            raise Fault(
                f"stopped by {signal.Signals(self._received).name} between two steps. What was done is whole, and "
                f"a next run goes on from there."
            )

    def run(
        self, command: Sequence[str], *, given: str = "", stall: float | None = None, cleanup: bool = False
    ) -> Done:
        """Run a command.

        Args:
            command: Program and arguments.
            given: What it reads; little enough to fit into a pipe.
            stall: Seconds without output after which it is given up; None to wait for as long as it takes.
            cleanup: Run it even when a signal came.

        Raises:
            Fault: A signal came before, or there is no such program.
        """
        if not cleanup:
            self.heed()
        with self._log.open("wb") as output:
            try:
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise Fault(f"there is no program {command[0]} on this machine") from None
            with suppress(BrokenPipeError), process.stdin as pipe:  # type: ignore[union-attr]
                pipe.write(given.encode())
            status = self._wait(process, stall)
        return Done(status, self._log.read_text("utf-8", "replace"))

    def _wait(self, process: subprocess.Popen[bytes], stall: float | None) -> int | None:
        size = -1
        while True:
            try:
                return process.wait(stall)
            except subprocess.TimeoutExpired:
                grown = self._log.stat().st_size
                if grown == size or stall is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    return None
                size = grown

    def persist(
        self, attempt: Callable[[], Done], *, retries: int, delay: float, lock_timeout: float, outlook: Outlook
    ) -> Done:
        """Try until it works, or until trying again cannot help.

        While another program holds a lock, tries are not counted.

        Args:
            attempt: Runs the command.
            retries: How often to try again.
            delay: Seconds between two tries.
            lock_timeout: Seconds to wait for locks.
            outlook: Looks at the output.

        Returns:
            The last try.
        """
        deadline = time.monotonic() + lock_timeout
        left = retries
        while True:
            done = attempt()
            if done.ok:
                return done
            if outlook.is_locked(done.output) and time.monotonic() < deadline:
                time.sleep(max(0.0, min(LOCK_POLL, deadline - time.monotonic())))
            elif left > 0 and outlook.may_recover(done.output):
                left -= 1
                time.sleep(delay)
            else:
                return done


@dataclass(frozen=True)
class Outlook:
    """How a failed command's output is read: whether a lock was in the way, and whether another try may work."""

    is_locked: Callable[[str], bool]
    may_recover: Callable[[str], bool]
