"""Revocations: which versions nothing may be built on, and by what chain."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, joinedload

from goldsmith.errors import GoldsmithError, InputError
from goldsmith.registry import models
from goldsmith.registry.records import Revocation, Version, revocation_of, version_of

_versions = joinedload(models.Revocation.version).joinedload(models.Version.image)


def in_force(session: Session, now: datetime | None = None) -> dict[int, Revocation]:
    """Return the revocation of each version that is revoked, by the version's number.

    A revocation of the version itself goes before one that it has from what it was built on.
    """
    query = select(models.Revocation).where(
        models.Revocation.restored_at.is_(None), models.Revocation.at <= (now or datetime.now(UTC))
    )
    rows = session.scalars(query.options(_versions).order_by(models.Revocation.id)).all()
    found = {row.version_id: revocation_of(row) for row in rows}
    for row in rows:
        if row.descendants:
            for number, chain in descendants(session, row.version_id).items():
                found.setdefault(number, revocation_of(row, chain))
    return found


def descendants(session: Session, version: int) -> dict[int, tuple[Version, ...]]:
    """Return the chain to each version that was built on one, however many were in between: nearest first."""
    parent, built_on = aliased(models.Artifact), aliased(models.Build)
    below = (
        select(built_on.version_id, models.Version)
        .join(models.Version.builds)
        .join(models.Build.artifacts)
        .join(parent, parent.id == models.Artifact.parent_id)
        .join(built_on, built_on.id == parent.build_id)
        .options(joinedload(models.Version.image))
        .distinct()
        .order_by(models.Version.id)
    )
    first = session.get_one(models.Version, version)
    chains: dict[int, tuple[Version, ...]] = {version: (version_of(first),)}
    level = [version]
    while level:
        nearer, level = level, []
        for number, child in session.execute(below.where(built_on.version_id.in_(nearer))):
            if child.id not in chains:
                chains[child.id] = (version_of(child), *chains[number])
                level.append(child.id)
    del chains[version]
    return chains


def of_image(session: Session, image: str | None = None) -> list[Revocation]:
    """Return all revocations that ever were of an image's own versions, the newest first."""
    query = select(models.Revocation).join(models.Revocation.version).join(models.Version.image).options(_versions)
    if image is not None:
        query = query.where(models.Image.name == image)
    return [revocation_of(row) for row in session.scalars(query.order_by(models.Revocation.id.desc()))]


def revoke(
    session: Session, version: models.Version, *, by: str, reason: str, at: datetime, also_descendants: bool
) -> Revocation:
    """Revoke a version. A revocation that is there already is replaced where the new one says more.

    Raises:
        InputError: It is revoked already, from the same time or an earlier one and as far.
    """
    now = datetime.now(UTC)
    there = _own(session, version)
    if there is not None:
        if there.at <= at and there.descendants >= also_descendants:
            raise InputError(
                f"{version_of(version)} is revoked already, by {there.by}: {there.reason}",
                f"goldsmith images restore {version_of(version)} ends that.",
            )
        there.restored_at, there.restored_by, there.restored_reason = now, by, "replaced by another revocation"
        session.flush()
        at, also_descendants = min(at, there.at), also_descendants or there.descendants
    row = models.Revocation(
        version_id=version.id, recorded=now, at=at, by=by, reason=reason, descendants=also_descendants
    )
    session.add(row)
    session.flush()
    return revocation_of(row)


def restore(session: Session, version: models.Version, *, by: str, reason: str) -> Revocation:
    """End the revocation of a version.

    Raises:
        InputError: It is not revoked, or only what it was built on is.
    """
    there = _own(session, version)
    if there is None:
        inherited = in_force(session).get(version.id)
        if inherited is None:
            raise InputError(f"{version_of(version)} is not revoked")
        raise InputError(
            f"{version_of(version)} is revoked only with what it was built on: {inherited.told}",
            f"goldsmith images restore {inherited.version} ends that.",
        )
    there.restored_at, there.restored_by, there.restored_reason = datetime.now(UTC), by, reason
    session.flush()
    return revocation_of(there)


def refuse(revocation: Revocation) -> GoldsmithError:
    """Return what to tell somebody who wants a version that is revoked."""
    return GoldsmithError(
        revocation.told,
        f"Take another version, or end it: goldsmith images restore {revocation.version}",
    )


def _own(session: Session, version: models.Version) -> models.Revocation | None:
    """Return the revocation of a version itself; who revokes it at the same time waits."""
    session.execute(select(models.Version.id).where(models.Version.id == version.id).with_for_update(key_share=True))
    return session.scalar(
        select(models.Revocation).where(
            models.Revocation.version_id == version.id, models.Revocation.restored_at.is_(None)
        )
    )
