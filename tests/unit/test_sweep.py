"""What becomes of the record when a sweep could not do all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from goldsmith import chore, sweep
from goldsmith.attempt import CANCELLED, Attempt
from goldsmith.build import swept
from goldsmith.places import Place, note
from goldsmith.result import Artifact, BuildResult, Failure
from goldsmith.run import Outcome, Run
from goldsmith.spec import Mask

NOTHING: dict[str, Any] = {"found": [], "removed": [], "failed": [], "unsearched": []}
THING = {"kind": "instance", "id": "i-1", "build": "one", "reason": "it is protected"}


class Registry:
    """Two builds whose runner is gone."""

    def __init__(self) -> None:
        self.interrupted: list[str] = []

    def running_builds(self) -> list[Any]:
        return [SimpleNamespace(id=name, secrets=["x"]) for name in ("one", "two")]

    def interrupt(self, build_id: str) -> None:
        self.interrupted.append(build_id)


@pytest.mark.parametrize(
    ("report", "interrupted"),
    [
        ({}, ["one", "two"]),
        ({"failed": [THING]}, ["two"]),
        ({"unsearched": ["the session has expired"]}, []),
    ],
)
def test_a_build_of_which_something_may_be_left_is_swept_again_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: dict[str, Any], interrupted: list[str]
) -> None:
    def run(job: Run, *_: Any, **__: Any) -> None:
        Path(job.variables["goldsmith_output"], "sweep.json").write_text(json.dumps(NOTHING | report))

    monkeypatch.setattr(chore, "run", run)
    note(Place("ec2", ("eu-west-1",)), tmp_path / "builds/one")
    registry: Any = Registry()
    assert sweep.sweep_lost(tmp_path, registry) == NOTHING | report
    assert registry.interrupted == interrupted


def test_a_build_tells_of_what_its_sweep_left() -> None:
    assert sweep.left_behind(NOTHING, "one") == ""
    left = sweep.left_behind(NOTHING | {"failed": [THING], "unsearched": ["no way to me-south-1"]}, "one")
    assert left.startswith("something is left behind: it is protected; no way to me-south-1")
    assert left.endswith("goldsmith sweep one")


BUILT = BuildResult.failed(
    build="one",
    name="web",
    version="1",
    platform="debian-12",
    target="ec2",
    failure=Failure("publish", message="no"),
    started=datetime(2026, 1, 1, tzinfo=UTC),
)
AMI = replace(BUILT, artifact=Artifact("ec2", "ami-1", tags=("web-1",)), kept=True)


@pytest.mark.parametrize(
    ("phase", "removed", "kept"), [("verify", [], False), ("publish", [], True), ("publish", [{"id": "ami-1"}], False)]
)
def test_only_a_good_image_outlives_the_sweep_of_its_build(
    phase: str, removed: list[dict[str, str]], kept: bool
) -> None:
    ended = replace(AMI, failure=Failure(phase, message="no"))
    result = swept(ended, NOTHING | {"removed": removed, "failed": [THING]})
    assert bool(result.artifact) is kept
    assert not result.kept
    assert result.failure and result.failure.message.startswith("no; something is left behind: it is protected")


@pytest.mark.parametrize(("told", "phase"), [(AMI, "publish"), (replace(AMI, status="built", failure=None), "release")])
def test_a_build_that_is_cancelled_when_its_image_may_be_published_tells_of_it(
    tmp_path: Path, told: BuildResult, phase: str
) -> None:
    written = tmp_path / "result.json"
    written.write_text(json.dumps(told.document()))
    build: Any = None
    attempt = Attempt(build, "one", "1", tmp_path, told.started)
    result = attempt.read(Outcome(254, cancelled=True, seconds={}, failure=None), written, Mask(()))
    assert (result.status, result.artifact) == ("failed", AMI.artifact)
    assert result.failure == Failure(phase, message=CANCELLED)
