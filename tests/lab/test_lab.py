"""A lab is started, found again, ended; and nothing is left of it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.lab.conftest import Account, until

from goldsmith.cli import main
from goldsmith.errors import EnvironmentFault
from goldsmith.lab import Lab

pytestmark = pytest.mark.docker


def leftovers(lab: Lab) -> list[str]:
    """Return what there is of a lab in the engine."""
    mine = ["--filter", f"label=io.goldsmith.lab={lab.id}", "-q"]
    commands = (["ps", "-a"], ["images", "-a"], ["network", "ls"])
    listed = [subprocess.run(["docker", *command, *mine], capture_output=True, text=True) for command in commands]
    assert all(one.returncode == 0 for one in listed)
    return [line for one in listed for line in one.stdout.split()]


@pytest.fixture
def furnished(tmp_path: Path, key: Path) -> Iterator[Lab]:
    """A lab with a machine and an image."""
    with Lab.start(tmp_path / "lab") as lab:
        account = Account(lab, key)
        account.import_key("lab")
        machine = account.run().wait("running")
        account.wait_image(account.ec2.create_image(InstanceId=machine.id, Name="one", NoReboot=True)["ImageId"])
        assert len(leftovers(lab)) == 3
        yield lab


def test_nothing_is_left_of_a_lab_that_is_closed(furnished: Lab) -> None:
    furnished.close()
    assert leftovers(furnished) == []
    assert not (furnished.directory / "lab.json").exists()
    furnished.close()


def test_nothing_is_left_of_a_lab_that_is_ended_from_outside(furnished: Lab) -> None:
    os.kill(furnished.pid, signal.SIGTERM)
    until(lambda: not (furnished.directory / "lab.json").exists())
    assert leftovers(furnished) == []


def test_what_a_killed_lab_left_is_removed_by_whoever_ends_it(furnished: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    os.kill(furnished.pid, signal.SIGKILL)
    os.waitpid(furnished.pid, 0)
    assert len(leftovers(furnished)) == 3
    monkeypatch.setenv("GOLDSMITH_HOME", str(furnished.directory.parent))
    done = CliRunner().invoke(main, ["lab", "down"])
    assert (done.exit_code, done.output) == (0, "The lab is gone.\n")
    assert leftovers(furnished) == []


def test_what_a_killed_lab_left_is_removed_by_the_next_one(furnished: Lab) -> None:
    os.kill(furnished.pid, signal.SIGKILL)
    os.waitpid(furnished.pid, 0)
    with Lab.start(furnished.directory) as following:
        assert leftovers(furnished) == [] and following.id != furnished.id


def test_a_lab_ends_with_the_process_that_it_is_bound_to(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from goldsmith.lab import Lab
Lab.start(Path({str(tmp_path)!r}), bound=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program])
    until(lambda: not (tmp_path / "lab.json").exists())


def test_a_directory_has_one_lab(tmp_path: Path) -> None:
    with Lab.start(tmp_path) as lab:
        with pytest.raises(EnvironmentFault, match=r"runs in .* already"):
            Lab.start(tmp_path)
        again = Lab.attach(tmp_path)
        assert (again.endpoint, again.id) == (lab.endpoint, lab.id)
    with pytest.raises(EnvironmentFault, match="goldsmith lab up"):
        Lab.attach(tmp_path)


def test_without_an_engine_the_fault_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    with pytest.raises(EnvironmentFault, match=r"no Docker engine answers at unix:///nonexistent") as caught:
        Lab.start(tmp_path)
    assert "DOCKER_HOST" in caught.value.hint


def test_a_port_that_is_taken_is_named(tmp_path: Path, lab: Lab) -> None:
    port = int(lab.endpoint.rpartition(":")[2])
    with pytest.raises(EnvironmentFault, match=f"port {port}"):
        Lab.start(tmp_path, port=port)


def test_without_the_extra_the_fault_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "moto").mkdir()
    (tmp_path / "moto" / "__init__.py").write_text("raise ModuleNotFoundError('no moto', name='moto')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(EnvironmentFault, match="moto") as caught:
        Lab.start(tmp_path / "lab")
    assert "goldsmith[lab]" in caught.value.hint


def test_the_command_line_starts_shows_and_ends_a_lab(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path))

    def goldsmith(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["lab", *arguments])

    assert goldsmith("down").stdout == "There is no lab.\n"
    asked = goldsmith("env")
    assert asked.exit_code == 3 and "goldsmith lab up" in asked.stderr
    try:
        first, second = goldsmith("up"), goldsmith("up")
        assert (first.exit_code, second.exit_code) == (0, 0)
        assert first.stdout == second.stdout and "takes a minute" in first.stderr and not second.stderr
        lab = Lab.attach(tmp_path / "lab")
        exported = subprocess.run(
            ["sh", "-c", 'eval "$1"; env', "sh", goldsmith("env").stdout], capture_output=True, text=True, env={}
        )
        assert f"AWS_ENDPOINT_URL={lab.endpoint}" in exported.stdout.splitlines()
        # A user's lab takes its time.
        account = Account(lab, key)
        account.import_key("lab")
        machine = account.run()
        assert f"{machine.id}  pending" in goldsmith("status").stdout
        machine.wait("running")
        assert f"admin@{machine.describe()['PublicIpAddress']}" in goldsmith("status").stdout
        image = account.ec2.create_image(InstanceId=machine.id, Name="mine")["ImageId"]
        assert f"{image}  pending       mine" in goldsmith("status").stdout
        assert f'"id": "{image}"' in goldsmith("status", "--json").stdout
    finally:
        assert goldsmith("down").stdout == "The lab is gone.\n"
    assert leftovers(lab) == []
