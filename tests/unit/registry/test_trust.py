"""Channels and revocations: what people decide of versions, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from goldsmith.errors import GoldsmithError, InputError
from goldsmith.registry import BuildRecord, Registry, Version
from goldsmith.result import Source

from .conftest import of_both

Build = Callable[..., BuildRecord]


def on(base: BuildRecord) -> dict[str, Any]:
    """What a build is given that was built on another."""
    return {"source": Source(id=base.artifacts[0].identity)}


@pytest.fixture
def web(build: Build) -> list[Version]:
    return [build(f"b-{number}").version for number in (1, 2)]


@of_both
def test_a_channel_points_at_what_was_promoted_last_and_keeps_its_history(
    registry: Registry, web: list[Version]
) -> None:
    assert registry.promote("web@1", "production", reason="first", by="ann@a") is None
    assert registry.promote("web@2", "production", reason="fixes", by="bob@b") == web[0]
    [channel] = registry.channels("web")
    assert (str(channel), channel.version, channel.by, channel.reason) == ("web:production", web[1], "bob@b", "fixes")
    assert abs(channel.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert [(event.version, event.by, event.reason) for event in registry.history("web")] == [
        (web[1], "bob@b", "fixes"),
        (web[0], "ann@a", "first"),
    ]
    assert registry.resolve("web:production").version == web[1]
    assert [version.channels for version in registry.image("web").versions] == [("production",), ()]
    assert registry.images()[0].channels == {"production": web[1]}


def test_channels_of_other_images_and_names_are_left_alone(
    registry: Registry, build: Build, web: list[Version]
) -> None:
    build("b-3", image="base")
    registry.promote("web@2", "production")
    registry.promote("web@1", "staging")
    registry.promote("base@1", "production")
    assert [f"{channel} {channel.version}" for channel in registry.channels()] == [
        "base:production base@1",
        "web:production web@2",
        "web:staging web@1",
    ]
    assert len(registry.channels("base")) == len(registry.history("base")) == 1


def test_promoting_what_a_channel_points_at_already_records_nothing(registry: Registry, web: list[Version]) -> None:
    registry.promote("web@2", "production")
    assert registry.promote("web:production", "production") == web[1]
    assert len(registry.history("web")) == 1


def test_one_channel_can_be_promoted_into_another(registry: Registry, web: list[Version]) -> None:
    registry.promote("web@1", "staging")
    registry.promote("web:staging", "production")
    assert registry.resolve("web:production").version == web[0]


def test_who_promotes_is_recorded_by_default(
    registry: Registry, web: list[Version], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "carol")
    registry.promote("web@1", "production")
    assert registry.channels()[0].by.startswith("carol@")


def test_a_demoted_channel_points_at_nothing_and_can_be_filled_again(registry: Registry, web: list[Version]) -> None:
    registry.promote("web@1", "production")
    assert registry.demote("web", "production", reason="broken") == web[0]
    assert registry.channels() == ()
    with pytest.raises(InputError, match="the channel web:production is empty"):
        registry.resolve("web:production")
    assert registry.demote("web", "production") is None
    registry.promote("web@2", "production")
    assert [event.version for event in registry.history("web")] == [web[1], None, web[0]]


def test_a_channel_is_demoted_only_from_the_version_named(registry: Registry, web: list[Version]) -> None:
    registry.promote("web@2", "production")
    with pytest.raises(InputError, match="points at web@2, not at web@1"):
        registry.demote("web@1", "production")
    assert registry.resolve("web:production").version == web[1]
    assert registry.demote("web@2", "production") == web[1]


def test_what_cannot_be_promoted_is_refused(registry: Registry, build: Build, web: list[Version]) -> None:
    build("b-3", status="failed")
    with pytest.raises(GoldsmithError, match="web@3 is failed: a channel points only at a version of which all builds"):
        registry.promote("web@3", "production")
    registry.mark_deleted(registry.find_build("b-1").artifacts[0].id)
    with pytest.raises(GoldsmithError, match="nothing is left of web@1"):
        registry.promote("web@1", "production")
    with pytest.raises(InputError, match="web names no version"):
        registry.promote("web", "production")
    with pytest.raises(InputError, match="image 'web' has no version '9'"):
        registry.promote("web@9", "production")
    with pytest.raises(InputError, match="image 'web' has no channel 'production'"):
        registry.demote("web", "production")
    with pytest.raises(InputError, match="cannot be the name of a channel"):
        registry.promote("web@2", "Production!")
    assert registry.history() == ()


@of_both
def test_promotions_at_once_all_happen_and_the_last_one_holds(url: str, registry: Registry, build: Build) -> None:
    versions = [build(f"b-{number}").version for number in range(8)]

    def promote(version: Version) -> None:
        with Registry.open(url) as own:
            own.promote(str(version), "production")

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(promote, versions))
    history = registry.history("web")
    assert {event.version for event in history} == set(versions)
    assert [event.at for event in history] == sorted((event.at for event in history), reverse=True)
    assert registry.resolve("web:production").version == history[0].version


@of_both
def test_nothing_is_found_of_a_version_that_is_revoked_and_the_one_before_is_taken(
    registry: Registry, build: Build, web: list[Version]
) -> None:
    report = registry.revoke("web@2", reason="backdoor", by="ann@a")
    assert report.revocation == registry.revoked(web[1])
    assert [artifact.build for artifact in report.artifacts] == ["b-2"]
    found = registry.newest_artifact("web", "debian-12", "docker")
    assert found is not None
    assert found.build == "b-1"
    registry.revoke("web@1", reason="old", by="ann@a")
    with pytest.raises(GoldsmithError, match=r"web@2 was revoked on \d{4}-\d\d-\d\d by ann@a: backdoor") as told:
        registry.newest_artifact("web", "debian-12", "docker")
    assert "goldsmith images restore web@2" in told.value.hint
    assert registry.images()[0].revocation == registry.revoked(web[1])


def test_a_pinned_version_that_is_revoked_is_refused(registry: Registry, web: list[Version]) -> None:
    registry.promote("web@2", "production")
    registry.revoke("web@2", reason="backdoor")
    for reference in ("web@2", "web:production"):
        with pytest.raises(GoldsmithError, match="web@2 was revoked"):
            registry.artifact(reference)
        assert registry.resolve(reference).revocation is not None
    with pytest.raises(GoldsmithError, match="web@2 was revoked"):
        registry.promote("web@2", "staging")
    found = registry.artifact("web")
    assert found is not None
    assert found.version == web[0]


def test_a_revocation_tells_which_channels_point_at_it(registry: Registry, web: list[Version]) -> None:
    registry.promote("web@2", "production")
    registry.promote("web@1", "staging")
    assert [str(one) for one in registry.revoke("web@2", reason="backdoor").channels] == ["web:production"]


@of_both
def test_a_revocation_names_what_was_built_on_it_and_reaches_it_only_when_asked(
    registry: Registry, build: Build
) -> None:
    base = build("b-1", image="base")
    middle = build("b-2", image="middle", **on(base))
    top = build("b-3", image="top", **on(middle))
    build("b-4", image="other")
    registry.promote("top@1", "production")

    report = registry.revoke("base@1", reason="backdoor", by="ann@a")
    assert report.descendants == (middle.version, top.version)
    assert report.channels == ()
    assert registry.revoked(top.version) is None
    assert registry.newest_artifact("middle", "debian-12", "docker") is not None

    report = registry.revoke("base@1", reason="and all on it", by="bob@b", descendants=True)
    assert [str(one) for one in report.channels] == ["top:production"]
    assert [one.version for one in report.artifacts] == [base.version, middle.version, top.version]
    assert set(registry.revocations()) == {base.version, middle.version, top.version}
    found = registry.revoked(top.version)
    assert found is not None
    assert (found.version, found.chain) == (base.version, (top.version, middle.version, base.version))
    with pytest.raises(
        GoldsmithError, match="top@1 was built on middle@1, middle@1 was built on base@1, and base@1 was"
    ):
        registry.artifact("top@1")
    with pytest.raises(InputError, match=r"top@1 is revoked only with what it was built on: .*base@1"):
        registry.restore("top@1")


def test_what_is_built_on_a_revoked_version_later_is_reached_too(registry: Registry, build: Build) -> None:
    base = build("b-1", image="base")
    registry.revoke("base@1", reason="backdoor", descendants=True)
    assert registry.revoked(build("b-2", image="web", **on(base)).version) is not None


def test_a_restored_version_is_as_before_and_its_revocation_stays_on_record(
    registry: Registry, web: list[Version]
) -> None:
    registry.revoke("web@2", reason="backdoor", by="ann@a")
    ended = registry.restore("web@2", reason="false alarm", by="bob@b")
    assert (ended.restored_by, ended.restored_reason) == ("bob@b", "false alarm")
    assert registry.revoked(web[1]) is None
    assert registry.revocation_history("web") == (ended,)
    with pytest.raises(InputError, match="web@2 is not revoked"):
        registry.restore("web@2")
    registry.revoke("web@2", reason="after all")
    assert [one.reason for one in registry.revocation_history("web")] == ["after all", "backdoor"]


def test_a_revocation_may_lie_ahead_and_be_brought_forward(registry: Registry, web: list[Version]) -> None:
    ahead = datetime.now(UTC) + timedelta(days=30)
    registry.revoke("web@2", reason="end of life", at=ahead)
    assert registry.revoked(web[1]) is None
    assert registry.revocation_history("web")[0].at == ahead
    with pytest.raises(InputError, match=r"web@2 is revoked already, by .*: end of life"):
        registry.revoke("web@2", reason="again", at=ahead + timedelta(days=1))
    registry.revoke("web@2", reason="backdoor")
    found = registry.revoked(web[1])
    assert found is not None
    assert found.reason == "backdoor"
    with pytest.raises(InputError, match="is revoked already"):
        registry.revoke("web@2", reason="again")


@of_both
def test_two_revocations_at_once_leave_one(url: str, registry: Registry, web: list[Version]) -> None:
    def revoke(number: int) -> bool:
        with Registry.open(url) as own:
            try:
                own.revoke("web@2", reason=str(number), at=datetime(2026, 1, 1, tzinfo=UTC))
            except InputError:
                return False
            return True

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert sorted(pool.map(revoke, range(4))) == [False, False, False, True]


def test_only_a_version_can_be_revoked(registry: Registry, web: list[Version]) -> None:
    with pytest.raises(InputError, match="web names no version") as told:
        registry.revoke("web", reason="all of it")
    assert "web@VERSION" in told.value.hint


def test_an_artifact_is_found_where_one_platform_and_target_is_meant(registry: Registry, build: Build) -> None:
    version = registry.new_version("web", "f")
    build("b-1", version)
    build("b-2", version, platform="debian-13")
    with pytest.raises(InputError, match="web@1 for several platforms: debian-12, debian-13") as told:
        registry.artifact("web@1")
    assert "--platform debian-12" in told.value.hint
    found = registry.artifact("web@1", platform="debian-13", target="docker")
    assert found is not None
    assert found.build == "b-2"
    assert registry.artifact("web@1", platform="debian-13", target="ec2") is None
    with pytest.raises(InputError, match="no image 'wev' is recorded"):
        registry.artifact("wev")
