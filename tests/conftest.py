"""Fixtures that several kinds of tests share: a base image, a client of the engine, a registry."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import docker
import pytest

from goldsmith.lab import Lab

MODULES = "ansible_collections.goldsmith.images.plugins.modules"
APT = "apt-get -o Acquire::Retries::Delay=false"  # a retry that is put off was seen to be waited for forever


def call_module(name: str, **arguments: object) -> dict[str, object]:
    """Run a module of the collection in a process of its own, as Ansible does, and return its result."""
    done = subprocess.run(
        [sys.executable, "-m", f"{MODULES}.{name}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "collections")},
    )
    return json.loads(done.stdout) | {"stderr": done.stderr}


def run_image(image: str, *command: str, options: Sequence[str] = ()) -> str:
    """Run a command in a container of an image and return what it prints.

    The SDK's own `run` reads the log afterwards, which at times is not written yet when a short command has ended.
    """
    done = subprocess.run(["docker", "run", "--rm", *options, image, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_image() -> str:
    """Id of a small Debian 12 without Python, made from the distribution's packages; kept by the engine."""
    result = call_module("docker_source", debootstrap={"suite": "bookworm"})
    assert "source" in result, result
    return str(result["source"]["id"])


@pytest.fixture(scope="session")
def python_image(base_image: str, docker_client: docker.DockerClient) -> str:
    """Id of the base image with Python in it, so that a test that is about something else runs in seconds."""
    reference = f"goldsmith-test/python:{base_image.removeprefix('sha256:')[:12]}"
    try:
        return str(docker_client.images.get(reference).id)
    except docker.errors.ImageNotFound:
        install = f"{APT} update && {APT} install -y --no-install-recommends python3 python3-apt && apt-get clean"
        container = docker_client.containers.run(base_image, ["sh", "-c", install], detach=True)
        try:
            assert container.wait()["StatusCode"] == 0, container.logs().decode()
            repository, tag = reference.split(":")
            return str(container.commit(repository, tag).id)
        finally:
            container.remove(force=True, v=True)


class Registry:
    """A registry that runs on this machine's loopback interface.

    Attributes:
        address: Host and port.
        directory: Holds its settings, its log and its blobs.
    """

    def __init__(self, directory: Path, extra: str = "") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.directory = directory
        config = directory / "config.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {directory}/blobs}}\n"
            f"http: {{addr: {self.address}}}\n{extra}"
        )
        program = shutil.which("docker-registry", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert program, "docker-registry is missing: make setup brings it"
        with (directory / "log").open("w") as log:
            self._process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, (directory / "log").read_text()

    def get(self, path: str) -> dict[str, object]:
        """Return what the registry's API answers."""
        with urllib.request.urlopen(f"http://{self.address}/v2/{path}", timeout=5) as answer:
            return json.load(answer)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", int(self.address.rpartition(":")[2])), timeout=0.2):
                return True
        except OSError:
            return False


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    running = Registry(tmp_path_factory.mktemp("registry"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A local EC2 endpoint without delays, that the tests of one file share."""
    with Lab.start(tmp_path_factory.mktemp("lab"), bound=True) as running:
        yield running
