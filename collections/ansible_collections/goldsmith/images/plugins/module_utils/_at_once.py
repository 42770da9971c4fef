# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing several things at once that wait for AWS, each of which may fail by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Mapping, TypeVar, Union

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_THREADS = 8

Key = TypeVar("Key")
Result = TypeVar("Result")


def at_once(jobs: Mapping[Key, Callable[[], Result]]) -> dict[Key, Union[Result, Fault]]:
    """Do all of it, in threads where it is more than one; return what each returned, or the fault that it raised."""

    def attempt(job: Callable[[], Result]) -> Union[Result, Fault]:
        try:
            return job()
        except Fault as fault:
            return fault

    if len(jobs) < 2:
        return {key: attempt(job) for key, job in jobs.items()}
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(jobs, pool.map(attempt, jobs.values())))
