"""What is shown of evidence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldsmith.registry import Evidence

if TYPE_CHECKING:
    from goldsmith.evidence.verify import Verified

_MARKS = {"good": "good", "bad": "BAD", "unknown": "unknown"}


def verified_text(verified: Verified) -> str:
    """Return what came of verifying as lines, one a check."""
    width = max(len(check.what) for check in verified.checks)
    lines = [f"{verified.build or verified.envelope}: {'verified' if verified.good else 'NOT verified'}"]
    lines += [f"  {check.what:<{width}}  {_MARKS[check.state]:<7}  {check.message}" for check in verified.checks]
    return "\n".join(lines)


def verified_document(verified: Verified) -> dict[str, Any]:
    """Return the same as plain data for JSON."""
    return {
        "build": verified.build,
        "envelope": str(verified.envelope),
        "verified": verified.good,
        "checks": [{"what": one.what, "state": one.state, "message": one.message} for one in verified.checks],
    }


def evidence_lines(evidence: Mapping[str, Evidence]) -> list[str]:
    """Return where the files of a build's evidence lie: the folder once, and their names."""
    folders: dict[Path, list[str]] = {}
    for one in evidence.values():
        folders.setdefault(Path(one.file).parent, []).append(Path(one.file).name)
    return [f"evidence {folder}: {', '.join(sorted(names))}" for folder, names in sorted(folders.items())]
