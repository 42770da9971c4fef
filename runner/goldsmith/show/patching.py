"""Verdicts for people, as tables and paragraphs, and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from goldsmith.patching.survey import Survey
from goldsmith.patching.verdict import Verdict
from goldsmith.plan import Plan
from goldsmith.show.builds import plan_document, plan_text
from goldsmith.show.text import age, document, table, text

_SHOWN = 6
"""Reasons that are shown of an image."""


Caches = Mapping[str, Sequence[Mapping[str, Any]]]
"""Of each layer of a build, whether it is in the layer cache; by the build's label."""


def survey_json(survey: Survey, plans: Sequence[Plan], caches: Caches) -> Iterator[str]:
    """Yield the lines of a JSON list of verdicts, a line each, with what the build would do where there is a spec.

    Ten thousand of them at once would take more memory than all that they were made from.
    """
    of = {plan.build.label: plan_document(plan, caches.get(plan.build.label, ())) for plan in plans}
    last = len(survey.verdicts) - 1
    yield "["
    for number, verdict in enumerate(survey.verdicts):
        said = of.get(verdict.label, {"build": verdict.label}) | _document(verdict)
        yield f"  {json.dumps(said)}{',' if number < last else ''}"
    yield "]"


def survey_paragraphs(survey: Survey, plans: Sequence[Plan], caches: Caches) -> str:
    """Return what each build would do, and whether it is to be done."""
    of = {verdict.label: verdict for verdict in survey.verdicts}
    paragraphs = []
    for plan in plans:
        verdict = of[plan.build.label]
        first, *more = [verdict.state, *(f"  {line}" for line in _lines(verdict))]
        paragraphs.append(
            "\n".join(
                [
                    plan_text(plan, caches.get(plan.build.label, ())),
                    f"  verdict  {first}",
                    *(f"         {line}" for line in more),
                ]
            )
        )
    return "\n\n".join([*paragraphs, *_indexes(survey)])


def survey_table(survey: Survey) -> str:
    """Return verdicts as a table, and how many there are of each."""
    shown = table("IMAGE", "NEWEST", "BUILT", "VERDICT", "WHY")
    for verdict in survey.verdicts:
        recorded = verdict.recorded
        shown.add_row(
            verdict.label,
            recorded.version.label if recorded else "",
            age(recorded.built) if recorded else "never",
            verdict.state,
            "\n".join(_lines(verdict)),
        )
    if not survey.verdicts:
        return "No image is recorded yet. Build one: goldsmith build SPEC"
    counts = [
        f"{number} {state}"
        for state in ("build", "rebuild", "fresh", "unknown")
        if (number := sum(verdict.state == state for verdict in survey.verdicts))
    ]
    return "\n\n".join([text(shown), ", ".join(counts), *_indexes(survey)])


def outdated_lines(survey: Survey) -> list[str]:
    """Return what `build --outdated` is going to build and why, and what it would but cannot."""
    lines = []
    for verdict in survey.stale:
        why = "; ".join(_reasons(verdict))
        lines.append(f"{verdict.label}: {why}" if verdict.build else f"{verdict.label} cannot be built: {why}")
        lines += [f"  {note}" for note in verdict.notes if not verdict.build]
    return lines or ["Nothing is out of date."]


def _lines(verdict: Verdict) -> list[str]:
    return [*_reasons(verdict), *(f"({note})" for note in (*verdict.notes, *verdict.faults))]


def _reasons(verdict: Verdict) -> list[str]:
    told = [reason.text for reason in verdict.reasons]
    return told if len(told) <= _SHOWN else [*told[: _SHOWN - 1], f"and {len(told) - _SHOWN + 1} more reasons"]


def _indexes(survey: Survey) -> list[str]:
    """Say how old the indexes are, where what was kept had to do."""
    if not survey.offline:
        return []
    return [
        "\n".join(
            f"--offline: {suite.archive.uri} {suite.archive.suite} as it was {age(suite.fetched)}"
            for suite in sorted(survey.suites, key=lambda suite: (suite.archive.uri, suite.archive.suite))
        )
    ]


def _document(verdict: Verdict) -> dict[str, Any]:
    recorded, fresh = verdict.recorded, verdict.freshness
    return {
        "state": verdict.state,
        "reasons": [
            {"kind": reason.kind, "text": reason.text, "details": dict(reason.details)} for reason in verdict.reasons
        ],
        "notes": list(verdict.notes),
        "faults": list(verdict.faults),
        "newest": recorded
        and {
            "version": document(recorded.version),
            "build": recorded.build,
            "identity": recorded.identity,
            "built": recorded.built.isoformat(),
            "seconds": round((datetime.now(UTC) - recorded.built).total_seconds()),
        },
        "packages": fresh
        and {
            "judged": fresh.packages,
            "outdated": fresh.outdated,
            "security": fresh.security,
            "cves": fresh.cves,
            "updates": [
                {
                    "package": update.package,
                    "installed": update.installed,
                    "candidate": update.candidate,
                    "security": update.security,
                    "cves": [cve.name for cve in update.cves],
                }
                for update in fresh.updates
            ],
        },
    }
