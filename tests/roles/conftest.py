"""Machines for the roles' tests: containers with Python, of the Debian releases that the roles support."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

ROOT = Path(__file__).parents[2]
COLLECTIONS = ROOT / "collections"
SUITES = {"12": "bookworm", "13": "trixie"}
APT = "apt-get -o Acquire::Retries::Delay=false"  # a retry that is put off was seen to be waited for forever
PACKAGES = "python3 python3-apt"


@dataclass(frozen=True, repr=False)
class Play:
    """What a run of a role came to.

    Attributes:
        ok: It ended without a failed task.
        changed: Number of tasks that changed something.
        tasks: The results by task name, in order.
        facts: What ``set_fact`` set.
    """

    ok: bool
    changed: int
    tasks: dict[str, dict[str, Any]]
    facts: dict[str, Any]

    def __repr__(self) -> str:
        told = ("msg", "paths", "removed", "emptied")
        lines = [f"ok={self.ok} changed={self.changed}"]
        for name, result in self.tasks.items():
            lines.append(f"{name}: " + " ".join(f"{key}={result[key]}" for key in ("changed", *told) if key in result))
        return "\n".join(lines)

    @property
    def message(self) -> str:
        """What the failed task said."""
        return next((result["msg"] for result in self.tasks.values() if result.get("failed")), "")


@dataclass(frozen=True)
class Machine:
    """A container that roles are run on."""

    container: Container
    directory: Path

    def sh(self, script: str) -> str:
        """Run a shell script inside, as root, and return what it prints."""
        status, output = self.container.exec_run(["sh", "-ec", script])
        assert status == 0, f"{script}\n{output.decode()}"
        return output.decode().strip()

    def fails(self, script: str) -> bool:
        return self.container.exec_run(["sh", "-ec", script])[0] != 0

    def play(
        self,
        role: str,
        *,
        check: bool = False,
        pipelining: bool = True,
        tasks: Sequence[dict[str, object]] = (),
        **variables: object,
    ) -> Play:
        """Run a role of the collection on the machine with ansible-playbook, and tasks after it."""
        playbook = self.directory / f"{uuid.uuid4().hex}.yml"
        plays = [
            {"hosts": "all", "gather_facts": False, "roles": [f"goldsmith.images.{role}"], "tasks": [*tasks]},
        ]
        playbook.write_text(json.dumps(plays))
        command = ["-i", f"{self.container.name},", "-e", json.dumps(variables), str(playbook)]
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), *command, *(["--check"] if check else [])],
            capture_output=True,
            text=True,
            cwd=self.directory,
            env=os.environ
            | {
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "ANSIBLE_TRANSPORT": "community.docker.docker",
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
                "ANSIBLE_PIPELINING": str(pipelining),
            },
        )
        assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
        return _read(done.stdout, done.returncode)


def _read(output: str, status: int) -> Play:
    document = json.loads(output)
    tasks: dict[str, dict[str, Any]] = {}
    facts: dict[str, Any] = {}
    for task in document["plays"][0]["tasks"]:
        for result in task["hosts"].values():
            tasks[task["task"]["name"].partition(" : ")[2]] = result
            if result["action"] == "ansible.builtin.set_fact":
                facts |= result.get("ansible_facts", {})
    (stats,) = document["stats"].values()
    return Play(status == 0, stats["changed"], tasks, facts)


def python_image(client: docker.DockerClient, base: str) -> str:
    """Return the tag of an image like ``base`` that has Python; the engine keeps it between runs."""
    tag = f"goldsmith-test/python:{base.removeprefix('sha256:')[:12]}"
    with (Path(tempfile.gettempdir()) / f"{tag.replace('/', '-')}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if client.images.list(name=tag):
            return tag
        container = client.containers.create(base, ["sleep", "600"])
        try:
            container.start()
            script = f"{APT} update && {APT} install -y --no-install-recommends {PACKAGES} && apt-get clean"
            status, output = container.exec_run(["sh", "-c", script], environment={"DEBIAN_FRONTEND": "noninteractive"})
            assert status == 0, output.decode()
            # The labels of a base would make docker_source take this image for one.
            container.commit(*tag.split(":"), changes="LABEL io.goldsmith.role=test io.goldsmith.source=none")
        finally:
            container.remove(force=True)
    return tag


@pytest.fixture(scope="session", params=["12", pytest.param("13", marks=pytest.mark.exhaustive)])
def debian(request: pytest.FixtureRequest) -> str:
    """Major version of the Debian under test."""
    return str(request.param)


@pytest.fixture(scope="session")
def image(debian: str, base_image: str, docker_client: docker.DockerClient) -> str:
    """Tag of an image of that Debian with Python."""
    return python_image(docker_client, base_image if debian == "12" else debootstrapped(SUITES[debian]))


def debootstrapped(suite: str) -> str:
    """Return the id of an image of nothing but a release of Debian; the engine keeps it between runs."""
    options = json.dumps({"debootstrap": {"suite": suite}})
    source = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible")),
            "localhost",
            "-m",
            "goldsmith.images.docker_source",
            "-a",
            options,
        ],
        capture_output=True,
        text=True,
        env=os.environ
        | {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_LOCALHOST_WARNING": "false"}
        | {"ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_LOAD_CALLBACK_PLUGINS": "false"},
    )
    assert source.returncode == 0, source.stdout + source.stderr
    return str(json.loads(source.stdout.partition("=>")[2])["source"]["id"])


class Machines:
    """Starts machines, and removes them at the end."""

    def __init__(self, client: docker.DockerClient, directory: Path) -> None:
        self._client = client
        self._directory = directory
        self._containers: list[Container] = []

    def start(self, image: str, **options: Any) -> Machine:
        name = f"goldsmith-test-{uuid.uuid4().hex[:12]}"
        options = {"command": ["sleep", "infinity"], "init": True} | options
        container = self._client.containers.create(image, name=name, **options)
        self._containers.append(container)
        container.start()
        return Machine(container, self._directory)

    def remove(self) -> None:
        for container in self._containers:
            container.remove(force=True, v=True)


@pytest.fixture
def machine(image: str, docker_client: docker.DockerClient, tmp_path: Path) -> Iterator[Machine]:
    """A fresh machine for one test."""
    machines = Machines(docker_client, tmp_path)
    yield machines.start(image)
    machines.remove()


@pytest.fixture
def machines(docker_client: docker.DockerClient, tmp_path: Path) -> Iterator[Machines]:
    """Starts machines that are not like the others."""
    started = Machines(docker_client, tmp_path)
    yield started
    started.remove()


@pytest.fixture(scope="module")
def module_machines(docker_client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Starts machines that live as long as the tests of a file."""
    started = Machines(docker_client, tmp_path_factory.mktemp("machines"))
    yield started
    started.remove()
