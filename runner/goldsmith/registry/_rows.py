"""Rows that are added or changed with a build's end."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from goldsmith.errors import GoldsmithError
from goldsmith.registry import models
from goldsmith.result import Artifact, BuildResult


def recorded(session: Session, number: int) -> models.Artifact:
    """Return an artifact's row.

    Raises:
        GoldsmithError: It is not recorded.
    """
    row = session.get(models.Artifact, number)
    if row is None:
        raise GoldsmithError(f"artifact {number} is not recorded")
    return row


def artifact(session: Session, made: Artifact, result: BuildResult, parent: int | None) -> models.Artifact:
    """Make the row of a result's artifact, with the recorded artifact it was built on."""
    source = result.source
    if parent is None and source is not None:
        parent = session.scalar(select(func.max(models.Artifact.id)).where(models.Artifact.identity == source.id))
    elif parent is not None:
        recorded(session, parent)
    return models.Artifact(
        build_id=result.build,
        type=made.type,
        identity=made.id,
        digests=made.digests,
        tags=list(made.tags),
        size=made.size,
        region=made.region,
        account=made.account,
        published=made.published,
        state="available",
        base_reference=source and (source.reference or None),
        base_identity=source and source.id,
        parent_id=parent,
        details=made.details,
    )


def update(row: models.Artifact, made: Artifact) -> None:
    """Bring the row of an artifact that was there before in line with what became of it since."""
    row.identity, row.tags, row.digests = made.id, list(made.tags), made.digests
    row.published, row.details = made.published, made.details


def settle(session: Session, version: models.Version) -> None:
    """Bring a version's state in line with its builds: it is built only when all of them are."""
    session.flush()
    # Builds that end at once wait for each other here; else each would see the other one running.
    session.execute(select(models.Version.id).where(models.Version.id == version.id).with_for_update(key_share=True))
    states = set(session.scalars(select(models.Build.state).where(models.Build.version_id == version.id)))
    if "running" in states:
        version.state = "building"
    else:
        version.state = "built" if states == {"built"} else "failed"
