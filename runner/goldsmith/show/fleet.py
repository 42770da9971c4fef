"""A survey as the CLI prints it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from goldsmith.fleet.classify import STATES, Behind, Finding
from goldsmith.fleet.survey import Survey
from goldsmith.show.text import document, table, text


def survey_document(survey: Survey) -> dict[str, Any]:
    """Return a survey as plain data for JSON."""
    counts = Counter(finding.state for finding in survey.findings)
    return {
        "channel": survey.channel,
        "at": survey.at.isoformat(),
        "counts": {state: counts[state] for state in reversed(STATES)},
        "findings": document(survey.findings),
        "unreached": document(survey.unreached),
        "passed_over": survey.passed_over,
    }


def survey_text(survey: Survey) -> str:
    """Return a survey as a table, and what it comes to."""
    lines = [_table(survey)] if survey.findings else []
    lines += [f"not asked: {' '.join(filter(None, (one.place, one.name)))}: {one.reason}" for one in survey.unreached]
    counts = Counter(finding.state for finding in survey.findings)
    told = ", ".join(f"{counts[state]} {state}" for state in reversed(STATES) if counts[state])
    if survey.unreached:
        told = ", ".join(filter(None, (told, f"{len(survey.unreached)} not asked")))
    over = survey.passed_over
    passed = f" Passed over: {over} machine{'s' * (over != 1)} of builds and labs." if over else ""
    return "\n".join(
        [*lines, *([""] if lines else []), f"{told or 'Nothing runs'} (channel {survey.channel}).{passed}"]
    )


def behind_text(behind: Behind | None) -> str:
    """Return in words how far something is behind."""
    if behind is None or not (behind.packages or behind.cves):
        return ""
    packages = f"{behind.packages} package{'s' * (behind.packages != 1)}"
    cves = "" if behind.cves is None else f" and {behind.cves} CVE{'s' * (behind.cves != 1)}"
    return f"{packages}{cves} behind"


def _table(survey: Survey) -> str:
    shown = table("STATE", "WHERE", "WHAT", "IMAGE", "VERSION", "WHY")
    for finding in survey.findings:
        shown.add_row(*_row(finding))
    return text(shown)


def _row(finding: Finding) -> tuple[str, ...]:
    running, known = finding.running, finding.known
    return (
        finding.state.upper() if finding.state != "approved" else finding.state,
        running.place,
        running.name,
        known.label if known else running.image,
        known.version.label if known else "",
        "; ".join(filter(None, (finding.reason, behind_text(finding.behind)))),
    )
