"""From what is recorded of a build to what its page shows. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from goldsmith.events import PHASES
from goldsmith.registry.diff import Difference, difference
from goldsmith.registry.models import BuildState
from goldsmith.report.sources import Sources
from goldsmith.report.surveys import Verdict
from goldsmith.result import ControlResult, TestResult

Tone = Literal["good", "bad", "warn", "quiet", "plain"]
"""What a colour would say: good, bad, to be looked at, of no concern, nothing."""

CHAPTERS = {
    1: "Initial setup",
    2: "Services",
    3: "Network",
    4: "Host-based firewall",
    5: "Access control",
    6: "Logging and auditing",
    7: "System maintenance",
}
"""Chapters of the CIS benchmark for Debian 12, version 1.1.0 (https://www.cisecurity.org/benchmark/debian_linux)."""

_STATUSES: dict[str, tuple[str, Tone]] = {
    "failed": ("failed", "bad"),
    "not_compliant": ("not compliant", "bad"),
    "changed": ("changed", "good"),
    "compliant": ("compliant", "good"),
    "disabled": ("disabled", "quiet"),
    "not_applicable": ("not applicable", "quiet"),
}
_MET = ("changed", "compliant")
_STATES: dict[BuildState, Tone] = {"built": "good", "failed": "bad", "interrupted": "bad", "running": "warn"}
_OUTCOMES = ("failed", "skipped", "passed")


@dataclass(frozen=True)
class Part:
    """A part of a bar, in percent of the whole bar."""

    start: float
    width: float
    tone: Tone
    label: str


@dataclass(frozen=True)
class Phase:
    """A phase on the timeline."""

    name: str
    seconds: float
    bar: Part


@dataclass(frozen=True)
class Count:
    """How many there are of a status."""

    status: str
    label: str
    tone: Tone
    number: int


@dataclass(frozen=True)
class Chapter:
    """The controls of one chapter of CIS, or those beyond it."""

    number: int
    title: str
    controls: tuple[ControlResult, ...]
    counts: tuple[Count, ...]
    bar: tuple[Part, ...]

    @property
    def failed(self) -> bool:
        """Whether a control of it does not hold."""
        return any(count.tone == "bad" for count in self.counts)


@dataclass(frozen=True)
class Compliance:
    """What became of the controls.

    Attributes:
        met: How many hold.
        judged: How many hold or do not; those that are disabled or do not apply are not among them.
        counts: By status, the worst first.
        bar: The same as a bar.
        chapters: By chapter of CIS.
    """

    met: int
    judged: int
    counts: tuple[Count, ...]
    bar: tuple[Part, ...]
    chapters: tuple[Chapter, ...]

    @property
    def judged_bar(self) -> tuple[Part, ...]:
        """The bar of those alone that were judged."""
        return _bar(count for count in self.counts if count.tone in ("good", "bad"))

    @property
    def percent(self) -> int | None:
        """Controls that hold, of those that were judged; rounded down, so that 100 means all."""
        return 100 * self.met // self.judged if self.judged else None


@dataclass(frozen=True)
class Page:
    """What the page of a build shows, beside what is shown as it is recorded.

    Attributes:
        sources: What is recorded.
        tone: Of its state.
        phases: Its timeline.
        tests: Its tests by outcome, those that failed first.
        compliance: Its controls, or ``None`` when there are none.
        verdict: Whether it must be built anew, where that was found out.
        difference: What changed since the version before, or ``None`` when there is none.
    """

    sources: Sources
    tone: Tone
    phases: tuple[Phase, ...]
    tests: Mapping[str, tuple[TestResult, ...]]
    compliance: Compliance | None
    difference: Difference | None
    verdict: Verdict | None

    @property
    def name(self) -> str:
        """Name of the page's file."""
        return f"{self.sources.record.id}.html"


def page(sources: Sources, verdict: Verdict | None = None) -> Page:
    """Return what the page of a build shows."""
    record = sources.record
    made = record.artifacts or sources.contents.packages
    by_outcome = {
        outcome: tuple(test for test in sources.contents.tests if test.outcome == outcome) for outcome in _OUTCOMES
    }
    return Page(
        sources=sources,
        tone=state_tone(record.state),
        phases=_phases(record.phases, record.failure.phase if record.failure else ""),
        tests={outcome: tests for outcome, tests in by_outcome.items() if tests},
        compliance=compliance(sources.controls),
        difference=difference(sources.previous, sources.contents) if sources.previous and made else None,
        verdict=verdict,
    )


def compliance(controls: Iterable[ControlResult]) -> Compliance | None:
    """Return what became of controls, by chapter of CIS; ``None`` when there are none."""
    chapters: dict[int, list[ControlResult]] = defaultdict(list)
    for control in controls:
        chapters[_chapter(control)].append(control)
    if not chapters:
        return None
    every = [control for chapter in chapters.values() for control in chapter]
    counts = _counts(every)
    met = sum(count.number for count in counts if count.status in _MET)
    failed = sum(count.number for count in counts if count.tone == "bad")
    # Those beyond CIS come last.
    ordered = sorted(chapters, key=lambda number: (number == 0, number))
    return Compliance(
        met=met,
        judged=met + failed,
        counts=counts,
        bar=_bar(counts),
        chapters=tuple(_chapter_of(number, chapters[number]) for number in ordered),
    )


def cis(control: ControlResult) -> str:
    """Return the number of a control's recommendation in CIS, or nothing."""
    return str(control.details.get("cis") or "")


def state_tone(state: BuildState) -> Tone:
    """Return what the colour of a build's state says."""
    return _STATES[state]


def status(name: str) -> Count:
    """Return how a control's status is called, and what its colour says; one that is not known is shown as it is."""
    label, tone = _STATUSES.get(name, (name.replace("_", " "), "plain"))
    return Count(name, label, tone, 1)


def _phases(seconds: Mapping[str, float], failed: str) -> tuple[Phase, ...]:
    total = sum(seconds.values()) or 1.0
    found: list[Phase] = []
    start = 0.0
    for name in sorted(seconds, key=lambda phase: PHASES.index(phase) if phase in PHASES else len(PHASES)):
        share = 100 * seconds[name] / total
        part = Part(round(start, 3), round(share, 3), "bad" if name == failed else "plain", name)
        found.append(Phase(name, seconds[name], part))
        start += share
    return tuple(found)


def _chapter(control: ControlResult) -> int:
    number = cis(control).partition(".")[0]
    return int(number) if number in map(str, CHAPTERS) else 0


def _chapter_of(number: int, controls: list[ControlResult]) -> Chapter:
    def place(control: ControlResult) -> Any:
        worst = status(control.status).tone != "bad"
        return worst, [int(part) for part in re.findall(r"\d+", cis(control))], control.id

    counts = _counts(controls)
    title = CHAPTERS.get(number, "Beyond CIS")
    return Chapter(number, title, tuple(sorted(controls, key=place)), counts, _bar(counts))


def _counts(controls: Iterable[ControlResult]) -> tuple[Count, ...]:
    numbers = Counter(control.status for control in controls)
    order = [*_STATUSES, *sorted(numbers.keys() - _STATUSES.keys())]
    return tuple(Count(name, status(name).label, status(name).tone, numbers[name]) for name in order if numbers[name])


def _bar(counts: Iterable[Count]) -> tuple[Part, ...]:
    """Return counts as the parts of a bar; those of one tone are one part."""
    numbers: dict[Tone, int] = {}
    for count in counts:
        numbers[count.tone] = numbers.get(count.tone, 0) + count.number
    total = sum(numbers.values()) or 1
    parts: list[Part] = []
    start = 0.0
    for tone, number in numbers.items():
        width = 100 * number / total
        parts.append(Part(round(start, 3), round(width, 3), tone, str(number)))
        start += width
    return tuple(parts)
