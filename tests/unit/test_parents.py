"""What `from` means: the newest image that is not revoked, or the version or channel that is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldsmith.errors import GoldsmithError, InputError
from goldsmith.events import Event
from goldsmith.planning import planned
from goldsmith.progress import sentence
from goldsmith.registry import Registry
from goldsmith.result import Artifact, BuildResult
from goldsmith.show.builds import plan_text
from goldsmith.spec import Build, builds, load
from goldsmith.targets import installed
from goldsmith.targets.disk import target as disk


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """Holds base@1, base@2 and base@3."""
    with Registry.open(environ={"GOLDSMITH_HOME": str(tmp_path / "home")}) as registry:
        for number in "123":
            version = registry.new_version("base", "f")
            registry.start_build(version, f"b-{number}", platform="debian-12", target="docker", spec="base.yml")
            now = datetime.now(UTC)
            made = Artifact(type="docker", id=f"sha256:{number}", tags=(f"base:{number}",))
            registry.finish_build(
                f"b-{number}",
                BuildResult(f"b-{number}", "base", number, "debian-12", "docker", "built", now, now, artifact=made),
            )
        yield registry


@pytest.fixture
def starts_from(tmp_path: Path) -> Callable[[str], Build]:
    def make(name: str) -> Build:
        spec = tmp_path / "web.yml"
        spec.write_text(
            f"name: web\nplatforms: {{debian-12: {{docker: {{from: '{name}'}}}}}}\ntargets: {{docker: {{}}}}\n"
        )
        return builds(load(spec, {}, installed()))[0]

    return make


def parent(build: Build, registry: Registry) -> str:
    found = planned(build, "1", registry).parent
    assert found is not None
    return found.reference


def test_a_build_starts_from_the_newest_image_that_is_not_revoked(registry: Registry, starts_from) -> None:
    assert parent(starts_from("base"), registry) == "base:3"
    registry.revoke("base@3", reason="backdoor")
    assert parent(starts_from("base"), registry) == "base:2"
    plan = planned(starts_from("base"), "1", registry)
    assert plan.parent is not None
    assert plan.parent.note.startswith("it starts from base@2, as base@3 was revoked on ")
    assert plan.parent.note in plan_text(plan)
    assert sentence(Event("note", "web", message=plan.parent.note)) == plan.parent.note


def test_a_disk_starts_from_a_docker_image(registry: Registry, tmp_path: Path) -> None:
    spec = tmp_path / "metal.yml"
    spec.write_text("name: metal\nplatforms: {debian-12: {disk: {from: base}}}\ntargets: {disk: {}}\n")
    build = builds(load(spec, {}, {"disk": disk}))[0]
    assert parent(build, registry) == "base:3"
    assert planned(build, "1", registry).source["image"] == "sha256:3"


def test_a_build_starts_from_the_version_or_the_channel_that_is_named(registry: Registry, starts_from) -> None:
    registry.promote("base@2", "production")
    assert parent(starts_from("base@1"), registry) == "base:1"
    assert parent(starts_from("base:production"), registry) == "base:2"
    with pytest.raises(InputError, match="starts from base:staging: image 'base' has no channel 'staging'"):
        planned(starts_from("base:staging"), "1", registry)


def test_a_build_is_refused_where_all_it_could_start_from_is_revoked(registry: Registry, starts_from) -> None:
    registry.revoke("base@2", reason="backdoor", by="ann@a")
    with pytest.raises(
        GoldsmithError, match=r"web/debian-12/docker starts from base@2: base@2 was revoked on .* by ann@a"
    ):
        planned(starts_from("base@2"), "1", registry)
    for number in "13":
        registry.revoke(f"base@{number}", reason="backdoor")
    with pytest.raises(GoldsmithError, match="starts from base: base@3 was revoked") as told:
        planned(starts_from("base"), "1", registry)
    assert (told.value.exit_code, "goldsmith images restore base@3" in told.value.hint) == (1, True)
    assert planned(starts_from("base"), "1", registry, require_parent=False).parent is None


def test_a_build_whose_base_was_never_built_says_so(registry: Registry, starts_from) -> None:
    with pytest.raises(InputError, match="there is no image other/debian-12/docker yet"):
        planned(starts_from("other"), "1", registry)
