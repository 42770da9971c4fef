from __future__ import annotations

import pytest
from pydantic import ValidationError

from goldsmith.targets import installed
from goldsmith.targets.docker import DockerOptions, DockerSource


def test_docker_uses_the_same_door_as_targets_of_others() -> None:
    assert installed()["docker"].playbook == "goldsmith.images.docker"


@pytest.mark.parametrize(
    "repository", ["web", "goldsmith/web", "localhost:5000/a/b-c", "Registry.example.com/web", "a__b/c.d"]
)
def test_a_repository_may_name_its_registry(repository: str) -> None:
    assert DockerOptions(repository=repository).repository == repository


@pytest.mark.parametrize("repository", ["Web", "web:1", "web/", "https://registry/web", "a b", "web;rm", ""])
def test_a_repository_that_no_engine_takes_is_refused_before_a_build(repository: str) -> None:
    with pytest.raises(ValidationError):
        DockerOptions(repository=repository)


@pytest.mark.parametrize(
    ("tag", "fine"), [("1.0", True), ("latest", True), (1, True), ("a+b", False), (".a", False), ("x" * 129, False)]
)
def test_tags_are_what_registries_take(tag: object, fine: bool) -> None:
    if fine:
        assert DockerOptions(tags=[tag]).tags == [str(tag)]
    else:
        with pytest.raises(ValidationError):
            DockerOptions(tags=[tag])


@pytest.mark.parametrize("source", [{}, {"image": "a", "from": "b"}, {"debootstrap": {"suite": "x"}, "image": "a"}])
def test_a_source_is_exactly_one(source: dict) -> None:
    with pytest.raises(ValidationError, match="exactly one"):
        DockerSource(**source)


def test_nothing_of_the_machine_is_widened_by_default() -> None:
    machine = DockerOptions().machine.model_dump()
    assert not any(value for value in machine.values())
