# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of users and groups are changed as passwd(1) and its like change them: locked, whole, with a backup."""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from ansible_collections.goldsmith.images.plugins.module_utils._accounts import (
    GROUP,
    GSHADOW,
    PASSWD,
    SHADOW,
    SHELLS,
    Accounts,
    hash_kind,
)
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Attributes, Change, Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_LOCK = "etc/.pwd.lock"
_PATIENCE = 15.0  # seconds, as lckpwdf(3) waits


@contextmanager
def locked(root: Path = Path("/"), patience: float = _PATIENCE) -> Iterator[None]:
    """Keep passwd(1), useradd(8) and their like from changing the files meanwhile, as lckpwdf(3) does.

    Args:
        root: The directory that is the machine's root.
        patience: Seconds to wait for another program that changes them.

    Raises:
        Fault: Another program does not end.
    """
    path = root / _LOCK
    path.touch(mode=0o600, exist_ok=True)
    with path.open("r+b") as file:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise Fault(
                        f"another program has held the users' files locked for {patience:.0f} s (/{_LOCK}). Nothing "
                        "was changed. See which one it is by fuser(1), and run again."
                    ) from error
                time.sleep(0.1)
            else:
                break
        yield


def draft(accounts: Accounts, drafts: Drafts, root: Path = Path("/")) -> list[Change]:
    """Return the changes of files that what was changed of the accounts needs, backups first."""
    # A hash that leaves passwd must be in shadow by then, should the power fail.
    for path in (SHADOW, GSHADOW, PASSWD, GROUP):
        table = accounts.tables[path]
        before = drafts.read(path)
        if table.text == (before or ""):
            continue
        mine = Attributes.of(root / path.lstrip("/"))
        if before is not None and mine is not None:
            kept = Attributes.of(root / f"{path.lstrip('/')}-")
            drafts.write(f"{path}-", before, kept or mine)
        # What is new has the mode that passwd(1) would give it; only shadow can come into being here.
        drafts.write(path, table.text, mine or Attributes(0o600))
    if accounts.shells != (drafts.read(SHELLS) or ""):
        drafts.write(SHELLS, accounts.shells)
    return drafts.changes()


def differences(changes: list[Change]) -> list[dict[str, str]]:
    """Return what Ansible shows of the changes, without hashes and without the backups."""
    shown = []
    for change in changes:
        if change.name.endswith("-"):
            continue
        texts = change.before or "", change.after or ""
        if change.name in (SHADOW, GSHADOW):
            texts = _masked(texts[0]), _masked(texts[1])
        headers = {"before_header": change.name, "after_header": change.name}
        shown.append({**headers, "before": texts[0], "after": texts[1]})
    return shown


def _masked(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        fields = line.split(":")
        if len(fields) > 1 and fields[1]:
            mark = fields[1][: len(fields[1]) - len(fields[1].lstrip("!*"))]
            kind = hash_kind(fields[1].lstrip("!*"))
            fields[1] = mark + (f"<{kind}>" if kind else "" if mark == fields[1] else "<unknown>")
        lines.append(":".join(fields))
    return "\n".join(lines)
