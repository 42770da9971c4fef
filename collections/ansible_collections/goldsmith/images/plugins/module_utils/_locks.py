# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes that end with their holder, and leave no file behind."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class Lock:
    """A lock on a file; the kernel releases it when the holder, and whoever inherited the descriptor, has ended.

    Attributes:
        descriptor: What holds the lock, or None while it is not held.
    """

    def __init__(self, path: Path, wait: bool = True) -> None:
        """Prepare to take the lock.

        Args:
            path: The lock's file; its directory exists.
            wait: Wait for a holder; otherwise do without the lock if there is one.
        """
        self.descriptor: int | None = None
        self._path = path
        self._wait = wait

    def __enter__(self) -> Lock:
        while not self._take():
            pass
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self.descriptor)
            self.descriptor = None

    def _take(self) -> bool:
        """Try once; False means that the file that was waited for is not the lock's any more."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if self._wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return True
        # A holder removes the file as it ends: others may have locked another one since.
        if not self._is_at_path(descriptor):
            os.close(descriptor)
            return False
        self.descriptor = descriptor
        return True

    def _is_at_path(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False
