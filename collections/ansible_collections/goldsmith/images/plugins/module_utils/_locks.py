# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes that end with their holder, and leave no file behind."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


@contextmanager
def exclusive(path: Path, wait: bool = True) -> Iterator[int | None]:
    """Hold a lock; the kernel releases it when the holder, and whoever inherited the descriptor, has ended.

    Args:
        path: The lock's file; its directory exists.
        wait: Wait for a holder; otherwise yield None at once if there is one.

    Yields:
        The descriptor that holds the lock.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield None
                return
            # A holder removes the file as it ends: what was waited for may be a file that nobody else can see any more.
            if _same(descriptor, path):
                try:
                    yield descriptor
                finally:
                    path.unlink(missing_ok=True)
                return
        finally:
            os.close(descriptor)


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
