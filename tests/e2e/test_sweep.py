"""The playbook that sweeps, with and without the runner, in several places at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from goldsmith.lab import Lab
from goldsmith.places import Place
from goldsmith.sweep import sweep

from .account import client, only_new, resources

pytestmark = pytest.mark.docker

ANSIBLE = Path(sys.executable).parent


def test_a_place_that_refuses_is_told_and_keeps_no_other_from_being_swept(tmp_path: Path) -> None:
    places = [Place("docker"), Place("ec2", ("eu-west-1",), profile="nobody's")]
    report = sweep(["no-such-build"], places, tmp_path)
    assert (report["found"], report["failed"]) == ([], [])
    assert len(report["unsearched"]) == 1
    assert "unset AWS_PROFILE" in report["unsearched"][0]


def test_the_playbook_sweeps_by_itself(lab: Lab, tmp_path: Path) -> None:
    before = resources(lab.environment)
    tags = {"goldsmith:build": "lost", "goldsmith:role": "builder", "goldsmith:expires": "2026-01-01T00:00:00Z"}
    for region in ("eu-west-1", "eu-central-1"):
        client(lab.environment, region=region).create_volume(
            Size=1,
            AvailabilityZone=f"{region}a",
            TagSpecifications=[
                {"ResourceType": "volume", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            ],
        )
    asked = {
        "goldsmith_sweep_docker": False,
        "goldsmith_sweep_ec2": [{"regions": ["eu-west-1", "eu-central-1"]}],
        "goldsmith_output": str(tmp_path),
    }

    def run(*options: str) -> dict[str, list[dict[str, str]]]:
        done = subprocess.run(
            [ANSIBLE / "ansible-playbook", "goldsmith.images.sweep", "-e", json.dumps(asked), *options],
            env=os.environ | lab.environment | {"PATH": f"{ANSIBLE}:{os.environ['PATH']}"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads((tmp_path / "sweep.json").read_text()))

    listed = run("--check")
    assert {one["region"] for one in listed["found"]} == {"eu-west-1", "eu-central-1"}
    assert listed["removed"] == []
    swept = run()
    assert [one["id"] for one in swept["removed"]] == [one["id"] for one in listed["found"]]
    assert only_new(before, resources(lab.environment)) == {}
