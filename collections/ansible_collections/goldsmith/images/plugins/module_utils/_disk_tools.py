# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that make a disk, and what it means when one of them fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._container import last_lines
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

PACKAGES = {
    "dd": "coreutils",
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "grub-mkimage": "grub-common",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mkfs.xfs": "xfsprogs",
    "mmd": "mtools",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "sfdisk": "fdisk",
    "tar": "tar",
    "xfs_db": "xfsprogs",
    "xfs_repair": "xfsprogs",
    "zstd": "zstd",
}
"""Debian's package of each program."""

# A plain user's PATH on Debian lacks where mkfs and sfdisk are.
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def need(programs: Iterable[str]) -> None:
    """See that programs are on this machine.

    Raises:
        Fault: Some are not.
    """
    missing = sorted(program for program in set(programs) if shutil.which(program, path=_PATH) is None)
    if missing:
        packages = sorted({PACKAGES[program] for program in missing})
        raise Fault(
            f"a disk cannot be written on this machine without {', '.join(missing)}. "
            f"On Debian and Ubuntu: apt-get install {' '.join(packages)}"
        )


def need_root() -> None:
    """See that this process may give files their owners.

    Raises:
        Fault: It may not.
    """
    if os.geteuid() != 0:
        raise Fault(
            f"a disk holds files of many users, which only root can write; this is the user {os.geteuid()}. Run "
            "the build as root (sudo -E …). No loop device, mount or namespace is needed for it."
        )


def call(
    command: Iterable[object], *, given: str | bytes = "", env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a program to its end and return what it printed, as text; see `printed`."""
    return printed(command, given=given, env=env, cwd=cwd).decode(errors="replace")


def printed(
    command: Iterable[object], *, given: str | bytes = "", env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> bytes:
    """Run a program to its end and return what it printed.

    Args:
        command: Program and arguments.
        given: What it reads.
        env: Variables added to this process's.
        cwd: Directory that it runs in.

    Raises:
        Fault: It failed.
    """
    words = [str(word) for word in command]
    text = given.encode() if isinstance(given, str) else given
    environment = {**os.environ, "LC_ALL": "C", "PATH": _PATH, **(env or {})}
    try:
        done = subprocess.run(words, input=text, capture_output=True, env=environment, cwd=cwd, check=False)
    except FileNotFoundError:
        need([words[0]])
        raise
    if done.returncode != 0:
        said = [last_lines(text.decode(errors="replace")) for text in (done.stderr, done.stdout)]
        raise Fault(f"{words[0]} ended with {done.returncode}: {said[0] or said[1]}")
    return done.stdout
