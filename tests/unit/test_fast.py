"""When builds go through mitogen, and what is told when they do not."""

from __future__ import annotations

import pytest

from goldsmith import fast


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Versions that seem to be installed; the user has chosen nothing."""
    monkeypatch.delenv(fast.CHOICE, raising=False)
    there = {"mitogen": "0.3.54", "ansible-core": "2.19.14"}
    monkeypatch.setattr(fast, "installed", there.get)
    return there


def test_it_is_used_without_a_word_where_it_is_installed(versions: dict[str, str]) -> None:
    assert fast.environment()["ANSIBLE_STRATEGY"] == "goldsmith_fast"
    assert fast.note() == ""


def test_it_is_not_missed_where_it_is_not_installed(versions: dict[str, str]) -> None:
    del versions["mitogen"]
    assert (fast.environment(), fast.note()) == ({}, "")


@pytest.mark.parametrize(
    ("package", "version", "told"),
    [
        ("mitogen", "0.3.27", "0.3.27 is too old; it is used from 0.3.33 on"),
        ("ansible-core", "2.21.0", "not been tried with ansible-core 2.21.0"),
    ],
)
def test_a_version_that_does_not_fit_is_told_and_not_used(
    versions: dict[str, str], package: str, version: str, told: str
) -> None:
    versions[package] = version
    assert fast.environment() == {}
    assert told in fast.note()


@pytest.mark.parametrize("mitogen", ["0.3.27", "0.3.54"])
def test_a_strategy_that_the_user_chose_holds(
    versions: dict[str, str], monkeypatch: pytest.MonkeyPatch, mitogen: str
) -> None:
    versions["mitogen"] = mitogen
    monkeypatch.setenv("ANSIBLE_STRATEGY", "linear")
    assert (fast.environment(), fast.note()) == ({}, "")
