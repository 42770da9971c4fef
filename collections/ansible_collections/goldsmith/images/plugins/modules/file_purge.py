#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: file_purge
short_description: Delete, empty and thin out many files in one task
version_added: 0.1.0
description:
  - Takes all the patterns of a clean-up as data and walks them once, where C(ansible.builtin.find) and a loop over
    C(ansible.builtin.file) take one task for every file found.
  - Never follows a symbolic link that a wildcard matched, never removes a mount point, and never touches the files
    that the running module itself was started from.
options:
  remove:
    description:
      - Patterns of what to delete. A directory that matches is deleted with everything in it.
      - See the notes for how a pattern is written.
    type: list
    elements: str
    default: []
  empty:
    description:
      - Patterns of regular files to cut to no bytes, keeping owner and mode. What is not a regular file is left alone.
      - What O(remove) matches too is deleted.
    type: list
    elements: str
    default: []
  keep:
    description:
      - Patterns of what to leave alone, whatever else matches it. A directory is kept with everything in it.
    type: list
    elements: str
    default: []
  strip:
    description:
      - Lines to take out of text files, whose owner, mode and other lines stay.
      - A file that O(remove) or O(empty) matches too is deleted or emptied. What is not a regular file is left alone.
    type: list
    elements: dict
    default: []
    suboptions:
      files:
        description:
          - Patterns of the files.
        type: list
        elements: str
        required: true
      regexp:
        description:
          - Regular expression of Python. Every line goes in which it is found.
        type: str
        required: true
  one_file_system:
    description:
      - Whether to leave alone everything that is mounted somewhere below the root.
      - Meant for containers, where what is mounted comes from outside and is not part of the image.
      - If V(false), a pattern may lead through a mount point, as V(/var/log/**) does where C(/var) is a partition. A
        mount point that is matched itself, or that a matched directory holds, is still left alone.
    type: bool
    default: false
notes:
  - A pattern is an absolute path of at least two parts. Within a part, V(*), V(?) and V([...]) match as in a shell,
    but names that start with a dot are matched too. The part V(**) stands for any number of directories, none included.
  - V(**) as the last part matches everything below.
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns what was deleted and emptied.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: posix
    description: Systems it works on.
seealso:
  - module: ansible.builtin.file
  - module: ansible.builtin.find
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Take the build's traces out of the image
  goldsmith.images.file_purge:
    remove:
      - /var/lib/apt/lists/*
      - /tmp/*
      - /home/*/.bash_history
    strip:
      - files: [/root/.ssh/authorized_keys, /home/*/.ssh/authorized_keys]
        regexp: builder@example\.com$
    empty:
      - /etc/machine-id
      - /var/log/**
    keep:
      - /var/log/nginx
"""

RETURN = r"""
removed:
  description: What was deleted, contents of directories included.
  returned: always
  type: list
  elements: str
  sample: [/tmp/build, /tmp/build/notes.txt]
emptied:
  description: Files that were cut to no bytes.
  returned: always
  type: list
  elements: str
  sample: [/etc/machine-id]
stripped:
  description: Files that lines were taken out of.
  returned: always
  type: list
  elements: str
  sample: [/root/.ssh/authorized_keys]
kept:
  description: What O(keep) matched; if O(one_file_system=true), also what is mounted.
  returned: always
  type: list
  elements: str
  sample: [/var/log/nginx]
freed:
  description: Bytes that went with all that.
  returned: always
  type: int
  sample: 4711
"""

import os
import re
import stat
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Iterator

from ansible.module_utils.basic import AnsibleModule

ROOT = Path("/")


class PurgeError(Exception):
    """A pattern that cannot be meant, or a file that cannot be changed."""


class Purge:
    """One run over the file system, which remembers what it did.

    Attributes:
        removed: What was deleted.
        emptied: Files that were cut to no bytes.
        stripped: Files that lines were taken out of.
        freed: Bytes that went with all that.
    """

    def __init__(self, *, kept: set[Path], mounts: set[Path], check: bool) -> None:
        """Take the limits.

        Args:
            kept: Paths to leave alone with everything below.
            mounts: Mount points; patterns may lead through them, but they are not deleted.
            check: Only say what would be done.
        """
        self._kept = kept
        self._mounts = mounts
        self._check = check
        self.removed: set[Path] = set()
        self.emptied: set[Path] = set()
        self.stripped: set[Path] = set()
        self.freed = 0

    def remove(self, pattern: str) -> None:
        """Delete what a pattern matches.

        Raises:
            PurgeError: The pattern reaches too far, or the system refuses.
        """
        for path in list(expand(pattern)):
            if path not in self.removed and not self._is_kept(path):
                self._delete(path)

    def empty(self, pattern: str) -> None:
        """Cut the regular files that a pattern matches to no bytes.

        Raises:
            PurgeError: The pattern reaches too far, or the system refuses.
        """
        for path in list(expand(pattern)):
            if path not in self.removed | self.emptied and not self._is_kept(path):
                self._cut(path)

    def strip(self, wanted: list[tuple[re.Pattern[bytes], list[str]]]) -> None:
        """Take lines out of regular files: those in which an expression is found, each with the patterns of its files.

        Raises:
            PurgeError: A pattern reaches too far, or the system refuses.
        """
        found: dict[Path, list[re.Pattern[bytes]]] = {}
        for regexp, patterns in wanted:
            for path in set().union(*(expand(pattern) for pattern in patterns)):
                found.setdefault(path, []).append(regexp)
        for path, regexps in found.items():
            if path not in self.removed | self.emptied and not self._is_kept(path):
                self._thin(path, regexps)

    def _is_kept(self, path: Path) -> bool:
        return not self._kept.isdisjoint([path, *path.parents])

    def _delete(self, path: Path) -> bool:
        """Delete a file, or a directory as far as nothing below it is kept; say whether it is gone."""
        if path in self._kept or path in self._mounts:
            return False
        try:
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode):
                left = [child for child in path.iterdir() if not self._delete(child)]
                if left:
                    return False
                if not self._check:
                    path.rmdir()
            elif not self._check:
                path.unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise PurgeError(f"cannot delete {path}: {error.strerror}") from error
        if path not in self.removed and stat.S_ISREG(status.st_mode):
            self.freed += status.st_size
        self.removed.add(path)
        return True

    def _cut(self, path: Path) -> None:
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
                return
            if not self._check:
                os.truncate(path, 0)
        except FileNotFoundError:
            return
        except OSError as error:
            raise PurgeError(f"cannot empty {path}: {error.strerror}") from error
        self.emptied.add(path)
        self.freed += status.st_size

    def _thin(self, path: Path, regexps: list[re.Pattern[bytes]]) -> None:
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                return
            lines = path.read_bytes().splitlines(keepends=True)
            left = [line for line in lines if not any(regexp.search(line.rstrip(b"\r\n")) for regexp in regexps)]
            if left == lines:
                return
            if not self._check:
                # In place: what a new file would need (owner, access list, security context) stays as it is.
                with path.open("r+b") as file:
                    file.write(b"".join(left))
                    file.truncate()
        except FileNotFoundError:
            return
        except OSError as error:
            raise PurgeError(f"cannot take lines out of {path}: {error.strerror}") from error
        self.stripped.add(path)
        self.freed += len(b"".join(lines)) - len(b"".join(left))


def expand(pattern: str) -> Iterator[Path]:
    """Return the existing paths that a pattern matches, each possibly more than once.

    Raises:
        PurgeError: The pattern is relative, holds ``..``, or could match a directory right below the root.
    """
    parts = pattern.strip("/").split("/")
    if not pattern.startswith("/") or ".." in parts:
        raise PurgeError(f"{pattern!r} is not an absolute path without '..'. Write it from the root, such as /tmp/*")
    if len(parts) < 2 or parts[0] == "**":
        raise PurgeError(f"{pattern!r} reaches the directories right below the root. Write more of it, such as /tmp/*")
    return _expand(ROOT, parts)


def _expand(folder: Path, parts: list[str]) -> Iterator[Path]:
    head, rest = parts[0], parts[1:]
    if head == "**":
        yield from _below(str(folder), rest)
        return
    if not any(character in head for character in "*?["):
        path = folder / head
        if not rest:
            if os.path.lexists(path):
                yield path
        elif path.is_dir():
            yield from _expand(path, rest)
        return
    for entry in _entries(str(folder)):
        if fnmatchcase(entry.name, head):
            if not rest:
                yield Path(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                yield from _expand(Path(entry.path), rest)


def _below(folder: str, parts: list[str]) -> Iterator[Path]:
    """Return what matches below a folder at any depth; the usual case, a single part, reads every folder once."""
    if len(parts) > 1:
        yield from _expand(Path(folder), parts)
    for entry in _entries(folder):
        if len(parts) == 0 or (len(parts) == 1 and fnmatchcase(entry.name, parts[0])):
            yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, parts)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def compiled(regexp: str) -> re.Pattern[bytes]:
    """Return a regular expression for the lines of files, whatever their encoding is.

    Raises:
        PurgeError: It is none.
    """
    try:
        return re.compile(regexp.encode())
    except re.error as error:
        raise PurgeError(f"{regexp!r} is not a regular expression: {error}") from error


def mount_points(table: Path = Path("/proc/self/mountinfo")) -> set[Path]:
    r"""Return the paths that something is mounted on, bind mounts of single files included.

    Source: proc(5), ``/proc/[pid]/mountinfo``: the fifth field is the mount point, with blanks written as ``\040``.
    """
    try:
        fields = [line.split(" ")[4] for line in table.read_text("utf-8", "surrogateescape").splitlines()]
    except OSError:
        return set()
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        fields = [field.replace(escape, character) for field in fields]
    return {Path(field) for field in fields} - {ROOT}


def own_files(command_line: Path = Path("/proc/self/cmdline")) -> set[Path]:
    """Return the files that this very process was started from: Ansible put them into a temporary directory.

    The command line is asked for itself, as Ansible's wrapper replaces ``sys.argv`` (proc(5), ``/proc/[pid]/cmdline``).
    """
    try:
        started = command_line.read_text("utf-8", "surrogateescape").split("\0")
    except OSError:
        started = []
    return {Path(path).resolve() for path in [*sys.path, *started] if path.startswith("/")}


def main() -> None:
    """Run the module."""
    patterns: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "remove": patterns,
            "empty": patterns,
            "keep": patterns,
            "strip": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "files": {"type": "list", "elements": "str", "required": True},
                    "regexp": {"type": "str", "required": True},
                },
            },
            "one_file_system": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    mounts = mount_points()
    try:
        strips = [(compiled(entry["regexp"]), entry["files"]) for entry in wanted["strip"]]
        kept = set().union(*(expand(pattern) for pattern in wanted["keep"]))
        kept |= mounts if wanted["one_file_system"] else set()
        purge = Purge(kept=kept | own_files(), mounts=mounts, check=module.check_mode)
        for pattern in wanted["remove"]:
            purge.remove(pattern)
        for pattern in wanted["empty"]:
            purge.empty(pattern)
        purge.strip(strips)
    except PurgeError as error:
        module.fail_json(msg=str(error))
    removed = sorted(str(path) for path in purge.removed)
    emptied = sorted(str(path) for path in purge.emptied)
    # Never the lines themselves: they may hold secrets.
    stripped = sorted(str(path) for path in purge.stripped)
    module.exit_json(
        changed=bool(removed or emptied or stripped),
        removed=removed,
        emptied=emptied,
        stripped=stripped,
        kept=sorted(str(path) for path in kept),
        freed=purge.freed,
        diff={
            "before": "".join(f"{path}\n" for path in sorted([*removed, *emptied, *stripped])),
            "after": "".join(f"{path} (empty)\n" for path in emptied)
            + "".join(f"{path} (fewer lines)\n" for path in stripped),
        },
    )


if __name__ == "__main__":
    main()
