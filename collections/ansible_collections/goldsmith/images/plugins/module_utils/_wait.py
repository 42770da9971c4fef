# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a resource's state: what is waited for is data, how long and how often follows from how it is going."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Callable

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

FIRST_DELAY = 0.4
LONGEST_DELAY = 15.0
"""Seconds between two polls. Over all its waits a build asks once in three seconds: sixty builds side by side stay
below EC2's refill of 20 calls a second (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html). More
are slowed down by the retries of botocore."""


@dataclass(frozen=True)
class Waiter:
    """What is waited for.

    Attributes:
        what: What people call it, such as ``the instance``.
        goal: The state that ends the wait.
        passing: States that lead there. Any other one, and an empty one for a resource that is gone, is a failure.
        usual: Seconds that it takes on AWS as a rule. Around that time it is asked for more often.
    """

    what: str
    goal: str
    passing: Collection[str]
    usual: float


@dataclass(frozen=True)
class State:
    """How a resource is.

    Attributes:
        name: Its state; empty when the resource is not there.
        reason: Why, where the API tells.
        age: Seconds since it came into this state, where the API tells; a wait goes on at the pace of that time.
    """

    name: str
    reason: str = ""
    age: float = 0


RUNNING = Waiter("the instance", "running", ("pending", ""), 10)
STOPPED = Waiter("the instance", "stopped", ("running", "stopping"), 30)
TERMINATED = Waiter("the instance", "terminated", ("pending", "running", "stopping", "stopped", "shutting-down"), 40)
AVAILABLE = Waiter("the image", "available", ("pending", ""), 150)


def delays(first: float = FIRST_DELAY, longest: float = LONGEST_DELAY) -> Iterator[float]:
    """Yield seconds to wait between polls: short ones first, each half as long again, none twice the same."""
    delay = first
    while True:
        yield delay * random.uniform(0.9, 1.1)  # noqa: S311  spreads the polls of builds that began together
        delay = min(delay * 1.5, longest)


def pause(gone: float, usual: float) -> float:
    """Return the seconds until it is asked for again: few at first, and around the time that it usually takes. Pure.

    Args:
        gone: Seconds since it began.
        usual: Seconds that it usually takes.
    """
    early = FIRST_DELAY + gone / 2
    around = max(FIRST_DELAY, usual / 30) + abs(gone - usual) / 5
    return min(early, around, LONGEST_DELAY)


def starting_with(state: State, probe: Callable[[], State]) -> Callable[[], State]:
    """Return a probe that begins with a state which is known already, from the call that set things going."""
    return itertools.chain((state,), iter(probe, None)).__next__


def wait(waiter: Waiter, probe: Callable[[], State], timeout: float) -> State:
    """Poll until the state is the goal or the time is up.

    A resource that was made a moment ago may not be seen yet by the next call: an empty state passes where the waiter
    says so.

    Args:
        waiter: What is waited for.
        probe: Asks for the present state.
        timeout: Seconds.

    Returns:
        The last state: the goal, or one that leads there when the time is up.

    Raises:
        Fault: The state leads elsewhere.
    """
    begun = time.monotonic()
    deadline = begun + timeout
    while True:
        state = probe()
        if state.name == waiter.goal:
            return state
        if state.name not in waiter.passing:
            why = f": {state.reason}" if state.reason else ""
            raise Fault(f"{waiter.what} is {state.name or 'gone'} and will not be {waiter.goal}{why}")
        now = time.monotonic()
        if now >= deadline:
            return state
        spread = random.uniform(0.9, 1.1)  # noqa: S311  spreads the polls of builds that began together
        time.sleep(min(spread * pause(max(now - begun, state.age), waiter.usual), deadline - now))
