from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text

from goldsmith.errors import GoldsmithError
from goldsmith.registry import BuildRecord, Evidence, Registry, TestCounts, Version
from goldsmith.result import Artifact, BuildResult, ControlResult, Failure, Package, TestResult

from .conftest import of_both

Result = Callable[..., BuildResult]
Build = Callable[..., BuildRecord]


def test_a_build_that_runs_is_recorded_with_the_process_that_runs_it(registry: Registry) -> None:
    started = datetime(2026, 11, 22, 13, tzinfo=timezone(timedelta(hours=1)))
    registry.start_build(
        registry.new_version("web", "f", "1.2"),
        "20261122T120000-0000000a",
        platform="debian-12",
        target="docker",
        spec=Path("specs/web.yml"),
        parameters={"port": 80, "nested": {"a": [None, "ü"]}},
        secrets=["token", "password"],
        tools={"ansible-core": "2.19.1"},
        log=Path("/var/log/web.log"),
        started=started,
    )
    [running] = registry.running_builds()
    assert (running.label, running.state, running.version) == (
        "web/debian-12/docker",
        "running",
        Version("web", 1, "1.2"),
    )
    assert (running.pid, running.host) == (os.getpid(), socket.gethostname())
    assert (running.spec, running.log) == ("specs/web.yml", "/var/log/web.log")
    assert running.parameters == {"port": 80, "nested": {"a": [None, "ü"]}}
    assert running.secrets == ("password", "token")
    assert set(running.tools) == {"ansible-core", "goldsmith"}
    assert (running.finished, running.seconds, running.source, running.failure) == (None, None, None, None)
    assert running.started == started
    assert running.started.utcoffset() == timedelta(0)


@of_both
def test_a_build_that_ended_is_recorded_with_all_it_made(registry: Registry, result: Result) -> None:
    version = registry.new_version("web", "f", "1.2")
    started = datetime(2026, 11, 22, 11, 59, 58, tzinfo=UTC)
    registry.start_build(version, "b-1", platform="debian-12", target="docker", spec="web.yml", started=started)
    ended = result(
        "b-1",
        artifact=Artifact(
            type="docker",
            id="sha256:web",
            size=5_000_000_000,
            tags=("web:1.2", "web:latest"),
            digests={"localhost:5000/web:1.2": "sha256:pushed"},
            published=True,
            details={"layers": ["sha256:l"], "config": {"User": "www-data"}},
        ),
        tests=(
            TestResult("goss", "Port: tcp:80", "passed", expected=["true"], found=["true"], duration=0.5),
            TestResult("goss", "File: /x", "skipped"),
            TestResult("testinfra", "test_user", "failed", expected={"uid": 33}, found=None, message="no such user"),
        ),
    )
    record = registry.finish_build("b-1", ended)
    assert registry.running_builds() == ()
    assert registry.find_build("b-1") == record
    assert (record.state, record.failure, record.seconds) == ("built", None, 8.0)
    assert list(record.phases.items()) == [("acquire", 1.0), ("provision", 4.5), ("capture", 0.5)]
    assert record.source == ended.document()["source"]
    assert record.tests == TestCounts(passed=1, failed=1, skipped=1)
    assert record.tests.total == 3
    assert registry.tests("b-1") == ended.tests
    assert record.packages == 1
    assert registry.packages("b-1") == ended.packages
    [artifact] = record.artifacts
    assert (artifact.type, artifact.identity, artifact.size) == ("docker", "sha256:web", 5_000_000_000)
    assert (artifact.tags, artifact.digests) == (("web:1.2", "web:latest"), {"localhost:5000/web:1.2": "sha256:pushed"})
    assert (artifact.published, artifact.state, artifact.version) == (True, "available", version)
    assert (artifact.base_reference, artifact.base_identity, artifact.parent) == ("debian:12", "sha256:base", None)
    assert artifact.details == {"layers": ["sha256:l"], "config": {"User": "www-data"}}


def test_a_build_that_failed_is_recorded_with_the_reason(build: Build) -> None:
    record = build("b-1", status="failed")
    assert (record.state, record.artifacts) == ("failed", ())
    assert record.failure == Failure("provision", "nginx", "Install nginx", "no such package")


def test_a_build_that_failed_after_capture_keeps_its_artifact_in_the_record(registry: Registry, build: Build) -> None:
    image = Artifact(type="docker", id="sha256:web", tags=("web:1",))
    record = build("b-1", status="failed", artifact=image, failure=Failure("publish", message="denied"))
    assert [artifact.identity for artifact in record.artifacts] == ["sha256:web"]
    assert registry.newest_artifact("web", "debian-12", "docker") is None


def test_a_version_is_building_while_a_build_of_it_runs(registry: Registry, build: Build) -> None:
    version = registry.new_version("web", "f")
    assert registry.images()[0].state == "building"
    registry.start_build(version, "b-1", platform="debian-13", target="docker", spec="web.yml")
    build("b-2", version)
    assert registry.images()[0].state == "building"


@pytest.mark.parametrize(
    ("other", "state"), [("built", "built"), ("failed", "failed"), ("interrupted", "failed")], ids=lambda value: value
)
def test_a_version_is_built_only_when_all_its_builds_are(
    registry: Registry, build: Build, result: Result, other: str, state: str
) -> None:
    version = registry.new_version("web", "f")
    registry.start_build(version, "b-1", platform="debian-13", target="docker", spec="web.yml")
    build("b-2", version)
    if other == "interrupted":
        registry.interrupt("b-1")
    else:
        registry.finish_build("b-1", result("b-1", platform="debian-13", status=other))
    assert registry.images()[0].state == state


def test_a_build_can_be_interrupted_once_and_one_that_ended_stays_as_it_is(registry: Registry, build: Build) -> None:
    build("b-1")
    registry.interrupt("b-1")
    assert registry.find_build("b-1").state == "built"
    registry.start_build(registry.new_version("web", "f"), "b-2", platform="p", target="docker", spec="web.yml")
    registry.interrupt("b-2")
    interrupted = registry.find_build("b-2")
    assert interrupted.state == "interrupted"
    registry.interrupt("b-2")
    assert registry.find_build("b-2") == interrupted


def test_a_build_that_was_taken_for_lost_can_still_end(registry: Registry, result: Result) -> None:
    registry.start_build(registry.new_version("web", "f"), "b-1", platform="p", target="docker", spec="web.yml")
    registry.interrupt("b-1")
    assert registry.finish_build("b-1", result("b-1")).state == "built"
    assert registry.images()[0].state == "built"


def test_a_version_left_without_a_build_does_not_stay_building(registry: Registry) -> None:
    left = registry.new_version("left", "f")
    registry.start_build(registry.new_version("web", "f"), "b-1", platform="p", target="docker", spec="web.yml")
    registry.interrupt("b-1")
    assert [image.state for image in registry.images()] == ["failed", "failed"]
    registry.start_build(left, "b-2", platform="p", target="docker", spec="left.yml")
    assert [image.state for image in registry.images()] == ["building", "failed"]


def test_the_same_build_cannot_be_recorded_twice(registry: Registry, build: Build, result: Result) -> None:
    build("b-1")
    with pytest.raises(GoldsmithError, match="b-1 is recorded already"):
        registry.start_build(registry.new_version("web", "f"), "b-1", platform="p", target="t", spec="s")
    with pytest.raises(GoldsmithError, match="b-1 is recorded as built already"):
        registry.finish_build("b-1", result("b-1"))


def test_what_is_not_recorded_is_named(registry: Registry, result: Result) -> None:
    with pytest.raises(GoldsmithError, match="build b-9 is not recorded"):
        registry.finish_build("b-9", result("b-9"))
    with pytest.raises(GoldsmithError, match="build b-9 is not recorded"):
        registry.interrupt("b-9")
    with pytest.raises(GoldsmithError, match="build b-9 is not recorded"):
        registry.packages("b-9")
    with pytest.raises(GoldsmithError, match="version web@7 is not recorded"):
        registry.start_build(Version("web", 7, "7"), "b-9", platform="p", target="t", spec="s")
    with pytest.raises(GoldsmithError, match="artifact 7 is not recorded"):
        registry.mark_deleted(7)


def test_another_builds_result_is_refused(registry: Registry, result: Result) -> None:
    registry.start_build(registry.new_version("web", "f"), "b-1", platform="p", target="t", spec="s")
    with pytest.raises(GoldsmithError, match="given for build b-1 is that of b-2"):
        registry.finish_build("b-1", result("b-2"))
    assert registry.find_build("b-1").state == "running"


@of_both
def test_packages_that_many_builds_share_are_stored_once(registry: Registry, build: Build) -> None:
    shared = tuple(Package("deb", f"p{number}", "1", "amd64") for number in range(1200))
    newer = (Package("deb", "p0", "2", "amd64"), *shared[1:])
    records = [build("b-1", packages=shared), build("b-2", packages=shared[::-1]), build("b-3", packages=newer)]
    assert [record.packages for record in records] == [1200, 1200, 1200]
    assert set(registry.packages("b-1")) == set(registry.packages("b-2")) == set(shared)
    assert set(registry.packages("b-3")) == set(newer)
    with registry._database.read() as session:
        count = [session.scalar(text(f"SELECT count(*) FROM {table}")) for table in ("package", "inventory")]
    assert count == [1201, 2]


@of_both
def test_an_image_may_hold_more_packages_than_one_statement_takes(registry: Registry, build: Build) -> None:
    many = tuple(Package("deb", f"p{number:05}", "1", "amd64", f"s{number}", "1") for number in range(6000))
    assert build("b-1", packages=many).packages == 6000
    assert registry.packages("b-1") == many


def test_an_image_without_a_package_database_has_no_packages(registry: Registry, build: Build) -> None:
    assert build("b-1", packages=()).packages == 0
    assert registry.packages("b-1") == ()


def test_a_package_that_is_listed_twice_counts_once(registry: Registry, build: Build) -> None:
    twice = Package("rpm", "gpg-pubkey", "1", "", "", "")
    assert build("b-1", packages=(twice, twice)).packages == 1


def test_a_build_that_was_resumed_has_the_same_artifact_now_published(
    registry: Registry, build: Build, result: Result
) -> None:
    image = {"type": "ec2", "id": "ami-1", "tags": ("web-1",)}
    failure = Failure("publish", "", "Publish the image", "no such region")
    failed = build("20261122T120000-0000000a", status="failed", artifact=Artifact(**image), failure=failure)
    published = result("20261122T120000-0000000a", artifact=Artifact(**image, published=True))

    with pytest.raises(GoldsmithError, match="recorded as failed already"):
        registry.finish_build(failed.id, published)
    done = registry.finish_build(failed.id, published, again=True)

    assert (done.state, done.failure) == ("built", None)
    assert [(one.id, one.identity, one.published) for one in done.artifacts] == [
        (failed.artifacts[0].id, "ami-1", True)
    ]
    assert done.tests.total == failed.tests.total
    with pytest.raises(GoldsmithError, match="recorded as built already"):
        registry.finish_build(failed.id, published, again=True)


def test_what_went_into_a_build_is_kept(registry: Registry) -> None:
    version = registry.new_version("web", "f")
    registry.start_build(
        version, "b-1", platform="p", target="docker", spec="s", ingredients={"spec:web.yml": "sha256:1"}
    )
    registry.start_build(version, "b-2", platform="q", target="docker", spec="s")
    assert registry.ingredients("b-1") == {"spec:web.yml": "sha256:1"}
    assert registry.ingredients("b-2") is None


def test_evidence_is_attached_beside_what_is_there_of_other_kinds(registry: Registry, build: Build) -> None:
    build("b-1")
    assert registry.evidence("b-1") == {}
    sbom, signed = Evidence("/b/sbom.json", "1" * 64, "text/a"), Evidence("/b/sbom.json", "2" * 64, "text/a")
    registry.attach("b-1", {"sbom": sbom})
    registry.attach("b-1", {"provenance": Evidence("/b/p.json", "3" * 64, "text/b")}, patching={"upgraded": []})
    registry.attach("b-1", {"sbom": signed})
    assert registry.evidence("b-1") == {"sbom": signed, "provenance": Evidence("/b/p.json", "3" * 64, "text/b")}
    assert registry.patching("b-1") == {"upgraded": []}
    with pytest.raises(GoldsmithError, match="build b-9 is not recorded"):
        registry.attach("b-9", {})


def test_what_became_of_each_control_is_kept(registry: Registry, build: Build) -> None:
    build("b-1", compliance=(ControlResult("sshd_root", "changed", details={"section": "5.1"}),))
    [control] = registry.compliance("b-1")
    assert (control["id"], control["status"], control["section"]) == ("sshd_root", "changed", "5.1")
    build("b-2", status="failed")
    assert registry.compliance("b-2") == ()
