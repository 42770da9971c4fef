"""Registries on real files, and results to put into them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests import postgresql

from goldsmith.registry import BuildRecord, Registry, Version
from goldsmith.result import Artifact, BuildResult, Failure, Package, Source, TestResult

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[postgresql.Server]:
    """A PostgreSQL server."""
    binaries = postgresql.programs()
    if binaries is None:
        assert not request.config.getoption("--require-docker"), "PostgreSQL is missing: make setup brings it"
        pytest.skip("PostgreSQL is missing: make setup brings it")
    with postgresql.running(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def made(server: postgresql.Server) -> str:
    """Name of a database that holds an empty registry."""
    name = server.create()
    Registry.open(server.url(name)).close()
    return name


# What the two databases do differently, such as transactions side by side, is shown of both every day.
of_both = pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.slow, pytest.mark.exhaustive])])
def url(request: pytest.FixtureRequest, home: Path) -> Iterator[str]:
    """URL of a registry, once in a file and once in PostgreSQL."""
    if request.param == "sqlite":
        home.mkdir()
        yield f"sqlite:///{home}/registry.db"
        return
    server, made = request.getfixturevalue("server"), request.getfixturevalue("made")
    yield server.url(made)
    server.empty(made)


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    with Registry.open(url) as registry:
        yield registry


@pytest.fixture
def result() -> Callable[..., BuildResult]:
    """Makes results: of a build that ended well, unless told otherwise."""

    def make(build: str, **given: Any) -> BuildResult:
        defaults: dict[str, Any] = {
            "name": "web",
            "version": "1",
            "platform": "debian-12",
            "target": "docker",
            "status": "built",
            "started": NOON,
            "finished": NOON.replace(second=6),
            "source": Source(id="sha256:base", reference="debian:12", details={"kind": "image"}),
            "artifact": Artifact(type="docker", id=f"sha256:{build}", size=100, tags=("web:1",), published=True),
            "packages": (Package("deb", "bash", "5.2", "amd64", "bash", "5.2"),),
            "tests": (TestResult("goss", "Package: bash", "passed", expected=["5.2"], found=["5.2"], duration=0.1),),
            "phases": {"acquire": 1.0, "provision": 4.5, "capture": 0.5},
        }
        if given.get("status") == "failed":
            defaults |= {"artifact": None, "failure": Failure("provision", "nginx", "Install nginx", "no such package")}
        return BuildResult(**defaults | {"build": build} | given)

    return make


@pytest.fixture
def build(registry: Registry, result: Callable[..., BuildResult]) -> Callable[..., BuildRecord]:
    """Records a build from its start to its end."""

    def record(build_id: str, version: Version | None = None, image: str = "web", **given: Any) -> BuildRecord:
        version = version or registry.new_version(image, "sha256:fingerprint")
        done = result(build_id, name=image, version=version.label, **given)
        registry.start_build(version, build_id, platform=done.platform, target=done.target, spec="web.yml")
        return registry.finish_build(build_id, done)

    return record
