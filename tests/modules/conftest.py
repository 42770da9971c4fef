"""Fixtures that run the collection's modules for real, and clean up after them."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest

from goldsmith.lab import Lab

COLLECTIONS = Path(__file__).parents[2] / "collections"
MODULES = "ansible_collections.goldsmith.images.plugins.modules"
WAIT = ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait $!"]

RunModule = Callable[..., dict[str, Any]]


def _start(
    name: str, arguments: dict[str, Any], check: bool = False, environ: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    text = json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}})
    # A run of tests in the background hands down that interrupts are ignored; a module under Ansible heeds them.
    program = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"runpy.run_module('{MODULES}.{name}', run_name='__main__', alter_sys=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS), **(environ or {})},
        process_group=0,
    )
    assert process.stdin
    process.stdin.write(text)
    process.stdin.close()
    process.stdin = None
    return process


@pytest.fixture(scope="session")
def start_module() -> Callable[..., subprocess.Popen[str]]:
    """Start a module in a process, and process group, of its own: name, options, ``check=``, ``environ=``."""
    return _start


@pytest.fixture(scope="session")
def forker() -> Iterator[subprocess.Popen[str]]:
    """The process of `fork_modules.py`."""
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("fork_modules.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
    ) as process:
        yield process


@pytest.fixture(scope="session")
def run_module(forker: subprocess.Popen[str]) -> RunModule:
    """Run a module and return its result, with the process's exit status as ``rc``.

    Takes the module's name and its options; ``check=True`` for check mode, ``environ`` for environment variables.
    """

    def run(
        module: str, /, *, check: bool = False, environ: dict[str, str] | None = None, **arguments: Any
    ) -> dict[str, Any]:
        given = {"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check, "_ansible_diff": True}}
        variables = {**os.environ, **(environ or {})}
        job = {"module": f"{MODULES}.{module}", "input": json.dumps(given), "environ": variables}
        assert forker.stdin and forker.stdout
        print(json.dumps(job), file=forker.stdin, flush=True)
        answer = json.loads(forker.stdout.readline())
        assert answer["stdout"], answer["stderr"]
        result: dict[str, Any] = json.loads(answer["stdout"])
        result.pop("invocation", None)
        return {**result, "rc": answer["rc"]}

    return run


@pytest.fixture(scope="module")
def run_in_lab(lab: Lab, run_module: RunModule) -> RunModule:
    """Run a module that calls AWS, which is the lab; as `run_module`."""

    def run(module: str, /, *, environ: dict[str, str] | None = None, **arguments: Any) -> dict[str, Any]:
        return run_module(module, environ={**lab.environment, **(environ or {})}, **arguments)

    return run


@pytest.fixture(scope="module")
def lab_client(lab: Lab) -> Iterator[Callable[..., Any]]:
    """boto3's clients of the lab: the name of the service, by default that of EC2, and the region."""
    made: list[Any] = []

    def client(service: str = "ec2", region: str = "eu-west-1") -> Any:
        keys = {"aws_access_key_id": "goldsmithlab", "aws_secret_access_key": "goldsmithlab"}
        made.append(boto3.client(service, region, endpoint_url=lab.endpoint, **keys))
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def lab_launch(lab_client: Callable[..., Any]) -> Callable[..., str]:
    """Start an instance of the lab's Debian and return its id; ``state`` is waited for."""
    ec2 = lab_client()
    base = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-12-amd64-lab"]}])["Images"][0]["ImageId"]

    def launch(state: str = "running") -> str:
        started = ec2.run_instances(ImageId=base, InstanceType="t3.small", MinCount=1, MaxCount=1)["Instances"][0]
        instance = str(started["InstanceId"])
        # Its init heeds no signal before the system is up, and would be stopped only by a timeout.
        _until(lambda: _answers(_instance(ec2, instance)))
        if state == "stopped":
            ec2.stop_instances(InstanceIds=[instance])
            _until(lambda: _instance(ec2, instance)["State"]["Name"] == "stopped")
        return instance

    return launch


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait until a condition holds."""
    return _until


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _instance(ec2: Any, instance: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found


def _answers(instance: dict[str, Any]) -> bool:
    if instance["State"]["Name"] != "running":
        return False
    with suppress(OSError), socket.create_connection((instance["PrivateIpAddress"], 22), timeout=1):
        return True
    return False


@pytest.fixture
def build_id() -> str:
    """A build's id that no other test has."""
    return f"20261122T070000-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def unique() -> str:
    return f"goldsmith-test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def swept(docker_client: docker.DockerClient, build_id: str) -> Iterator[str]:
    """The id of a build; what bears it as a label is removed after the test."""
    yield build_id
    mine = {"label": f"io.goldsmith.build={build_id}"}
    for container in docker_client.containers.list(all=True, filters=mine):
        container.remove(force=True, v=True)
    for image in docker_client.images.list(all=True, filters=mine):
        docker_client.images.remove(image.id, force=True, noprune=True)


@pytest.fixture
def start_container(docker_client: docker.DockerClient, base_image: str) -> Iterator[Callable[..., Any]]:
    """Start containers of the base that wait; they are removed after the test."""
    made: list[Any] = []

    def start(image: str = base_image, command: list[str] | None = None, **options: Any) -> Any:
        container = docker_client.containers.create(image, command or WAIT, **options)
        made.append(container)
        container.start()
        return container

    yield start
    for container in made:
        try:
            container.remove(force=True, v=True)
        except docker.errors.NotFound:
            continue


def tar_of(**files: str) -> bytes:
    """A tar with these files; in their names, ``__`` stands for ``/``."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return target.getvalue()


@pytest.fixture
def tiny_image(docker_client: docker.DockerClient, unique: str) -> Iterator[str]:
    """Id of an image of a few files, with a configuration of its own, that no other test has; nothing in it can run."""
    changes = ["CMD base-command", "ENV BASE=1 LANG=C", "LABEL team=base", "WORKDIR /srv", "EXPOSE 22"]
    files = tar_of(etc__unique=unique, etc__hosts="hosts of the image", etc__old="old")
    answer = docker_client.api.import_image_from_data(files, changes=changes)
    image = str(json.loads(answer.splitlines()[-1])["status"])
    yield image
    with suppress(docker.errors.ImageNotFound):
        docker_client.images.remove(image, force=True, noprune=True)


@pytest.fixture
def tiny_container(docker_client: docker.DockerClient, tiny_image: str) -> Iterator[Any]:
    """A container of the tiny image, never started, with a file more."""
    container = docker_client.containers.create(
        tiny_image, ["builder-command"], labels={"io.goldsmith.expires": "2026-11-22T10:00:00Z"}
    )
    container.put_archive("/", tar_of(etc__new="new"))
    yield container
    with suppress(docker.errors.NotFound):
        container.remove(force=True, v=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a hundred pages."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system to fill")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "goldsmith-test", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
