"""What the fleet is compared with, from a real registry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldsmith.fleet.survey import catalog
from goldsmith.registry import Registry
from goldsmith.result import Artifact, BuildResult

NOW = datetime.now(UTC)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(environ={"GOLDSMITH_HOME": str(tmp_path)}) as registry:
        yield registry


def made(registry: Registry, number: int, image: str = "web", **given: object) -> str:
    version = registry.new_version(image, "sha256:x")
    build = f"20261122T120000-{number:08x}"
    registry.start_build(version, build, platform="debian-12", target="docker", spec="web.yml")
    artifact = Artifact(**{"type": "docker", "id": f"sha256:{number}", **given})
    keys = {"build": build, "name": image, "version": version.label, "platform": "debian-12", "target": "docker"}
    registry.finish_build(build, BuildResult(**keys, status="built", started=NOW, finished=NOW, artifact=artifact))
    return build


def test_an_artifact_is_known_by_its_id_its_digests_and_its_copies(registry: Registry) -> None:
    copies = {"eu-west-1": {"id": "ami-1"}, "eu-central-1": {"id": "ami-2"}}
    build = made(registry, 1, digests={"example/web:1": "sha256:pushed"}, details={"images": copies})
    found = catalog(registry, "production")
    assert {identity: [one.build for one in known] for identity, known in found.identities.items()} == {
        name: [build] for name in ("sha256:1", "sha256:pushed", "ami-1", "ami-2")
    }
    assert found.builds[build].label == "web/debian-12/docker"


def test_one_that_was_deleted_is_known_as_long_as_something_may_run_it(registry: Registry) -> None:
    made(registry, 1)
    artifact = registry.newest_artifact("web", "debian-12", "docker")
    assert artifact
    registry.mark_deleted(artifact.id)
    assert "sha256:1" in catalog(registry, "production").identities


def test_the_channel_that_is_asked_for_approves_and_revocations_reach_what_was_built_on(registry: Registry) -> None:
    first, second = made(registry, 1), made(registry, 2)
    registry.promote("web@1", "production")
    registry.promote("web@2", "staging")
    registry.revoke("web@2", reason="a key was left in it", by="ann@host")
    found = catalog(registry, "production")
    assert [(name, version.sequence) for name, version in found.approved.items()] == [("web", 1)]
    assert found.in_channel == {"web/debian-12/docker": first}
    assert found.builds[first].revoked == ""
    assert "by ann@host: a key was left in it" in found.builds[second].revoked
    assert catalog(registry, "staging").in_channel == {"web/debian-12/docker": second}
