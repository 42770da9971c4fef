"""Which layers leave the cache, and how the cache is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from goldsmith.cache import CachedLayer, Removal, chosen
from goldsmith.show.cache import cache_text, pruned_text

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def layer(name: str, days: int = 0, size: int = 10) -> CachedLayer:
    return CachedLayer(f"sha256:{name}", f"{name}-key-which-is-long", name, "web", NOW - timedelta(days=days), size)


def names(found: list[CachedLayer]) -> list[str]:
    return [one.name for one in found]


LAYERS = [layer("new"), layer("old", days=9), layer("older", days=10)]


def test_without_an_age_and_a_size_all_go_the_oldest_first() -> None:
    assert names(chosen(LAYERS, None, None, NOW)) == ["older", "old", "new"]


def test_what_is_as_old_as_said_goes() -> None:
    assert names(chosen(LAYERS, timedelta(days=9), None, NOW)) == ["older", "old"]


def test_the_oldest_go_until_the_rest_is_small_enough() -> None:
    assert names(chosen(LAYERS, None, 15, NOW)) == ["older", "old"]
    assert names(chosen(LAYERS, None, 30, NOW)) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 100)), max_size=8), st.integers(0, 500))
def test_no_more_is_left_than_may_and_no_layer_goes_that_need_not(sizes: list[tuple[int, int]], limit: int) -> None:
    layers = [layer(str(number), days, size) for number, (days, size) in enumerate(sizes)]
    going = chosen(layers, None, limit, NOW)
    left = sum(one.size for one in layers) - sum(one.size for one in going)
    assert left <= limit
    assert not going or left + going[-1].size > limit


def test_the_cache_is_a_table_with_a_sum() -> None:
    shown = cache_text([layer("nginx", size=2_000_000), layer("app", size=1_000_000)])
    assert "nginx   web   nginx-key-wh" in shown
    assert shown.endswith("2 layers, 3 MB")
    assert cache_text([]) == "The layer cache is empty."


def test_what_was_removed_and_what_stays_is_told() -> None:
    told = pruned_text([Removal(layer("a"), "removed"), Removal(layer("b"), "kept", "it is in use")])
    assert told == "removed: 1 layer, 10 B\nkept b b-key-which-: it is in use"
    assert pruned_text([Removal(layer("a"), "goes")]) == "would go: 1 layer, 10 B"
    assert pruned_text([]) == "Nothing is to go."
