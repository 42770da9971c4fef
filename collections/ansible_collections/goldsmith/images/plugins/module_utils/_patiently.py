# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing again what AWS refuses for something that passes, such as a resource that is not known everywhere yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault
from ansible_collections.goldsmith.images.plugins.module_utils._wait import delays

Result = TypeVar("Result")


def patiently(attempt: Callable[[], Result], passing: Callable[[AwsFault], bool], patience: float) -> Result:
    """Do it again while it is refused for something that passes.

    Args:
        attempt: What to do.
        passing: Whether what AWS has against it passes.
        patience: Seconds; none means one attempt.

    Raises:
        AwsFault: It is refused for something else, or still.
    """
    deadline = time.monotonic() + patience
    for delay in delays():
        try:
            return attempt()
        except AwsFault as fault:
            left = deadline - time.monotonic()
            if left <= 0 or not passing(fault):
                raise
        time.sleep(min(delay, left))
    raise AssertionError("delays never end")
