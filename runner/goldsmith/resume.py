"""Finishes a build whose image is good and whose publication was cut off or failed; nothing is started for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goldsmith import home
from goldsmith.attempt import PUBLISHED_PHASES, Attempt
from goldsmith.build import LOG, Done, finished, signer
from goldsmith.errors import GoldsmithError, InputError
from goldsmith.events import Event
from goldsmith.planning import given, planned
from goldsmith.progress import Reporter
from goldsmith.record import record
from goldsmith.registry import BuildRecord, Registry
from goldsmith.result import BuildResult, Failure
from goldsmith.run import Run, run
from goldsmith.spec import Build, Mask, builds, load, resolve
from goldsmith.sweep import RESULT
from goldsmith.targets import installed


@dataclass(frozen=True)
class Resumed:
    """A build that can be resumed.

    Attributes:
        record: What is recorded of it.
        build: The build, as the spec describes it now: what kept the publication from working may have been mended.
        before: The result that it left before its publication.
        mask: Masks the spec's secrets.
    """

    record: BuildRecord
    build: Build
    before: BuildResult
    mask: Mask


def resumable(record: BuildRecord, root: Path) -> Resumed:
    """Return what is needed to resume a build.

    Raises:
        InputError: It still runs, has ended well or has no good image, or its spec is gone or wrong.
        EnvironmentFault: A secret of the spec cannot be had.
    """
    directory = home.build_directory(root, record.id)
    target = installed().get(record.target)
    if home.is_held(directory):
        raise InputError(f"{record.id} still runs")
    if record.state == "built":
        raise InputError(f"{record.id} of {record.label} has ended well: there is nothing left to do")
    if target is None or target.publish is None:
        raise InputError(f"builds of the target {record.target} cannot be resumed", "Build it again.")
    left = [path / RESULT for path in (directory, *home.private_directories(record.id))]
    found = next((path for path in left if path.exists()), None)
    before = BuildResult.read(found) if found else None
    if (
        before is None
        or before.artifact is None
        or before.failure is None
        or before.failure.phase not in PUBLISHED_PHASES
    ):
        raise InputError(
            f"{record.id} of {record.label} has no image to publish: it ended before that", "Build it again."
        )
    overrides = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in record.parameters.items()
    }
    loaded = load(Path(record.spec), overrides, installed())
    mask = Mask(resolve(loaded.spec).values())
    return Resumed(record, builds(loaded, [f"{record.platform}/{record.target}"])[0], before, mask)


def resume(resumed: Resumed, root: Path, registry: Registry, reporter: Reporter, cancelled: Callable[[], bool]) -> Done:
    """Publish the image of a build, and record how that ended.

    Args:
        resumed: What `resumable` returned.
        root: Goldsmith's home.
        registry: Where the build is recorded.
        reporter: Is told what happens.
        cancelled: Says whether the user wants everything to end.

    Raises:
        InputError: The signing key cannot be used.
        EnvironmentFault: What the target needs on this machine is missing.
    """
    build = resumed.build
    build.target.require()
    signs = signer()
    directory = home.build_directory(root, resumed.record.id)
    attempt = Attempt(build, resumed.record.id, resumed.before.version, directory, datetime.now(UTC))
    with home.held(directory):
        reporter.event(Event("started", build.label, name=attempt.build_id))
        result = _publish(attempt, resumed, planned(build, attempt.version, registry).options, reporter, cancelled)
        registry.finish_build(attempt.build_id, result, again=True)
        inputs = given(build.loaded, registry.ingredients(attempt.build_id))
        record(directory, build.loaded, result, registry, given=inputs, signer=signs)
        home.remove_private_directories(attempt.build_id)
    done = Done(build.label, result, directory, 0 if result.built else GoldsmithError.exit_code)
    reporter.event(finished(done))
    return done


def _publish(
    attempt: Attempt,
    resumed: Resumed,
    options: Mapping[str, Any],
    reporter: Reporter,
    cancelled: Callable[[], bool],
) -> BuildResult:
    """Run the target's publishing playbook; what there was before still is when that is cut off again."""
    before = resumed.before
    with home.private_directory("resume", secret=False) as private:
        written = private / RESULT
        job = Run(
            build_id=attempt.build_id,
            label=attempt.build.label,
            private=private,
            playbook=str(attempt.build.target.publish),
            variables={
                "goldsmith_name": before.name,
                "goldsmith_build_id": before.build,
                "goldsmith_target": dict(options),
                "goldsmith_resumed": resumed.mask.data(before.document()),
                "goldsmith_result": str(written),
            },
            log=attempt.directory / LOG,
        )
        outcome = run(job, {}, resumed.mask, on_event=reporter.event, on_output=reporter.output, cancelled=cancelled)
        result = attempt.read(outcome, written, resumed.mask)
    if result.artifact is None:
        failure = result.failure or before.failure or Failure()
        return replace(before, failure=replace(failure, phase="publish"), kept=False)
    return replace(result, phases={**before.phases, **outcome.seconds})
