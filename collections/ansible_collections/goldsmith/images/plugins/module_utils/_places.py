# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories are found by pattern and changed without ever being led astray by a link.

A user who owns a directory may put a link into it at any moment. So only links of root are followed, and only where a
path names them; and what is changed is the very file that was looked at.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Iterable, Iterator

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_LINKS = 40  # as many as the kernel follows (path_resolution(7))


@dataclass(frozen=True)
class Place:
    """A file or directory that is there.

    Attributes:
        path: Its path on the machine, with no link in it.
        status: What it was like when it was looked at.
    """

    path: str
    status: os.stat_result

    @property
    def mode(self) -> int:
        """Its permissions, with SUID, SGID and sticky bit."""
        return stat.S_IMODE(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.status.st_mode)


class Places:
    """The files of a machine."""

    def __init__(self, root: Path = Path("/"), trusted: int = 0) -> None:
        """Take what is its root.

        Args:
            root: The directory that is the machine's root.
            trusted: Number of the user whose links are followed.
        """
        self._root = root
        self._trusted = trusted

    def look(self, path: str) -> Place | None:
        """Return what is at a path, or None when nothing is or it is a link."""
        try:
            status = os.lstat(self._at(path))
        except OSError:
            return None
        return None if stat.S_ISLNK(status.st_mode) else Place(path, status)

    def find(self, pattern: str) -> list[Place]:
        """Return the files and directories that a pattern matches, sorted.

        Raises:
            Fault: The pattern is no absolute path.
        """
        parts = split(pattern)
        named = next((index for index, part in enumerate(parts) if _is_wild(part)), len(parts))
        start = self.resolve("/" + "/".join(parts[:named]))
        if start is None:
            return []
        paths = sorted(set(self._expand(start, parts[named:])))
        found = [self.look(path) for path in paths]
        return [place for place in found if place is not None]

    def exists(self, pattern: str) -> bool:
        """Tell whether anything matches a pattern, be it a link to nowhere.

        Raises:
            Fault: The pattern is no absolute path.
        """
        if self.find(pattern):
            return True
        return not any(_is_wild(part) for part in split(pattern)) and os.path.lexists(self._at(pattern))

    def below(self, place: Place) -> Iterator[Place]:
        """Return everything below a directory of the same file system, links left out; sorted, parents first."""
        try:
            entries = sorted(os.scandir(self._at(place.path)), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISLNK(status.st_mode):
                continue
            child = Place(_join(place.path, entry.name), status)
            yield child
            if child.is_dir and status.st_dev == place.status.st_dev:
                yield from self.below(child)

    def resolve(self, path: str) -> str | None:
        """Return a path with the links of root in it followed; None when another's link is in it, or too many are."""
        left, here, links = split(path)[::-1], "/", 0
        while left:
            part = left.pop()
            if part == "..":
                here = here.rpartition("/")[0] or "/"
                continue
            there = _join(here, part)
            try:
                status = os.lstat(self._at(there))
            except OSError:
                here = there
                continue
            if not stat.S_ISLNK(status.st_mode):
                here = there
                continue
            links += 1
            if status.st_uid != self._trusted or links > _LINKS:
                return None
            target = str(Path(self._at(there)).readlink())
            here = "/" if target.startswith("/") else here
            left += [one for one in target.split("/")[::-1] if one not in ("", ".")]
        return here

    def change(self, place: Place, *, uid: int, gid: int, mode: int) -> None:
        """Give a file or directory an owner, a group and a mode.

        Raises:
            OSError: The system refuses, or something else is at its place now.
        """
        with self._opened(place) as (handle, name, folder):
            has = os.fstat(handle)
            # By its descriptor the file meant is changed, whatever is at its path by now. Bare roots lack /proc.
            link = Path(f"/proc/self/fd/{handle}")
            bare = not link.exists()
            target, base = (name, folder) if bare else (str(link), None)
            if (has.st_uid, has.st_gid) != (uid, gid):
                os.chown(target, uid, gid, dir_fd=base, follow_symlinks=not bare)
            # The kernel clears SUID and SGID when the owner changes, so the mode comes last (chown(2)).
            if stat.S_IMODE(os.fstat(handle).st_mode) != mode:
                os.chmod(target, mode, dir_fd=base)

    def remove(self, place: Place) -> None:
        """Delete a file.

        Raises:
            OSError: The system refuses, or something else is at its place now.
        """
        with self._opened(place) as (_handle, name, folder):
            os.unlink(name, dir_fd=folder)

    @contextmanager
    def _opened(self, place: Place) -> Iterator[tuple[int, str, int]]:
        """Open a place as it was looked at; yield its descriptor, its name, and its directory's descriptor."""
        *above, name = split(place.path) or ["."]
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = os.open(self._root, flags & ~os.O_NOFOLLOW | os.O_DIRECTORY)
        try:
            for part in above:
                inner = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = inner
            handle = os.open(name, flags, dir_fd=folder)
            try:
                if _identity(os.fstat(handle)) != _identity(place.status):
                    raise OSError(None, "something else has taken its place meanwhile", place.path)
                yield handle, name, folder
            finally:
                os.close(handle)
        finally:
            os.close(folder)

    def _expand(self, folder: str, parts: list[str]) -> Iterator[str]:
        if not parts:
            yield folder
            return
        head, rest = parts[0], parts[1:]
        if head == "**":
            if rest:
                yield from self._expand(folder, rest)
            for child in self._children(folder, "*"):
                if not rest:
                    yield child
                if self._is_dir(child):
                    yield from self._expand(child, parts)
            return
        for child in self._children(folder, head) if _is_wild(head) else [_join(folder, head)]:
            if not rest or self._is_dir(child):
                yield from self._expand(child, rest)

    def _children(self, folder: str, pattern: str) -> list[str]:
        return [_join(folder, name) for name in self._names(folder) if fnmatchcase(name, pattern)]

    def _names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self._at(folder)))  # noqa: PTH208  names are what is wanted
        except OSError:
            return []

    def _is_dir(self, path: str) -> bool:
        place = self.look(path)
        return place is not None and place.is_dir

    def _at(self, path: str) -> str:
        return f"{self._root}/{path.lstrip('/')}"


class Patterns:
    """Paths that match one of several patterns, or are below one that does."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Take the patterns.

        Raises:
            Fault: One is no absolute path.
        """
        self._patterns = [split(pattern) for pattern in patterns]

    def __contains__(self, path: str) -> bool:
        names = split(path)
        return any(_covers(pattern, names) for pattern in self._patterns)


def split(path: str) -> list[str]:
    """Return the parts of an absolute path or pattern.

    Raises:
        Fault: It is not absolute.
    """
    if not path.startswith("/"):
        raise Fault(f"{path!r} is not an absolute path. Write it from the root, such as /etc/cron.d/*.")
    return [part for part in path.split("/") if part not in ("", ".")]


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    # The kind as well: a link that was put there may have got the number that a deleted file gave back.
    return status.st_dev, status.st_ino, stat.S_IFMT(status.st_mode)


def _covers(pattern: list[str], names: list[str]) -> bool:
    if not pattern:
        return True
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(names)
        return any(_covers(pattern[1:], names[start:]) for start in range(len(names)))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _covers(pattern[1:], names[1:])


def _is_wild(part: str) -> bool:
    return any(character in part for character in "*?[")


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"
