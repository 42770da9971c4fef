"""Questions to the registry, each asked in one session with a handful of statements, however much is recorded."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from goldsmith.errors import GoldsmithError, InputError
from goldsmith.registry import _channels, _revocations
from goldsmith.registry.models import Artifact, Build, Image, TestRow, Version
from goldsmith.registry.records import (
    BuildRecord,
    ImageSummary,
    TestCounts,
    VersionDetail,
    build_of,
    version_of,
)
from goldsmith.registry.records import Version as VersionName
from goldsmith.registry.reference import Reference
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
    pointing: dict[str, dict[str, VersionName]] = defaultdict(dict)
    for channel in _channels.current(session):
        pointing[channel.image][channel.name] = channel.version
    revoked = _revocations.in_force(session)
    return [
        ImageSummary(
            name=row.image.name,
            newest=version_of(row),
            state=row.state,
            platforms=tuple(dict.fromkeys(platform for platform, _ in made[row.id])),
            targets=tuple(dict.fromkeys(target for _, target in made[row.id])),
            built=last.get(row.image_id),
            size=sizes.get(row.id),
            channels=pointing[row.image.name],
            revocation=revoked.get(row.id),
        )
        for row in session.scalars(newest)
    ]


def image(session: Session, name: str) -> Image:
    """Return an image's row.

    Raises:
        InputError: There is no such image.
    """
    row = session.scalar(select(Image).where(Image.name == name))
    if row is None:
        near = difflib.get_close_matches(name, session.scalars(select(Image.name)).all(), n=1)
        raise InputError(
            f"no image {name!r} is recorded",
            f"Did you mean {near[0]}?" if near else "goldsmith images lists those that are.",
        )
    return row


def versions(session: Session, reference: Reference) -> list[Version]:
    """Return the versions that a reference may mean, newest first: all of an image, one, or those of one label.

    Raises:
        InputError: There is no such image, version or channel.
    """
    row = image(session, reference.image)
    if reference.channel:
        return [session.get_one(Version, _channels.version_id(session, row.name, reference.channel))]
    if not reference.version:
        return list(row.versions)
    numbered = [version for version in row.versions if str(version.sequence) == reference.version]
    found = numbered or [version for version in row.versions if version.label == reference.version]
    if not found:
        raise InputError(
            f"image {row.name!r} has no version {reference.version!r}",
            f"goldsmith images show {row.name} lists those it has.",
        )
    return found


def details(session: Session, rows: Sequence[Version]) -> tuple[VersionDetail, ...]:
    """Return versions of one image with their builds, channels and revocations."""
    if not rows:
        return ()
    of: dict[int, list[BuildRecord]] = defaultdict(list)
    for record in builds(
        session,
        select(Build).where(Build.version_id.in_([row.id for row in rows])).order_by(Build.started, Build.id),
    ):
        of[record.version.sequence].append(record)
    pointing: dict[int, list[str]] = defaultdict(list)
    for channel in _channels.current(session, rows[0].image.name):
        pointing[channel.version.sequence].append(channel.name)
    revoked = _revocations.in_force(session)
    return tuple(
        VersionDetail(
            version=version_of(row),
            fingerprint=row.fingerprint,
            state=row.state,
            created=row.created,
            builds=tuple(of[row.sequence]),
            channels=tuple(pointing[row.sequence]),
            revocation=revoked.get(row.id),
        )
        for row in rows
    )
