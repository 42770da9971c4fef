# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build keeps on this machine: the private key, the host keys that were pinned, and a note of what it made."""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Collection, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_BUILD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,53}")
"""What names of files, security groups and, with 64 characters the shortest, of IAM's roles can hold. No dot, as one
ends the id in names of files."""


def private_directory() -> Path:
    """Return where secrets live no longer than the machine is up: in memory, where there is such a place."""
    for directory in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm", tempfile.gettempdir()):  # noqa: S108  O_EXCL below
        if directory and os.access(directory, os.W_OK | os.X_OK):
            return Path(directory)
    raise Fault("no temporary directory can be written to: set TMPDIR to one that can.")


class Keepsakes:
    """The files of one build.

    Args:
        build_id: The build.
        directory: Where they are; by default `private_directory`.

    Attributes:
        key: The private key, where no other file was named for it.
        known_hosts: Host keys of the build's machines.

    Raises:
        Fault: The build's id cannot be part of a name.
    """

    def __init__(self, build_id: str, directory: Path | None = None) -> None:
        if not _BUILD_ID.fullmatch(build_id):
            raise Fault(
                f"build_id {build_id!r} cannot be part of resources' names: use up to 54 letters, digits and _ -, "
                "the first a letter or a digit."
            )
        self._directory = directory or private_directory()
        self._prefix = f"goldsmith-{build_id}."
        self.key = self._directory / f"{self._prefix}key"
        self.known_hosts = self._directory / f"{self._prefix}key.known_hosts"
        self._note = self._directory / f"{self._prefix}json"

    @property
    def there(self) -> bool:
        """Whether the build has begun on this machine, and has not been released."""
        return bool(self._read())

    @property
    def made_key(self) -> Path | None:
        """The file of the private key that was made for the build, if one was."""
        path = self._read().get("key")
        return Path(path) if path else None

    @property
    def resources(self) -> list[tuple[str, str, str]]:
        """What was made in the account: kind, id and role of each."""
        return [(one[0], one[1], one[2]) for one in self._read().get("resources", ())]

    def remember(self, key: Path | None = None, resources: Iterable[tuple[str, str, str]] = ()) -> None:
        """Note what was made, or is going to be made.

        Args:
            key: File of a private key.
            resources: Kind, id and role of what is made in the account.

        Raises:
            Fault: The file cannot be written.
        """
        noted = self._read()
        self._write(
            {"key": str(key) if key else noted.get("key"), "resources": [*noted.get("resources", ()), *resources]}
        )
        if not noted:
            self._put(self.known_hosts, b"")

    def forget(self, names: Collection[str]) -> None:
        """Note that resources of these ids are gone.

        Raises:
            Fault: The file cannot be written.
        """
        noted = self._read()
        if noted:
            self._write({**noted, "resources": [one for one in self.resources if one[1] not in names]})

    def discard(self) -> None:
        """Remove the files of the build, sockets of connections included."""
        key = self.made_key
        for path in [*([key] if key else []), *sorted(self._directory.glob(f"{self._prefix}*"))]:
            with suppress(OSError):
                path.unlink()

    def _write(self, content: Mapping[str, Any]) -> None:
        fresh = self._note.with_name(f"{self._note.name}.{os.getpid()}")
        self._put(fresh, json.dumps(content).encode())
        fresh.replace(self._note)

    def _put(self, path: Path, content: bytes) -> None:
        try:
            write_new(path, content)
        except FileExistsError as error:
            raise Fault(f"{path} is there already and is not this build's: remove it.") from error
        except OSError as error:
            raise Fault(f"{self._directory} cannot be written to: {error}. Set XDG_RUNTIME_DIR or TMPDIR.") from error

    def _read(self) -> dict[str, Any]:
        try:
            # Directories that everybody may write to: a note of somebody else's tells nothing.
            if self._note.lstat().st_uid != os.geteuid():
                return {}
            return dict(json.loads(self._note.read_text()))
        except (OSError, ValueError):
            return {}


def discard(build_ids: Collection[str], removed: Iterable[Any], kept: Iterable[Any]) -> None:
    """Remove the files of builds that were swept, if they began on this machine.

    Args:
        build_ids: Builds of which everything goes.
        removed: What was removed, with its `kind` and `build`: a private key whose key pair is gone opens nothing.
        kept: What could not be removed. Files of its builds stay.
    """
    swept = {*build_ids, *(one.build for one in removed if one.kind == "key_pair")} - {one.build for one in kept}
    for build_id in swept:
        with suppress(Fault):  # no build of this name could have begun
            Keepsakes(build_id).discard()


def write_new(path: Path, content: bytes) -> None:
    """Write a file that only this user may read, and that nobody else has put there.

    Raises:
        FileExistsError: There is something at the path.
        OSError: It cannot be written.
    """
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o600)) as file:
        file.write(content)
