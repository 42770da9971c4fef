"""What is told of an image and a role."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from judging import verdicts


@dataclass(frozen=True)
class Run:
    """What the two runs of the role came to.

    Attributes:
        tasks: Number of tasks the first run did, without those it skipped.
        seconds: What the first and the second run took, with all that ansible-playbook does.
        changed: Number of tasks that changed something in each.
        changed_again: The names of those that did in the second.
        growth: Bytes that the image's new layer has.
    """

    tasks: int
    skipped: int
    seconds: tuple[float, float]
    changed: tuple[int, int]
    changed_again: tuple[str, ...]
    growth: int


@dataclass(frozen=True)
class Judgement:
    """All that is told of an image and a role; what was not asked for is None."""

    image: str
    role: str
    variables: tuple[str, ...]
    profile: str
    run: Run | None
    before: verdicts.Verdict | None
    after: verdicts.Verdict | None

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it: of OpenSCAP's rules those that are not met, and counts of the others."""
        document = asdict(self)
        for name in ("before", "after"):
            verdict: verdicts.Verdict | None = getattr(self, name)
            if verdict and verdict.openscap:
                scan = document[name]["openscap"]
                scan["counts"] = dict(verdict.openscap.counts)
                scan["rules"] = [asdict(rule) for rule in verdict.openscap.unmet]
        return document
