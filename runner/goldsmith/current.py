"""Builds that need not be done: nothing that goes in has changed, and what was made is there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from goldsmith.errors import EnvironmentFault
from goldsmith.patching.verdict import Verdict
from goldsmith.registry import ArtifactRecord, Registry


def up_to_date(verdicts: Iterable[Verdict], registry: Registry) -> dict[str, ArtifactRecord]:
    """Return the artifacts that a build would only make once more, by label.

    An artifact counts when nothing asks for a new one, nothing had to be left open, and the target itself says that it
    is there as it is recorded.

    Args:
        verdicts: What is known of each build.
        registry: Knows the artifacts.
    """
    found = {}
    for verdict in verdicts:
        build = verdict.build
        if verdict.state != "fresh" or build is None or build.target.there is None:
            continue
        artifact = registry.newest_artifact(build.loaded.spec.name, build.platform, build.target.name)
        if artifact is None or not artifact.published:
            continue
        # Where it cannot be found out, the build itself tells why.
        with contextlib.suppress(EnvironmentFault):
            if build.target.there(artifact.identity, artifact.tags, artifact.region):
                found[verdict.label] = artifact
    return found
