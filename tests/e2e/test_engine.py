"""An engine of the test's own, which can be stopped while a build runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
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
def own_engine() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A second dockerd, in namespaces of its own: its address and its process."""
    # pytest's own directories are too deep for the path of a socket.
    tmp_path = Path(tempfile.mkdtemp(prefix="engine-"))
    address = f"unix://{tmp_path}/docker.sock"
    with (tmp_path / "dockerd.log").open("w") as log:
        process = subprocess.Popen(
            [
                # With --bridge=none dockerd removes the bridge docker0 that it finds, which is the other engine's; and its
                # mounts are to go with it.
                "unshare",
                "--net",
                "--mount",
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
        answers = ["docker", "--host", address, "version"]
        deadline = time.monotonic() + 60
        while subprocess.run(answers, capture_output=True).returncode:
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "dockerd.log").read_text()
            time.sleep(0.1)
        yield address, process
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(tmp_path)


def test_an_engine_that_is_stopped_mid_build_is_told_and_nothing_hangs(
    goldsmith: Cli,
    write_spec: SpecWriter,
    own_engine: tuple[str, subprocess.Popen[bytes]],
    python_image: str,
) -> None:
    address, process = own_engine
    subprocess.run(f"docker save {python_image} | docker --host {address} load", shell=True, check=True)
    goldsmith.environ["DOCKER_HOST"] = address
    spec = write_spec(WAIT, targets={"docker": {"machine": {"network": "none"}}})
    with contextlib.closing(docker.DockerClient(base_url=address)) as client, goldsmith.start("build", spec) as running:
        until(lambda: sleeping(client, goldsmith.name), "the layer")
        process.terminate()
        said, _ = running.communicate(timeout=180)
    assert running.returncode == 1
    failure = said.splitlines()[-1]
    assert "layer tasks" in failure and "what is left behind goes with goldsmith sweep" in failure
