#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: file_set
short_description: Hold a whole set of files to their content, owner and mode in one task
version_added: 0.1.0
description:
  - Does for many files what loops over M(ansible.builtin.copy) and M(ansible.builtin.file) do for one at a time, at the
    cost of one task.
  - Directories that are missing above a file with O(files[].content) are made, with mode V(0755).
options:
  files:
    description:
      - The files, each path once. They are changed in this order, after every new content has been validated.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - Absolute path.
          - A file or directory that does not exist is left alone unless O(files[].content) is given.
        type: str
        required: true
      content:
        description:
          - What the file holds, to the byte. It is replaced as a whole, never seen half written.
          - A symbolic link is replaced by the file.
        type: str
      mode:
        description:
          - Mode in octal, such as V('0644'). By default that of the file there is, and V('0644') for a new one.
        type: str
      at_most:
        description:
          - Mode in octal, of which the file may have less but not more. What it has beyond is taken away, so V('0777')
            takes away the SUID, SGID and sticky bits alone.
          - Mutually exclusive with O(files[].mode).
        type: str
      owner:
        description:
          - Name of the user it belongs to. By default as it is, and root for a new file.
        type: str
      group:
        description:
          - Name of the group it belongs to. By default as it is, and that of root for a new file.
        type: str
      validate:
        description:
          - Command that is run on the new content before anything is changed, with V(%s) for the file that holds it.
            When it fails, all files stay as they are.
        type: str
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns the difference of content, owner and mode.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: posix
    description: Systems it works on.
seealso:
  - module: ansible.builtin.copy
  - module: ansible.builtin.file
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Warn before the login, and keep the jobs and SUID bits in check
  goldsmith.images.file_set:
    files:
      - path: /etc/issue
        content: "Authorised use only.\n"
        mode: "0644"
      - path: /etc/cron.d
        owner: root
        group: root
        at_most: "0700"
      - path: /usr/bin/chfn
        at_most: "0777"
"""

RETURN = r"""
paths:
  description: Files that were changed, in the order of O(files).
  returned: always
  type: list
  elements: str
  sample: [/etc/issue]
"""

import grp
import os
import pwd
import shlex
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule


class FileError(Exception):
    """A file that cannot be wanted so, or cannot be made so."""


@dataclass(frozen=True)
class Change:
    """What has to be done to one file.

    Attributes:
        path: The file.
        content: What it is to hold, or None when that is right or of no concern.
        validate: Command that must accept the content, with ``%s`` for the file that holds it.
        uid: Number of the user it is to belong to.
        gid: Number of the group it is to belong to.
        mode: Its mode.
        difference: What Ansible shows of the change.
    """

    path: Path
    content: bytes | None
    validate: str | None
    uid: int
    gid: int
    mode: int
    difference: dict[str, str]

    def check(self, module: AnsibleModule) -> None:
        """Ask the command given whether the content is right.

        Raises:
            FileError: It is not.
        """
        if self.content is None or not self.validate:
            return
        with tempfile.NamedTemporaryFile(prefix="goldsmith-") as file:
            file.write(self.content)
            file.flush()
            command = [part.replace("%s", file.name) for part in shlex.split(self.validate)]
            status, output, errors = module.run_command(command)
        if status:
            message = (errors or output).strip().replace(file.name, str(self.path))
            raise FileError(f"nothing was changed, as the new content of {self.path} is refused: {message}")

    def apply(self, module: AnsibleModule) -> None:
        """Do it."""
        if self.content is not None:
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".goldsmith-", dir=self.path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(self.content)
                if self.path.is_symlink():
                    self.path.unlink()
                # Also keeps the security context, which a mere rename would not.
                module.atomic_move(name, str(self.path))
            finally:
                with suppress(FileNotFoundError):
                    Path(name).unlink()
        # The kernel clears SUID and SGID when the owner changes, so the mode comes last (chown(2)).
        os.chown(self.path, self.uid, self.gid)
        self.path.chmod(self.mode)


class FileState:
    """One file as it is wanted."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        """Take an entry of ``files``.

        Raises:
            FileError: The path is relative, or a mode is not octal.
        """
        self.path = Path(wanted["path"])
        if not self.path.is_absolute():
            raise FileError(f"{wanted['path']!r} is not an absolute path")
        self._content: bytes | None = None if wanted["content"] is None else wanted["content"].encode()
        self._mode = self._octal(wanted["mode"])
        self._at_most = self._octal(wanted["at_most"])
        self._owner: str | None = wanted["owner"]
        self._group: str | None = wanted["group"]
        self._validate: str | None = wanted["validate"]

    def change(self) -> Change | None:
        """Compare with the file there is.

        Returns:
            What has to be done, or None when the file is as wanted, or is not there and need not be.

        Raises:
            FileError: A user or group does not exist.
        """
        try:
            status: os.stat_result | None = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            status = None
        if status is None and self._content is None:
            return None
        present = self.path.read_bytes() if status and self._content is not None else b""
        writes = self._content is not None and (status is None or self.path.is_symlink() or present != self._content)
        uid, gid, mode = self._attributes(status)
        if not writes and status and (uid, gid, mode) == (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)):
            return None
        before = _describe(status.st_uid, status.st_gid, status.st_mode) if status else ""
        after = _describe(uid, gid, mode)
        if writes:
            before += present.decode(errors="replace")
            after += (self._content or b"").decode(errors="replace")
        header = str(self.path)
        difference = {"before_header": header, "after_header": header, "before": before, "after": after}
        return Change(self.path, self._content if writes else None, self._validate, uid, gid, mode, difference)

    def _attributes(self, status: os.stat_result | None) -> tuple[int, int, int]:
        """Return the user id, group id and mode that the file is to have."""
        mode = self._mode
        if mode is None:
            mode = stat.S_IMODE(status.st_mode) if status else 0o644
        if self._at_most is not None:
            mode &= self._at_most
        try:
            uid = pwd.getpwnam(self._owner).pw_uid if self._owner else status.st_uid if status else 0
        except KeyError as error:
            raise FileError(f"{self.path} is to belong to user {self._owner!r}, which does not exist") from error
        try:
            gid = grp.getgrnam(self._group).gr_gid if self._group else status.st_gid if status else 0
        except KeyError as error:
            raise FileError(f"{self.path} is to belong to group {self._group!r}, which does not exist") from error
        return uid, gid, mode

    def _octal(self, text: str | None) -> int | None:
        if text is None:
            return None
        try:
            mode = int(text, 8)
        except ValueError:
            mode = -1
        if not 0 <= mode <= 0o7777:
            raise FileError(f"{self.path}: {text!r} is not a mode in octal. Write it in quotes, such as '0644'")
        return mode


def _describe(uid: int, gid: int, mode: int) -> str:
    return f"owner {uid}, group {gid}, mode {stat.S_IMODE(mode):04o}\n"


def changes(wanted: list[dict[str, Any]]) -> list[Change]:
    """Return what has to be done to the files, in their order.

    Raises:
        FileError: Something is wanted that cannot be, or a path stands there twice.
    """
    states = [FileState(entry) for entry in wanted]
    paths = [state.path for state in states]
    twice = sorted({str(path) for path in paths if paths.count(path) > 1})
    if twice:
        raise FileError(f"{', '.join(twice)}: each path may stand there once only")
    return [change for change in (state.change() for state in states) if change is not None]


def main() -> None:
    """Run the module."""
    text: dict[str, Any] = {"type": "str"}
    entry: dict[str, Any] = {
        "path": {"type": "str", "required": True},
        "content": text,
        "mode": text,
        "at_most": text,
        "owner": text,
        "group": text,
        "validate": text,
    }
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": entry,
                "mutually_exclusive": [("mode", "at_most")],
            },
        },
        supports_check_mode=True,
    )
    try:
        found = changes(module.params["files"])
        for change in found:
            change.check(module)
        if not module.check_mode:
            for change in found:
                change.apply(module)
    except FileError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"cannot change {error.filename}: {error.strerror}")
    paths = [str(change.path) for change in found]
    module.exit_json(changed=bool(paths), paths=paths, diff=[change.difference for change in found])


if __name__ == "__main__":
    main()
