"""What archives offer is found by name, as if all of it had been read."""

from __future__ import annotations

import pytest

from goldsmith.patching.offers import Candidate, Newest, Offers, packed

GIVEN = {
    name: Candidate(f"{number}:1.0~rc1+b1", "gold works", "1.0")
    for number, name in enumerate(("gold", "gold+", "gold-2", "gold.x", "gold0", "a", "zz"))
}


def test_each_package_is_found_and_no_other() -> None:
    offers = Offers(packed(GIVEN))
    assert offers == GIVEN and len(offers) == len(GIVEN)
    assert [name for name in ("", "gol", "gold-", "goldx", "zzz", "0") if name in offers] == []


def test_an_empty_list_is_a_list() -> None:
    assert Offers(packed({})) == {}


@pytest.mark.parametrize("cut", [1, 2, 9, 10_000])
def test_a_list_that_is_not_whole_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="no end"):
        Offers(packed(GIVEN)[:-cut])


def test_of_several_lists_the_newest_version_counts() -> None:
    first = {"gold": Candidate("1.9", "gold", "1.9"), "a": Candidate("1", "a", "1")}
    second = {"gold": Candidate("1.10", "gold", "1.10")}
    assert Newest([first, second]) == Newest([second, first]) == {**first, **second}
    assert len(Newest([first, second])) == 2
