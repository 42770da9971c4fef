"""Layers that are unchanged are taken from the cache, and the image is what it would have been without."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any

import docker
import pytest

from goldsmith import cache

from .conftest import Cli, SpecWriter

pytestmark = [pytest.mark.docker, pytest.mark.network]

FIRST = """
- ansible.builtin.package_facts:
- ansible.builtin.command: uname -r
  register: kernel
- ansible.builtin.set_fact: {answer: "{{ 40 + 2 }}"}
- ansible.builtin.copy: {content: gone soon, dest: /opt/gone}
- ansible.builtin.copy: {content: one, dest: /opt/changed, mode: "0600"}
  notify: Tell of it
"""
HANDLERS = "- name: Tell of it\n  ansible.builtin.copy: {content: noted, dest: /opt/noted}\n"
SECOND = """
- ansible.builtin.file: {path: /opt/gone, state: absent}
- ansible.builtin.copy: {content: two, dest: /opt/changed, mode: "0644"}
- ansible.builtin.file: {path: /usr/share/doc, state: absent}
"""
THIRD = """
- ansible.builtin.copy:
    content: "{{ answer }} {{ kernel.stdout }} {{ 'libc6' in ansible_facts.packages }}"
    dest: /opt/third
"""
STEPS = ({"role": "./first"}, {"tasks": "second.yml"}, {"tasks": "third.yml"})
LAYERS = [step | {"cache": True} for step in STEPS]
FILES = {"first/tasks/main.yml": FIRST, "first/handlers/main.yml": HANDLERS, "second.yml": SECOND, "third.yml": THIRD}


def told(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(layer["cache"], layer.get("reason", "")) for layer in result["layers"]]


def tree(client: docker.DockerClient, image: str) -> dict[str, Any]:
    """Return what is in an image, but for times and the build's own stamp."""
    container = client.containers.create(image, ["none"])
    try:
        data = io.BytesIO(b"".join(container.export()))
    finally:
        container.remove()
    with tarfile.open(fileobj=data) as archive:
        return {
            member.name: (
                oct(member.mode),
                member.uid,
                member.gid,
                member.linkname,
                hashlib.sha256(archive.extractfile(member).read()).hexdigest() if member.isreg() else member.type,
            )
            for member in archive
            if member.name != "etc/goldsmith-release"
        }


def test_unchanged_layers_are_taken_and_the_image_is_as_without(
    goldsmith: Cli, write_spec: SpecWriter, docker_client: docker.DockerClient
) -> None:
    spec = write_spec(files=FILES, layers=LAYERS)
    first = goldsmith.build(spec)
    runs = "layer first below it runs"
    assert told(first) == [("miss", "it is not in the cache yet"), ("miss", runs), ("miss", runs)]

    changed = THIRD + "- ansible.builtin.copy: {content: more, dest: /opt/more}\n"
    spec = write_spec(files=FILES | {"third.yml": changed}, layers=LAYERS)
    [plan] = json.loads(goldsmith("plan", spec, "--json", "--cve-data", "none").stdout)
    assert [layer["cache"] for layer in plan["layers"]] == ["hit", "hit", "miss"]
    assert plan["layers"][2]["reason"] == "file third.yml changed"

    again = goldsmith.build(spec)
    assert told(again) == [("hit", ""), ("hit", ""), ("miss", "file third.yml changed")]
    assert [task for task in ("Tell of it", "uname") if task in goldsmith.log(again["build"])] == []

    without = goldsmith.build(spec, "--no-cache")
    assert {cache for cache, _ in told(without)} == {"miss"}
    trees = [tree(docker_client, one["artifact"]["id"]) for one in (again, without)]
    assert trees[0] == trees[1]
    assert {"opt/noted", "opt/third", "opt/more"} <= trees[0].keys()
    assert not {"opt/gone", "usr/share/doc"} & trees[0].keys()
    config = [docker_client.images.get(one["artifact"]["id"]).attrs["Config"] for one in (again, without)]
    labels = [one.pop("Labels").keys() for one in config]
    assert config[0] == config[1] and labels[0] == labels[1]
    assert len(again["artifact"]["layers"]) == len(without["artifact"]["layers"]), "one layer above the base"

    mine = [layer for layer in cache.listed() if layer.image == goldsmith.name]
    assert len(mine) == 3 + 1 + 3, "each layer that ran"
    assert {removal.state for removal in cache.remove(mine)} == {"removed"}
    assert docker_client.images.get(again["artifact"]["id"]).tags == again["artifact"]["tags"]


def test_a_layer_that_failed_and_one_that_uses_a_secret_are_not_kept(goldsmith: Cli, write_spec: SpecWriter) -> None:
    goldsmith.environ["TOKEN"] = "quite-secret-9"
    spec = write_spec(
        files={
            "good.yml": "- ansible.builtin.command: 'true'\n",
            "secret.yml": "- ansible.builtin.copy: {content: '{{ token }}', dest: /run/token}\n",
            "above.yml": "- ansible.builtin.fail: {msg: no luck}\n",
        },
        secrets={"token": {"env": "TOKEN"}},
        layers=[{"tasks": f"{name}.yml", "cache": True} for name in ("good", "secret", "above")],
    )
    failed = goldsmith.build(spec, code=1)
    assert told(failed)[1] == ("off", "it uses the secret token")

    mine = [one for one in cached(goldsmith) if one["image"] == goldsmith.name]
    assert [one["name"] for one in mine] == ["good"]

    assert goldsmith.name not in goldsmith("cache", "prune", "--older-than", "1d", "--check").stdout
    assert "--keep x is no size" in goldsmith("cache", "prune", "--keep", "x", code=2).stderr


def cached(goldsmith: Cli) -> list[dict[str, Any]]:
    return list(json.loads(goldsmith("cache", "ls", "--json").stdout))
