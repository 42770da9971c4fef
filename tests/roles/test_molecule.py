"""The molecule scenarios, run as a contributor runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

COLLECTION = Path(__file__).parents[2] / "collections/ansible_collections/goldsmith/images"
SCENARIOS = sorted(file.parent.name for file in COLLECTION.glob("extensions/molecule/*/molecule.yml"))


def test_every_role_has_a_scenario() -> None:
    assert sorted(role.name for role in (COLLECTION / "roles").iterdir()) == SCENARIOS


def changed(output: str, scenario: str, action: str) -> set[tuple[str, str]]:
    """Return which tasks changed which machines in an action of a scenario, without the handlers that follow from it."""
    part = output.partition(f"[{scenario} > {action}] Executing")[2].partition(f"[{scenario} > {action}] Executed")[0]
    found, task = set(), ""
    for line in part.splitlines():
        if heading := re.match(r"(TASK|RUNNING HANDLER) \[(.*)\]", line):
            task = heading[2] if heading[1] == "TASK" else ""
        elif task and (result := re.match(r"changed: \[([\w-]+)", line)):
            found.add((task, result[1]))
    return found


@pytest.mark.docker
@pytest.mark.network
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_scenario_passes(scenario: str, tmp_path: Path) -> None:
    tools = Path(sys.executable).parent
    done = subprocess.run(
        [str(tools / "molecule"), "test", "--scenario-name", scenario],
        cwd=COLLECTION,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ
        | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "ANSIBLE_HOME": str(tmp_path),
            "NO_COLOR": "1",
            "ANSIBLE_CONFIG": "",
        },
    )
    assert done.returncode == 0, done.stdout[-8000:]
    check, converge = (changed(done.stdout, scenario, action) for action in ("check", "converge"))
    assert check == converge
    assert converge or scenario == "os_patching"  # a base that was made just now has nothing to upgrade
    assert done.stdout.count("Executed: Successful") >= 8
