"""What is built already is not built again, as long as it is there and nothing that goes in has changed."""

from __future__ import annotations

import json

import docker
import pytest

from .conftest import Cli, SpecWriter

pytestmark = [pytest.mark.docker, pytest.mark.network]


def test_an_image_is_built_again_only_when_it_is_gone_or_a_file_has_changed(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    spec = write_spec("- ansible.builtin.command: touch /made\n", policy={"max_age": "30d"})
    [first] = goldsmith.builds(spec)

    again = json.loads(goldsmith("build", spec, "--json").stdout)
    assert (again["kind"], again["build"], again["artifact"]) == ("up-to-date", first["build"], first["artifact"]["id"])
    assert "is up to date: version 1" in goldsmith("build", spec).stdout
    assert len(list((goldsmith.home / "builds").iterdir())) == 1

    docker_client.images.remove(first["artifact"]["tags"][0])
    [second] = goldsmith.builds(spec)
    assert (second["status"], second["version"]) == ("built", "2")

    (spec.parent / "tasks.yml").write_text("- ansible.builtin.fail: {msg: it runs}\n")
    [third] = goldsmith.builds(spec, code=1)
    assert third["failure"]["message"] == "it runs"
