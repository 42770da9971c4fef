from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from goldsmith.interrupt import EXIT_CODE, interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_for_the_end_and_the_program_goes_on(number: signal.Signals) -> None:
    told: list[str] = []
    with interruptible(told.append) as cancelled:
        assert not cancelled.is_set()
        os.kill(os.getpid(), number)
        assert cancelled.wait(5)
    assert told == ["Releasing everything; once more ends at once."]


def test_the_second_signal_ends_the_program_at_once() -> None:
    code = (
        "import os, signal\nfrom goldsmith.interrupt import interruptible\n"
        "with interruptible(print):\n    os.kill(os.getpid(), signal.SIGINT)\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-u", "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == EXIT_CODE
    assert "goldsmith sweep" in done.stdout and "still here" not in done.stdout


def test_signals_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible(print):
        pass
    assert signal.getsignal(signal.SIGINT) is before
