"""A build on its way, and how to tell of it when it ends early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from goldsmith.result import BuildResult, Failure
from goldsmith.run import Outcome
from goldsmith.spec import Build, Mask

CANCELLED = "the build was cancelled"

PUBLISHED_PHASES = ("publish", "release")
"""Phases that a build may have ended in when its image is a good one."""


@dataclass(frozen=True)
class Attempt:
    """A build on its way.

    Attributes:
        build: The build.
        build_id: Its id.
        version: Label of the version that it belongs to.
        directory: Keeps its log and its record.
        started: When it began.
    """

    build: Build
    build_id: str
    version: str
    directory: Path
    started: datetime

    def failed(self, failure: Failure, phases: Mapping[str, float] | None = None) -> BuildResult:
        """Return the result of this build when it left none itself.

        Args:
            failure: Why it failed.
            phases: Seconds of each phase, as far as it came.
        """
        return BuildResult.failed(
            build=self.build_id,
            name=self.build.loaded.spec.name,
            version=self.version,
            platform=self.build.platform,
            target=self.build.target.name,
            failure=failure,
            started=self.started,
            phases=phases,
        )

    def read(self, outcome: Outcome, path: Path, mask: Mask) -> BuildResult:
        """Return what the playbook wrote; when it was stopped or broke before it could, what is known.

        Args:
            outcome: How ansible-playbook ended.
            path: The file ``result.json``, which may hold what a task said of a secret: it is masked where it lies.
            mask: Masks the secrets.

        Raises:
            GoldsmithError: The file is damaged.
        """
        if not path.exists():
            known = outcome.failure or {}
            if outcome.cancelled:
                return self.failed(Failure(phase=str(known.get("phase") or ""), message=CANCELLED), outcome.seconds)
            return self.failed(
                Failure(**known) if known else Failure(message="Ansible left no result"), outcome.seconds
            )
        path.write_text(mask.text(path.read_text(encoding="utf-8")), encoding="utf-8")
        result = BuildResult.read(path)
        if outcome.cancelled:
            # The image that it tells of may be published already.
            phase = result.failure.phase if result.failure else PUBLISHED_PHASES[-1]
            failure = Failure(phase=phase, message=CANCELLED)
            return replace(result, status="failed", failure=failure, phases=dict(outcome.seconds))
        if result.built and outcome.returncode != 0:
            ended = Failure(message=f"ansible-playbook ended with status {outcome.returncode}")
            return self.failed(ended, outcome.seconds)
        return replace(result, phases=dict(outcome.seconds))
