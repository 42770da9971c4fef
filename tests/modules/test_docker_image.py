"""`docker_image` against a real engine."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _capture
from ansible_collections.goldsmith.images.plugins.module_utils._archive import image_archive, read_layers
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._image_config import Identity

from ..conftest import run_image

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]
OF_THE_ENGINE = {".dockerenv", "dev", "dev/console", "dev/pts", "dev/shm", "etc", "etc/hosts", "etc/hostname"} | {
    "etc/resolv.conf",
    "etc/mtab",
    "proc",
    "sys",
}
"""What the engine makes anew in every container."""
EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


def shell(container: Any, script: str) -> str:
    status, output = container.exec_run(["/bin/sh", "-ec", script], user="0")
    assert status == 0, output
    return str(output.decode())


def output(client: docker.DockerClient, image: str, script: str) -> str:
    """What a shell script prints in a container of the image."""
    return run_image(image, "-c", script, options=["--entrypoint=/bin/sh"])


def files(client: docker.DockerClient, image: str) -> dict[str, tarfile.TarInfo]:
    """The files of a container of the image, which is not started."""
    container = client.containers.create(image, ["none"])
    try:
        data = io.BytesIO(b"".join(container.export()))
    finally:
        container.remove(v=True)
    with tarfile.open(fileobj=data) as tar:
        return {info.name: info for info in tar if info.name not in OF_THE_ENGINE}


def content(client: docker.DockerClient, image: str, path: str) -> str:
    container = client.containers.create(image, ["none"])
    try:
        data = io.BytesIO(b"".join(container.get_archive(path)[0]))
    finally:
        container.remove(v=True)
    with tarfile.open(fileobj=data) as tar:
        found = tar.extractfile(tar.getmembers()[0])
        assert found
        return found.read().decode()


def of_build(client: docker.DockerClient, build: str) -> list[str]:
    """Roles of the images that a build has in the engine."""
    images = client.images.list(all=True, filters={"label": f"io.goldsmith.build={build}"})
    return [image.labels["io.goldsmith.role"] for image in images]


@pytest.fixture
def machine(start_container: Callable[..., Any], swept: str) -> Any:
    """A builder in which files came, changed and went."""
    labels = {
        "io.goldsmith.build": swept,
        "io.goldsmith.role": "builder",
        "io.goldsmith.expires": "2026-11-22T10:00:00Z",
    }
    container = start_container(labels=labels, environment={"DPKG_FORCE": "unsafe-io"}, user="0", hostname="builder")
    shell(container, "echo secret > /key; rm /key; echo new > /etc/new; rm /etc/motd; chown daemon /srv")
    return container


@pytest.fixture
def options(tiny_container: Any, swept: str) -> dict[str, Any]:
    """What a capture of the tiny container needs."""
    return {"container": tiny_container.id, "build_id": swept, "image_name": "web"}


def test_the_image_has_the_bases_configuration_and_one_layer_more(
    run_module: RunModule, machine: Any, base_image: str, swept: str, docker_client: docker.DockerClient
) -> None:
    base = docker_client.api.inspect_image(base_image)
    result = run_module(
        "docker_image",
        container=machine.id,
        base=base_image,
        build_id=swept,
        image_name="web",
        author="Ann",
        comment="first",
        environ=EPOCH,
        config={"cmd": ["cat", "/etc/new"], "env": {"MODE": "test"}},
        oci={"version": "1.4", "base_name": "debian:12"},
    )

    assert result["changed"]
    captured = docker_client.api.inspect_image(result["image"]["id"])
    assert captured["RootFS"]["Layers"][:-1] == base["RootFS"]["Layers"]
    assert result["image"]["layers"] == captured["RootFS"]["Layers"]
    assert captured["Created"] == result["image"]["created"] == "2023-11-14T22:13:20Z"
    assert captured["Author"] == "Ann"
    assert (captured["Architecture"], captured["Os"]) == (base["Architecture"], base["Os"])
    assert captured["Config"]["Cmd"] == ["cat", "/etc/new"]
    assert captured["Config"]["Env"] == [*(base["Config"]["Env"] or []), "MODE=test"]
    assert captured["Config"]["User"] == base["Config"]["User"]
    assert captured["Config"]["Labels"] == {
        "io.goldsmith.build": swept,
        "io.goldsmith.name": "web",
        "io.goldsmith.role": "artifact",
        "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
        "org.opencontainers.image.title": "web",
        "org.opencontainers.image.version": "1.4",
        "org.opencontainers.image.base.name": "debian:12",
    }
    assert run_image(captured["Id"]) == "new\n"
    assert output(docker_client, captured["Id"], "ls /etc/motd /key 2>/dev/null; stat -c %U /srv") == "daemon\n"
    assert of_build(docker_client, swept) == ["artifact"]


def test_history_is_the_bases_and_one_entry_more(
    run_module: RunModule, options: dict[str, Any], tiny_image: str, docker_client: docker.DockerClient
) -> None:
    image = run_module("docker_image", **options, comment="first", environ=EPOCH)["image"]
    added, *below = docker_client.api.history(image["id"])
    base = docker_client.api.history(tiny_image)
    assert [(item["CreatedBy"], item["Size"]) for item in below] == [(item["CreatedBy"], item["Size"]) for item in base]
    assert (added["CreatedBy"], added["Comment"]) == (f"goldsmith {options['build_id']}", "first")
    assert added["Created"] == 1700000000
    assert added["Size"] > 0


def test_history_of_a_base_with_a_layer_of_no_size_is_kept(
    run_module: RunModule, tiny_image: str, swept: str, docker_client: docker.DockerClient
) -> None:
    plain = docker_client.containers.create(tiny_image, ["none"])
    base = plain.commit(message="a directory", conf={"Labels": {"io.goldsmith.build": swept}})
    assert docker_client.api.history(base.id)[0]["Size"] == 0
    container = docker_client.containers.create(base.id, ["none"])
    container.put_archive("/", b"".join(plain.get_archive("/etc/old")[0]))
    try:
        image = run_module("docker_image", container=container.id, build_id=swept, image_name="web")["image"]
        history = docker_client.api.history(image["id"])
    finally:
        container.remove()
        plain.remove()
    assert [item["Comment"] for item in history][1] == "a directory"
    assert [item["Size"] for item in history] == [3, 0, docker_client.api.history(tiny_image)[0]["Size"]]
    assert len(image["layers"]) == 3


@pytest.mark.parametrize("squash", ["base", "none"])
def test_a_container_in_which_nothing_changed_gives_the_bases_layers(
    run_module: RunModule, base_image: str, swept: str, docker_client: docker.DockerClient, squash: str
) -> None:
    container = docker_client.containers.create(base_image, ["none"])
    try:
        options = {"container": container.id, "build_id": swept, "image_name": "web", "config": {"cmd": ["echo", "hi"]}}
        image = run_module("docker_image", **options, squash=squash)["image"]
    finally:
        container.remove()
    assert image["layers"] == docker_client.api.inspect_image(base_image)["RootFS"]["Layers"]
    assert run_image(image["id"]) == "hi\n"
    assert docker_client.api.history(image["id"])[0]["Size"] == 0


def test_every_key_of_the_configuration_reaches_the_engine(
    run_module: RunModule, options: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    config = {
        "entrypoint": ["/entry"],
        "cmd": "serve $PORT",
        "env": {"PORT": 80, "LANG": None},
        "workdir": "/var/www",
        "user": "10001:10001",
        "expose": ["8080/tcp"],
        "labels": {"team": "web", "shell": "$(id) `id` \"'"},
        "volumes": ["/var/lib/web"],
        "stop_signal": "SIGQUIT",
        "healthcheck": {"test": "true", "interval": 1.5, "timeout": 2, "start_period": 3, "retries": 4},
        "onbuild": ["RUN true"],
    }
    image = run_module("docker_image", **options, config=config)["image"]
    captured = docker_client.api.inspect_image(image["id"])["Config"]
    assert {key: value for key, value in captured.items() if value} == image["config"]
    del image["config"]["Labels"]
    assert image["config"] == {
        "Entrypoint": ["/entry"],
        "Cmd": ["/bin/sh", "-c", "serve $PORT"],
        "Env": ["BASE=1", "PORT=80"],
        "WorkingDir": "/var/www",
        "User": "10001:10001",
        "ExposedPorts": {"22/tcp": {}, "8080/tcp": {}},
        "Volumes": {"/var/lib/web": {}},
        "StopSignal": "SIGQUIT",
        "Healthcheck": {
            "Test": ["CMD-SHELL", "true"],
            "Interval": 1_500_000_000,
            "Timeout": 2_000_000_000,
            "StartPeriod": 3_000_000_000,
            "Retries": 4,
        },
        "OnBuild": ["RUN true"],
    }
    assert captured["Labels"]["shell"] == "$(id) `id` \"'"


def test_nothing_of_the_containers_own_configuration_comes_into_the_image(
    run_module: RunModule, options: dict[str, Any]
) -> None:
    config = run_module("docker_image", **options)["image"]["config"]
    assert config["Cmd"] == ["/bin/sh", "-c", "base-command"]
    assert config["Env"] == ["BASE=1", "LANG=C"]
    assert "io.goldsmith.expires" not in config["Labels"]
    assert config["Labels"]["team"] == "base"


def test_a_second_capture_of_the_build_finds_the_first(run_module: RunModule, options: dict[str, Any]) -> None:
    first = run_module("docker_image", **options)
    second = run_module("docker_image", **options)
    assert (first["changed"], second["changed"]) == (True, False)
    assert second["image"] == first["image"]


@pytest.mark.parametrize(
    "other",
    [{"config": {"user": "other"}}, {"author": "Bob"}, {"created": "2020-01-01T00:00:00Z"}, {"oci": {"version": "2"}}],
)
def test_another_configuration_is_captured_anew(
    run_module: RunModule, options: dict[str, Any], other: dict[str, Any]
) -> None:
    first = run_module("docker_image", **options)
    second = run_module("docker_image", **{**options, **other})
    assert second["changed"]
    assert second["image"]["id"] != first["image"]["id"]
    assert not run_module("docker_image", **{**options, **other})["changed"]


def test_the_same_content_and_time_give_the_same_image(
    run_module: RunModule, options: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    first = run_module("docker_image", **options, environ=EPOCH)["image"]["id"]
    run_module("docker_image", state="absent", image=first)
    second = run_module("docker_image", **options, environ=EPOCH)
    assert second["changed"]
    assert second["image"]["id"] == first


def test_check_mode_tells_the_configuration_and_captures_nothing(
    run_module: RunModule, options: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    change = {"user": "web"}
    checked = run_module("docker_image", **options, config=change, created="0", check=True)
    assert checked["changed"]
    assert of_build(docker_client, options["build_id"]) == []
    taken = run_module("docker_image", **options, config=change, created="0")
    assert checked["image"]["config"] == taken["image"]["config"]
    assert checked["diff"] == taken["diff"]
    assert "User" not in checked["diff"]["before"]
    assert checked["diff"]["after"]["User"] == "web"
    assert not run_module("docker_image", **options, config=change, created="0", check=True)["changed"]


@pytest.fixture
def checkpoint(machine: Any, swept: str, start_container: Callable[..., Any]) -> Any:
    """A machine that was started from a checkpoint of another one, and changed what the checkpoint has."""
    shell(
        machine,
        "mkdir /d /gone; echo one > /d/one; echo x > /gone/x; echo leaked > /root/password; ln /etc/new /etc/linked;"
        "rm -r /usr/share/doc; echo kept > /kept",
    )
    labels = {"io.goldsmith.build": swept, "io.goldsmith.role": "artifact"}
    image = machine.commit(conf={"Labels": labels})
    second = start_container(image.id)
    # What only root may set, and what only an extended header can hold.
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("usr/bin/capable")
        info.pax_headers = {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00" + "\x00" * 12}
        tar.addfile(info)
    second.put_archive("/", archive.getvalue())
    shell(
        second,
        "rm -r /d /gone /root/password /etc/new; mkdir /d; echo two > /d/two; mkdir -p /usr/share/doc; echo d > /usr/share/doc/d",
    )
    return second


def test_layers_above_the_base_become_one_with_the_same_files(
    run_module: RunModule, checkpoint: Any, base_image: str, swept: str, docker_client: docker.DockerClient
) -> None:
    options = {"container": checkpoint.id, "base": base_image, "build_id": swept, "image_name": "web"}
    layered = run_module("docker_image", **options, squash="none")["image"]
    squashed = run_module("docker_image", **options, squash="base", created="0")["image"]

    base = docker_client.api.inspect_image(base_image)["RootFS"]["Layers"]
    assert squashed["layers"][:-1] == base
    assert len(layered["layers"]) == len(base) + 2
    expected, found = files(docker_client, layered["id"]), files(docker_client, squashed["id"])
    assert sorted(found) == sorted(expected)
    for name, info in found.items():
        assert info.get_info() == expected[name].get_info(), name
        assert info.pax_headers == expected[name].pax_headers, name
    assert "SCHILY.xattr.security.capability" in found["usr/bin/capable"].pax_headers
    assert output(docker_client, squashed["id"], "cat /d/* /kept /etc/linked; ls /gone /etc/new 2>&1 | wc -l") == (
        "two\nkept\nnew\n2\n"
    )
    with read_layers(docker_client.api.get_image(squashed["id"]), squashed["layers"][-1:]) as layers:
        assert b"leaked" not in layers[squashed["layers"][-1]].read()
    assert len(docker_client.api.history(squashed["id"])) == len(docker_client.api.history(base_image)) + 1
    assert "temporary" not in of_build(docker_client, swept)


def test_squash_all_makes_one_layer_with_the_files_of_the_image(
    run_module: RunModule, options: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    image = run_module("docker_image", **options, squash="all")["image"]
    assert len(image["layers"]) == 1
    assert len(docker_client.api.history(image["id"])) == 1
    with read_layers(docker_client.api.get_image(image["id"]), image["layers"]) as layers:
        layer = layers[image["layers"][0]]
        layer.seek(0)
        with tarfile.open(fileobj=layer) as tar:
            names = tar.getnames()
            hosts = tar.extractfile("etc/hosts")
            assert hosts and hosts.read() == b"hosts of the image"
    assert {"etc/unique", "etc/old", "etc/new"} <= set(names)
    assert ".dockerenv" not in names


def test_a_disk_that_is_full_while_layers_are_merged_is_told(
    run_module: RunModule, machine: Any, swept: str, small_disk: Path, docker_client: docker.DockerClient
) -> None:
    options = {"container": machine.id, "build_id": swept, "image_name": "web", "squash": "all"}
    result = run_module("docker_image", **options, environ={"TMPDIR": str(small_disk)})
    assert result["failed"]
    assert f"{small_disk} cannot hold the image's layers: No space left on device" in result["msg"]
    assert of_build(docker_client, swept) == []


@pytest.mark.parametrize("squash", ["base", "all"])
def test_a_running_machine_goes_on_after_a_pause(run_module: RunModule, machine: Any, swept: str, squash: str) -> None:
    result = run_module(
        "docker_image", container=machine.id, build_id=swept, image_name="web", squash=squash, pause=True
    )
    assert result["changed"]
    machine.reload()
    assert machine.status == "running"


def test_a_base_that_the_container_was_not_made_from_is_refused(
    run_module: RunModule, options: dict[str, Any], base_image: str, docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_image", **options, base=base_image)
    assert result["failed"]
    assert f"{options['container']} was not made from the base {base_image}" in result["msg"]
    assert of_build(docker_client, options["build_id"]) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"container": "goldsmith-gone"}, "no container goldsmith-gone any more"),
        ({"base": "goldsmith-gone:1"}, "the engine has no image goldsmith-gone:1 (the base image)"),
        ({"config": {"expose": ["http"]}}, "expose has 'http'"),
        ({"created": "soon"}, "created is 'soon'"),
        ({"docker_host": "unix:///nowhere.sock"}, "no Docker engine answers at unix:///nowhere.sock"),
    ],
)
def test_what_cannot_be_captured_is_told(
    run_module: RunModule, options: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    result = run_module("docker_image", **{**options, **change})
    assert result["failed"]
    assert said in result["msg"]


class Choosy(_capture.Capture):
    """Stands for an engine that takes no archive without all layers, as those with containerd's image store."""

    accepts = True
    temporary: dict[str, str] = {}
    archive = b""

    def _send(self, data: bytes, files: Any) -> str:
        [image] = self._api.images(all=True, filters={"label": "io.goldsmith.build=" + self._request.identity.build_id})
        self.temporary = image["Labels"]
        if not self.accepts or not all(files):
            raise Fault("layer not found")
        self.archive = b"".join(image_archive(data, files))
        return super()._send(data, files)


@pytest.fixture
def choosy(docker_client: docker.DockerClient, options: dict[str, Any]) -> Choosy:
    identity = Identity(options["build_id"], "web", "2026-11-22T09:30:00Z")
    request = _capture.Request(
        container=options["container"],
        base=None,
        squash="base",
        pause=False,
        change={},
        identity=identity,
        fixed_time=True,
    )
    return Choosy(docker_client, request)


def test_an_engine_that_wants_all_layers_gets_them(
    choosy: Choosy, docker_client: docker.DockerClient, tiny_container: Any, tiny_image: str
) -> None:
    image = choosy.take()
    # Only an engine that has none of the layers shows that the archive has them.
    docker_client.images.remove(image["Id"], noprune=True)
    tiny_container.remove()
    docker_client.images.remove(tiny_image, noprune=True)
    [again] = docker_client.images.load(choosy.archive)
    assert again.id == image["Id"]
    assert content(docker_client, again.id, "/etc/new") == "new"
    assert content(docker_client, again.id, "/etc/old") == "old"


def test_a_capture_that_fails_leaves_nothing(choosy: Choosy, docker_client: docker.DockerClient) -> None:
    choosy.accepts = False
    with pytest.raises(Fault, match="layer not found"):
        choosy.take()
    assert of_build(docker_client, choosy._request.identity.build_id) == []


def test_the_temporary_image_bears_what_a_sweep_looks_for(choosy: Choosy) -> None:
    choosy.take()
    assert choosy.temporary["io.goldsmith.role"] == "temporary"
    assert choosy.temporary["io.goldsmith.build"] == choosy._request.identity.build_id
    assert choosy.temporary["io.goldsmith.expires"].endswith("Z")


def test_a_container_that_vanishes_during_the_capture_is_told(
    choosy: Choosy, tiny_container: Any, docker_client: docker.DockerClient
) -> None:
    tiny_container.remove()
    with pytest.raises(Fault, match=r"no container .* any more to capture"):
        choosy.take()


@pytest.fixture
def captured(run_module: RunModule, options: dict[str, Any]) -> str:
    return str(run_module("docker_image", **options)["image"]["id"])


@pytest.fixture
def tag(docker_client: docker.DockerClient, captured: str, unique: str) -> str:
    docker_client.api.tag(captured, unique, "1")
    return f"{unique}:1"


def exists(client: docker.DockerClient, image: str) -> bool:
    return bool(client.api.images(all=True, filters={"reference": image})) or any(
        item["Id"] == image for item in client.api.images(all=True)
    )


@pytest.mark.parametrize("by", ["image", "build_id"])
def test_a_captured_image_is_discarded_once(
    run_module: RunModule, captured: str, swept: str, by: str, docker_client: docker.DockerClient
) -> None:
    which = {by: {"image": captured, "build_id": swept}[by]}
    checked = run_module("docker_image", state="absent", **which, check=True)
    assert checked["removed"] == [captured]
    assert exists(docker_client, captured)
    removed = run_module("docker_image", state="absent", **which)
    assert (removed["changed"], removed["removed"], removed["kept"]) == (True, [captured], [])
    assert not exists(docker_client, captured)
    assert not run_module("docker_image", state="absent", **which)["changed"]


def test_an_image_with_a_tag_that_the_build_did_not_set_stays(
    run_module: RunModule, captured: str, tag: str, docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_image", state="absent", image=captured)
    assert not result["changed"]
    assert result["kept"] == [{"id": captured, "tags": [tag]}]
    assert f"{captured} stays: {tag}" in result["msg"]
    assert exists(docker_client, captured)


def test_tags_of_the_build_go_with_the_image(
    run_module: RunModule, captured: str, tag: str, docker_client: docker.DockerClient
) -> None:
    docker_client.api.tag(captured, tag.partition(":")[0], "2")
    result = run_module("docker_image", state="absent", image=captured, tags=[tag, tag.replace(":1", ":2")])
    assert result["removed"] == [captured]
    assert not exists(docker_client, captured)


def test_an_image_that_a_container_uses_is_not_discarded(
    run_module: RunModule, captured: str, docker_client: docker.DockerClient
) -> None:
    container = docker_client.containers.create(captured, ["none"])
    try:
        result = run_module("docker_image", state="absent", image=captured)
    finally:
        container.remove()
    assert result["failed"]
    assert f"the engine keeps the image {captured}" in result["msg"]
    assert "Remove the container that uses it" in result["msg"]


def test_an_image_that_was_not_captured_is_not_discarded(
    run_module: RunModule, tiny_image: str, docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_image", state="absent", image=tiny_image)
    assert result["failed"]
    assert "is not an image that this build captured" in result["msg"]
    assert exists(docker_client, tiny_image)


def test_the_image_document_holds_no_more_than_it_should(
    run_module: RunModule, options: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    image = run_module("docker_image", **options)["image"]["id"]
    archive = io.BytesIO(b"".join(docker_client.api.get_image(image)))
    with tarfile.open(fileobj=archive) as tar:
        document = tar.extractfile(image.partition(":")[2] + ".json")
        assert document
        assert set(json.load(document)) == {"architecture", "config", "created", "history", "os", "rootfs"}
