# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large file comes into being whole, or not at all."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, Callable, cast

from ansible_collections.goldsmith.images.plugins.module_utils._archive import Writer
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_COMPRESSED = (".gz", ".tgz")
_MODE = 0o644


def write_whole(dest: Path, fill: Callable[[IO[bytes]], object], expected: int) -> Writer:
    """Write a file beside ``dest``, put it on the disk, and give it the name ``dest``.

    Args:
        dest: The file; ``.gz`` and ``.tgz`` are compressed, without the time of compression.
        fill: Writes the content to the file it is given.
        expected: Bytes that the content has at most or nearly, for the message when there is no room.

    Returns:
        The size and digest of what lies on the disk.

    Raises:
        Fault: It cannot be written there. Nothing of it is left, and what stood at ``dest`` is as it was.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{dest.name}.", suffix=".part", dir=str(dest.parent))
    except OSError as error:
        raise _fault(dest, error, expected) from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            writer = Writer(file)
            target = cast("IO[bytes]", writer)
            if dest.name.endswith(_COMPRESSED):
                with gzip.GzipFile(filename="", fileobj=target, mode="wb", compresslevel=6, mtime=0) as packed:
                    fill(cast("IO[bytes]", packed))
            else:
                fill(target)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(_MODE)
        part.replace(dest)
    except OSError as error:
        part.unlink()
        if error.errno is None:  # the connection's, not the file system's: those of requests are OSErrors too
            raise
        raise _fault(dest, error, expected) from error
    except BaseException:
        part.unlink()
        raise
    _to_disk(dest.parent)
    return writer


def _to_disk(folder: Path) -> None:
    """Make a new name in the directory outlast a power failure."""
    descriptor = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fault(dest: Path, error: OSError, expected: int) -> Fault:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(str(dest.parent)).free
        return Fault(
            f"there is no room for {dest}: up to {expected} bytes are needed, {free} are free in {dest.parent}. "
            f"No part of the file is left there. Make room, or choose another place."
        )
    if error.errno == errno.ENOENT:
        return Fault(f"{dest} cannot be written: there is no directory {dest.parent}. Create it, or mend the path.")
    return Fault(f"{dest} cannot be written: {error.strerror or error}. Choose a place that this user may write to.")
