"""Channels: what each points at, and what it pointed at before."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from goldsmith.errors import GoldsmithError, InputError
from goldsmith.registry import _revocations, models
from goldsmith.registry.records import Channel, ChannelEvent, Version, version_of


def current(session: Session, image: str | None = None) -> list[Channel]:
    """Return the channels that point at a version, by image and name."""
    newest = select(func.max(models.ChannelEvent.id)).group_by(models.ChannelEvent.channel_id)
    query = _events(image).where(models.ChannelEvent.id.in_(newest), models.ChannelEvent.version_id.is_not(None))
    return [
        Channel(row.channel.image.name, row.channel.name, version_of(row.version), row.at, row.by, row.reason)
        for row in session.scalars(query.order_by(models.Image.name, models.Channel.name))
        if row.version is not None
    ]


def history(session: Session, image: str | None = None) -> list[ChannelEvent]:
    """Return all that ever became of channels, the newest first."""
    return [
        ChannelEvent(
            row.channel.image.name,
            row.channel.name,
            version_of(row.version) if row.version else None,
            row.at,
            row.by,
            row.reason,
        )
        for row in session.scalars(_events(image).order_by(models.ChannelEvent.id.desc()))
    ]


def version_id(session: Session, image: str, name: str) -> int:
    """Return the number of the version that a channel points at.

    Raises:
        InputError: There is no such channel, or it points at nothing.
    """
    query = _events(image).where(models.Channel.name == name).order_by(models.ChannelEvent.id.desc()).limit(1)
    event = session.scalars(query).first()
    if event is None or event.version_id is None:
        there = ", ".join(channel.name for channel in current(session, image))
        raise InputError(
            f"image {image!r} has no channel {name!r}" if event is None else f"the channel {image}:{name} is empty",
            f"It has: {there}." if there else f"goldsmith images promote {image}@VERSION {name} fills it.",
        )
    return event.version_id


def point(
    session: Session, image: models.Image, name: str, version: models.Version | None, *, by: str, reason: str
) -> Version | None:
    """Let a channel point at a version, or at none, and return what it pointed at before.

    Raises:
        InputError: A channel that does not exist is to be emptied.
    """
    found = select(models.Channel).where(models.Channel.image_id == image.id, models.Channel.name == name)
    # Who promotes at the same time waits here, so that the order of events is that in which they took effect.
    channel = session.scalar(found.with_for_update())
    if channel is None:
        if version is None:
            raise InputError(f"image {image.name!r} has no channel {name!r}")
        channel = models.Channel(image_id=image.id, name=name)
        session.add(channel)
        session.flush()
    last = session.scalars(
        select(models.ChannelEvent)
        .where(models.ChannelEvent.channel_id == channel.id)
        .order_by(models.ChannelEvent.id.desc())
        .limit(1)
    ).first()
    before = last.version if last else None
    if before != version or last is None:
        session.add(
            models.ChannelEvent(
                channel_id=channel.id,
                version_id=version.id if version else None,
                at=datetime.now(UTC),
                by=by,
                reason=reason,
            )
        )
    return version_of(before) if before else None


def promotable(session: Session, version: models.Version) -> None:
    """Make sure that a version may be what a channel points at.

    Raises:
        GoldsmithError: It is revoked, did not end well, or nothing is left of it.
    """
    # Who revokes it at the same time waits, or is waited for.
    session.execute(select(models.Version.id).where(models.Version.id == version.id).with_for_update(key_share=True))
    if revocation := _revocations.in_force(session).get(version.id):
        raise _revocations.refuse(revocation)
    name = version_of(version)
    if version.state != "built":
        raise GoldsmithError(
            f"{name} is {version.state}: a channel points only at a version of which all builds ended well",
            f"goldsmith images show {name} tells what became of them.",
        )
    left = (
        select(models.Artifact.id)
        .join(models.Artifact.build)
        .where(models.Build.version_id == version.id, models.Artifact.state == "available")
    )
    if session.scalar(left.limit(1)) is None:
        raise GoldsmithError(f"nothing is left of {name}: its images were deleted", "Promote another version.")


def _events(image: str | None) -> Select[models.ChannelEvent]:
    query = (
        select(models.ChannelEvent)
        .join(models.ChannelEvent.channel)
        .join(models.Channel.image)
        .options(
            joinedload(models.ChannelEvent.channel).joinedload(models.Channel.image),
            joinedload(models.ChannelEvent.version).joinedload(models.Version.image),
        )
    )
    return query if image is None else query.where(models.Image.name == image)
