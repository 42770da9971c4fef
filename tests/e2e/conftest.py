"""Runs the CLI in processes of its own against the real engine, each test with a Goldsmith home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
from click.testing import CliRunner, Result

from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import clear
from goldsmith import cli
from goldsmith.lab import Lab

GOLDSMITH = str(Path(sys.executable).parent / "goldsmith")


@dataclass
class Cli:
    """The command `goldsmith` with a home and an environment of its own.

    Attributes:
        home: Its GOLDSMITH_HOME.
        name: A name for images that no other test uses.
        patience: Seconds that it may take.
    """

    home: Path
    name: str
    environ: dict[str, str] = field(default_factory=dict)
    patience: int = 600

    def __call__(self, *arguments: object, code: int | None = 0, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        """Run it to its end and check its exit code."""
        done = subprocess.run(
            [GOLDSMITH, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=self.patience,
            **kwargs,
        )
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def ask(self, *arguments: object, code: int | None = 0) -> Result:
        """Run it in this process, which spares its start where it only looks things up, and check its exit code."""
        given = {"GOLDSMITH_HOME": str(self.home)} | self.environ
        done = CliRunner().invoke(cli.main, [str(argument) for argument in arguments], env=given)
        assert code is None or done.exit_code == code, done.output
        return done

    def start(self, *arguments: object, **kwargs: Any) -> subprocess.Popen[str]:
        """Start it and return at once."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | kwargs
        return subprocess.Popen([GOLDSMITH, *map(str, arguments)], text=True, env=self.environment, **pipes)

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"GOLDSMITH_HOME": str(self.home)} | self.environ

    def build(self, spec: Path, *options: str, code: int = 0) -> dict[str, Any]:
        """Build a spec of one build, up to date or not, and return the result that `--json` gives."""
        return self.builds(spec, "--force", *options, code=code)[0]

    def builds(self, *arguments: object, code: int = 0) -> list[dict[str, Any]]:
        done = self("build", *arguments, "--json", code=code)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [line for line in lines if line["kind"] == "result"]

    def log(self, build: str) -> str:
        return (self.home / "builds" / build / "ansible.log").read_text()

    def record(self, build: str) -> dict[str, Any]:
        return json.loads((self.home / "builds" / build / "manifest.json").read_text())


@contextmanager
def _command(folder: Path, client: docker.DockerClient) -> Iterator[Cli]:
    """The command with a home in a folder; what it left in the engine is removed afterwards."""
    command = Cli(folder / "home", f"t-{uuid.uuid4().hex[:8]}")
    yield command
    labelled = {"label": f"io.goldsmith.name={command.name}"}
    for container in client.containers.list(all=True, filters=labelled):
        container.remove(force=True, v=True)
    # Layers that are cached stand on each other, and those of another image may stand on one.
    made = sorted(client.images.list(all=True, filters=labelled), key=lambda one: one.attrs["Created"])
    for image in reversed(made):
        clear(client.api, image.id)
        client.api.remove_image(image.id, force=True, noprune=True)


@pytest.fixture
def goldsmith(tmp_path: Path, docker_client: docker.DockerClient) -> Iterator[Cli]:
    with _command(tmp_path, docker_client) as command:
        yield command


@pytest.fixture(scope="module")
def shared_goldsmith(tmp_path_factory: pytest.TempPathFactory, docker_client: docker.DockerClient) -> Iterator[Cli]:
    """The command for a build that the tests of one file look at."""
    with _command(tmp_path_factory.mktemp("shared"), docker_client) as command:
        yield command


SpecWriter = Callable[..., Path]


def _writer(folder: Path, defaults: Mapping[str, Any]) -> SpecWriter:
    def write(tasks: str = "[]", files: Mapping[str, str] | None = None, **keys: Any) -> Path:
        spec = {"layers": [{"tasks": "tasks.yml"}]} | dict(defaults) | keys
        # A layer is to run whatever was cached before; tests of the cache ask for it.
        spec["layers"] = [{"cache": False} | layer for layer in spec["layers"] or []] or None
        for name, text in ({"tasks.yml": tasks} | dict(files or {})).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        path = folder / "spec.yml"
        path.write_text(json.dumps({key: value for key, value in spec.items() if value is not None}))
        return path

    return write


def _small(name: str, image: str) -> dict[str, Any]:
    """A spec of an image, without layers."""
    return {
        "name": name,
        "platforms": {"debian-12": {"docker": {"image": image, "pull": "never"}}},
        "targets": {"docker": {"tags": ["{{ version }}"]}},
    }


@pytest.fixture
def write_spec(goldsmith: Cli, tmp_path: Path, python_image: str) -> SpecWriter:
    """Writes a small spec: of the image with Python, with one layer of tasks unless other keys are given."""
    return _writer(tmp_path / "spec", _small(goldsmith.name, python_image))


@pytest.fixture(scope="module")
def write_shared_spec(shared_goldsmith: Cli, python_image: str) -> SpecWriter:
    """Writes a spec as `write_spec` does, for `shared_goldsmith`."""
    return _writer(shared_goldsmith.home.parent / "spec", _small(shared_goldsmith.name, python_image))


@pytest.fixture
def account(goldsmith: Cli, lab: Lab) -> Lab:
    """The lab as the account that the command builds in; what was ordered from it before is forgotten."""
    lab.clear_faults()
    lab.clear_calls()
    goldsmith.environ |= lab.environment
    return lab


def ami_spec_writer(folder: Path, name: str) -> SpecWriter:
    """Return what writes a small spec of an AMI, with one layer of tasks unless other keys are given."""
    return _writer(
        folder,
        {
            "name": name,
            "platforms": {"debian-12": {"ec2": {"ami": {"owner": "136693071363", "name": "debian-12-amd64-*"}}}},
            "targets": {"ec2": {"region": "eu-west-1"}},
        },
    )


@pytest.fixture
def write_ami_spec(goldsmith: Cli, account: Lab, tmp_path: Path) -> SpecWriter:
    """Writes a small spec of an AMI: see `ami_spec_writer`."""
    return ami_spec_writer(tmp_path / "spec", goldsmith.name)


def leftovers(client: docker.DockerClient, name: str) -> list[str]:
    """Return the containers and untagged images of a test that are there, but for the layer cache."""
    labelled = {"label": f"io.goldsmith.name={name}"}
    containers = [str(container.name) for container in client.containers.list(all=True, filters=labelled)]
    untagged = [image for image in client.images.list(all=True, filters=labelled) if not image.tags]
    images = [image for image in untagged if image.labels["io.goldsmith.role"] != "layer"]
    return containers + [str(image.id) for image in images]
