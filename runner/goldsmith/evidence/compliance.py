"""What an image was held to, and how it stood: hardening, tests and patches in one file. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from goldsmith.result import BuildResult

MEDIA_TYPE = "application/json"
SCHEMA = 1
"""Version of the file's form."""


def compliance(result: BuildResult) -> dict[str, Any]:
    """Return the compliance report of a build.

    ``hardening`` and ``patching`` are null where no layer was of os_hardening or os_patching: nobody looked, which is
    another thing than all being well.
    """
    plain = result.document()
    tests = Counter(test.outcome for test in result.tests)
    controls = Counter(control.status for control in result.compliance)
    return {
        "schema": SCHEMA,
        **{key: plain[key] for key in ("build", "name", "version", "platform", "target", "finished")},
        "artifact": result.artifact.id if result.artifact else None,
        "hardening": {"summary": dict(sorted(controls.items())), "controls": plain["compliance"]} if controls else None,
        "tests": {
            "summary": {outcome: tests[outcome] for outcome in ("passed", "failed", "skipped")},
            "results": plain["tests"],
        },
        "patching": plain["patching"],
    }
