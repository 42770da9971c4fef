# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _commands
from ansible_collections.goldsmith.images.plugins.module_utils._commands import Commands, Done, Outlook
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

HICCUP = Outlook(is_locked=lambda output: "locked" in output, may_recover=lambda output: "hiccup" in output)


@pytest.fixture
def commands(tmp_path):
    with Commands(tmp_path / "log", {"GREETING": "hello"}) as running:
        yield running


def tries(*results):
    """Return an attempt that comes to one result after the other."""
    left = [Done(status, output) for status, output in results]
    return lambda: left.pop(0)


def test_output_errors_and_status_come_together(commands):
    done = commands.run(["sh", "-c", 'echo "$GREETING"; cat; echo oh >&2; exit 3'], given="there\n")
    assert (done.status, done.output, done.ok) == (3, "hello\nthere\noh\n", False)


def test_a_program_that_is_not_there_is_named(commands):
    with pytest.raises(Fault, match="there is no program golddigger on this machine"):
        commands.run(["golddigger"])


def test_a_program_that_does_not_read_does_no_harm(commands):
    assert commands.run(["true"], given="x" * 60000).ok


def test_a_command_that_hangs_is_ended_and_one_that_goes_on_is_not(commands):
    assert commands.run(["sh", "-c", "echo begun; exec sleep 600"], stall=0.05).status is None
    assert commands.run(["sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.05; done"], stall=0.5).ok


def test_a_signal_waits_for_the_command_and_stops_before_the_next(commands):
    done = commands.run(["sh", "-c", f"kill -TERM {os.getpid()}; echo whole"])
    assert done.output == "whole\n"
    with pytest.raises(Fault, match="stopped by SIGTERM between two steps"):
        commands.run(["true"])
    assert commands.run(["true"], cleanup=True).ok


def test_signals_are_as_they_were_afterwards(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with Commands(tmp_path / "log", {}):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_command_is_a_session_of_its_own(commands):
    assert commands.run(["sh", "-c", "ps -o sid= -p $$"]).output.strip() != str(os.getsid(0))


def test_a_hiccup_is_tried_again_as_often_as_was_asked(commands):
    hiccup = (100, "hiccup")
    options = {"delay": 0, "lock_timeout": 0, "outlook": HICCUP}
    assert commands.persist(tries(hiccup, hiccup, (0, "well")), retries=2, **options).output == "well"
    assert not commands.persist(tries(hiccup, hiccup), retries=1, **options).ok


def test_what_cannot_recover_is_not_tried_again(commands):
    done = commands.persist(tries((100, "refused")), retries=5, delay=0, lock_timeout=0, outlook=HICCUP)
    assert done.output == "refused"


def test_a_lock_is_waited_for_apart_from_tries(commands, monkeypatch):
    monkeypatch.setattr(_commands, "LOCK_POLL", 0)
    locked = (100, "locked")
    attempt = tries(locked, locked, (0, "well"))
    assert commands.persist(attempt, retries=0, delay=0, lock_timeout=60, outlook=HICCUP).output == "well"
    assert commands.persist(tries(locked), retries=0, delay=0, lock_timeout=0, outlook=HICCUP).output == "locked"
