"""Runs an Ansible project by ansible-runner, and reports what happens."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goldsmith import processes
from goldsmith.events import Event, Translator
from goldsmith.spec import Mask

SECRETS = "secrets.yml"


@dataclass(frozen=True)
class Outcome:
    """How a run of ansible-playbook ended.

    Attributes:
        returncode: Exit status of ansible-playbook; 254 when it was cancelled.
        cancelled: Whether ``cancelled`` asked for its end.
        seconds: Seconds each phase took.
        failure: The first failure, as ``result.json`` has it, or None.
    """

    returncode: int
    cancelled: bool
    seconds: Mapping[str, float]
    failure: Mapping[str, Any] | None


@dataclass(frozen=True)
class Run:
    """One run of a playbook in a private directory.

    Attributes:
        build_id: Id of the build, in the environment of every process of the run.
        label: Label of the build, for the events.
        private: The private directory; holds the project in ``project``. Not shared with another run.
        playbook: A playbook of the project, or the FQCN of a collection's.
        variables: Extra variables.
        log: File that takes Ansible's own output, secrets masked.
        verbosity: Number of ``-v`` for Ansible.
        check: Whether to run in check mode.
        environment: More environment variables.
    """

    build_id: str
    label: str
    private: Path
    playbook: str
    variables: Mapping[str, Any]
    log: Path
    verbosity: int = 0
    check: bool = False
    environment: Mapping[str, str] | None = None


def run(
    job: Run,
    secrets: Mapping[str, str],
    mask: Mask,
    *,
    on_event: Callable[[Event], None],
    on_output: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Outcome:
    """Run a playbook to its end.

    Secrets reach Ansible as a file of extra variables in the private directory, which is in memory; the file is removed
    as soon as Ansible has read it.

    Args:
        job: What to run.
        secrets: Values of the secrets, by name.
        mask: Masks the secrets in whatever is passed on.
        on_event: Called with each event.
        on_output: Called with Ansible's own output, line by line.
        cancelled: Asked every second whether the run should end now.
    """
    import ansible_runner  # noqa: PLC0415  half a second that `goldsmith --help` need not pay

    translator = Translator(job.label)
    project = job.private / "project"
    project.mkdir(exist_ok=True)
    secret_file = job.private / SECRETS
    options = ["--check"] if job.check else []
    if secrets:
        _write_secrets(secret_file, secrets)
        options += ["-e", f"@{secret_file}"]
    with job.log.open("a", encoding="utf-8") as log:

        def handle(event: dict[str, Any]) -> bool:
            if event.get("event") == "playbook_on_play_start":
                secret_file.unlink(missing_ok=True)
            if text := event.get("stdout"):
                shown = mask.text(text)
                log.write(shown + "\n")
                log.flush()
                on_output(shown)
            for step in translator.translate(mask.data(event)):
                on_event(step)
            return False

        def status(data: dict[str, Any], runner_config: Any) -> None:
            # ansible-runner has just written the whole environment to this file, and nobody reads it.
            if data["status"] == "running":
                Path(runner_config.artifact_dir, "command").unlink(missing_ok=True)

        config = ansible_runner.RunnerConfig(
            private_data_dir=str(job.private),
            playbook=job.playbook,
            envvars=_environment(job, project),
            extravars=dict(job.variables),
            cmdline=" ".join(options) or None,
            verbosity=job.verbosity or None,
            settings={"suppress_output_file": True, "pexpect_timeout": 1},
            quiet=True,
        )
        config.prepare()
        runner = ansible_runner.Runner(config, event_handler=handle, status_handler=status, cancel_callback=cancelled)
        try:
            runner.run()
        finally:
            # Ansible's workers lead sessions of their own, so ending ansible-playbook does not end them.
            if runner.canceled:
                processes.end(job.build_id)
    translator.end(datetime.now(UTC))
    return Outcome(
        runner.rc if runner.rc is not None else 254, bool(runner.canceled), translator.seconds, translator.failure
    )


def _environment(job: Run, project: Path) -> dict[str, str]:
    """Return what the run's environment has in addition to this process's own."""
    programs = str(Path(sys.executable).parent)
    config = project / "ansible.cfg"
    return {
        processes.MARK: job.build_id,
        "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_LOCAL_TEMP": str(job.private / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        **({"ANSIBLE_CONFIG": str(config)} if config.exists() else {}),
        **(job.environment or {}),
    }


def _write_secrets(path: Path, secrets: Mapping[str, str]) -> None:
    """Write secrets as extra variables that Ansible takes as they are, braces and all."""
    lines = [f"{name}: !unsafe {json.dumps(value, ensure_ascii=False)}\n" for name, value in secrets.items()]
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123  a mode is needed
        file.writelines(lines)
