"""The judgement as text, for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from judging.judgement import Judgement
    from judging.verdicts import OpenScap, Verdict

_MISSING = "-"


def text(judgement: Judgement) -> str:
    """Return the table, and below it all that is not met."""
    parts = [_heading(judgement), _figures(judgement), *_changes(judgement)]
    last = judgement.after or judgement.before
    if last:
        parts += [_unmet(last), _lynis(last)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(judgement: Judgement) -> str:
    role = f"role {judgement.role} {' '.join(judgement.variables)}".strip() if judgement.run else "no role"
    return f"image {judgement.image}, {role}"


def _figures(judgement: Judgement) -> str:
    verdicts = (judgement.before, judgement.after)
    columns = [name for name, verdict in zip(("before", "after"), verdicts, strict=True) if verdict]
    rows = [["", *columns], ["lynis, index of 100", *(str(v.lynis.index) for v in verdicts if v)]]
    scans = [verdict.openscap for verdict in verdicts if verdict]
    for label, count in (("pass", "pass"), ("fail", "fail"), ("not applicable", "notapplicable")):
        rows.append([f"OpenSCAP {judgement.profile}, {label}", *(_count(scan, count) for scan in scans)])
    rows.append(["OpenSCAP score of 100", *(f"{s.score:.1f}" if s else _MISSING for s in scans)])
    of_image = (f"{s.score_of_image:.1f}" if s else _MISSING for s in scans)
    rows.append(["OpenSCAP score but for the host's kernel", *of_image])
    if run := judgement.run:
        rows += [
            [],
            ["role", "first run", "second run"],
            ["seconds", *(f"{seconds:.1f}" for seconds in run.seconds)],
            ["tasks changed", *(str(number) for number in run.changed)],
            ["tasks run", str(run.tasks)],
            ["tasks skipped", str(run.skipped)],
            ["image growth, MB", f"{run.growth / 1e6:.1f}"],
        ]
    return "\n".join("".join([f"{row[0]:<40}", *(f"{cell:>12}" for cell in row[1:])]) if row else "" for row in rows)


def _count(scan: OpenScap | None, result: str) -> str:
    return str(scan.counts[result]) if scan else _MISSING


def _changes(judgement: Judgement) -> Iterable[str]:
    if judgement.run and judgement.run.changed[1]:
        yield "Changed by the second run:\n" + "\n".join(f"  {name}" for name in judgement.run.changed_again)
    before, after = ((verdict.openscap if verdict else None) for verdict in (judgement.before, judgement.after))
    if not before or not after:
        return
    was = {rule.id: rule.result for rule in before.rules}
    worse = [rule for rule in after.rules if was.get(rule.id) == "pass" and rule.result == "fail"]
    if worse:
        yield "WORSE than before, by OpenSCAP:\n" + "\n".join(f"  {rule.id}: {rule.title}" for rule in worse)


def _unmet(verdict: Verdict) -> str:
    if not verdict.openscap:
        return "OpenSCAP has no rules for this system."
    lines = [f"  {rule.result:<10} {rule.severity:<7} {rule.id}: {rule.title}" for rule in verdict.openscap.unmet]
    return "OpenSCAP, not met:\n" + "\n".join(lines)


def _lynis(verdict: Verdict) -> str:
    lynis = verdict.lynis
    lines = [f"  {each.given:>2} of {each.possible:>2} {each.test} {each.title}" for each in lynis.points_lost]
    lines += [f"  warning    {each.test} {each.text}" for each in lynis.warnings]
    lines += [f"  suggestion {each.test} {each.text}" for each in lynis.suggestions]
    return "lynis, points not given, warnings and suggestions:\n" + "\n".join(lines)
