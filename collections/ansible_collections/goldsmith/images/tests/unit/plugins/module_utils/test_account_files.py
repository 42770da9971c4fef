# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of users and groups are changed locked, whole, with a backup, and no hash is shown."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._account_files import differences, draft, locked
from ansible_collections.goldsmith.images.plugins.module_utils._accounts import Accounts
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

MODULE: Any = SimpleNamespace(atomic_move=os.replace)

PASSWD = "root:x:0:0:root:/root:/bin/bash\nlp:x:7:7::/var/spool:/bin/sh\n"
SHADOW = "root:$6$salt$secret:20000:0:99999:7:::\nlp:!:20000:0:99999:7:::\nann:*:1::::::\nbob::1::::::\n"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    for name, text, mode in (("passwd", PASSWD, 0o644), ("shadow", SHADOW, 0o640)):
        (tmp_path / "etc" / name).write_text(text)
        (tmp_path / "etc" / name).chmod(mode)
    return tmp_path / "etc"


def test_changed_files_keep_their_mode_and_leave_a_backup(etc: Path) -> None:
    drafts = Drafts(etc.parent)
    accounts = Accounts(drafts.read)
    accounts.users[0].set_day(4, 365)
    for change in draft(accounts, drafts, etc.parent):
        change.apply(MODULE)
    assert (etc / "shadow").read_text().startswith("root:$6$salt$secret:20000:0:365:7:::\nlp:")
    assert (etc / "shadow-").read_text() == SHADOW
    assert [(etc / name).stat().st_mode & 0o777 for name in ("shadow", "shadow-")] == [0o640, 0o640]
    assert sorted(path.name for path in etc.iterdir()) == ["passwd", "shadow", "shadow-"]
    assert draft(Accounts(drafts.read), Drafts(etc.parent), etc.parent) == []


def test_a_shadow_that_comes_into_being_is_roots_alone(etc: Path) -> None:
    (etc / "shadow").unlink()
    drafts = Drafts(etc.parent)
    accounts = Accounts(drafts.read)
    accounts.tables["/etc/shadow"].add(["lp", "!", "1", "", "", "", "", "", ""])
    for change in draft(accounts, drafts, etc.parent):
        change.apply(MODULE)
    assert (etc / "shadow").stat().st_mode & 0o777 == 0o600
    assert not (etc / "shadow-").exists()


def test_no_hash_is_shown(etc: Path) -> None:
    drafts = Drafts(etc.parent)
    accounts = Accounts(drafts.read)
    assert accounts.users[0].shadow
    accounts.users[0].shadow[1] = "!" + accounts.users[0].shadow[1]
    (shown,) = differences(draft(accounts, drafts, etc.parent))
    assert shown["before"].split("\n")[:4] == [
        "root:<sha512>:20000:0:99999:7:::",
        "lp:!:20000:0:99999:7:::",
        "ann:*:1::::::",
        "bob::1::::::",
    ]
    assert shown["after"].startswith("root:!<sha512>:20000") and "secret" not in str(shown)


def test_the_files_are_locked_as_other_programs_lock_them(etc: Path) -> None:
    take = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"

    def taken() -> bool:
        command = [sys.executable, "-c", take, str(etc / ".pwd.lock")]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    with locked(etc.parent):
        assert not taken()
    assert taken()


def test_a_program_that_holds_the_lock_is_told_of(etc: Path) -> None:
    hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(etc / ".pwd.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout and other.stdout.readline() == b"\n"
        with pytest.raises(Fault, match=r"another program has held .* \(/etc/\.pwd\.lock\)"), locked(etc.parent, 0):
            pass
        other.communicate(b"\n")
    with locked(etc.parent, 0), (etc / ".pwd.lock").open("r+b") as mine:
        fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
