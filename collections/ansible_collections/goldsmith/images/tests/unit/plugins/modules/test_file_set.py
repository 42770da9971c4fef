# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.goldsmith.images.plugins.modules import file_set

COLLECTIONS = Path(file_set.__file__).parents[5]


def run(*files, check=False):
    """Run the module in a process of its own, as Ansible does."""
    done = subprocess.run(
        [sys.executable, "-m", file_set.__name__],
        input=json.dumps(
            {"ANSIBLE_MODULE_ARGS": {"files": files, "_ansible_check_mode": check, "_ansible_diff": True}}
        ),
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(COLLECTIONS), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def mode(path):
    return f"{path.stat().st_mode & 0o7777:o}"


def test_files_are_written_once_with_their_mode_and_the_directories_above_them(tmp_path):
    new, old = tmp_path / "deep/er/new", tmp_path / "old"
    old.write_text("before\n")
    old.chmod(0o600)
    wanted = [{"path": str(new), "content": "a\n"}, {"path": str(old), "content": "after\n"}]
    first = run(*wanted)
    assert first["paths"] == [str(new), str(old)]
    assert (new.read_text(), mode(new), mode(new.parent)) == ("a\n", "644", "755")
    assert (old.read_text(), mode(old)) == ("after\n", "600")
    second = run(*wanted)
    assert (second["changed"], second["paths"], second["diff"]) == (False, [], [])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "er", "new", "old"]


def test_at_most_takes_away_and_never_adds(tmp_path):
    wide, narrow, suid = (tmp_path / name for name in ("wide", "narrow", "suid"))
    for path, bits in ((wide, 0o666), (narrow, 0o400), (suid, 0o6755)):
        path.touch()
        path.chmod(bits)
    result = run(
        {"path": str(wide), "at_most": "0640"},
        {"path": str(narrow), "at_most": "0640"},
        {"path": str(suid), "at_most": "0777"},
        {"path": str(tmp_path / "missing"), "at_most": "0640"},
    )
    assert result["paths"] == [str(wide), str(suid)]
    assert [mode(path) for path in (wide, narrow, suid)] == ["640", "400", "755"]
    assert not (tmp_path / "missing").exists()


def test_check_mode_says_the_same_and_changes_nothing(tmp_path):
    path = tmp_path / "new/file"
    (tmp_path / "open").touch(0o666)
    (tmp_path / "open").chmod(0o666)
    wanted = [{"path": str(path), "content": "a\n", "mode": "0600"}, {"path": str(tmp_path / "open"), "mode": "0600"}]
    said = run(*wanted, check=True)
    assert not path.parent.exists() and mode(tmp_path / "open") == "666"
    done = run(*wanted)
    assert (said["paths"], said["diff"]) == (done["paths"], done["diff"])
    assert done["diff"][0]["after"].endswith("mode 0600\na\n")


def test_nothing_is_changed_when_one_content_is_refused(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    wanted = [
        {"path": str(first), "content": "fine\n", "validate": "grep -q fine %s"},
        {"path": str(second), "content": "broken\n", "validate": "grep -q fine %s"},
    ]
    for check in (True, False):
        result = run(*wanted, check=check)
        assert result["failed"] and "nothing was changed" in result["msg"] and str(second) in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_replaced_by_the_file_and_its_target_stays(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("a\n")
    link.symlink_to(target)
    assert run({"path": str(link), "content": "a\n"})["changed"]
    assert not link.is_symlink()
    assert run({"path": str(link), "content": "b\n"})["changed"]
    assert (link.read_text(), target.read_text()) == ("b\n", "a\n")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([{"path": "etc/issue", "content": ""}], "'etc/issue' is not an absolute path"),
        ([{"path": "/tmp", "mode": "rw"}], "/tmp: 'rw' is not a mode in octal"),
        ([{"path": "/tmp", "mode": "77777"}], "not a mode in octal"),
        ([{"path": "/tmp", "owner": "no-such-user"}], "user 'no-such-user', which does not exist"),
        ([{"path": "/tmp", "group": "no-such-group"}], "group 'no-such-group', which does not exist"),
        ([{"path": "/tmp", "mode": "1777"}, {"path": "/tmp", "mode": "0777"}], "/tmp: each path may stand there once"),
        ([{"path": "/tmp", "mode": "1777", "at_most": "1777"}], "mutually exclusive"),
        ([{"path": "/proc/version", "content": "x"}], "cannot change /proc"),
    ],
)
def test_what_cannot_be_meant_or_done_is_told(files, message):
    result = run(*files)
    assert result["failed"] and message in result["msg"]
