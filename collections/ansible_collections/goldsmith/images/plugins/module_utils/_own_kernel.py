# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the kernel that runs is this system's own."""

from __future__ import annotations

import os
from pathlib import Path

# What container managers leave: Docker, Podman, and those that follow systemd.io/CONTAINER_INTERFACE.
_MARKS = (".dockerenv", "run/.containerenv", "run/systemd/container")


def own_kernel(root: Path = Path("/")) -> bool:
    """Tell whether this system may change the running kernel and should: it is neither a container nor a chroot.

    Args:
        root: What is taken for the root of the file system.
    """
    if any((root / mark).exists() for mark in _MARKS):
        return False
    try:
        if b"container=" in (root / "proc/1/environ").read_bytes():
            return False
        # Another root than that of the first process is a chroot: the root file system of a machine to be.
        if not os.path.samefile(root, root / "proc/1/root"):  # noqa: PTH121  the former has no pathlib before 3.10 for links
            return False
        # Without more privileges than usual, a container sees it read-only (runc's default mounts).
        return not os.statvfs(root / "proc/sys").f_flag & os.ST_RDONLY
    except OSError:
        return False
