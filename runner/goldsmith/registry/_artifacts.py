"""Which artifact is meant: by a reference, by ``from``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from goldsmith.errors import InputError
from goldsmith.registry import _queries, _revocations
from goldsmith.registry.models import Artifact, Build, Image, Version
from goldsmith.registry.records import ArtifactRecord, artifact_of
from goldsmith.registry.reference import Reference
from goldsmith.registry.retention import Held


def there(platform: str | None = None, target: str | None = None) -> Select[Artifact]:
    """Select the artifacts that are there, of builds that ended well, newest first."""
    query = (
        select(Artifact)
        .join(Artifact.build)
        .join(Build.version)
        .join(Version.image)
        .where(Build.state == "built", Artifact.state == "available")
        .order_by(Version.sequence.desc(), Build.finished.desc(), Artifact.id.desc())
    )
    if platform is not None:
        query = query.where(Build.platform == platform)
    return query if target is None else query.where(Build.target == target)


def newest(session: Session, image: str, platform: str, target: str) -> Artifact | None:
    """Return the newest artifact of a version that is not revoked; ``None`` where there is none at all.

    Raises:
        GoldsmithError: All that are there are revoked.
    """
    return _first(session, there(platform, target).where(Image.name == image))


def meant(session: Session, reference: Reference, platform: str | None, target: str | None) -> Artifact | None:
    """Return the artifact that a reference means; ``None`` where no such artifact is there.

    Raises:
        InputError: There is no such image, version or channel, or artifacts of several platforms or targets are there.
        GoldsmithError: It is revoked.
    """
    query = there(platform, target)
    if reference.pinned:
        query = query.where(Build.version_id == _queries.versions(session, reference)[0].id)
    else:
        query = query.where(Version.image_id == _queries.image(session, reference.image).id)
    for what, column, given in (("target", Build.target, target), ("platform", Build.platform, platform)):
        found = query.with_only_columns(column).order_by(None).distinct()
        names = sorted(session.scalars(found)) if given is None else []
        if len(names) > 1:
            raise InputError(
                f"there are artifacts of {reference} for several {what}s: {', '.join(names)}",
                f"Say which: --{what} {names[0]}.",
            )
    return _first(session, query)


def left(session: Session, versions: Sequence[int]) -> Sequence[Artifact]:
    """Return the artifacts that are there of versions, whatever became of their builds, in the order they were made."""
    query = (
        select(Artifact)
        .join(Artifact.build)
        .where(Build.version_id.in_(versions), Artifact.state == "available")
        .order_by(Artifact.id)
    )
    return session.scalars(query).all()


def every(session: Session) -> Iterator[tuple[str, ArtifactRecord]]:
    """Yield all artifacts that ever were, also those that are deleted, each with the label of its build."""
    whole = joinedload(Artifact.build).joinedload(Build.version).joinedload(Version.image)
    for row in session.scalars(select(Artifact).options(whole).order_by(Artifact.id).execution_options(yield_per=1000)):
        yield row.build.label, artifact_of(row)


def held(session: Session, images: Sequence[str]) -> list[Held]:
    """Return the artifacts that are there, of these images or of all, in the order they were made.

    Raises:
        InputError: There is no such image.
    """
    query = (
        select(Artifact)
        .join(Artifact.build)
        .where(Artifact.state == "available")
        .order_by(Artifact.id)
        .options(contains_eager(Artifact.build).joinedload(Build.version).joinedload(Version.image))
    )
    if images:
        numbers = [_queries.image(session, name).id for name in images]
        query = query.join(Build.version).where(Version.image_id.in_(numbers))
    revoked = _revocations.in_force(session)
    return [
        Held(
            artifact=artifact_of(row),
            label=row.build.label,
            good=row.build.state == "built" and row.build.version_id not in revoked,
            finished=row.build.finished,
            host=row.build.host,
        )
        for row in session.scalars(query)
    ]


def _first(session: Session, query: Select[Artifact]) -> Artifact | None:
    """Return the first artifact of a query whose version is not revoked."""
    versions = session.execute(query.with_only_columns(Artifact.id, Build.version_id)).all()
    revoked = _revocations.in_force(session) if versions else {}
    for artifact, version in versions:
        if version not in revoked:
            return session.get_one(Artifact, artifact)
    if versions:
        revocation = revoked[versions[0][1]]
        raise _revocations.refuse(revocation)
    return None
