"""`docker_source` against a real engine, real registries and the distribution's real archive."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

RunModule = Callable[..., dict[str, Any]]
Start = Callable[..., Any]

pytestmark = pytest.mark.docker

# User "smith", password "sesame".
HTPASSWD = "smith:$2b$04$GdkycKSQPnN.rTtZ0mqRCeZ2boR9sl0AJkRpLM/vxh8/lkz2170sC\n"


def tiny(client: docker.DockerClient, tag: str) -> str:
    """Make an image of one small file, unlike any other, and return its id."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("name")
        info.size = len(tag)
        archive.addfile(info, io.BytesIO(tag.encode()))
    client.api.import_image_from_data(buffer.getvalue(), repository=tag.rpartition(":")[0], tag=tag.rpartition(":")[2])
    return str(client.images.get(tag).id)


@pytest.fixture
def local_image(docker_client: docker.DockerClient, unique: str) -> Iterator[str]:
    """The tag of an image that is in the engine and nowhere else."""
    tag = f"{unique}:1"
    image = tiny(docker_client, tag)
    yield tag
    docker_client.images.remove(image, force=True)


@pytest.fixture
def remote_image(docker_client: docker.DockerClient, registry: Any, unique: str) -> Iterator[str]:
    """The tag of an image that is in a registry but not in the engine."""
    yield from pushed(docker_client, f"{registry.address}/{unique}:1")


def pushed(client: docker.DockerClient, tag: str, **options: Any) -> Iterator[str]:
    image = tiny(client, tag)
    lines = client.api.push(tag, stream=True, decode=True, **options)
    assert not [line for line in lines if "error" in line]
    client.images.remove(image, force=True)
    yield tag
    for left in client.images.list(filters={"reference": tag.rpartition(":")[0]}):
        client.images.remove(left.id, force=True)


@pytest.mark.parametrize("pull", ["missing", "never"])
def test_local_image_is_resolved_to_its_id(
    run_module: RunModule, docker_client: docker.DockerClient, local_image: str, pull: str
) -> None:
    result = run_module("docker_source", image={"name": local_image, "pull": pull})

    image = docker_client.images.get(local_image)
    assert not result["changed"]
    source = result["source"]
    assert (source["id"], source["reference"], source["kind"], source["digest"]) == (
        image.id,
        local_image,
        "image",
        None,
    )
    assert source["layers"] == image.attrs["RootFS"]["Layers"]
    assert (source["architecture"], source["os"]) == (image.attrs["Architecture"], "linux")


@pytest.mark.parametrize("shorten", [str, lambda name: name.removeprefix("sha256:"), lambda name: name[7:19]])
@pytest.mark.parametrize("pull", ["missing", "never", "always"])
def test_image_is_found_by_its_id_without_asking_a_registry(
    run_module: RunModule, docker_client: docker.DockerClient, local_image: str, shorten: Any, pull: str
) -> None:
    image = docker_client.images.get(local_image).id

    result = run_module("docker_source", image={"name": shorten(image), "pull": pull})

    assert not result["changed"]
    assert result["source"]["id"] == image


def test_id_that_is_not_there_cannot_be_pulled(run_module: RunModule) -> None:
    result = run_module("docker_source", image={"name": "sha256:" + "0" * 64})

    assert result["failed"]
    assert "An id cannot be pulled" in result["msg"]


def test_missing_image_is_pulled_once_and_its_digest_known(
    run_module: RunModule, docker_client: docker.DockerClient, remote_image: str
) -> None:
    told = run_module("docker_source", check=True, image={"name": remote_image})
    assert told["changed"]
    assert told["source"]["id"] is None

    first = run_module("docker_source", image={"name": remote_image})
    second = run_module("docker_source", image={"name": remote_image})

    assert (first["changed"], second["changed"]) == (True, False)
    assert first["source"] == second["source"]
    assert first["diff"] == {"before": {"id": None}, "after": {"id": first["source"]["id"]}}
    digest = first["source"]["digest"]
    assert digest in docker_client.images.get(remote_image).attrs["RepoDigests"]
    by_digest = run_module("docker_source", image={"name": digest})
    assert by_digest["source"]["id"] == first["source"]["id"]


def test_always_asks_the_registry_for_what_the_tag_means_now(
    run_module: RunModule, docker_client: docker.DockerClient, remote_image: str, unique: str
) -> None:
    first = run_module("docker_source", image={"name": remote_image})
    again = run_module("docker_source", image={"name": remote_image, "pull": "always"})
    assert not again["changed"]

    # In the engine, the tag now means another image than in the registry.
    docker_client.images.remove(remote_image, force=True)
    other = tiny(docker_client, remote_image)
    kept = run_module("docker_source", image={"name": remote_image, "pull": "missing"})
    fresh = run_module("docker_source", image={"name": remote_image, "pull": "always"})
    docker_client.images.remove(other, force=True)

    assert kept["source"]["id"] == other
    assert fresh["changed"]
    assert fresh["source"]["id"] == first["source"]["id"]


def test_never_fails_for_an_image_that_is_not_there(run_module: RunModule, remote_image: str) -> None:
    result = run_module("docker_source", image={"name": remote_image, "pull": "never"})

    assert result["failed"]
    assert remote_image in result["msg"]
    assert f"docker pull {remote_image}" in result["msg"]


def test_image_that_the_registry_lacks_is_said_so(run_module: RunModule, registry: Any) -> None:
    result = run_module("docker_source", image={"name": f"{registry.address}/no-such:tag"})

    assert result["failed"]
    assert "there is no image" in result["msg"]
    assert f"{registry.address}/no-such:tag" in result["msg"]


def test_registry_that_cannot_be_reached_is_said_so(run_module: RunModule) -> None:
    result = run_module("docker_source", image={"name": "127.0.0.1:9/denied-or-not-found:1"})

    assert result["failed"]
    assert "cannot be reached" in result["msg"]
    assert "127.0.0.1:9" in result["msg"]


@pytest.mark.parametrize("name", ["UPPER/case", "web:tag:tag", "has space", "$(touch /tmp/x)"])
def test_what_is_no_name_is_said_so(run_module: RunModule, name: str) -> None:
    result = run_module("docker_source", image={"name": name})

    assert result["failed"]
    assert "is not the name of an image" in result["msg"]


def test_platform_that_the_image_lacks_is_said_so(
    run_module: RunModule, docker_client: docker.DockerClient, remote_image: str
) -> None:
    run_module("docker_source", image={"name": remote_image})
    architecture = docker_client.images.get(remote_image).attrs["Architecture"]
    other = "arm64" if architecture == "amd64" else "amd64"

    same = run_module("docker_source", image={"name": remote_image, "platform": f"linux/{architecture}"})
    never = run_module("docker_source", image={"name": remote_image, "platform": f"linux/{other}", "pull": "never"})
    missing = run_module("docker_source", image={"name": remote_image, "platform": f"linux/{other}"})

    assert not same["changed"]
    for result in (never, missing):
        assert result["failed"]
        assert f"linux/{other}" in result["msg"]


def test_credentials_are_those_of_the_docker_configuration(
    run_module: RunModule, docker_client: docker.DockerClient, registry: Any, unique: str, tmp_path: Path
) -> None:
    (tmp_path / "users").write_text(HTPASSWD)
    auth = f"auth:\n  htpasswd: {{realm: smithy, path: {tmp_path}/users}}\n"
    locked = type(registry)(tmp_path, auth)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for directory, password in ((right, "sesame"), (wrong, "guess")):
        directory.mkdir()
        token = base64.b64encode(f"smith:{password}".encode()).decode()
        (directory / "config.json").write_text(json.dumps({"auths": {locked.address: {"auth": token}}}))
    user = {"username": "smith", "password": "sesame"}
    try:
        for tag in pushed(docker_client, f"{locked.address}/{unique}:1", auth_config=user):
            nobody = run_module("docker_source", image={"name": tag}, environ={"DOCKER_CONFIG": str(tmp_path)})
            refused = run_module("docker_source", image={"name": tag}, environ={"DOCKER_CONFIG": str(wrong)})
            granted = run_module("docker_source", image={"name": tag}, environ={"DOCKER_CONFIG": str(right)})
            assert granted["changed"], granted
    finally:
        locked.close()

    for result in (nobody, refused):
        assert result["failed"]
        assert "the registry refuses" in result["msg"]
        assert "docker login" in result["msg"]
        assert "sesame" not in result["msg"]


def test_empty_name_is_said_so(run_module: RunModule) -> None:
    result = run_module("docker_source", image={"name": " "})

    assert result["failed"]
    assert "the name of the image is empty" in result["msg"]


def twice_from_one_archive(run_module: RunModule) -> list[dict[str, Any]]:
    """Ask for a base twice; again, when the distribution's archive was updated in between."""
    results = [run_module("docker_source", debootstrap={"suite": "bookworm"})]
    for _ in range(4):
        results.append(run_module("docker_source", debootstrap={"suite": "bookworm"}))
        if results[-1]["source"]["key"] == results[-2]["source"]["key"]:
            break
    return results[-2:]


@pytest.mark.network
class TestBaseFromPackages:
    def test_base_is_small_clean_and_knows_where_updates_are(
        self, start_container: Start, base_image: str, docker_client: docker.DockerClient
    ) -> None:
        image = docker_client.images.get(base_image)
        container = start_container()

        def shell(script: str) -> list[str]:
            return str(container.exec_run(["/bin/sh", "-c", script])[1].decode()).split("\n")[:-1]

        assert image.attrs["Size"] < 200 << 20
        assert len(image.attrs["RootFS"]["Layers"]) == 1
        assert image.attrs["Config"]["Cmd"] == ["bash"]
        assert image.labels["io.goldsmith.role"] == "base"
        assert image.tags == [f"goldsmith/base:bookworm-{image.labels['io.goldsmith.source'][:12]}"]
        assert shell("find /var/lib/apt/lists /var/cache/apt -type f ! -name lock") == []
        assert shell("cat /etc/machine-id 2>/dev/null") == []
        assert shell("ls /usr/bin/python3 2>/dev/null") == []
        suites = [line.split()[2] for line in shell("cat /etc/apt/sources.list") if line]
        assert suites == ["bookworm", "bookworm-updates", "bookworm-security"]

    def test_base_holds_neither_name_nor_resolver_of_the_host(
        self, base_image: str, docker_client: docker.DockerClient, start_container: Start
    ) -> None:
        container = start_container()
        names = set()
        with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as archive:
            for member in archive:
                if member.name in ("etc/hostname", "etc/resolv.conf"):
                    assert member.size == 0
                names.add(member.name)
        assert "etc/debian_version" in names

    def test_base_is_made_once_while_the_archive_does_not_change(self, run_module: RunModule) -> None:
        first, result = twice_from_one_archive(run_module)

        source = result["source"]
        assert not result["changed"]
        assert source["id"] == first["source"]["id"]
        assert source["kind"] == "debootstrap"
        assert source["reference"] == f"goldsmith/base:bookworm-{source['key'][:12]}"
        assert len(source["inrelease"]) == 3
        assert all(url.endswith("/InRelease") and len(digest) == 64 for url, digest in source["inrelease"].items())

    def test_image_built_on_a_base_is_not_taken_for_it(
        self, run_module: RunModule, start_container: Start, docker_client: docker.DockerClient
    ) -> None:
        built = start_container().commit()
        try:
            for result in twice_from_one_archive(run_module):
                assert result["source"]["id"] != built.id
        finally:
            docker_client.images.remove(built.id, force=True)

    def test_image_that_only_has_the_tag_of_a_base_is_not_taken_for_it(
        self, run_module: RunModule, docker_client: docker.DockerClient, local_image: str, unique: str
    ) -> None:
        # A time of its own makes a key of its own.
        options = {"debootstrap": {"suite": "bookworm"}, "environ": {"SOURCE_DATE_EPOCH": str(int(unique[-6:], 16))}}
        reference = run_module("docker_source", check=True, **options)["source"]["reference"]
        docker_client.api.tag(local_image, *reference.split(":"))
        try:
            assert run_module("docker_source", check=True, **options)["changed"]
        finally:
            docker_client.images.remove(reference)

    def test_other_options_mean_another_base_which_check_mode_does_not_make(
        self, run_module: RunModule, base_image: str, docker_client: docker.DockerClient
    ) -> None:
        result = run_module("docker_source", check=True, debootstrap={"suite": "bookworm", "include": ["less"]})

        assert result["changed"]
        assert result["source"]["id"] is None
        assert not docker_client.images.list(name=result["source"]["reference"])

    def test_killed_run_is_cleaned_up_and_two_at_once_make_one_reproducible_base(
        self, run_module: RunModule, start_module: Start, docker_client: docker.DockerClient, tmp_path: Path
    ) -> None:
        # A time of its own makes a key of its own.
        environ = {"SOURCE_DATE_EPOCH": str(int(time.time())), "XDG_CACHE_HOME": str(tmp_path)}
        options = {"debootstrap": {"suite": "bookworm", "variant": "essential"}}
        cache = tmp_path / "goldsmith"

        killed = start_module("docker_source", options, environ=environ)
        while not [path for path in cache.glob("debootstrap-*") if path.is_dir()]:
            assert killed.poll() is None, killed.communicate()
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
        assert list(cache.glob("debootstrap-*"))

        both = [start_module("docker_source", options, environ=environ) for _ in range(2)]
        results = [json.loads(process.communicate()[0]) for process in both]
        reference = results[0]["source"]["reference"]
        try:
            assert sorted(result["changed"] for result in results) == [False, True]
            assert results[0]["source"] == results[1]["source"]
            assert list(cache.iterdir()) == []
            assert results[0]["source"]["created"].startswith(time.strftime("%Y-%m-%dT", time.gmtime()))

            docker_client.images.remove(reference)
            again = run_module("docker_source", **options, environ=environ)
            assert again["changed"]
            assert again["source"] == results[0]["source"]
        finally:
            docker_client.images.remove(reference)

    def test_suite_that_does_not_exist_names_the_address(self, run_module: RunModule) -> None:
        result = run_module("docker_source", debootstrap={"suite": "bookwurm"})

        assert result["failed"]
        assert "/dists/bookwurm/InRelease answers 404" in result["msg"]

    def test_failure_of_mmdebstrap_is_shown_and_leaves_nothing(self, run_module: RunModule, tmp_path: Path) -> None:
        result = run_module(
            "docker_source",
            debootstrap={"suite": "bookworm", "architecture": "pdp11"},
            environ={"XDG_CACHE_HOME": str(tmp_path)},
        )

        assert result["failed"]
        assert "mmdebstrap ended with exit status" in result["msg"]
        assert "architecture" in result["msg"]
        assert list((tmp_path / "goldsmith").iterdir()) == []


def test_archive_that_does_not_answer_names_the_address(run_module: RunModule) -> None:
    result = run_module("docker_source", debootstrap={"suite": "bookworm", "mirror": ["http://127.0.0.1:9/debian"]})

    assert result["failed"]
    assert "http://127.0.0.1:9/debian/dists/bookworm" in result["msg"]
    assert "Connection refused" in result["msg"]


def test_mirror_that_is_no_address_is_said_so(run_module: RunModule) -> None:
    result = run_module("docker_source", debootstrap={"suite": "bookworm", "mirror": ["archive.example"]})

    assert result["failed"]
    assert "archive.example" in result["msg"]
    assert "http://" in result["msg"]


def test_machine_without_mmdebstrap_says_how_to_get_it(run_module: RunModule, tmp_path: Path) -> None:
    apt = shutil.which("apt-get")
    if apt:
        (tmp_path / "apt-get").symlink_to(apt)

    result = run_module("docker_source", debootstrap={"suite": "bookworm"}, environ={"PATH": str(tmp_path)})

    assert result["failed"]
    assert "apt-get install mmdebstrap" in result["msg"]


@pytest.mark.parametrize("options", [{}, {"image": {"name": "a"}, "debootstrap": {"suite": "b"}}])
def test_exactly_one_kind_of_source_is_taken(run_module: RunModule, options: dict[str, Any]) -> None:
    result = run_module("docker_source", **options)

    assert result["failed"]
    assert "image" in result["msg"]
    assert "debootstrap" in result["msg"]
