# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are found by pattern and changed without being led astray by a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._places import Patterns, Places

ME = os.geteuid()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("etc/cron.d/.placeholder", "etc/cron.daily/apt", "home/ann/.ssh/key", "home/bob/notes", "usr/bin/su"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "etc/away").symlink_to("/usr/bin")
    (tmp_path / "home/bob/.ssh").symlink_to("/home/ann/.ssh")
    return Places(tmp_path, trusted=ME)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/etc/cron.*", ["/etc/cron.d", "/etc/cron.daily"]),
        ("/etc/cron.*/*", ["/etc/cron.d/.placeholder", "/etc/cron.daily/apt"]),
        ("/home/*/.ssh", ["/home/ann/.ssh"]),
        ("/home/*/.ssh/*", ["/home/ann/.ssh/key"]),
        ("/home/**", ["/home/ann", "/home/ann/.ssh", "/home/ann/.ssh/key", "/home/bob", "/home/bob/notes"]),
        ("/**/su", ["/usr/bin/su"]),
        ("/bin/su", ["/usr/bin/su"]),
        ("/etc/away/../bin/./su", ["/usr/bin/su"]),
        ("/etc/missing", []),
        ("/", ["/"]),
    ],
)
def test_a_pattern_finds_files_and_follows_links_only_where_it_names_them(
    places: Places, pattern: str, found: list[str]
) -> None:
    assert [place.path for place in places.find(pattern)] == found


def test_a_link_of_another_user_is_not_followed(places: Places, tmp_path: Path) -> None:
    assert Places(tmp_path, trusted=ME + 1).find("/bin/su") == []


def test_links_that_lead_in_circles_lead_nowhere(places: Places, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("/one")
    assert places.find("/one/x") == []


def test_everything_below_a_directory_is_listed_without_links(places: Places) -> None:
    (home,) = places.find("/home")
    assert [place.path for place in places.below(home)] == [
        "/home/ann",
        "/home/ann/.ssh",
        "/home/ann/.ssh/key",
        "/home/bob",
        "/home/bob/notes",
    ]


@pytest.mark.parametrize("bare", [False, True], ids=["with proc", "bare root without proc"])
def test_a_file_is_changed_as_it_was_looked_at(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    if bare:
        monkeypatch.setattr(Path, "exists", lambda self: False)
    (place,) = places.find("/bin/su")
    places.change(place, uid=ME, gid=place.status.st_gid, mode=0o4711)
    assert (tmp_path / "usr/bin/su").stat().st_mode & 0o7777 == 0o4711


def test_what_was_replaced_meanwhile_is_left_alone(places: Places, tmp_path: Path) -> None:
    (notes,) = places.find("/home/*/notes")
    key = tmp_path / "home/ann/.ssh/key"
    before = key.stat().st_mode
    (tmp_path / "home/bob/notes").unlink()
    (tmp_path / "home/bob/notes").symlink_to(key)
    with pytest.raises(OSError, match="something else"):
        places.change(notes, uid=ME, gid=0, mode=0o777)
    (tmp_path / "home/bob").rename(tmp_path / "home/gone")
    (tmp_path / "home/bob").symlink_to(tmp_path / "home/gone")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        places.change(notes, uid=ME, gid=0, mode=0o777)
    assert key.stat().st_mode == before


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/var/log/*", "/var/log/apt/term.log", True),
        ("/var/log/*.log", "/var/log/apt/term.log", False),
        ("/var/**/term.log", "/var/log/apt/term.log", True),
        ("/var/**/log", "/var/log", True),
        ("/var/**", "/var", False),
        ("/var/**", "/var/log", True),
        ("/var/lo", "/var/log", False),
        ("/", "/var", True),
    ],
)
def test_a_pattern_covers_what_it_matches_and_everything_below(pattern: str, path: str, matches: bool) -> None:
    assert (path in Patterns([pattern])) is matches


NAMES = st.lists(st.text(st.characters(blacklist_characters="/*?[\0", blacklist_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in (".", "..")), min_size=1, max_size=4)  # fmt: skip


@given(NAMES, st.integers(0, 3), st.sampled_from(["*", "**"]))
def test_a_path_is_covered_whatever_part_a_wildcard_stands_for(names: list[str], index: int, wildcard: str) -> None:
    path = "/" + "/".join(names)
    assert path in Patterns([path]) and path + "/below" in Patterns([path])
    index = min(index, len(names) - 1)
    assert path in Patterns(["/" + "/".join([*names[:index], wildcard, *names[index + 1 :]])])
    assert path not in Patterns([path + "x", path + "/below"])


def test_a_relative_path_is_refused(places: Places) -> None:
    with pytest.raises(Fault, match=r"'etc/\*' is not an absolute path"):
        places.find("etc/*")
