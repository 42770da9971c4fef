# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text files are read, changed in mind, validated, and only then written."""

from __future__ import annotations

import fnmatch
import grp
import os
import posixpath
import pwd
import re
import shlex
import stat
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_NEW = 0o644

RunCommand = Callable[..., "tuple[int, str, str]"]


@dataclass(frozen=True)
class Attributes:
    """Whose a file is and what may be done with it; None for what is of no concern.

    Attributes:
        mode: Its permissions.
        uid: Number of the user.
        gid: Number of the group.
    """

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None

    @classmethod
    def wanted(cls, mode: str | None, owner: str | None, group: str | None) -> Attributes:
        """Take them as a module's options give them: the mode in octal, the others by name.

        Raises:
            Fault: That is no mode, or there is no such user or group.
        """
        bits = uid = gid = None
        if mode is not None:
            try:
                bits = int(mode, 8)
            except ValueError:
                bits = -1
            if not 0 <= bits <= 0o7777:
                raise Fault(f"{mode!r} is not a mode in octal. Write it in quotes, such as '0644'.")
        with _known("user", owner):
            uid = pwd.getpwnam(owner).pw_uid if owner else None
        with _known("group", group):
            gid = grp.getgrnam(group).gr_gid if group else None
        return cls(bits, uid, gid)

    @classmethod
    def of(cls, path: Path) -> Attributes | None:
        """Return those of a file, or None when it is not there."""
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)

    def over(self, other: Attributes) -> Attributes:
        """Return these where they say something, the others where they do not."""
        return Attributes(
            other.mode if self.mode is None else self.mode,
            other.uid if self.uid is None else self.uid,
            other.gid if self.gid is None else self.gid,
        )

    def __str__(self) -> str:
        told = ("owner", self.uid), ("group", self.gid)
        names = [f"{name} {number}" for name, number in told if number is not None]
        return ", ".join(names + ([] if self.mode is None else [f"mode {self.mode:04o}"]))


@contextmanager
def _known(kind: str, name: str | None) -> Iterator[None]:
    """Tell that a user or group does not exist."""
    try:
        yield
    except KeyError as error:
        raise Fault(f"there is no {kind} {name!r}. Create it first, or name another one.") from error


@dataclass(frozen=True)
class Change:
    """What has to be done to one file.

    Attributes:
        name: The file, as on the machine.
        path: Where it is.
        before: What it held, or None when there was none.
        after: What it is to hold, or None when it is to go.
        had: Its attributes, or None when there was none.
        gets: The attributes it is to have.
    """

    name: str
    path: Path
    before: str | None
    after: str | None
    had: Attributes | None
    gets: Attributes

    @property
    def difference(self) -> dict[str, str]:
        """What Ansible shows of it."""
        shown = {"before_header": self.name, "after_header": self.name}
        attributes = self.had is not None and self.after is not None and self.gets.over(self.had) != self.had
        sides = (("before", self.before, self.had), ("after", self.after, self.gets))
        for side, text, its in sides:
            shown[side] = (f"{its}\n" if attributes else "") + _printable(text or "")
        return shown

    def validate(self, run: RunCommand, command: str) -> None:
        """Ask a command whether the new content is right; ``%s`` in it stands for the file that holds it.

        Raises:
            Fault: It is not.
        """
        if self.after is None or self.after == self.before:
            return
        with tempfile.NamedTemporaryFile(prefix="goldsmith-") as file:
            file.write(_bytes(self.after))
            file.flush()
            status, output, errors = run([part.replace("%s", file.name) for part in shlex.split(command)])
        if status:
            told = (errors or output).strip().replace(file.name, self.name)
            raise Fault(f"the new content of {self.name} is refused: {told or f'{command} ended with {status}'}")

    def apply(self, module: AnsibleModule) -> None:
        """Do it.

        Raises:
            Fault: The system refuses.
        """
        try:
            if self.after is None:
                self.path.unlink()
                return
            if self.after != self.before:
                self._write(module, self.after)
            self._own()
        except OSError as error:
            raise Fault(f"cannot change {self.name}: {error.strerror or error}") from error

    def _write(self, module: AnsibleModule, text: str) -> None:
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        # The name must be one that no program takes for a drop-in: it has a dot in front and no ending.
        handle, name = tempfile.mkstemp(prefix=".goldsmith-", dir=str(self.path.parent))
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_bytes(text))
            if self.path.is_symlink():
                self.path.unlink()
            # Also keeps the security context, which a mere rename would not.
            module.atomic_move(name, str(self.path))
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()

    def _own(self) -> None:
        has = Attributes.of(self.path)
        if has is None:
            return
        gets = self.gets.over(has)
        if (gets.uid, gets.gid) != (has.uid, has.gid):
            os.chown(self.path, -1 if gets.uid is None else gets.uid, -1 if gets.gid is None else gets.gid)
        # The kernel clears SUID and SGID when the owner changes, so the mode comes last (chown(2)).
        if gets.mode is not None:
            self.path.chmod(gets.mode)


class Drafts:
    """The files of a machine with changes that are not made yet.

    Paths are absolute, as on the machine. What comes from :meth:`read` and goes to :meth:`write` is UTF-8; bytes that
    are not come through unharmed.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        """Take the directory that is the machine's root."""
        self._root = root
        self._texts: dict[str, str | None] = {}
        self._attributes: dict[str, Attributes] = {}

    def read(self, path: str) -> str | None:
        """Return what a file will hold, or None when there will be none.

        Raises:
            Fault: It is there and cannot be read.
        """
        # What a link leads to may have been written under its own name.
        for known in (path, self.target(path)):
            if known in self._texts:
                return self._texts[known]
        return self._on_disk(path)

    def write(self, path: str, text: str, attributes: Attributes | None = None) -> None:
        """Have a file hold this text, and have these attributes; by default those it has, and 0644 for a new one."""
        self._texts[path] = text
        if attributes is not None:
            self._attributes[path] = attributes

    def remove(self, path: str) -> None:
        """Have a file go, if there is one."""
        self._texts[path] = None

    def forget(self) -> None:
        """Leave all as it is."""
        self._texts.clear()
        self._attributes.clear()

    def supersede(self, path: str, text: str, folder: str, attributes: Attributes | None = None) -> None:
        """Have a file hold another text where an administrator may: in /etc.

        Args:
            path: The file, as it was found.
            text: What it is to hold.
            folder: The directory in /etc in which a file hides those of its name elsewhere. One that does not lie in
                /etc itself, but a package has brought, is left alone, and a copy goes there.
            attributes: Those it is to have; as for :meth:`write`.
        """
        real = self.target(path)
        if real.startswith("/etc/"):
            self.write(real, text, attributes)
        else:
            self.write(f"{folder}/{posixpath.basename(path)}", f"# Takes the place of {real}.\n{text}", attributes)

    def files(self, folder: str, pattern: str) -> list[str]:
        """Return the paths of the files of a directory whose names match, sorted by name as in the C locale."""
        try:
            names = {path.name for path in self._place(folder).iterdir() if not path.is_dir()}
        except OSError:
            names = set()
        names |= {posixpath.basename(path) for path in self._texts if posixpath.dirname(path) == folder}
        found = [f"{folder}/{name}" for name in sorted(names, key=os.fsencode) if fnmatch.fnmatchcase(name, pattern)]
        return [path for path in found if self._texts.get(path, "") is not None]

    def layered(self, folders: Sequence[str], pattern: str) -> list[str]:
        """Return the files of several directories sorted by name; one hides those of its name in later directories."""
        found: dict[str, str] = {}
        for folder in folders:
            for path in self.files(folder, pattern):
                found.setdefault(posixpath.basename(path), path)
        return [found[name] for name in sorted(found, key=os.fsencode)]

    def target(self, path: str) -> str:
        """Return what a path leads to, symbolic links followed; the path itself when nothing is there."""
        if path in self._texts:
            return path
        real = os.path.realpath(self._place(path))
        root = os.path.realpath(self._root)
        return path if not os.path.lexists(real) else "/" + os.path.relpath(real, root)

    def changes(self) -> list[Change]:
        """Return what differs from what is there, in the order in which it was first written."""
        found = []
        for path, after in self._texts.items():
            place = self._place(path)
            before, had = self._on_disk(path), Attributes.of(place)
            default = Attributes(mode=_NEW) if had is None else had
            gets = self._attributes.get(path, Attributes()).over(default)
            if after != before or (after is not None and gets != had):
                found.append(Change(path, place, before, after, had, gets))
        return found

    def _on_disk(self, path: str) -> str | None:
        try:
            return self._place(path).read_bytes().decode("utf-8", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Fault(f"cannot read {path}: {error.strerror}") from error

    def _place(self, path: str) -> Path:
        return self._root / path.lstrip("/")


def aside(text: str) -> str:
    """Return lines as comments that say who made them so."""
    return re.sub(r"(?m)^(?=.)", "# goldsmith: ", text)


def differences(changes: list[Change]) -> list[dict[str, str]]:
    """Return what Ansible shows of the changes."""
    return [change.difference for change in changes]


def absolute(path: Any) -> str:
    """Return a path that was given, with what is superfluous in it taken out.

    Raises:
        Fault: It is not absolute.
    """
    text = os.path.normpath(str(path))
    if not text.startswith("/"):
        raise Fault(f"{path!r} is not an absolute path. Write it from the root, such as /etc/login.defs.")
    return text


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _printable(text: str) -> str:
    return _bytes(text).decode("utf-8", "replace")
