"""What became of an image over time: its builds, what channels pointed at, and revocations. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from goldsmith.registry.records import ChannelEvent, ImageDetail, Revocation, Version


@dataclass(frozen=True)
class Entry:
    """One thing that happened.

    Attributes:
        at: When, in UTC.
        version: The version it happened to; ``None`` where a channel was emptied.
        what: What happened.
        by: Who did it, user@host; of a build, the machine it ran on.
        reason: Why; may be empty.
    """

    at: datetime
    version: Version | None
    what: str
    by: str
    reason: str = ""


def entries(image: ImageDetail, events: Iterable[ChannelEvent], revocations: Iterable[Revocation]) -> list[Entry]:
    """Return what became of an image, the newest first.

    Args:
        image: The image with the versions that are of interest. Of revocations that these have from what they were
            built on, those that are in force are told.
        events: What became of its channels.
        revocations: Its revocations.
    """
    of = {version.version for version in image.versions}
    all_of_them = [
        *_builds(image),
        *(_event(event) for event in events),
        *_revocations(revocations),
        *_inherited(image),
    ]
    wanted = [entry for entry in all_of_them if entry.version is None or entry.version in of]
    return sorted(wanted, key=lambda entry: entry.at, reverse=True)


def _builds(image: ImageDetail) -> Iterator[Entry]:
    for version in image.versions:
        for build in version.builds:
            label = f"{build.platform}/{build.target}"
            reason = str(build.failure) if build.failure else ""
            yield Entry(build.finished or build.started, build.version, f"{label} {build.state}", build.host, reason)


def _event(event: ChannelEvent) -> Entry:
    what = f"promoted to {event.name}" if event.version else f"{event.name} emptied"
    return Entry(event.at, event.version, what, event.by, event.reason)


def _revocations(revocations: Iterable[Revocation]) -> Iterator[Entry]:
    for one in revocations:
        what = "revoked" + (" with all built on it" if one.descendants else "")
        if one.at > one.recorded:
            what += f" from {one.at:%Y-%m-%d %H:%M} on"
        yield Entry(one.recorded, one.version, what, one.by, one.reason)
        if one.restored_at is not None:
            yield Entry(one.restored_at, one.version, "restored", one.restored_by or "", one.restored_reason or "")


def _inherited(image: ImageDetail) -> Iterator[Entry]:
    for version in image.versions:
        one = version.revocation
        if one is not None and one.version != version.version:
            yield Entry(
                max(one.at, version.created), version.version, f"revoked with {one.version}", one.by, one.reason
            )
