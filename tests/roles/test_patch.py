"""The playbook that patches live servers, batch by batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.roles.conftest import COLLECTIONS

if TYPE_CHECKING:
    from tests.roles.conftest import Machines
    from tests.roles.outdated import Gold, Outdated

pytest_plugins = ["tests.roles.outdated"]
pytestmark = pytest.mark.docker


class Fleet:
    """Machines by name, in the order in which they are patched."""

    def __init__(self, machines: dict[str, Outdated], folder: Path) -> None:
        self.machines = machines
        self._folder = folder
        hosts = {
            name: {"ansible_host": machine.container.name, "ansible_connection": "community.docker.docker"}
            for name, machine in machines.items()
        }
        (folder / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts}}))

    def patch(self, **variables: object) -> tuple[int, str, dict[str, dict[str, Any]]]:
        """Run the playbook, and return its status, what it printed, and the records by machine."""
        given = {
            "goldsmith_output": "records",
            "goldsmith_become": False,
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        command = ["-i", "inventory.yml", "goldsmith.images.patch", "-e", json.dumps(given | variables)]
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), *command],
            capture_output=True,
            text=True,
            cwd=self._folder,
            env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_PIPELINING": "true"},
        )
        records = {
            path.name.removesuffix(".patch.json"): json.loads(path.read_text())
            for path in (self._folder / "records").glob("*.patch.json")
        }
        return done.returncode, done.stdout + done.stderr, records


@pytest.fixture
def fleet(outdated_image: str, gold: Gold, machines: Machines, tmp_path: Path) -> Fleet:
    from tests.roles.outdated import start

    gold.server.failures = 0
    return Fleet({name: start(machines, outdated_image, gold) for name in ("one", "two", "three")}, tmp_path)


@pytest.mark.parametrize("debian", ["12"], indirect=True)
def test_a_broken_batch_is_the_last_one_and_every_machine_is_told(fleet: Fleet, gold: Gold) -> None:
    broken = fleet.machines["one"]
    broken.sh(f"sed -i 's#{gold.url}/debian #{gold.url}/forged/debian #' /etc/apt/sources.list")
    status, output, records = fleet.patch(goldsmith_serial=[2, 1], os_patching_exclude=["goldvault"])
    assert status != 0, output
    assert {name: record["status"] for name, record in records.items()} == {"one": "failed", "two": "ok"}, output
    assert "not signed by a key that this machine trusts" in records["one"]["failure"]["message"]
    assert [one["name"] for one in records["two"]["packages"]["upgraded"]] == ["goldbar", "goldcoin"]
    for line in ("one: FAILED on the way: the package lists are refused", "two: ok, 2 upgraded", "three: not begun"):
        assert line in output, output
    versions = {name: machine.versions()["goldcoin"] for name, machine in fleet.machines.items()}
    assert versions == {"one": "1.0", "two": "2.0", "three": "1.0"}
