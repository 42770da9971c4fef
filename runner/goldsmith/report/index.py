"""The index of all images: one line for each platform and target, as fresh as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldsmith.registry import ArtifactRecord, BuildRecord
from goldsmith.report.page import Compliance, Count, Tone, state_tone

AGEING = timedelta(days=30)
"""From this age on, an image is marked: distributions bring security updates every week."""

OLD = timedelta(days=90)
"""From this age on, it is marked as old."""


@dataclass(frozen=True)
class Entry:
    """An image on a platform and target.

    Attributes:
        newest: Its newest build, whatever became of it.
        good: Its newest build that ended well, or ``None``.
        compliance: Of the newest build that has any.
        channels: Names of the channels that point at a version of it, with the version's label.
        page: Name of the newest build's page.
    """

    newest: BuildRecord
    good: BuildRecord | None
    compliance: Compliance | None
    page: str
    channels: tuple[tuple[str, str], ...] = ()

    @property
    def artifact(self) -> ArtifactRecord | None:
        """What there is to use of it."""
        return self.good.artifacts[0] if self.good and self.good.artifacts else None

    @property
    def tone(self) -> Tone:
        """What the state of the newest build says."""
        return state_tone(self.newest.state)

    def freshness(self, now: datetime) -> Tone:
        """Return how fresh what there is to use of it is."""
        if self.good is None or self.good.finished is None:
            return "bad"
        age = now - self.good.finished
        return "bad" if age >= OLD else "warn" if age >= AGEING else "good"

    def attention(self, now: datetime) -> bool:
        """Return whether somebody should look at it."""
        return (
            self.newest.state != "built"
            or self.newest.tests.failed > 0
            or bool(self.compliance and self.compliance.met < self.compliance.judged)
            or self.freshness(now) != "good"
        )


@dataclass(frozen=True)
class Index:
    """All images, by label."""

    entries: tuple[Entry, ...]

    def filters(self, now: datetime) -> tuple[Count, ...]:
        """Return what the list can be narrowed to."""
        number = sum(entry.attention(now) for entry in self.entries)
        return (
            Count("attention", "to look at", "warn", number),
            Count("fine", "fine", "good", len(self.entries) - number),
        )

    @property
    def images(self) -> int:
        """How many specs they come from."""
        return len({entry.newest.version.image for entry in self.entries})

    def failed(self) -> int:
        """Return of how many the newest build did not end well."""
        return sum(entry.newest.state in ("failed", "interrupted") for entry in self.entries)

    def ageing(self, now: datetime) -> int:
        """Return how many are not fresh any more."""
        return sum(entry.freshness(now) != "good" for entry in self.entries)


def newest_by_label(builds: Iterable[BuildRecord]) -> dict[str, tuple[BuildRecord, BuildRecord | None]]:
    """Return the newest build of each label, and the newest that ended well, if any.

    Args:
        builds: Builds, the newest version first.
    """
    found: dict[str, tuple[BuildRecord, BuildRecord | None]] = {}
    for build in builds:
        newest, good = found.get(build.label, (build, None))
        found[build.label] = newest, good or (build if build.state == "built" else None)
    return found
