"""os_hardening, judged by OpenSCAP and lynis: a container must not come out worse than what is told here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [
    pytest.mark.docker,
    pytest.mark.network,
    pytest.mark.parametrize("debian", ["12"], indirect=True, scope="module"),
]

JUDGE = Path(__file__).parents[2] / "scripts/judge.py"

VARIABLES = Path(__file__).parents[2] / "collections/ansible_collections/goldsmith/images/roles/os_hardening/vars/main"
LEFT_OUT = yaml.safe_load((VARIABLES / "left_out.yml").read_text())["__os_hardening_left_out_anssi"]

TASKS = 25


@dataclass(frozen=True)
class Aim:
    """What a profile of the role must come to.

    Attributes:
        lynis: Points of 100, at least.
        openscap: Score of 100 without the rules that only the host's kernel decides, at least.
        growth: Bytes that an image grows by, at most.
        unmet: Rules of ANSSI BP-028 high that may be unmet.
    """

    lynis: int
    openscap: float
    growth: int
    unmet: frozenset[str]


AIMS = {
    "level1": Aim(69, 88.0, 15_000_000, frozenset(entry["rule"] for entry in LEFT_OUT)),
    # The tools of level 2 alone are 11 MB: unattended-upgrades, debsums, chkrootkit, aide and apt-listchanges.
    "level2": Aim(
        81, 93.0, 26_000_000, frozenset(entry["rule"] for entry in LEFT_OUT if entry.get("met_by") != "level2")
    ),
}


@pytest.fixture(scope="module", params=[pytest.param("level1", marks=pytest.mark.exhaustive), "level2"])
def judged(
    request: pytest.FixtureRequest, image: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Aim, dict[str, Any]]:
    """The aim of a profile, and the judgement."""
    output = tmp_path_factory.mktemp("judged")
    command = [sys.executable, str(JUDGE), "--image", image, "--no-before", "--output", str(output)]
    command += ["-e", f"os_hardening_profile={request.param}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "OpenSCAP, not met:" in done.stdout
    return AIMS[request.param], json.loads((output / "judged.json").read_text())


def test_lynis_gives_its_points(judged: tuple[Aim, dict[str, Any]]) -> None:
    aim, judgement = judged
    lynis = judgement["after"]["lynis"]
    assert lynis["tests"] > 200
    assert lynis["index"] >= aim.lynis, lynis["points_lost"]


def test_openscap_finds_nothing_unmet_but_what_is_explained(judged: tuple[Aim, dict[str, Any]]) -> None:
    aim, judgement = judged
    scan = judgement["after"]["openscap"]
    assert scan["counts"]["pass"] + scan["counts"]["fail"] >= 79
    assert {rule["id"] for rule in scan["rules"]} == aim.unmet, scan["rules"]
    assert scan["score_of_image"] >= aim.openscap


def test_the_role_takes_few_tasks_changes_nothing_twice_and_adds_little(judged: tuple[Aim, dict[str, Any]]) -> None:
    aim, judgement = judged
    run = judgement["run"]
    assert run["tasks"] + run["skipped"] <= TASKS
    assert run["changed"][1] == 0, run["changed_again"]
    assert run["growth"] <= aim.growth


def test_an_image_that_cannot_be_is_told_without_a_traceback(debian: str, tmp_path: Path) -> None:
    command = [sys.executable, str(JUDGE), "--image", "No Image", "--no-role", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("judge: docker run failed") and "Traceback" not in done.stderr
