"""What planning reads: the newest image of each label, and inventories."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, insert

from goldsmith.registry import Registry, models
from goldsmith.result import Artifact, BuildResult, Package, Source

from .conftest import of_both

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIBC = Package("deb", "libc6", "2.36-9", "amd64", "glibc", "2.36-9")
BASH = Package("deb", "bash", "5.2", "amd64", "bash", "5.2")
SOURCES = [{"uri": "http://a.example/debian", "suite": "bookworm", "components": ["main"], "check_valid_until": True}]


@pytest.fixture
def build(registry: Registry, result: Callable[..., BuildResult]) -> Callable[..., int]:
    """Records a build of an image on a platform, and returns the number of its artifact."""
    count = iter(range(1, 100))

    def record(image: str, platform: str = "debian-12", parent: int | None = None, **given: Any) -> int:
        number = f"20261122T1200{next(count):02}-00000000"
        ingredients = given.pop("ingredients", {"layers": "[]"})
        version = registry.new_version(image, f"print of {number}")
        registry.start_build(
            version, number, platform=platform, target="docker", spec="/specs/web.yml", ingredients=ingredients
        )
        details = {"package_sources": SOURCES, "layers": ["sha256:1"]}
        given = {"artifact": Artifact(type="docker", id=f"sha256:{number}", details=details), **given}
        done = registry.finish_build(
            number, result(number, name=image, platform=platform, **given), parent_artifact=parent
        )
        return done.artifacts[0].id if done.artifacts else 0

    return record


def test_the_newest_image_of_each_label_is_there_with_what_planning_needs(
    registry: Registry, build: Callable[..., int]
) -> None:
    base = build("base")
    build("web", parent=base)
    source = Source(id="sha256:b", digest="debian@sha256:d", details={"inrelease": {"http://a/InRelease": "f0"}})
    newest = build("web", parent=base, source=source)
    build("web", "debian-13")
    found = list(registry.available())
    assert [one.label for one in found] == ["base/debian-12/docker", "web/debian-12/docker", "web/debian-13/docker"]
    web = found[1]
    assert (web.artifact, web.parent, web.version.sequence) == (newest, base, 2)
    assert (web.base, web.base_digest, web.inrelease) == ("sha256:b", "debian@sha256:d", {"http://a/InRelease": "f0"})
    assert web.ingredients == {"layers": "[]"} and list(web.sources) == SOURCES
    assert web.built == NOON.replace(second=6) and web.revoked is None


def test_what_failed_or_is_deleted_counts_for_nothing(registry: Registry, build: Callable[..., int]) -> None:
    first = build("web")
    registry.mark_deleted(build("web"))
    assert [one.artifact for one in registry.available()] == [first]


def test_a_build_recorded_before_all_this_was_is_read_as_well(registry: Registry, build: Callable[..., int]) -> None:
    build("web", ingredients=None, source=None, packages=(), artifact=Artifact(type="docker", id="sha256:x"))
    (found,) = registry.available()
    assert (found.ingredients, found.inventory, found.base, found.sources) == (None, None, None, ())
    assert found.inrelease == {}


def test_inventories_are_read_together(registry: Registry, build: Callable[..., int]) -> None:
    build("a", packages=(LIBC, BASH))
    build("b", packages=(BASH,))
    numbers = [one.inventory for one in registry.available()]
    found = dict(registry.inventories([number for number in numbers if number]))
    assert [sorted(found[number]) for number in numbers if number] == [[BASH, LIBC], [BASH]]


@of_both
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["leak", None, None]),
        ({"descendants": True}, ["leak", "leak", "leak"]),
        ({"at": NOON + timedelta(days=3650)}, [None, None, None]),
        ({"descendants": True, "restored_at": NOON}, [None, None, None]),
    ],
)
def test_a_revocation_holds_from_its_time_on_and_for_descendants_where_it_says_so(
    registry: Registry, url: str, build: Callable[..., int], fields: dict[str, Any], expected: list[str | None]
) -> None:
    base = build("base")
    middle = build("middle", parent=base)
    build("top", parent=middle)
    row = {"version_id": 1, "recorded": NOON, "at": NOON - timedelta(days=365), "by": "me", "reason": "leak"}
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(models.Revocation).values({"descendants": False, **row, **fields}))
    engine.dispose()
    found = {one.version.image: one.revoked for one in registry.available()}
    assert [found[name] for name in ("base", "middle", "top")] == expected
