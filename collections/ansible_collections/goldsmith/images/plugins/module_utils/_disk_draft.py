# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a disk is while it is written: a directory beside its place, named after its build, which a sweep finds."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Collection, Iterable, Iterator

from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import no_room
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, moment, stamp

PREFIX = ".goldsmith-"
EXPIRES = "expires"
LIFETIME = timedelta(hours=6)


def draft(directory: Path, build_id: str) -> Path:
    """Return the directory of a build's unfinished disk.

    Args:
        directory: Where the disk is going to be.
        build_id: The build.
    """
    return directory / f"{PREFIX}{build_id}"


def begin(directory: Path, build_id: str) -> Path:
    """Make the directory of a build's disk anew, empty but for the time at which it may be swept.

    Raises:
        Fault: It cannot be made.
    """
    place = draft(directory, build_id)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if place.exists():
            shutil.rmtree(place)
        place.mkdir(mode=0o700)
        (place / EXPIRES).write_text(stamp(datetime.now(UTC) + LIFETIME) + "\n", encoding="ascii")
    except OSError as error:
        raise Fault(
            f"the disk cannot be written to {directory}: {error.strerror}. Choose another place by `directory`, one "
            "that this user may write to."
        ) from error
    return place


@contextmanager
def drafted(directory: Path, build_id: str) -> Iterator[Path]:
    """Give the directory of a build's disk, made anew; what fails in it leaves nothing.

    Raises:
        Fault: It cannot be made, or there is no room for what is written there.
    """
    work = begin(directory, build_id)
    try:
        yield work
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        if full(error):
            raise Fault(no_room(work, 0)) from error
        raise
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def to_disk(path: Path) -> None:
    """Make a file, or the names in a directory, outlast a power failure."""
    descriptor = os.open(str(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def full(error: OSError) -> bool:
    """Tell whether an error says that there is no room."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Leftover:
    """An unfinished disk of a build.

    Attributes:
        kind: ``disk``.
        id: The directory.
        name: Name of the directory.
        build: The build that it belongs to.
        expires: When it may go; empty if never by itself.
        reason: Why it goes, or why it could not.
    """

    kind: str
    id: str
    name: str
    build: str
    expires: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Return it as a module returns it."""
        return asdict(self)


def leftovers(directories: Iterable[Path], build_ids: Collection[str], expired: bool, now: datetime) -> list[Leftover]:
    """Return what is to go.

    Args:
        directories: Where disks were to be written.
        build_ids: Builds of which everything goes.
        expired: Also what is past its time, of any build.
        now: The present time.
    """
    found = []
    for path in sorted({path for directory in directories for path in directory.glob(f"{PREFIX}*")}):
        build = path.name[len(PREFIX) :]
        noted = path / EXPIRES
        try:
            expires = noted.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            expires = ""
        until = moment(expires) if expires else None
        if build in build_ids:
            reason = "its build is to be swept"
        elif expired and until is not None and until <= now:
            reason = "it has expired"
        else:
            continue
        found.append(Leftover("disk", str(path), path.name, build, expires, reason))
    return found


def sweep(found: Iterable[Leftover]) -> tuple[list[Leftover], list[Leftover]]:
    """Remove all of it.

    Returns:
        What was removed, and what could not be, with the reason.
    """
    removed, failed = [], []
    for leftover in found:
        try:
            shutil.rmtree(leftover.id)
        except FileNotFoundError:
            removed.append(leftover)
        except OSError as error:
            failed.append(Leftover(**{**asdict(leftover), "reason": f"{error.filename}: {error.strerror}"}))
        else:
            removed.append(leftover)
    return removed, failed
