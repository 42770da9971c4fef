"""Where a build's things are is noted beside its record."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from goldsmith.places import Place, note, noted, place_of
from goldsmith.spec import Build, builds, load
from goldsmith.targets.disk import target as disk

LAB = Place("ec2", ("eu-west-1", "eu-central-1"), "http://127.0.0.1:1")
AWS = Place("ec2", ("eu-west-1", "eu-central-1"), profile="work")


@pytest.fixture
def ami_build(tmp_path: Path) -> Build:
    path = tmp_path / "web.yml"
    path.write_text(
        "name: web\nplatforms: {debian-12: {ec2: {id: ami-0123456789abcdef0}}}\n"
        "targets: {ec2: {region: eu-west-1, copy_to: [eu-central-1]}}\n"
    )
    return builds(load(path))[0]


def test_an_ami_is_in_its_regions_at_the_environments_endpoint(ami_build: Build) -> None:
    environ = {"AWS_PROFILE": "work"}
    assert place_of(ami_build, "1", environ) == AWS
    environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    assert place_of(ami_build, "1", environ) == LAB, "a profile's keys are not for a lab"


def test_an_ami_of_a_disk_is_here_too_while_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(
        "name: web\nplatforms: {debian-12: {ec2: {image: 'debian:12'}}}\n"
        "targets: {ec2: {region: eu-west-1, strategy: direct}}\n"
    )
    place = place_of(builds(load(path))[0], "1", {}, output=tmp_path)
    assert place == Place("ec2", ("eu-west-1",), directory=str(tmp_path))
    assert place.is_here and not LAB.is_here


def test_a_docker_image_is_in_the_engine_whatever_the_environment_says(web_build: Build) -> None:
    assert place_of(web_build, "1", {"AWS_PROFILE": "work"}) == Place("docker")


def test_a_disk_is_in_the_directory_that_the_spec_names_or_in_the_builds_own(tmp_path: Path) -> None:
    for options, place in ({}, str(tmp_path)), ({"directory": "/srv/images"}, "/srv/images"):
        spec = tmp_path / "metal.yml"
        spec.write_text(
            f"name: metal\nplatforms: {{debian-12: {{disk: {{image: a}}}}}}\ntargets: {{disk: {json.dumps(options)}}}\n"
        )
        build = builds(load(spec, {}, {"disk": disk}))[0]
        assert place_of(build, "1", {}, output=tmp_path) == Place("disk", directory=place)


def test_what_is_noted_is_found_again_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        note(LAB, tmp_path / name)
    note(Place("docker"), tmp_path / "c")
    note(Place("disk", directory="/srv/images"), tmp_path / "d")
    assert noted(tmp_path.iterdir()) == {LAB, Place("docker"), Place("disk", directory="/srv/images")}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"target": "ec2"}', '{"target": 1, "regions": [], "x": 1}'])
def test_a_damaged_note_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "place.json").write_text(text)
    (tmp_path / "empty").mkdir()
    assert noted(tmp_path.iterdir()) == set()


def test_a_lab_that_was_ended_has_nothing_to_sweep() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert Place("ec2", (), endpoint).answers()
    assert not Place("ec2", (), endpoint).answers()
    assert Place("ec2").answers(), "AWS itself is not asked"


def test_a_lab_takes_any_key_and_aws_only_the_users_own() -> None:
    assert LAB.variables()["environment"]["AWS_ACCESS_KEY_ID"]
    assert LAB.environment().keys() == {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert AWS.environment() == {"AWS_PROFILE": "work"}
    assert Place("ec2", ("eu-west-1",)).variables() == {"regions": ["eu-west-1"]}
