# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text files are read, changed in mind, validated, and only then written."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Attributes, Drafts, absolute, aside
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

MODULE: Any = SimpleNamespace(atomic_move=os.replace)


def run(command: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def test_nothing_is_written_before_it_is_applied_and_then_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before\n")
    (tmp_path / "old").chmod(0o640)
    (tmp_path / "gone").write_text("before\n")
    drafts = Drafts(tmp_path)
    drafts.write("/old", "after\n")
    drafts.write("/deep/er/new", "new\n", Attributes(mode=0o600))
    drafts.remove("/gone")
    drafts.remove("/never")
    assert (drafts.read("/old"), drafts.read("/gone"), drafts.read("/deep/er/new")) == ("after\n", None, "new\n")
    assert (tmp_path / "old").read_text() == "before\n" and not (tmp_path / "deep").exists()

    for change in drafts.changes():
        change.apply(MODULE)

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "er", "new", "old"]
    assert ((tmp_path / "old").read_text(), mode(tmp_path / "old")) == ("after\n", "0640")
    assert ((tmp_path / "deep/er/new").read_text(), mode(tmp_path / "deep/er/new")) == ("new\n", "0600")
    assert drafts.changes() == []


def test_what_is_written_as_it_was_is_no_change_unless_its_mode_is_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a\n")
    (tmp_path / "file").chmod(0o644)
    drafts = Drafts(tmp_path)
    drafts.write("/file", "a\n")
    assert drafts.changes() == []
    drafts.write("/file", "a\n", Attributes(mode=0o600))
    (change,) = drafts.changes()
    assert "mode 0644" in change.difference["before"] and "mode 0600" in change.difference["after"]
    change.apply(MODULE)
    assert mode(tmp_path / "file") == "0600"


@given(st.binary())
def test_bytes_that_are_no_text_come_through_unharmed(content: bytes) -> None:
    drafts = Drafts(Path("/nonexistent"))
    text = content.decode("utf-8", "surrogateescape")
    drafts.write("/file", text)
    (change,) = drafts.changes()
    change.validate(lambda command: (int(Path(command[1]).read_bytes() != content), "", ""), "compare %s")
    change.difference["after"].encode()


def test_a_refused_content_is_told_with_the_files_own_name(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    drafts.write("/etc/ruled", "broken\n")
    (change,) = drafts.changes()
    change.validate(run, "grep -q broken %s")
    with pytest.raises(Fault, match=r"new content of /etc/ruled is refused: .*/etc/ruled is wrong"):
        change.validate(run, "sh -c 'echo $0 is wrong; exit 1' %s")


def test_files_of_a_directory_are_those_on_disk_and_in_mind_sorted_by_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "etc/x.d"
    (folder / "z.conf").mkdir(parents=True)
    for name in ("b.conf", "B.conf", "10.conf", "a.bak", "gone.conf"):
        (folder / name).touch()
    drafts = Drafts(tmp_path)
    drafts.write("/etc/x.d/c.conf", "")
    drafts.write("/etc/other.d/d.conf", "")
    drafts.remove("/etc/x.d/gone.conf")
    names = [path.rpartition("/")[2] for path in drafts.files("/etc/x.d", "*.conf")]
    assert names == ["10.conf", "B.conf", "b.conf", "c.conf"]
    assert drafts.files("/nowhere", "*") == []


def test_a_link_leads_to_a_path_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "etc/x.d").mkdir(parents=True)
    (tmp_path / "etc/x.conf").touch()
    (tmp_path / "etc/x.d/99.conf").symlink_to("../x.conf")
    drafts = Drafts(tmp_path)
    assert drafts.target("/etc/x.d/99.conf") == "/etc/x.conf"
    assert drafts.target("/etc/x.conf") == "/etc/x.conf"
    assert drafts.target("/etc/missing") == "/etc/missing"


def test_a_file_of_which_a_link_was_is_written_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "vendor").write_text("vendor\n")
    (tmp_path / "link").symlink_to("vendor")
    drafts = Drafts(tmp_path)
    drafts.write("/link", "ours\n")
    for change in drafts.changes():
        change.apply(MODULE)
    assert ((tmp_path / "vendor").read_text(), (tmp_path / "link").read_text()) == ("vendor\n", "ours\n")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    drafts = Drafts(tmp_path)
    drafts.write("/file/new", "")
    with pytest.raises(Fault, match=r"cannot change /file/new: (Not a directory|File exists)"):
        drafts.changes()[0].apply(MODULE)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (("rw", None, None), "'rw' is not a mode in octal"),
        (("77777", None, None), "not a mode in octal"),
        ((None, "no-such-user", None), "no user 'no-such-user'"),
        ((None, None, "no-such-group"), "no group 'no-such-group'"),
    ],
)
def test_attributes_that_cannot_be_are_told(given_: tuple[str, str, str], message: str) -> None:
    with pytest.raises(Fault, match=message):
        Attributes.wanted(*given_)


def test_attributes_are_taken_by_name() -> None:
    assert Attributes.wanted("0440", "root", "root") == Attributes(0o440, 0, 0)


def test_every_line_set_aside_is_a_comment_and_what_it_was_can_be_read() -> None:
    assert aside("Defaults a,\\\n  b\n") == "# goldsmith: Defaults a,\\\n# goldsmith:   b\n"


def test_a_path_is_absolute() -> None:
    assert absolute("/etc//ssh/./sshd_config") == "/etc/ssh/sshd_config"
    with pytest.raises(Fault, match="'etc/issue' is not an absolute path"):
        absolute("etc/issue")
