from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from goldsmith.errors import EnvironmentFault, GoldsmithError, InputError
from goldsmith.registry import BuildRecord, Evidence, Registry, TestCounts, Version
from goldsmith.result import Artifact, BuildResult, ControlResult, Failure, Package, Source, TestResult

from .conftest import of_both

Result = Callable[..., BuildResult]
Build = Callable[..., BuildRecord]


def test_versions_of_an_image_count_from_one_and_each_image_has_its_own(registry: Registry) -> None:
    assert [registry.new_version("web", "f").sequence for _ in range(3)] == [1, 2, 3]
    assert registry.new_version("base", "f").sequence == 1


def test_a_version_is_labelled_as_the_spec_says_and_else_by_its_number(registry: Registry) -> None:
    assert registry.new_version("web", "f", "2026.11") == Version("web", 1, "2026.11")
    assert registry.new_version("web", "f") == Version("web", 2, "2")


def test_the_next_number_can_be_told_without_taking_it(registry: Registry) -> None:
    assert registry.next_sequence("web") == 1
    registry.new_version("web", "f")
    assert registry.next_sequence("web") == 2
    assert registry.next_sequence("web") == 2


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


def test_from_means_the_newest_artifact_that_is_there_of_a_build_that_ended_well(
    registry: Registry, build: Build
) -> None:
    assert registry.newest_artifact("web", "debian-12", "docker") is None
    build("b-1")
    build("b-2")
    build("b-3", platform="debian-13")
    build("b-4", status="failed")
    build("b-5", image="other")
    newest = registry.newest_artifact("web", "debian-12", "docker")
    assert newest is not None
    assert (newest.build, newest.version) == ("b-2", Version("web", 2, "2"))
    registry.mark_deleted(newest.id)
    older = registry.newest_artifact("web", "debian-12", "docker")
    assert older is not None
    assert older.build == "b-1"
    assert registry.newest_artifact("web", "debian-12", "ec2") is None


def test_the_newest_artifact_is_that_of_the_highest_version_even_when_it_was_finished_first(
    registry: Registry, build: Build
) -> None:
    first, second = registry.new_version("web", "f"), registry.new_version("web", "f")
    late = datetime(2027, 1, 1, tzinfo=UTC)
    build("b-2", second)
    build("b-1", first, finished=late)
    newest = registry.newest_artifact("web", "debian-12", "docker")
    assert newest is not None
    assert newest.build == "b-2"


def test_an_artifact_knows_the_recorded_artifact_it_was_built_on(registry: Registry, build: Build) -> None:
    [base] = build("b-1", image="base").artifacts
    [child] = build("b-2", source=Source(id=base.identity, reference="base@1")).artifacts
    assert (child.parent, child.base_reference, child.base_identity) == (base.id, "base@1", base.identity)


def test_the_parent_named_wins_over_one_that_is_the_same_image(
    registry: Registry, build: Build, result: Result
) -> None:
    same = Artifact(type="docker", id="sha256:same")
    [named] = build("b-1", image="base", artifact=same).artifacts
    build("b-2", image="base", artifact=same)
    registry.start_build(registry.new_version("web", "f"), "b-3", platform="p", target="docker", spec="s")
    record = registry.finish_build("b-3", result("b-3", source=Source(id="sha256:same")), parent_artifact=named.id)
    assert record.artifacts[0].parent == named.id


def test_a_parent_that_is_not_recorded_is_refused(registry: Registry, result: Result) -> None:
    registry.start_build(registry.new_version("web", "f"), "b-1", platform="p", target="docker", spec="s")
    with pytest.raises(GoldsmithError, match="artifact 7 is not recorded"):
        registry.finish_build("b-1", result("b-1"), parent_artifact=7)
    assert registry.find_build("b-1").state == "running"


@of_both
@pytest.mark.parametrize("table", ["image", "version", "build", "inventory", "package"])
def test_nothing_that_a_record_stands_on_can_be_taken_away(registry: Registry, build: Build, table: str) -> None:
    build("b-1")

    def delete(session: Session) -> None:
        session.execute(text(f"DELETE FROM {table}"))

    with pytest.raises(EnvironmentFault, match=r"(?i)foreign key"):
        registry._database.write(delete)


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


def test_the_home_is_made_for_its_owner_only(home: Path) -> None:
    with Registry.open(environ={"GOLDSMITH_HOME": str(home)}) as registry:
        assert registry.location == str(home / "registry.db")
    assert home.stat().st_mode & 0o777 == 0o700


@of_both
def test_what_was_recorded_is_there_when_the_registry_is_opened_again(
    registry: Registry, build: Build, url: str
) -> None:
    record = build("b-1")
    registry.close()
    with Registry.open(url) as again:
        assert again.find_build("b-1") == record
        assert again.new_version("web", "f").sequence == 2


@pytest.mark.parametrize("name", ["it's", "a b", "what?#%41", "{path}", "ünï"])
def test_the_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    with Registry.open(environ={"GOLDSMITH_HOME": str(tmp_path / name)}) as registry:
        registry.new_version("web", "f")
    assert (tmp_path / name / "registry.db").is_file()


def test_a_path_that_is_no_text_is_recorded_escaped(registry: Registry) -> None:
    odd = os.fsdecode(b"/specs/\xff.yml")
    registry.start_build(registry.new_version("web", "f"), "b-1", platform="p", target="t", spec=odd, log=Path(odd))
    assert registry.find_build("b-1").spec == "/specs/\\xff.yml"


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
