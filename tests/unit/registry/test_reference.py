from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldsmith.errors import InputError
from goldsmith.registry import Reference


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("web", Reference("web")),
        ("web@12", Reference("web", version="12")),
        ("web@2026.11:a@b", Reference("web", version="2026.11:a@b")),
        ("web:production", Reference("web", channel="production")),
    ],
)
def test_an_image_is_named_alone_with_a_version_or_with_a_channel(text: str, meant: Reference) -> None:
    assert Reference.parse(text) == meant
    assert str(meant) == text


@pytest.mark.parametrize("text", ["", "@1", ":production", "web@", "web:"])
def test_half_a_reference_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="names no image"):
        Reference.parse(text)


@pytest.mark.parametrize("name", ["Production", "a b", "-a", "a/b", "a@1", "a" * 64, "ä"])
def test_a_channel_is_a_word_that_a_tag_could_be(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a channel"):
        Reference.parse(f"web:{name}")


@given(st.text())
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        parsed = Reference.parse(text)
    except InputError:
        return
    assert str(parsed) == text
