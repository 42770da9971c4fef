"""Ctrl-C and SIGTERM: the first one asks everything to end in order, the second one ends at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

EXIT_CODE = 130
"""128 + SIGINT, as shells have it."""


@contextlib.contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """Give an event that is set by the first SIGINT or SIGTERM; the second one ends the process at once.

    What is then left behind is what ``goldsmith sweep`` finds.

    Args:
        say: Tells the user what happens now.
    """
    cancelled = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if cancelled.is_set():
            say("Ended at once. What is left behind goes with: goldsmith sweep")
            os._exit(EXIT_CODE)
        cancelled.set()
        say("Releasing everything; once more ends at once.")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancelled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
