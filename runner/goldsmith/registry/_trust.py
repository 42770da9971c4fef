"""What people decide of versions: which a channel points at, and which nothing may be built on."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from goldsmith.errors import InputError
from goldsmith.registry import _artifacts, _channels, _queries, _revocations, models
from goldsmith.registry._database import Database
from goldsmith.registry.records import (
    Channel,
    ChannelEvent,
    Revocation,
    RevocationReport,
    Version,
    artifact_of,
    version_of,
)
from goldsmith.registry.reference import Reference, channel


class Trust:
    """Channels and revocations. What was decided is never forgotten: who, when and why."""

    _database: Database

    def channels(self, image: str | None = None) -> tuple[Channel, ...]:
        """Return the channels of an image, by default of all, that point at a version."""
        with self._database.read() as session:
            return tuple(_channels.current(session, image))

    def history(self, image: str | None = None) -> tuple[ChannelEvent, ...]:
        """Return all that became of an image's channels, by default of all images', the newest first."""
        with self._database.read() as session:
            return tuple(_channels.history(session, image))

    def promote(self, reference: str, name: str, *, reason: str = "", by: str | None = None) -> Version | None:
        """Let a channel point at a version; it is made when it is not there.

        Args:
            reference: ``NAME@VERSION`` or ``NAME:CHANNEL``.
            name: Name of the channel.
            reason: Why.
            by: Who; by default this user at this machine.

        Returns:
            What it pointed at before; the same version when it did already, and then nothing is recorded.

        Raises:
            InputError: There is no such version, none is named, or the name cannot be that of a channel.
            GoldsmithError: The version is revoked, did not end well, or nothing is left of it.
        """
        parsed, name = _named(reference), channel(name)

        def work(session: Session) -> Version | None:
            version = _queries.versions(session, parsed)[0]
            _channels.promotable(session, version)
            return _channels.point(session, version.image, name, version, by=by or person(), reason=reason)

        return self._database.write(work)

    def demote(self, reference: str, name: str, *, reason: str = "", by: str | None = None) -> Version | None:
        """Let a channel point at nothing any more.

        Args:
            reference: ``NAME``; with a version, the channel must point at that one.
            name: Name of the channel.
            reason: Why.
            by: Who; by default this user at this machine.

        Returns:
            What it pointed at before; ``None`` when it was empty already.

        Raises:
            InputError: There is no such channel or version, or the channel points at another version.
        """
        parsed = Reference.parse(reference)

        def work(session: Session) -> Version | None:
            image = _queries.image(session, parsed.image)
            before = _channels.point(session, image, name, None, by=by or person(), reason=reason)
            wanted = version_of(_queries.versions(session, parsed)[0]) if parsed.version else before
            if before != wanted:
                raise InputError(f"the channel {image.name}:{name} points at {before or 'nothing'}, not at {wanted}")
            return before

        return self._database.write(work)

    def revoked(self, version: Version) -> Revocation | None:
        """Return why a version is revoked now, be it with what it was built on; ``None`` when it is not."""
        return self.revocations().get(version)

    def revocations(self) -> Mapping[Version, Revocation]:
        """Return why versions are revoked now, for all that are."""
        with self._database.read() as session:
            found = _revocations.in_force(session)
            return {revocation.chain[0]: revocation for revocation in found.values()}

    def revocation_history(self, image: str | None = None) -> tuple[Revocation, ...]:
        """Return all revocations of an image's own versions, by default of all images', the newest first."""
        with self._database.read() as session:
            return tuple(_revocations.of_image(session, image))

    def revoke(
        self,
        reference: str,
        *,
        reason: str,
        at: datetime | None = None,
        descendants: bool = False,
        by: str | None = None,
    ) -> RevocationReport:
        """Let nothing be built on a version any more.

        Args:
            reference: ``NAME@VERSION`` or ``NAME:CHANNEL``.
            reason: Why.
            at: From when on, with a zone; by default from now on.
            descendants: Whether it holds for everything that was and will be built on it, too.
            by: Who; by default this user at this machine.

        Returns:
            What it reaches, once its time has come.

        Raises:
            InputError: There is no such version, none is named, or it is revoked already.
        """
        parsed = _named(reference)

        def work(session: Session) -> RevocationReport:
            version = _queries.versions(session, parsed)[0]
            revocation = _revocations.revoke(
                session,
                version,
                by=by or person(),
                reason=reason,
                at=at or datetime.now(UTC),
                also_descendants=descendants,
            )
            below = _revocations.descendants(session, version.id)
            reached = [version.id, *(below if revocation.descendants else ())]
            names = {version_of(session.get_one(models.Version, number)) for number in reached}
            return RevocationReport(
                revocation=revocation,
                descendants=tuple(chain[0] for chain in below.values()),
                channels=tuple(one for one in _channels.current(session) if one.version in names),
                artifacts=tuple(artifact_of(row) for row in _artifacts.left(session, reached)),
            )

        return self._database.write(work)

    def restore(self, reference: str, *, reason: str = "", by: str | None = None) -> Revocation:
        """End the revocation of a version.

        Raises:
            InputError: There is no such version, none is named, it is not revoked, or only what it was built on is.
        """
        parsed = _named(reference)

        def work(session: Session) -> Revocation:
            version = _queries.versions(session, parsed)[0]
            return _revocations.restore(session, version, by=by or person(), reason=reason)

        return self._database.write(work)


def person() -> str:
    """Return who runs this: user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number that no user has
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _named(reference: str) -> Reference:
    parsed = Reference.parse(reference)
    if not parsed.pinned:
        raise InputError(f"{reference} names no version", f"Write {reference}@VERSION or {reference}:CHANNEL.")
    return parsed
