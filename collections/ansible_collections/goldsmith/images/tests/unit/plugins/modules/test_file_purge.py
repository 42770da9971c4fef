# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.goldsmith.images.plugins.modules import file_purge
from ansible_collections.goldsmith.images.plugins.modules.file_purge import (
    Purge,
    PurgeError,
    compiled,
    expand,
    mount_points,
)


@pytest.fixture
def tree(tmp_path):
    for name in (
        "log/app.log",
        "log/app.log.1",
        "log/deep/er/app.log",
        "log/.hidden",
        "log/empty",
        "tmp/a/b/c",
        "tmp/d",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if path.name == "empty" else "four")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/precious").write_text("four")
    (tmp_path / "log/link").symlink_to(tmp_path / "elsewhere")
    return tmp_path


def purge(tree, remove=(), empty=(), strip=(), keep=(), mounts=(), check=False):
    kept = {path for pattern in keep for path in expand(f"{tree}/{pattern}")}
    done = Purge(kept=kept, mounts={tree / name for name in mounts}, check=check)
    for pattern in remove:
        done.remove(f"{tree}/{pattern}")
    for pattern in empty:
        done.empty(f"{tree}/{pattern}")
    done.strip([(compiled(regexp), [f"{tree}/{pattern}" for pattern in patterns]) for regexp, patterns in strip])
    return done


def names(tree, paths):
    return sorted(str(path.relative_to(tree)) for path in paths)


def left(tree):
    return sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir() or path.is_symlink())


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("log/*", [".hidden", "app.log", "app.log.1", "deep", "empty", "link"]),
        ("log/*.[0-9]", ["app.log.1"]),
        ("log/**/app.log", ["app.log", "deep/er/app.log"]),
        ("log/**", [".hidden", "app.log", "app.log.1", "deep", "deep/er", "deep/er/app.log", "empty", "link"]),
        ("log/app.log", ["app.log"]),
        ("log/nothing", []),
        ("log/*/precious", []),
        ("log/**/precious", []),
        ("log/link/precious", ["link/precious"]),
    ],
)
def test_a_pattern_finds_hidden_names_at_every_depth_and_follows_no_link_by_itself(tree, pattern, found):
    assert names(tree / "log", set(expand(f"{tree}/{pattern}"))) == found


@pytest.mark.parametrize("pattern", ["tmp/*", "/", "/*", "/etc", "/**", "/**/x", "/tmp/../etc/*", ""])
def test_a_pattern_that_reaches_too_far_is_refused(pattern):
    with pytest.raises(PurgeError):
        expand(pattern)


def test_directories_go_with_all_they_hold_and_links_without_what_they_point_to(tree):
    done = purge(tree, remove=["tmp/*", "log/link"])
    assert names(tree, done.removed) == ["log/link", "tmp/a", "tmp/a/b", "tmp/a/b/c", "tmp/d"]
    assert done.freed == 8
    assert (tree / "elsewhere/precious").exists() and (tree / "tmp").exists()


def test_emptied_files_keep_their_mode_and_only_regular_files_are_emptied(tree):
    (tree / "log/app.log").chmod(0o640)
    done = purge(tree, remove=["log/*.1"], empty=["log/**"])
    assert names(tree, done.emptied) == ["log/.hidden", "log/app.log", "log/deep/er/app.log"]
    assert (tree / "log/app.log").stat().st_mode & 0o777 == 0o640
    assert (tree / "elsewhere/precious").read_text() == "four"


def test_lines_go_and_the_others_stay_as_they_were_to_the_byte(tree):
    keys = tree / "tmp/keys"
    keys.write_bytes(b"ssh-ed25519 AAAA mine\r\n\xff\xfe\nssh-ed25519 BBBB build-1\n\nssh-ed25519 CCCC build-10")
    keys.chmod(0o600)
    (tree / "tmp/link").symlink_to(tree / "elsewhere/precious")
    done = purge(tree, strip=[(" build-1$", ["tmp/*"]), ("BBBB", ["tmp/key?"]), ("four", ["tmp/link"])])
    assert keys.read_bytes() == b"ssh-ed25519 AAAA mine\r\n\xff\xfe\n\nssh-ed25519 CCCC build-10"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert (names(tree, done.stripped), done.freed) == (["tmp/keys"], len("ssh-ed25519 BBBB build-1\n"))
    assert (tree / "elsewhere/precious").read_text() == "four"


def test_no_lines_are_taken_out_of_what_goes_is_emptied_or_is_kept(tree):
    done = purge(
        tree, remove=["tmp/a"], empty=["log/app.log"], strip=[("four", ["**"])], keep=["log/deep", "log/.hidden"]
    )
    assert names(tree, done.stripped) == ["elsewhere/precious", "log/app.log.1", "tmp/d"]
    assert (tree / "log/deep/er/app.log").read_text() == "four"


def test_an_expression_that_is_none_is_refused():
    with pytest.raises(PurgeError, match=r"'a\(' is not a regular expression"):
        compiled("a(")


def test_what_is_kept_stays_with_the_directories_above_it(tree):
    purge(tree, remove=["tmp/*", "log/**"], empty=["log/**"], keep=["tmp/a/b", "log/app.log"])
    assert left(tree) == ["elsewhere/precious", "log/app.log", "tmp/a/b/c"]
    assert (tree / "log/app.log").read_text() == "four"


def test_a_pattern_that_reaches_into_what_is_kept_finds_nothing_to_do(tree):
    done = purge(tree, remove=["tmp/a/b/*"], empty=["log/**/app.log"], keep=["tmp/a", "log/deep"])
    assert names(tree, done.removed | done.emptied) == ["log/app.log"]


def test_a_mount_point_is_not_deleted_but_a_pattern_may_lead_through_it(tree):
    purge(tree, remove=["tmp/*", "log/**/er/*"], mounts=["tmp/a/b", "log"])
    assert left(tree) == sorted(
        ["elsewhere/precious", "log/.hidden", "log/app.log", "log/app.log.1", "log/empty", "log/link", "tmp/a/b/c"]
    )


def test_check_mode_says_the_same_and_changes_nothing(tree):
    before = left(tree)
    wanted = {
        "remove": ["tmp/**", "log/**/*.1"],
        "empty": ["log/**", "tmp/**"],
        "keep": ["tmp/d"],
        "strip": [("four", ["elsewhere/*"])],
    }
    said = purge(tree, **wanted, check=True)
    assert left(tree) == before
    done = purge(tree, **wanted)
    assert (said.removed, said.emptied, said.stripped) == (done.removed, done.emptied, done.stripped)
    assert said.freed == done.freed and done.stripped
    again = purge(tree, **wanted)
    assert not again.removed and not again.emptied and not again.stripped


def test_a_file_that_cannot_be_deleted_is_named(tree, monkeypatch):
    def refuse(self):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(PurgeError, match=r"cannot delete .*/tmp/d: Operation not permitted"):
        purge(tree, remove=["tmp/d"])


def test_mount_points_are_read_with_their_blanks_and_without_the_root(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text("22 1 8:1 / / rw - ext4 a rw\n23 22 0:5 / /mnt/my\\040disk rw - ext4 b rw\n")
    assert mount_points(table) == {Path("/mnt/my disk")}
    assert mount_points(tmp_path / "missing") == set()


def test_the_modules_own_files_are_those_of_its_command_line_and_its_path(tmp_path, monkeypatch):
    command_line = tmp_path / "cmdline"
    command_line.write_text("python3\0/tmp/remote/AnsiballZ_file_purge.py\0")
    monkeypatch.setattr("sys.path", ["", "/tmp/payload.zip"])
    assert file_purge.own_files(command_line) == {Path("/tmp/remote/AnsiballZ_file_purge.py"), Path("/tmp/payload.zip")}
