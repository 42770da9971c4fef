from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from goldsmith.errors import EnvironmentFault, GoldsmithError
from goldsmith.registry import BuildRecord, Registry, Version
from goldsmith.result import Artifact, BuildResult, Source

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
