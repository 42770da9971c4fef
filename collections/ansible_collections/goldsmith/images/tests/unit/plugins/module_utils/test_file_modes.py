# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose files are and what may be done with them, held by the module's logic on a made-up root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._file_modes import Demand, Item, Plan, State, listed
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome
from ansible_collections.goldsmith.images.plugins.module_utils._owners import Owners
from ansible_collections.goldsmith.images.plugins.module_utils._places import Places

ME, MINE = os.geteuid(), os.getegid()
NAMES = {"me": ME, "other": ME + 1}
GROUPS = {"mine": MINE, "shadow": MINE + 1}


def _of(names: dict[str, int], number: int) -> str:
    return {value: key for key, value in names.items()}[number]


OWNERS = Owners(
    lambda number: _of(NAMES, number), lambda number: _of(GROUPS, number), NAMES.__getitem__, GROUPS.__getitem__
)


def item(path: str, **wanted: Any) -> dict[str, Any]:
    none = {"mode": None, "at_most": None, "owner": [], "group": [], "kind": "any"}
    return {**none, "recurse": False, "exclude": [], "control": None, "path": path, **wanted}


def put(root: Path, name: str, mode: int) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(mode)
    return path


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o7777:o}"


def hold(root: Path, *wanted: dict[str, Any], check: bool = False) -> tuple[list[Outcome], list[str]]:
    places, plan = Places(root, trusted=ME), Plan(OWNERS)
    items = [Item(entry, OWNERS) for entry in wanted]
    wrong = [one.plan(places, plan) for one in items]
    paths = [place.path for place, _rest in plan.changes()] if check else plan.apply(places)
    return [one.outcome(plan, found) for one, found in zip(items, wrong, strict=True)], paths


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def test_files_are_held_and_a_second_time_are_as_they_are_wanted(tmp_path: Path) -> None:
    shadow, crontab = put(tmp_path, "etc/shadow", 0o666), put(tmp_path, "etc/crontab", 0o600)
    wanted = [
        item("/etc/shadow", at_most="0640", owner=["me"], control="a"),
        item("/etc/crontab", mode="0644", control="b"),
        item("/etc/gshadow", mode="0640", control="c"),
    ]
    outcomes, paths = hold(tmp_path, *wanted)
    assert [outcome.row() for outcome in outcomes] == [
        {"control": "a", "item": "/etc/shadow", "status": "changed", "message": "/etc/shadow was me:mine 0666"},
        {"control": "b", "item": "/etc/crontab", "status": "changed", "message": "/etc/crontab was me:mine 0600"},
        {
            "control": "c",
            "item": "/etc/gshadow",
            "status": "not_applicable",
            "message": "nothing of that path is there",
        },
    ]
    assert paths == ["/etc/shadow", "/etc/crontab"]
    assert (mode(shadow), mode(crontab)) == ("640", "644")
    again, paths = hold(tmp_path, *wanted)
    assert (statuses(again), paths) == (["compliant", "compliant", "not_applicable"], [])


def test_check_mode_says_the_same_and_changes_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, "etc/shadow", 0o666)
    wanted = item("/etc/shadow", at_most="0640")
    said = hold(tmp_path, wanted, check=True)
    assert mode(path) == "666"
    assert said == hold(tmp_path, wanted)


def test_a_directory_is_held_with_what_is_below_by_kind_and_without_what_is_excluded(tmp_path: Path) -> None:
    log, apt = put(tmp_path, "var/log/syslog", 0o644), put(tmp_path, "var/log/apt/term.log", 0o644)
    wtmp = put(tmp_path, "var/log/wtmp", 0o664)
    (tmp_path / "var/log/link").symlink_to(put(tmp_path, "etc/passwd", 0o644))
    common = {"path": "/var/log", "recurse": True, "exclude": ["/var/log/wtmp"]}
    hold(
        tmp_path,
        item(kind="file", at_most="0640", **common),
        item(kind="dir", at_most="0750", **common),
    )
    assert [mode(path) for path in (log, apt, wtmp, apt.parent, log.parent)] == ["640", "640", "664", "750", "750"]
    assert mode(tmp_path / "etc/passwd") == "644"


def test_a_file_may_belong_to_any_of_the_names_and_otherwise_gets_the_first_that_exists(tmp_path: Path) -> None:
    put(tmp_path, "etc/shadow", 0o640)
    assert statuses(hold(tmp_path, item("/etc/shadow", group=["shadow", "mine"]), check=True)[0]) == ["compliant"]
    (outcome,), _rest = hold(tmp_path, item("/etc/shadow", group=["nobody-knows", "shadow"]), check=True)
    assert outcome.status == "changed"
    (outcome,), _rest = hold(tmp_path, item("/etc/shadow", owner=["nobody-knows"], mode="0600"))
    assert (outcome.status, outcome.message) == ("failed", "there is no user nobody-knows")
    assert mode(tmp_path / "etc/shadow") == "640"


@pytest.mark.skipif(ME != 0, reason="only root gives files away")
def test_the_owner_changes_and_the_suid_bit_stays(tmp_path: Path) -> None:
    path = put(tmp_path, "usr/bin/su", 0o4755)
    hold(tmp_path, item("/usr/bin/su", owner=["other"], group=["shadow"]))
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (ME + 1, MINE + 1, "4755")


def test_what_several_items_want_of_a_file_holds_together(tmp_path: Path) -> None:
    path = put(tmp_path, "etc/x", 0o777)
    outcomes, _rest = hold(tmp_path, item("/etc/*", at_most="0755"), item("/etc/x", at_most="0770"))
    assert (statuses(outcomes), mode(path)) == (["changed", "changed"], "750")


def test_items_that_contradict_each_other_change_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, "etc/x", 0o777)
    with pytest.raises(Fault, match=r"/etc/x is to be one thing by /etc/x \(a\) and another by /etc/\* \(b\)"):
        hold(tmp_path, item("/etc/x", mode="0644", control="a"), item("/etc/*", mode="0600", control="b"))
    assert mode(path) == "777"


def test_what_the_system_refuses_is_told_and_the_rest_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "etc/a", 0o666)
    path = put(tmp_path, "etc/b", 0o666)
    change = Places.change

    def refuse(self: Places, place: Any, **state: int) -> None:
        if place.path == "/etc/a":
            raise PermissionError(1, "Operation not permitted")
        change(self, place, **state)

    monkeypatch.setattr(Places, "change", refuse)
    (outcome,), paths = hold(tmp_path, item("/etc/*", mode="0600"))
    assert (outcome.status, outcome.message) == ("failed", "/etc/a: Operation not permitted")
    assert (paths, mode(path)) == (["/etc/b"], "600")


@pytest.mark.parametrize("text", ["rw", "77777", "-1", ""])
def test_a_mode_that_is_not_octal_is_refused(text: str) -> None:
    with pytest.raises(Fault, match=r"/etc/x: .* is not a mode in octal"):
        Item(item("/etc/x", mode=text), OWNERS)


STATES = st.builds(State, st.integers(0, 3), st.integers(0, 3), st.integers(0, 0o7777))
IDS = st.lists(st.integers(0, 3), max_size=3, unique=True).map(tuple)


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    never = draw(st.integers(0, 0o7777))
    return Demand(draw(st.integers(0, 0o7777)) & ~never, never, draw(IDS), draw(IDS))


@given(demands(), demands(), STATES)
def test_two_demands_together_satisfy_both_and_change_nothing_twice(one: Demand, other: Demand, state: State) -> None:
    both = one.both(other)
    if both is not None:
        held = both.applied(state)
        assert one.applied(held) == other.applied(held) == both.applied(held) == held
    assert one.both(one) == one and one.applied(one.applied(state)) == one.applied(state)


def test_a_long_list_is_cut() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(number) for number in range(7)]) == "0, 1, 2, 3, 4, and 2 more"
