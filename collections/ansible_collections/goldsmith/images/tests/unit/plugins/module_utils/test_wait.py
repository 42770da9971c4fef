# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a state: how often is asked, and what ends the wait. Time is a number here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils import _wait
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._wait import (
    AVAILABLE,
    FIRST_DELAY,
    LONGEST_DELAY,
    RUNNING,
    STOPPED,
    TERMINATED,
    State,
    Waiter,
    delays,
    pause,
    starting_with,
    wait,
)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 5000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_wait, "time", clock)
    return clock


def telling(states: Iterable[str], reason: str = "") -> Callable[[], State]:
    """A probe that tells these states, and the last of them for ever."""
    told = list(states)

    def probe() -> State:
        return State(told.pop(0) if len(told) > 1 else told[0], reason)

    return probe


@given(st.floats(0.01, 1), st.floats(1, 60))
def test_delays_begin_short_and_never_grow_past_the_longest(first: float, longest: float) -> None:
    found = list(itertools.islice(delays(first, longest), 30))
    assert first * 0.9 <= found[0] <= first * 1.1
    assert all(first * 0.9 <= delay <= longest * 1.1 for delay in found)
    assert all(later <= 1.5 * 1.1 / 0.9 * before * 1.0001 for before, later in itertools.pairwise(found))
    assert found[-1] >= longest * 0.9


def test_no_two_builds_poll_in_step() -> None:
    assert list(itertools.islice(delays(), 5)) != list(itertools.islice(delays(), 5))


def test_instance_of_a_second_is_seen_soon_and_an_image_of_ten_minutes_costs_few_calls() -> None:
    moments = list(itertools.accumulate(itertools.islice(delays(), 60)))
    assert min(moment - 1 for moment in moments if moment > 1) < 1
    assert len([moment for moment in moments if moment < 600]) < 50
    assert (FIRST_DELAY, LONGEST_DELAY) == (0.4, 15.0)


def looks(clock: Clock, waiter: Waiter, takes: float, age: float = 0) -> list[float]:
    """Return when it was asked for a state that takes so long, in seconds since it began."""
    asked: list[float] = []
    begun = clock.now - age

    def probe() -> State:
        asked.append(clock.now - begun)
        return State(waiter.goal if asked[-1] >= takes else next(iter(waiter.passing)), age=asked[-1] if age else 0)

    wait(waiter, probe, 10_000)
    return asked


@pytest.mark.parametrize(
    ("waiter", "takes", "most_calls", "late"),
    [
        (RUNNING, 1, 4, 1),  # as in a lab
        (RUNNING, 10, 12, 1),
        (STOPPED, 30, 20, 1.5),
        (TERMINATED, 40, 20, 2),
        (AVAILABLE, 1, 4, 1),
        (AVAILABLE, 150, 22, 6),
        (AVAILABLE, 600, 60, 16.5),
    ],
)
def test_what_takes_as_long_as_usual_is_seen_soon_and_costs_few_calls(
    clock: Clock, waiter: Waiter, takes: float, most_calls: int, late: float
) -> None:
    asked = looks(clock, waiter, takes)

    assert len(asked) <= most_calls
    assert asked[-1] - takes <= late


def test_wait_that_is_taken_up_again_goes_on_at_its_pace(clock: Clock) -> None:
    assert looks(clock, AVAILABLE, 150, age=60)[1] > 70, "and not as often as at first"


@given(st.floats(0, 10_000), st.floats(1, 1000))
def test_nothing_is_asked_for_more_often_than_at_first_or_less_than_the_longest(gone: float, usual: float) -> None:
    assert FIRST_DELAY <= pause(gone, usual) <= LONGEST_DELAY


def test_goal_ends_the_wait_without_a_pause(clock: Clock) -> None:
    assert wait(RUNNING, telling(["running"]), 60) == State("running")
    assert clock.slept == []


def test_states_that_lead_there_are_waited_through(clock: Clock) -> None:
    assert wait(RUNNING, telling(["", "pending", "pending", "running"]), 60) == State("running")
    assert len(clock.slept) == 3


def test_time_that_is_up_returns_the_last_state(clock: Clock) -> None:
    assert wait(AVAILABLE, telling(["pending"]), 60) == State("pending")
    assert clock.now == pytest.approx(5060)


def test_no_time_means_one_look(clock: Clock) -> None:
    assert wait(AVAILABLE, telling(["pending", "available"]), 0) == State("pending")
    assert clock.slept == []


@pytest.mark.parametrize(
    ("waiter", "state", "words"),
    [
        (RUNNING, "terminated", "the instance is terminated and will not be running"),
        (RUNNING, "shutting-down", "the instance is shutting-down and will not be running"),
        (STOPPED, "terminated", "the instance is terminated and will not be stopped"),
        (STOPPED, "", "the instance is gone and will not be stopped"),
        (AVAILABLE, "failed", "the image is failed and will not be available"),
        (TERMINATED, "", "the instance is gone and will not be terminated"),
    ],
)
def test_state_that_leads_elsewhere_fails_at_once(clock: Clock, waiter: Waiter, state: str, words: str) -> None:
    with pytest.raises(Fault) as raised:
        wait(waiter, telling([state]), 60)
    assert str(raised.value) == words
    assert clock.slept == []


def test_failure_tells_the_reason_that_aws_gives(clock: Clock) -> None:
    with pytest.raises(Fault, match=r"will not be running: Client.InternalError: Client error on launch"):
        wait(RUNNING, telling(["shutting-down"], "Client.InternalError: Client error on launch"), 60)


@given(st.lists(st.sampled_from(["pending", ""]), max_size=20), st.floats(0, 120))
def test_wait_ends_in_time_whatever_is_told(states: list[str], timeout: float) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_wait, "time", clock)
        state = wait(RUNNING, telling([*states, "running"]), timeout)
    assert clock.now <= 5000 + timeout + 1e-6
    assert state.name == "running" or clock.now >= 5000 + timeout - 1e-6


def test_state_that_is_known_already_costs_no_look(clock: Clock) -> None:
    asked = []

    def probe() -> State:
        asked.append(clock.now)
        return State("stopped")

    assert wait(STOPPED, starting_with(State("stopping"), probe), 60) == State("stopped")
    assert len(asked) == 1
    assert asked[0] > 5000
