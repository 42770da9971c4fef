"""Of which layers of an AMI a checkpoint is kept, what keeps it, and where it is looked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from goldsmith import caches, places
from goldsmith.errors import InputError
from goldsmith.layers import CacheLayer, Tools, cache_layers
from goldsmith.plan import Plan, plan
from goldsmith.planning import caches as has_cache
from goldsmith.project import assemble
from goldsmith.roles import SearchPath, find, nearest
from goldsmith.spec import builds, load

SITE = {"tasks": "site.yml"}
KEPT = SITE | {"checkpoint": True}


class Spec:
    """A spec of an AMI in a folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "site.yml").write_text("- ansible.builtin.command: uptime\n")

    def plan(self, *layers: dict[str, Any], target: str = "ec2", **ec2: Any) -> Plan:
        source = {"ec2": {"id": "ami-12345678"}, "docker": {"image": "debian:12"}}[target]
        spec = {"name": "web", "platforms": {"debian-12": {target: source}}, "layers": layers, "targets": {target: ec2}}
        path = self.directory / "web.yml"
        path.write_text(json.dumps(spec, indent=1))
        search = SearchPath.of(self.directory, environ={})
        build = builds(load(path))[0]
        return plan(build, "1", None, lambda name: find(name, search), lambda name: nearest(name, search))

    def layers(self, *layers: dict[str, Any], **ec2: Any) -> list[CacheLayer]:
        search = SearchPath.of(self.directory, environ={})
        return cache_layers(self.plan(*layers, **ec2), Tools("2.19.0", lambda name: find(name, search), {}.get))


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    return Spec(tmp_path)


def test_only_those_are_kept_that_ask_for_it_and_with_docker_all(spec: Spec) -> None:
    assert [one.keep for one in spec.layers(SITE, KEPT)] == [False, True]
    assert [one.keep for one in spec.layers(SITE, KEPT, target="docker")] == [True, True]


def test_without_a_checkpoint_nothing_is_looked_up_in_ec2(spec: Spec) -> None:
    assert not has_cache(spec.plan(SITE))
    assert has_cache(spec.plan(SITE, KEPT))
    assert has_cache(spec.plan(SITE, target="docker"))


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([KEPT | {"cache": False}], "no checkpoint of site can be kept: it says cache: false"),
        (
            [SITE | {"cache": False, "name": "below"}, KEPT],
            "no checkpoint of site can be kept: layer below below it says cache: false",
        ),
    ],
)
def test_a_checkpoint_of_what_is_not_cached_is_a_mistake_at_its_line(
    spec: Spec, layers: list[dict[str, Any]], told: str
) -> None:
    with pytest.raises(InputError) as caught:
        spec.plan(*layers)
    [problem] = caught.value.problems
    lines = (spec.directory / "web.yml").read_text().splitlines()
    assert (problem.message, '"checkpoint": true' in lines[problem.line - 1]) == (told, True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"machine": {"user_data": "#!/bin/sh"}}, "its machine has user_data"),
        ({"machine": {"block_devices": [{"device": "/dev/sdf", "size": 1}]}}, "its machine has block_devices"),
    ],
)
def test_what_happens_beside_the_layers_keeps_them_out(spec: Spec, options: dict[str, Any], reason: str) -> None:
    assert spec.layers(KEPT, **options)[0].off.startswith(reason)


def test_what_cleans_the_machine_up_runs_in_the_one_that_is_captured(spec: Spec) -> None:
    cleanup = {"role": "goldsmith.images.os_cleanup"}
    assert spec.layers(cleanup)[0].off == "it cleans up after the machine that it runs on"
    (spec.directory / "site.yml").write_text("- include_role: {name: goldsmith.images.os_cleanup}\n")
    assert spec.layers(KEPT)[0].off == "it cleans up after the machine that it runs on"
    assert spec.layers(cleanup, target="docker")[0].off == ""


def test_memory_follows_from_the_type_unless_that_may_be_one_of_several(spec: Spec) -> None:
    (spec.directory / "site.yml").write_text("- debug: {msg: '{{ ansible_kernel }} {{ ansible_memtotal_mb }}'}\n")
    assert [(one.engine, one.off) for one in spec.layers(KEPT)] == [((), "")]
    [one] = spec.layers(KEPT, instance_type=["t3.small", "t3a.small"])
    assert one.off == "it uses the machine's memory, and instance_type names several types"


def test_the_project_keeps_what_asks_for_it_and_an_exported_one_nothing(spec: Spec) -> None:
    def keeps(planned: Plan, *, cached: bool) -> list[dict[str, Any]]:
        tasks = YAML(typ="safe").load(assemble(planned, {}, cached=cached).files["layers.yml"])
        return [task for task in tasks if task["name"].startswith("Keep")]

    planned = spec.plan(SITE, KEPT)
    assert keeps(planned, cached=False) == []
    [task] = keeps(planned, cached=True)
    assert task["vars"] == {"goldsmith_number": 2}
    assert task["when"] == "goldsmith_layer_cache[1].cache == 'miss'"


def test_checkpoints_are_looked_for_where_images_were_built_at_the_endpoint_that_is_named(tmp_path: Path) -> None:
    def built(name: str, target: str, *regions: str, endpoint: str | None = None) -> None:
        directory = tmp_path / "builds" / name
        directory.mkdir(parents=True)
        places.note(places.Place(target, regions, endpoint), directory)

    built("1", "ec2", "eu-west-1", "eu-central-1")
    built("2", "ec2", "us-east-1", endpoint="http://127.0.0.1:5000")
    built("3", "docker")
    assert caches.places(tmp_path, (), (), {}) == ["", "eu-west-1"]
    assert caches.places(tmp_path, ("ec2",), (), {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"}) == ["us-east-1"]
    assert caches.places(tmp_path, ("docker",), (), {}) == [""]
    assert caches.places(tmp_path, (), ("eu-north-1",), {}) == ["eu-north-1"]
    assert caches.places(tmp_path, ("docker", "ec2"), ("eu-north-1",), {}) == ["", "eu-north-1"]
