"""`docker_image_archive` against a real engine."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]


def test_a_saved_image_can_be_loaded_with_its_tags(
    run_module: RunModule, tiny_image: str, unique: str, tmp_path: Path, docker_client: docker.DockerClient
) -> None:
    docker_client.api.tag(tiny_image, unique, "1")
    docker_client.api.tag(tiny_image, unique, "2")
    dest = tmp_path / "image.tar"
    result = run_module("docker_image_archive", image=tiny_image, dest=str(dest))
    assert result["changed"]
    assert (result["image"], result["dest"]) == (tiny_image, str(dest))
    assert (result["size"], dest.stat().st_mode & 0o777) == (dest.stat().st_size, 0o644)
    assert result["checksum"] == hashlib.sha256(dest.read_bytes()).hexdigest()

    docker_client.images.remove(tiny_image, force=True, noprune=True)
    docker_client.images.load(dest.read_bytes())
    assert sorted(docker_client.api.inspect_image(tiny_image)["RepoTags"]) == [f"{unique}:1", f"{unique}:2"]


def test_a_compressed_archive_holds_the_same_image(run_module: RunModule, tiny_image: str, tmp_path: Path) -> None:
    for name in ("image.tar", "image.tar.gz"):
        assert run_module("docker_image_archive", image=tiny_image, dest=str(tmp_path / name))["changed"]
    with tarfile.open(tmp_path / "image.tar") as plain, tarfile.open(tmp_path / "image.tar.gz", "r:gz") as packed:
        assert plain.getnames() == packed.getnames()
    assert (tmp_path / "image.tar.gz").stat().st_size < (tmp_path / "image.tar").stat().st_size


def test_a_root_file_system_is_that_of_the_image_and_not_of_a_container(
    run_module: RunModule, tiny_image: str, tmp_path: Path, docker_client: docker.DockerClient
) -> None:
    before = {container.id for container in docker_client.containers.list(all=True)}
    dest = tmp_path / "rootfs.tar.gz"
    result = run_module("docker_image_archive", image=tiny_image, dest=str(dest), format="rootfs")
    assert result["checksum"] == hashlib.sha256(dest.read_bytes()).hexdigest()
    with tarfile.open(fileobj=gzip.open(dest)) as tar:
        assert sorted(tar.getnames()) == ["etc/hosts", "etc/old", "etc/unique"]
        hosts = tar.extractfile("etc/hosts")
        assert hosts and hosts.read() == b"hosts of the image"
    made = {container.id for container in docker_client.containers.list(all=True)} - before
    assert not [one for one in made if docker_client.api.inspect_container(one)["Image"] == tiny_image]


def test_a_root_file_system_has_what_the_upper_layers_made_of_the_lower_ones(
    run_module: RunModule, start_container: Callable[..., Any], swept: str, tmp_path: Path
) -> None:
    machine = start_container()
    status, output = machine.exec_run(["sh", "-ec", "rm -r /usr/share/doc; echo new > /etc/motd"])
    assert status == 0, output
    image = machine.commit(conf={"Labels": {"io.goldsmith.build": swept}})
    dest = tmp_path / "rootfs.tar"
    run_module("docker_image_archive", image=image.id, dest=str(dest), format="rootfs")
    with tarfile.open(dest) as tar:
        names = set(tar.getnames())
        motd = tar.extractfile("etc/motd")
        assert motd and motd.read() == b"new\n"
    assert "usr/share" in {name.removeprefix("./") for name in names}
    assert not [name for name in names if "usr/share/doc/" in name or ".wh." in name]


def test_a_file_that_is_there_is_kept_when_asked(run_module: RunModule, tiny_image: str, tmp_path: Path) -> None:
    dest = tmp_path / "image.tar"
    dest.write_text("mine")
    kept = run_module("docker_image_archive", image=tiny_image, dest=str(dest), force=False)
    assert (kept["changed"], kept["checksum"]) == (False, None)
    assert dest.read_text() == "mine"
    assert run_module("docker_image_archive", image=tiny_image, dest=str(dest))["changed"]
    assert tarfile.is_tarfile(dest)


def test_check_mode_writes_nothing(run_module: RunModule, tiny_image: str, tmp_path: Path) -> None:
    checked = run_module("docker_image_archive", image=tiny_image, dest=str(tmp_path / "image.tar"), check=True)
    assert checked["changed"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["image", "rootfs"])
def test_a_full_disk_is_told_and_nothing_is_left_on_it(
    run_module: RunModule, base_image: str, small_disk: Path, form: str, docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_image_archive", image=base_image, dest=str(small_disk / "image.tar"), format=form)
    needed = docker_client.api.inspect_image(base_image)["Size"]
    assert result["failed"]
    assert f"no room for {small_disk}/image.tar: up to {needed} bytes are needed" in result["msg"]
    assert not list(small_disk.iterdir())


@pytest.mark.parametrize(
    ("dest", "said"),
    [
        ("missing/image.tar", "there is no directory"),
        ("", "is a directory; give the path of a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_told(
    run_module: RunModule, tiny_image: str, tmp_path: Path, dest: str, said: str
) -> None:
    result = run_module("docker_image_archive", image=tiny_image, dest=str(tmp_path / dest))
    assert result["failed"]
    assert said in result["msg"]


def test_an_image_that_is_not_there_is_told(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module("docker_image_archive", image="goldsmith-gone:1", dest=str(tmp_path / "image.tar"))
    assert "the engine has no image goldsmith-gone:1" in result["msg"]
    assert not list(tmp_path.iterdir())
