# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _patiently
from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault
from ansible_collections.goldsmith.images.plugins.module_utils._patiently import patiently


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_patiently, "time", clock)
    return clock


def test_patience_ends_when_the_time_is_up(clock: Clock) -> None:
    attempts = 0

    def attempt() -> None:
        nonlocal attempts
        attempts += 1
        raise AwsFault("no", "DependencyViolation")

    with pytest.raises(AwsFault, match="no"):
        patiently(attempt, lambda _fault: True, 10)
    assert clock.now == pytest.approx(1010)
    assert 5 < attempts < 30


def test_what_does_not_pass_is_raised_at_once(clock: Clock) -> None:
    def attempt() -> None:
        raise AwsFault("no", "UnauthorizedOperation")

    with pytest.raises(AwsFault, match="no"):
        patiently(attempt, lambda fault: fault.code == "DependencyViolation", 10)
    assert clock.slept == []
