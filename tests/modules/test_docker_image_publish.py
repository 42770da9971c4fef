"""`docker_image_publish` against a real engine and real registries."""

from __future__ import annotations

import base64
import json
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]
USER_WITH_PASSWORD_SECRET = "ann:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"


def digest_in(registry: Any, reference: str) -> str:
    """The digest of a reference's manifest, as its registry tells it."""
    repository, _colon, tag = reference.removeprefix(registry.address + "/").rpartition(":")
    request = urllib.request.Request(
        f"http://{registry.address}/v2/{repository}/manifests/{tag}",
        headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(answer.headers["Docker-Content-Digest"])


@pytest.fixture
def repository(registry: Any, unique: str, docker_client: docker.DockerClient) -> Iterator[str]:
    """A repository of the registry that no other test uses."""
    name = f"{registry.address}/team/{unique}"
    yield name
    forget(docker_client, name)


def forget(client: docker.DockerClient, repository: str) -> None:
    for image in client.api.images(name=repository):
        for name in [*(image["RepoTags"] or []), *(image["RepoDigests"] or [])]:
            if name.startswith(repository):
                try:
                    client.api.remove_image(name, noprune=True)
                except docker.errors.NotFound:
                    continue  # the last tag takes the digests along


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, registry: Any) -> Iterator[Any]:
    """A registry that lets only ann in."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "users").write_text(USER_WITH_PASSWORD_SECRET)
    running = type(registry)(folder, f"auth:\n  htpasswd: {{realm: test, path: {folder}/users}}\n")
    yield running
    running.close()


def test_references_are_set_without_a_push(
    run_module: RunModule, tiny_image: str, repository: str, docker_client: docker.DockerClient
) -> None:
    options = {"image": tiny_image, "repository": repository, "tags": ["1.4", "latest"]}
    references = [f"{repository}:1.4", f"{repository}:latest"]
    checked = run_module("docker_image_publish", **options, check=True)
    assert (checked["changed"], checked["tagged"]) == (True, references)
    assert not docker_client.api.images(name=repository)

    result = run_module("docker_image_publish", **options)
    assert (result["changed"], result["tags"], result["tagged"]) == (True, references, references)
    assert (result["digests"], result["pushed"], result["missing"]) == ({}, [], [])
    assert result["diff"]["before"]["references"] == dict.fromkeys(references)
    assert result["diff"]["after"]["references"] == dict.fromkeys(references, tiny_image)
    assert sorted(docker_client.api.inspect_image(tiny_image)["RepoTags"]) == references

    assert not run_module("docker_image_publish", **options)["changed"]


def test_a_tag_is_moved_and_the_image_it_left_is_named(
    run_module: RunModule, tiny_image: str, repository: str, base_image: str, docker_client: docker.DockerClient
) -> None:
    docker_client.api.tag(base_image, repository, "latest")
    result = run_module("docker_image_publish", image=tiny_image, repository=repository)
    assert result["changed"]
    assert result["replaced"] == {f"{repository}:latest": base_image}
    assert docker_client.api.inspect_image(f"{repository}:latest")["Id"] == tiny_image


def test_pushed_references_are_in_the_registry_under_their_digest(
    run_module: RunModule, tiny_image: str, repository: str, registry: Any
) -> None:
    options = {"image": tiny_image, "repository": repository, "tags": ["1.4", "latest"], "push": True}
    result = run_module("docker_image_publish", **options)
    assert result["pushed"] == result["tags"] == [f"{repository}:1.4", f"{repository}:latest"]
    assert result["digests"] == {name: digest_in(registry, name) for name in result["tags"]}

    again = run_module("docker_image_publish", **options)
    assert (again["changed"], again["pushed"]) == (False, [])
    assert again["digests"] == result["digests"]


def test_only_what_the_registry_lacks_is_pushed(run_module: RunModule, tiny_image: str, repository: str) -> None:
    run_module("docker_image_publish", image=tiny_image, repository=repository, tags=["1"], push=True)
    options = {"image": tiny_image, "repository": repository, "tags": ["1", "2"], "push": True}
    checked = run_module("docker_image_publish", **options, check=True)
    assert (checked["changed"], checked["pushed"]) == (True, [f"{repository}:2"])
    result = run_module("docker_image_publish", **options)
    assert result["pushed"] == [f"{repository}:2"]
    assert set(result["digests"]) == {f"{repository}:1", f"{repository}:2"}


def test_a_tag_that_another_image_has_in_the_registry_is_pushed_again(
    run_module: RunModule, tiny_image: str, repository: str, registry: Any, docker_client: docker.DockerClient
) -> None:
    options = {"image": tiny_image, "repository": repository, "push": True}
    ours = run_module("docker_image_publish", **options)["digests"]
    container = docker_client.containers.create(tiny_image, ["none"])
    other = container.commit(repository, "latest")
    docker_client.api.push(repository, tag="latest")
    container.remove()
    assert digest_in(registry, f"{repository}:latest") != ours[f"{repository}:latest"]

    result = run_module("docker_image_publish", **options)
    docker_client.api.remove_image(other.id, force=True, noprune=True)
    assert result["replaced"] == {f"{repository}:latest": other.id}
    assert result["pushed"] == [f"{repository}:latest"]
    assert digest_in(registry, f"{repository}:latest") == ours[f"{repository}:latest"]


def test_a_refused_push_leaves_the_image_and_says_how_to_push_again(
    run_module: RunModule,
    tiny_image: str,
    guarded: Any,
    unique: str,
    tmp_path: Path,
    docker_client: docker.DockerClient,
) -> None:
    repository = f"{guarded.address}/{unique}"
    references = [f"{repository}:1", f"{repository}:2"]
    options = {"image": tiny_image, "repository": repository, "tags": ["1", "2"], "push": True}
    nobody = {"DOCKER_CONFIG": str(tmp_path)}
    refused = run_module("docker_image_publish", **options, environ=nobody)
    assert refused["failed"]
    assert (
        f"the registry {guarded.address} denied the push of {repository}:1: no basic auth credentials."
        in refused["msg"]
    )
    assert f"The image {tiny_image} and its local tags {references[0]}, {references[1]} stay." in refused["msg"]
    assert f"`docker login {guarded.address}`" in refused["msg"]
    assert refused["msg"].endswith(f"docker push {references[0]} && docker push {references[1]}")
    assert (refused["tagged"], refused["pushed"], refused["missing"]) == (references, [], references)
    assert sorted(docker_client.api.inspect_image(tiny_image)["RepoTags"]) == references

    login = base64.b64encode(b"ann:secret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded.address: {"auth": login}}}))
    result = run_module("docker_image_publish", **options, environ=nobody)
    forget(docker_client, repository)
    assert (result["tagged"], result["pushed"], result["missing"]) == ([], references, [])
    assert set(result["digests"]) == set(references)


def test_a_wrong_password_is_told(
    run_module: RunModule,
    tiny_image: str,
    guarded: Any,
    unique: str,
    tmp_path: Path,
    docker_client: docker.DockerClient,
) -> None:
    login = base64.b64encode(b"ann:wrong").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded.address: {"auth": login}}}))
    result = run_module(
        "docker_image_publish",
        image=tiny_image,
        repository=f"{guarded.address}/{unique}",
        push=True,
        environ={"DOCKER_CONFIG": str(tmp_path)},
    )
    forget(docker_client, f"{guarded.address}/{unique}")
    assert result["failed"]
    assert f"the registry {guarded.address} denied the push" in result["msg"]
    assert "wrong" not in result["msg"]


def test_a_registry_that_does_not_answer_is_told(
    run_module: RunModule, tiny_image: str, unique: str, docker_client: docker.DockerClient
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
        result = run_module("docker_image_publish", image=tiny_image, repository=f"{address}/{unique}", push=True)
    forget(docker_client, f"{address}/{unique}")
    assert result["failed"]
    assert f"the registry {address} cannot be reached to push {address}/{unique}:latest" in result["msg"]
    assert "connection refused" in result["msg"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tags": ["1.0+git", "ok"]}, "the tag '1.0+git' is not valid"),
        ({"repository": "Web; rm -rf /"}, "the repository 'Web; rm -rf /' is not valid"),
        ({"image": "goldsmith-gone:1"}, "the engine has no image goldsmith-gone:1"),
    ],
)
def test_what_cannot_be_published_is_told_before_anything_is_done(
    run_module: RunModule, tiny_image: str, change: dict[str, Any], said: str, docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_image_publish", **{"image": tiny_image, "repository": "web", **change})
    assert result["failed"]
    assert said in result["msg"]
    assert not docker_client.api.inspect_image(tiny_image)["RepoTags"]
