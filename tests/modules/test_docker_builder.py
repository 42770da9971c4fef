"""`docker_builder` against a real engine."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import docker
import pytest

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]


def shell(container: Any, script: str, **options: Any) -> str:
    status, output = container.exec_run(["/bin/sh", "-c", script], **options)
    assert status == 0, output
    return str(output.decode().strip())


@pytest.fixture
def builder(run_module: RunModule, base_image: str, swept: str, unique: str) -> dict[str, Any]:
    """The options of a container that has no Python brought into it, which takes a while."""
    return {"name": unique, "image": base_image, "build_id": swept, "image_name": "web", "bootstrap": False}


def test_container_bears_its_labels_and_waits(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_builder", **builder, expires_in=600)

    container = docker_client.containers.get(builder["name"])
    assert result["changed"]
    assert result["container"] == {
        "id": container.id,
        "name": builder["name"],
        "image": builder["image"],
        "state": "running",
    }
    assert result["diff"] == {
        "before": {"state": "absent"},
        "after": {"state": "running", "image": builder["image"]},
    }
    expires = datetime.fromisoformat(container.labels.pop("io.goldsmith.expires"))
    assert abs(expires - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=30)
    assert container.labels == {
        "io.goldsmith.build": builder["build_id"],
        "io.goldsmith.name": "web",
        "io.goldsmith.role": "builder",
        "io.goldsmith.source": container.image.labels["io.goldsmith.source"],
    }


def test_running_container_of_the_build_is_left_as_it_is(run_module: RunModule, builder: dict[str, Any]) -> None:
    first = run_module("docker_builder", **builder)
    second = run_module("docker_builder", **builder)

    assert not second["changed"]
    assert second["container"] == first["container"]


def test_stopped_container_of_the_build_is_replaced(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    first = run_module("docker_builder", **builder)
    docker_client.containers.get(builder["name"]).kill()
    second = run_module("docker_builder", **builder)

    assert second["changed"]
    assert second["container"]["id"] != first["container"]["id"]
    assert second["container"]["state"] == "running"


def test_check_mode_says_what_would_be_done_and_does_nothing(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_builder", check=True, **builder)

    assert result["changed"]
    assert result["container"]["id"] is None
    assert docker_client.containers.list(all=True, filters={"name": builder["name"]}) == []

    run_module("docker_builder", **builder)
    absent = run_module("docker_builder", check=True, state="absent", name=builder["name"])
    assert absent["changed"]
    assert absent["removed"] == [builder["name"]]
    assert docker_client.containers.get(builder["name"]).status == "running"


def test_foreign_container_of_the_same_name_is_left_alone(
    run_module: RunModule, builder: dict[str, Any], start_container: Callable[..., Any]
) -> None:
    foreign = start_container(name=builder["name"])

    made = run_module("docker_builder", **builder)
    removed = run_module("docker_builder", state="absent", name=builder["name"])

    for result in (made, removed):
        assert result["failed"]
        assert builder["name"] in result["msg"]
        assert "left alone" in result["msg"]
    foreign.reload()
    assert foreign.status == "running"


def test_container_of_another_build_is_not_removed_by_name(run_module: RunModule, builder: dict[str, Any]) -> None:
    run_module("docker_builder", **builder)

    result = run_module("docker_builder", state="absent", name=builder["name"], build_id="another")

    assert result["failed"]
    assert builder["build_id"] in result["msg"]


def test_all_containers_of_a_build_are_removed_by_its_id(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    other = builder["name"] + "-verify"
    run_module("docker_builder", **builder)
    run_module("docker_builder", **{**builder, "name": other, "role": "verify", "use_image_command": False})

    first = run_module("docker_builder", state="absent", build_id=builder["build_id"])
    second = run_module("docker_builder", state="absent", build_id=builder["build_id"])

    assert first["changed"]
    assert sorted(first["removed"]) == sorted([builder["name"], other])
    assert not second["changed"]
    assert docker_client.containers.list(all=True, filters={"name": builder["name"]}) == []


def test_command_that_ends_at_once_fails_with_its_last_words_and_leaves_nothing(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_builder", **builder, command=["/bin/sh", "-c", "echo the config is broken >&2; exit 7"])

    assert result["failed"]
    assert "exit status 7" in result["msg"]
    assert "the config is broken" in result["msg"]
    assert docker_client.containers.list(all=True, filters={"name": builder["name"]}) == []


def test_command_that_does_not_exist_fails_and_leaves_nothing(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_builder", **builder, command=["/no/such/program"])

    assert result["failed"]
    assert "/no/such/program" in result["msg"]
    assert docker_client.containers.list(all=True, filters={"name": builder["name"]}) == []


def test_unknown_image_says_how_to_resolve_one(run_module: RunModule, builder: dict[str, Any]) -> None:
    result = run_module("docker_builder", **{**builder, "image": "sha256:" + "0" * 64})

    assert result["failed"]
    assert "goldsmith.images.docker_source" in result["msg"]


def test_orphaned_processes_are_reaped(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    run_module("docker_builder", **builder)
    container = docker_client.containers.get(builder["name"])

    orphan = shell(container, "sh -c 'sleep 0.1 & echo $!'")
    gone = f"i=0; while [ -e /proc/{orphan} ] && [ $i -lt 1000 ]; do i=$((i + 1)); done; test ! -e /proc/{orphan}"
    shell(container, gone)


def test_default_command_leaves_nothing_in_the_machine_and_stops_at_once(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    run_module("docker_builder", **builder)
    container = docker_client.containers.get(builder["name"])

    assert not container.diff()
    container.stop(timeout=30)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0


def test_machine_options_reach_the_machine(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient, tmp_path: Any
) -> None:
    (tmp_path / "given").write_text("from outside")
    run_module(
        "docker_builder",
        **builder,
        user="daemon",
        env={"COLOUR": "green", "COUNT": 3},
        volumes=[f"{tmp_path}:/given:ro", "/scratch"],
        tmpfs=["/fast:size=1m", "/quick"],
        devices=["/dev/null:/dev/given"],
        capabilities=["NET_ADMIN"],
        cap_drop=["CHOWN"],
        network="none",
        hostname="forge",
        memory="64m",
    )
    container = docker_client.containers.get(builder["name"])
    host = container.attrs["HostConfig"]

    assert shell(container, "id -un; echo $COLOUR $COUNT; hostname").split("\n") == [
        "daemon",
        "green 3",
        "forge",
    ]
    assert shell(container, "cat /given/given", user="0") == "from outside"
    mounts = shell(container, "cat /proc/mounts")
    assert " /fast tmpfs " in mounts
    assert " /quick tmpfs " in mounts
    assert [mount["Destination"] for mount in container.attrs["Mounts"] if mount["Type"] == "volume"] == ["/scratch"]
    assert host["CapAdd"] == ["NET_ADMIN"]
    assert host["CapDrop"] == ["CHOWN"]
    assert host["NetworkMode"] == "none"
    assert host["Memory"] == 64 << 20
    assert host["Devices"][0]["PathInContainer"] == "/dev/given"


def test_everything_that_widens_the_machine_is_off_by_default(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    run_module("docker_builder", **builder)
    container = docker_client.containers.get(builder["name"])
    host = container.attrs["HostConfig"]

    assert not host["Privileged"]
    assert not (host["CapAdd"] or host["Devices"] or host["Binds"] or host.get("Tmpfs"))
    assert container.attrs["Mounts"] == []
    assert shell(container, "id -u") == "0"


def test_anonymous_volumes_go_with_the_container(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    run_module("docker_builder", **builder, volumes=["/scratch"])
    volume = docker_client.containers.get(builder["name"]).attrs["Mounts"][0]["Name"]

    run_module("docker_builder", state="absent", name=builder["name"])

    assert volume not in [one.name for one in docker_client.volumes.list()]


def test_image_command_is_kept_for_a_machine_to_be_tested(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient, start_container: Any
) -> None:
    source = start_container()
    image = source.commit(conf={"Cmd": ["sleep", "500"], "User": "daemon"})
    try:
        run_module("docker_builder", **{**builder, "image": image.id, "role": "verify"}, use_image_command=True)
        container = docker_client.containers.get(builder["name"])

        assert shell(container, "tr '\\0' ' ' < /proc/1/cmdline; id -un") == "sleep 500 daemon"
        assert container.labels["io.goldsmith.role"] == "verify"
        assert not [one for one in container.attrs["Config"]["Env"] if one.startswith("DPKG_FORCE")]
    finally:
        run_module("docker_builder", state="absent", name=builder["name"])
        image.remove()


def test_machine_that_cannot_get_python_fails_and_leaves_nothing(
    run_module: RunModule, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    result = run_module("docker_builder", **{**builder, "bootstrap": True}, network="none")

    assert result["failed"]
    assert "Python for Ansible cannot be installed" in result["msg"]
    assert "resol" in result["msg"]
    assert docker_client.containers.list(all=True, filters={"name": builder["name"]}) == []


@pytest.fixture
def starting(start_module: Callable[..., Any], builder: dict[str, Any], docker_client: docker.DockerClient) -> Any:
    """The process of a builder into which Python is being brought."""
    process = start_module("docker_builder", {**builder, "bootstrap": True})
    running = {"name": builder["name"], "status": "running"}
    while not docker_client.containers.list(filters=running):
        assert process.poll() is None, process.communicate()
    return process


def test_interrupt_leaves_nothing(starting: Any, builder: dict[str, Any], docker_client: docker.DockerClient) -> None:
    starting.send_signal(signal.SIGINT)
    starting.communicate()

    assert starting.returncode != 0
    assert docker_client.containers.list(all=True, filters={"name": builder["name"]}) == []


def test_machine_removed_meanwhile_is_said_so(
    starting: Any, builder: dict[str, Any], docker_client: docker.DockerClient
) -> None:
    docker_client.containers.get(builder["name"]).remove(force=True)
    result = json.loads(starting.communicate()[0])

    assert result["failed"]
    assert "removed" in result["msg"]


def test_no_engine_is_said_so(run_module: RunModule, builder: dict[str, Any]) -> None:
    result = run_module("docker_builder", **builder, docker_host="unix:///nonexistent.sock")

    assert result["failed"]
    assert "no Docker engine answers at unix:///nonexistent.sock" in result["msg"]


@pytest.mark.parametrize("missing", ["name", "image", "build_id"])
def test_present_needs_name_image_and_build(run_module: RunModule, builder: dict[str, Any], missing: str) -> None:
    del builder[missing]

    result = run_module("docker_builder", **builder)

    assert result["failed"]
    assert missing in result["msg"]
