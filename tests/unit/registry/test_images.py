from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from goldsmith.errors import InputError
from goldsmith.registry import BuildRecord, Registry, TestCounts, Version
from goldsmith.result import Artifact, BuildResult

from .conftest import of_both

Result = Callable[..., BuildResult]
Build = Callable[..., BuildRecord]


@of_both
def test_images_are_listed_by_name_with_their_newest_version(registry: Registry, build: Build) -> None:
    assert registry.images() == ()
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    build("b-1", finished=noon)
    version = registry.new_version("web", "f", "2.0")
    big = Artifact(type="docker", id="sha256:big", size=300)
    build("b-2", version, platform="debian-13", artifact=big, finished=noon + timedelta(hours=1))
    build("b-3", version, status="failed", finished=noon + timedelta(hours=2))
    build("b-4", image="base", status="failed")
    base, web = registry.images()
    assert (base.name, base.state, base.built, base.size) == ("base", "failed", None, None)
    assert (web.name, web.newest, web.state) == ("web", Version("web", 2, "2.0"), "failed")
    assert (web.platforms, web.targets) == (("debian-12", "debian-13"), ("docker",))
    assert (web.built, web.size) == (noon + timedelta(hours=1), 300)


@of_both
def test_an_image_is_shown_with_its_versions_newest_first(registry: Registry, build: Build) -> None:
    build("b-1")
    version = registry.new_version("web", "sha256:other", "2.0")
    build("b-2", version)
    build("b-3", version, platform="debian-13")
    build("b-4", image="base")
    shown = registry.image("web")
    assert [str(version.version) for version in shown.versions] == ["web@2", "web@1"]
    assert [[build.id for build in version.builds] for version in shown.versions] == [["b-2", "b-3"], ["b-1"]]
    assert [version.fingerprint for version in shown.versions] == ["sha256:other", "sha256:fingerprint"]
    assert shown.versions[0].builds[0].tests == TestCounts(passed=1)
    assert shown.versions[0].builds[0].packages == 1


def test_a_version_is_asked_for_by_its_number_and_else_by_its_label(registry: Registry) -> None:
    for label in ("1.0", "1", None, "1.0"):
        registry.new_version("web", "f", label)
    assert [version.version.sequence for version in registry.image("web@1").versions] == [1]
    assert [version.version.sequence for version in registry.image("web@3").versions] == [3]
    assert [version.version.sequence for version in registry.image("web@1.0").versions] == [4, 1]


def test_an_unknown_image_or_version_is_refused_with_a_way_on(registry: Registry) -> None:
    registry.new_version("web", "f")
    with pytest.raises(InputError, match="no image 'wev' is recorded") as caught:
        registry.image("wev")
    assert caught.value.hint == "Did you mean web?"
    with pytest.raises(InputError, match="no image 'zzz' is recorded") as caught:
        registry.image("zzz")
    assert "goldsmith images" in caught.value.hint
    with pytest.raises(InputError, match="'web' has no version '7'"):
        registry.image("web@7")


def test_a_build_is_found_by_a_beginning_of_its_id_or_of_its_random_part_or_by_its_label(
    registry: Registry, build: Build
) -> None:
    build("20261122T120000-0a0a0a0a")
    build("20261122T120001-0b0b0b0b")
    assert registry.find_build("20261122T120001").id == "20261122T120001-0b0b0b0b"
    assert registry.find_build("0a").id == "20261122T120000-0a0a0a0a"
    assert registry.find_build("web/debian-12/docker").id == "20261122T120001-0b0b0b0b"


def test_a_build_whose_id_is_the_beginning_of_another_is_found(registry: Registry, build: Build) -> None:
    build("b-1")
    build("b-11")
    assert registry.find_build("b-1").id == "b-1"


@of_both
@pytest.mark.parametrize("name", ["2026", "20261122T12000", "0"])
def test_what_may_mean_several_builds_is_refused_naming_them(registry: Registry, build: Build, name: str) -> None:
    build("20261122T120000-0a0a0a0a")
    build("20261122T120001-0b0b0b0b")
    with pytest.raises(InputError, match="20261122T120001-0b0b0b0b, 20261122T120000-0a0a0a0a"):
        registry.find_build(name)


@pytest.mark.parametrize("name", ["", "%", "_", "2027", "0a0b", "'; DROP TABLE build; --", "web/%/docker"])
def test_what_means_no_build_is_refused(registry: Registry, build: Build, name: str) -> None:
    build("20261122T120000-0a0a0a0a")
    with pytest.raises(InputError, match="is recorded"):
        registry.find_build(name)
