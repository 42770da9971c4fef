"""Runs a playbook of the collection that looks after what builds made, and reads the report that it writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldsmith import home
from goldsmith.errors import EnvironmentFault
from goldsmith.run import Run, run
from goldsmith.spec import Mask


def chore(name: str, variables: Mapping[str, Any], output: Path, *, check: bool = False) -> dict[str, Any]:
    """Run the playbook ``goldsmith.images.<name>``.

    Args:
        name: Its name; it writes ``<name>.json`` and ``<name>.log`` into ``goldsmith_output``.
        variables: Its variables.
        output: Directory that takes the log and the report.
        check: Run in check mode.

    Raises:
        EnvironmentFault: It left no report, for instance because no Docker engine answers.
    """
    report, log = output / f"{name}.json", output / f"{name}.log"
    report.unlink(missing_ok=True)
    with home.private_directory(name, secret=False) as private:
        job = Run(
            build_id=name,
            label=name,
            private=private,
            playbook=f"goldsmith.images.{name}",
            variables={**variables, "goldsmith_output": str(output)},
            log=log,
            check=check,
        )
        outcome = run(job, {}, Mask(()), on_event=lambda _: None, on_output=lambda _: None, cancelled=lambda: False)
    if not report.exists():
        why = outcome.failure["message"] if outcome.failure else f"ansible-playbook ended with {outcome.returncode}"
        raise EnvironmentFault(f"the {name} failed: {why}", f"Ansible's log: {log}. Mend that, and repeat the command.")
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found
