# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which layers are taken from the cache, and what is said of the others."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import (
    LABEL_INGREDIENTS,
    Kept,
    Layer,
    Verdict,
    judge,
    packed,
    root,
    unpacked,
)
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

BOTTOM = root("sha256:1", {})
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def kept(verdict: Verdict, age: int = 0) -> Kept:
    labels = {LABEL_INGREDIENTS: packed(dict(verdict.layer.ingredients))}
    made = NOW - timedelta(days=age)
    return Kept(verdict.key, verdict.key, verdict.below, verdict.layer.name, "web", made, 1, labels)


def layers(*values: str, **more: str) -> list[Layer]:
    return [Layer(number, f"l{number}", {"variable:x": value}, **more) for number, value in enumerate(values, start=1)]


def cache(*values: str) -> list[Kept]:
    return [kept(verdict) for verdict in judge(BOTTOM, layers(*values), [])]


def told(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(verdict.cache, verdict.reason) for verdict in verdicts]


def test_an_empty_cache_misses_all() -> None:
    assert told(judge(BOTTOM, layers("a", "b"), [])) == [
        ("miss", "it is not in the cache yet"),
        ("miss", "layer l1 below it runs"),
    ]


def test_what_is_unchanged_is_taken_and_the_first_difference_told() -> None:
    found = judge(BOTTOM, layers("a", "c", "d"), cache("a", "b", "d"))
    assert told(found) == [("hit", ""), ("miss", "variable x changed"), ("miss", "layer l2 below it runs")]


def test_another_base_changes_all() -> None:
    found = judge(root("sha256:2", {}), layers("a"), cache("a"))
    assert told(found) == [("miss", "what it stands on changed")]


def test_a_layer_whose_own_image_is_gone_need_not_run_below_one_that_is_there() -> None:
    assert [one.cache for one in judge(BOTTOM, layers("a", "b"), cache("a", "b")[1:])] == ["hit", "hit"]


def test_what_is_above_a_layer_that_is_never_kept_is_not_kept_either() -> None:
    asked = [*layers("a"), Layer(2, "l2", {"variable:x": "b"}, off="a secret"), Layer(3, "l3", {"variable:x": "c"})]
    assert told(judge(BOTTOM, asked, cache("a", "b", "c"))) == [
        ("hit", ""),
        ("off", "a secret"),
        ("off", "layer l2 below it runs"),
    ]


def test_why_what_there_was_is_not_to_be_used_is_told() -> None:
    first = judge(BOTTOM, layers("a", "b"), [])[0].key
    found = judge(BOTTOM, layers("a", "b"), [], {first: "index http://deb.example changed"})
    assert told(found) == [("miss", "index http://deb.example changed"), ("miss", "layer l1 below it runs")]


def test_what_is_to_run_is_kept_anew() -> None:
    asked = [*layers("a"), Layer(2, "l2", {"variable:x": "b"}, fresh="--no-cache")]
    assert told(judge(BOTTOM, asked, cache("a", "b"))) == [("hit", ""), ("miss", "--no-cache")]


@given(st.lists(st.sampled_from("abc"), max_size=4), st.lists(st.sampled_from("abc"), max_size=4))
def test_exactly_the_layers_that_two_builds_have_in_common_from_below_are_hits(
    one: list[str], other: list[str]
) -> None:
    common = 0
    while common < min(len(one), len(other)) and one[common] == other[common]:
        common += 1
    found = judge(BOTTOM, layers(*other), cache(*one))
    assert [verdict.cache for verdict in found] == ["hit"] * common + ["miss"] * (len(other) - common)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_what_a_label_holds_is_read_as_it_was_written(data: dict[str, str]) -> None:
    assert unpacked(packed(data)) == data


def test_a_label_that_is_damaged_tells_nothing() -> None:
    assert unpacked("nonsense") is unpacked("") is None
