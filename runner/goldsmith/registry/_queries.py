"""Questions to the registry, each asked in one session with a handful of statements, however much is recorded."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from goldsmith.errors import GoldsmithError, InputError
from goldsmith.registry.models import Artifact, Build, Image, TestRow, Version
from goldsmith.registry.records import (
    BuildRecord,
    ImageDetail,
    ImageSummary,
    TestCounts,
    VersionDetail,
    build_of,
    version_of,
)
from goldsmith.result import TestResult


def build(session: Session, number: str) -> Build:
    """Return a build's row.

    Raises:
        GoldsmithError: It is not recorded.
    """
    row = session.get(Build, number)
    if row is None:
        raise GoldsmithError(f"build {number} is not recorded")
    return row


def builds(session: Session, query: Select[Build]) -> list[BuildRecord]:
    """Return the records of the builds that a query gives, in its order."""
    options = (
        joinedload(Build.version).joinedload(Version.image),
        joinedload(Build.inventory),
        selectinload(Build.artifacts),
    )
    rows = session.scalars(query.options(*options).execution_options(populate_existing=True)).all()
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for number, outcome, count in session.execute(
        select(TestRow.build_id, TestRow.outcome, func.count())
        .where(TestRow.build_id.in_(query.with_only_columns(Build.id).order_by(None).subquery().select()))
        .group_by(TestRow.build_id, TestRow.outcome)
    ):
        counts[number][outcome] = count
    return [build_of(row, TestCounts(**counts[row.id])) for row in rows]


def record(session: Session, number: str) -> BuildRecord:
    """Return the record of a build that is there."""
    return builds(session, select(Build).where(Build.id == number))[0]


def running(session: Session) -> list[BuildRecord]:
    """Return the builds recorded as running, oldest first."""
    return builds(session, select(Build).where(Build.state == "running").order_by(Build.started, Build.id))


def newest_artifact(session: Session, image: str, platform: str, target: str) -> Artifact | None:
    """Return the newest artifact that is there, of a build that ended well."""
    return session.scalars(
        select(Artifact)
        .join(Artifact.build)
        .join(Build.version)
        .join(Version.image)
        .where(Image.name == image, Build.platform == platform, Build.target == target)
        .where(Build.state == "built", Artifact.state == "available")
        .order_by(Version.sequence.desc(), Build.finished.desc(), Artifact.id.desc())
        .limit(1)
    ).first()


def find_build(session: Session, name: str) -> BuildRecord:
    """Return the newest build of a label, or the one build whose id or its random part begins with ``name``."""
    labelled = select(Build.id).where(Build.label == name).order_by(Build.started.desc(), Build.id.desc()).limit(1)
    if found := session.scalar(labelled):
        return record(session, found)
    begins = or_(Build.id.startswith(name, autoescape=True), Build.id.contains(f"-{name}", autoescape=True))
    ids = session.scalars(select(Build.id).where(begins).order_by(Build.id.desc()).limit(4)).all()
    if not ids or not name:
        raise InputError(f"no build {name!r} is recorded", "goldsmith images show NAME lists the builds of an image.")
    if len(ids) > 1 and name not in ids:
        shown = ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
        raise InputError(f"{name!r} is the beginning of several builds: {shown}", "Give more of the id.")
    return record(session, name if name in ids else ids[0])


def tests(session: Session, number: str) -> tuple[TestResult, ...]:
    """Return the results of a build's tests, in the order they ran."""
    return tuple(
        TestResult(
            framework=row.framework,
            name=row.name,
            outcome=row.outcome,
            expected=row.expected,
            found=row.found,
            message=row.message,
            duration=row.duration,
        )
        for row in build(session, number).tests
    )


def images(session: Session) -> list[ImageSummary]:
    """Return all images, by name."""
    newest = (
        select(Version)
        .join(Version.image)
        .where(Version.sequence == Image.last_sequence)
        .options(joinedload(Version.image))
        .order_by(Image.name)
    )
    is_newest = Version.sequence == Image.last_sequence
    made: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for version, platform, target in session.execute(
        select(Build.version_id, Build.platform, Build.target)
        .join(Build.version)
        .join(Version.image)
        .where(is_newest)
        .order_by(Build.platform, Build.target)
    ):
        made[version].append((platform, target))
    sizes: dict[int, int | None] = dict(
        session.execute(
            select(Build.version_id, func.max(Artifact.size))
            .join(Artifact.build)
            .join(Build.version)
            .join(Version.image)
            .where(is_newest, Artifact.state == "available")
            .group_by(Build.version_id)
        ).all()
    )
    last: dict[int, datetime | None] = dict(
        session.execute(
            select(Version.image_id, func.max(Build.finished))
            .join(Build.version)
            .where(Build.state == "built")
            .group_by(Version.image_id)
        ).all()
    )
    return [
        ImageSummary(
            name=row.image.name,
            newest=version_of(row),
            state=row.state,
            platforms=tuple(dict.fromkeys(platform for platform, _ in made[row.id])),
            targets=tuple(dict.fromkeys(target for _, target in made[row.id])),
            built=last.get(row.image_id),
            size=sizes.get(row.id),
        )
        for row in session.scalars(newest)
    ]


def image(session: Session, name: str, wanted: str) -> ImageDetail:
    """Return an image with all versions, newest first, or with the one ``wanted``."""
    row = session.scalar(select(Image).where(Image.name == name))
    if row is None:
        near = difflib.get_close_matches(name, session.scalars(select(Image.name)).all(), n=1)
        raise InputError(
            f"no image {name!r} is recorded",
            f"Did you mean {near[0]}?" if near else "goldsmith images lists those that are.",
        )
    versions: Sequence[Version] = row.versions
    if wanted:
        numbered = [version for version in versions if str(version.sequence) == wanted]
        versions = numbered or [version for version in versions if version.label == wanted]
        if not versions:
            raise InputError(
                f"image {name!r} has no version {wanted!r}", f"goldsmith images show {name} lists those it has."
            )
    of: dict[int, list[BuildRecord]] = defaultdict(list)
    numbers = [version.id for version in versions] if wanted else []
    query = select(Build).join(Build.version).where(Version.image_id == row.id).order_by(Build.started, Build.id)
    for record in builds(session, query.where(Version.id.in_(numbers)) if wanted else query):
        of[record.version.sequence].append(record)
    return ImageDetail(
        name,
        row.created,
        tuple(
            VersionDetail(
                version_of(version), version.fingerprint, version.state, version.created, tuple(of[version.sequence])
            )
            for version in versions
        ),
    )
