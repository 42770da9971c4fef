"""An engine of the test's own, which can be stopped while a build runs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from .conftest import Cli, SpecWriter
from .test_faults import WAIT, sleeping, until

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="an engine of its own is started, which needs root"),
]


@pytest.fixture
def own_engine(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A second dockerd, without a network of its own: its address and its process."""
    address = f"unix://{tmp_path}/docker.sock"
    with (tmp_path / "dockerd.log").open("w") as log:
        process = subprocess.Popen(
            [
                "dockerd",
                f"--host={address}",
                f"--data-root={tmp_path}/data",
                f"--exec-root={tmp_path}/exec",
                f"--pidfile={tmp_path}/docker.pid",
                "--bridge=none",
                "--iptables=false",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        client = docker.DockerClient(base_url=address, version="1.41")
        deadline = time.monotonic() + 60
        while True:
            try:
                client.ping()
                break
            except (docker.errors.DockerException, OSError):  # not there yet
                time.sleep(0.1)
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "dockerd.log").read_text()
        client.close()
        yield address, process
    finally:
        process.terminate()
        process.wait(30)


def test_an_engine_that_is_stopped_mid_build_is_told_and_nothing_hangs(
    goldsmith: Cli,
    write_spec: SpecWriter,
    own_engine: tuple[str, subprocess.Popen[bytes]],
    docker_client: docker.DockerClient,
    python_image: str,
) -> None:
    address, process = own_engine
    client = docker.DockerClient(base_url=address)
    client.api.load_image(docker_client.api.get_image(python_image))
    goldsmith.environ["DOCKER_HOST"] = address
    machine = {"network": "none"}
    with goldsmith.start("build", write_spec(WAIT, targets={"docker": {"machine": machine}})) as running:
        until(lambda: sleeping(client, goldsmith.name), "the layer")
        client.close()
        process.terminate()
        said, _ = running.communicate(timeout=180)
    assert running.returncode == 1
    assert "layer tasks" in said.splitlines()[-1]
