"""The index of all images: one line for each platform and target, as fresh as it is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from goldsmith.fleet.classify import STATES, State
from goldsmith.fleet.survey import Survey
from goldsmith.registry import ArtifactRecord, BuildRecord, Version
from goldsmith.report.page import Compliance, Count, Tone, state_tone
from goldsmith.report.surveys import Verdict

AGEING = timedelta(days=30)
"""From this age on, an image is marked: distributions bring security updates every week."""

OLD = timedelta(days=90)
"""From this age on, it is marked as old."""


FLEET_TONES: dict[State, Tone] = {
    "approved": "good",
    "outdated": "warn",
    "unapproved": "warn",
    "unknown": "bad",
    "revoked": "bad",
}
"""What the colour of a state of what runs says."""


@dataclass(frozen=True)
class Entry:
    """An image on a platform and target.

    Attributes:
        newest: Its newest build, whatever became of it.
        good: Its newest build that ended well, or ``None``.
        compliance: Of the newest build that has any.
        page: Name of the newest build's page.
        channels: The channels that point at a version of it, and at which.
        revoked: Why the version that is there to use is revoked; empty when it is not.
        verdict: Whether it must be built anew, where that was found out.
    """

    newest: BuildRecord
    good: BuildRecord | None
    compliance: Compliance | None
    page: str
    channels: Mapping[str, Version] = field(default_factory=dict)
    revoked: str = ""
    verdict: Verdict | None = None

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
            or bool(self.revoked)
            or bool(self.verdict and self.verdict.state != "fresh")
            or self.newest.tests.failed > 0
            or bool(self.compliance and self.compliance.met < self.compliance.judged)
            or self.freshness(now) != "good"
        )


@dataclass(frozen=True)
class Index:
    """All images, by label.

    Attributes:
        entries: The images.
        fleet: What was found to run, where it was looked.
    """

    entries: tuple[Entry, ...]
    fleet: Survey | None = None

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

    @property
    def planned(self) -> bool:
        """Whether it is known what must be built anew."""
        return any(entry.verdict for entry in self.entries)

    def stale(self) -> int:
        """Return how many images must be built anew."""
        return sum(bool(entry.verdict and entry.verdict.reasons) for entry in self.entries)

    def outdated(self) -> int:
        """Return how many images have packages that are out of date."""
        return sum(
            bool(entry.verdict and entry.verdict.packages and entry.verdict.packages.outdated) for entry in self.entries
        )

    def running(self) -> tuple[Count, ...]:
        """Return how much runs in each state, the worst first."""
        numbers = Counter(finding.state for finding in self.fleet.findings) if self.fleet else {}
        return tuple(Count(state, state, FLEET_TONES[state], numbers[state]) for state in STATES if numbers.get(state))

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
