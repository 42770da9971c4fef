"""`docker_sweep` on a real engine. Other tests run at the same time: every test looks at its own builds alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import docker
import pytest

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]
Mark = Callable[..., dict[str, str]]


@pytest.fixture
def mark(swept: str) -> Mark:
    """Return labels of the test's build."""

    def labels(role: str, hours: float | None = None, build: str = swept) -> dict[str, str]:
        marks = {"io.goldsmith.build": build, "io.goldsmith.name": "web", "io.goldsmith.role": role}
        if hours is not None:
            time = datetime.now(UTC) + timedelta(hours=hours)
            marks["io.goldsmith.expires"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
        return marks

    return labels


@pytest.fixture
def make_image(docker_client: docker.DockerClient, base_image: str) -> Callable[..., str]:
    def make(labels: dict[str, str], tag: str | None = None) -> str:
        container = docker_client.containers.create(base_image, ["true"])
        try:
            repository, _colon, version = (tag or "").partition(":")
            return str(container.commit(repository or None, version or None, conf={"Labels": labels}).id)
        finally:
            container.remove()

    return make


def there(client: docker.DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        return False
    return True


def mine(result: dict[str, Any], key: str, build: str) -> list[str]:
    return [item["id"] for item in result[key] if item["build"] == build]


def test_everything_temporary_of_a_build_goes_and_nothing_else(
    run_module: RunModule,
    docker_client: docker.DockerClient,
    start_container: Callable[..., Any],
    make_image: Callable[..., str],
    mark: Mark,
    swept: str,
    unique: str,
) -> None:
    running = start_container(labels=mark("builder", 1))
    stopped = docker_client.containers.create(running.image, ["true"], labels=mark("verify", 1))
    other = start_container(labels=mark("builder", 1, build=unique))
    foreign = start_container()
    temporary = make_image(mark("temporary", 1))
    untagged = make_image(mark("artifact"))
    tagged = make_image(mark("artifact"), tag=f"{unique}:1")
    options = {"build_ids": [swept], "expired": False}

    told = run_module("docker_sweep", check=True, **options)
    assert told["changed"]
    assert told["removed"] == []
    running.reload()
    assert running.status == "running"

    first = run_module("docker_sweep", **options)
    second = run_module("docker_sweep", **options)

    gone = sorted([running.id, stopped.id, temporary, untagged])
    assert sorted(item["id"] for item in told["found"]) == gone
    assert sorted(item["id"] for item in first["removed"]) == gone
    assert first["failed_removals"] == []
    assert {item["kind"] for item in first["found"]} == {"container", "image"}
    assert (second["changed"], second["found"]) == (False, [])
    assert not there(docker_client, temporary)
    assert not there(docker_client, untagged)
    assert there(docker_client, tagged)
    for container in (other, foreign):
        container.reload()
        assert container.status == "running"


def test_what_has_expired_goes_whichever_build_it_is_of(
    run_module: RunModule,
    docker_client: docker.DockerClient,
    start_container: Callable[..., Any],
    make_image: Callable[..., str],
    mark: Mark,
    swept: str,
) -> None:
    old = start_container(labels=mark("builder", -1), name=f"goldsmith-{swept}")
    young = start_container(labels=mark("verify", 1))
    old_image = make_image(mark("temporary", -1))
    artifact = make_image(mark("artifact"))

    told = run_module("docker_sweep", check=True)
    run_module("docker_sweep")

    assert sorted(mine(told, "found", swept)) == sorted([old.id, old_image])
    item = next(item for item in told["found"] if item["id"] == old.id)
    assert item["name"] == f"goldsmith-{swept}"
    assert item["expires"] == old.labels["io.goldsmith.expires"]
    assert item["reason"] == "it has expired"
    # Another sweep may have been faster.
    assert docker_client.containers.list(all=True, filters={"id": old.id}) == []
    assert not there(docker_client, old_image)
    young.reload()
    assert young.status == "running"
    assert there(docker_client, artifact)


def test_container_whose_label_is_no_time_does_not_expire(
    run_module: RunModule, start_container: Callable[..., Any], mark: Mark, swept: str
) -> None:
    start_container(labels={**mark("builder"), "io.goldsmith.expires": "soon"})

    result = run_module("docker_sweep", check=True)

    assert mine(result, "found", swept) == []


def test_what_the_engine_does_not_let_go_is_reported_and_the_rest_removed(
    run_module: RunModule,
    docker_client: docker.DockerClient,
    start_container: Callable[..., Any],
    make_image: Callable[..., str],
    mark: Mark,
    swept: str,
) -> None:
    held = make_image(mark("temporary", 1))
    holder = start_container(held, labels={"io.goldsmith.build": "another"})
    free = make_image(mark("temporary", 1))

    result = run_module("docker_sweep", build_ids=[swept], expired=False)

    assert result["failed"]
    assert result["changed"]
    assert "1 of 2 could not be removed" in result["msg"]
    assert [item["id"] for item in result["failed_removals"]] == [held]
    assert [item["id"] for item in result["removed"]] == [free]
    assert holder.short_id in result["failed_removals"][0]["reason"]
    holder.remove(force=True)


def test_two_sweeps_at_once_both_succeed(
    start_module: Callable[..., Any], start_container: Callable[..., Any], mark: Mark, swept: str
) -> None:
    for _ in range(3):
        start_container(labels=mark("builder", 1))

    both = [start_module("docker_sweep", {"build_ids": [swept], "expired": False}) for _ in range(2)]

    assert [json.loads(process.communicate()[0])["failed_removals"] for process in both] == [[], []]
