"""Enters the machine of a build."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any, NoReturn

from goldsmith import home
from goldsmith.errors import EnvironmentFault, InputError
from goldsmith.registry import BuildRecord
from goldsmith.targets.docker import engine

LABEL = "io.goldsmith.build"
MACHINE = "machine.json"
"""File in a build's directory that says how its machine is entered by SSH."""


def enter(build: BuildRecord) -> NoReturn:
    """Become a shell inside the machine of a build that runs or was kept.

    Args:
        build: The build.

    Raises:
        InputError: It has no machine any more, or its target has no machine that can be entered.
        EnvironmentFault: No engine answers, or the client of Docker or SSH is missing.
    """
    if build.target in ("docker", "disk"):
        _become("docker", ["exec", "--interactive", "--tty", _container(build), "/bin/sh"], "Install Docker's client.")
    noted = home.build_directory(home.home(), build.id) / MACHINE
    if build.target != "ec2" or not noted.exists():
        raise InputError(f"{build.label} has no machine to enter", "Machines of docker, disk and ec2 can be entered.")
    _become("ssh", _ssh(json.loads(noted.read_text(encoding="utf-8")), build), "Install OpenSSH's client.")


def _become(name: str, arguments: list[str], hint: str) -> NoReturn:
    program = shutil.which(name)
    if program is None:
        raise EnvironmentFault(f"there is no {name} command on PATH", hint)
    os.execv(program, [program, *arguments])  # noqa: S606  no shell is wanted


def _container(build: BuildRecord) -> str:
    client = engine()
    try:
        found = client.containers.list(filters={"label": f"{LABEL}={build.id}"})
    finally:
        client.close()
    if not found:
        raise _gone(build)
    return str(found[0].name)


def _ssh(machine: dict[str, Any], build: BuildRecord) -> list[str]:
    """Return the arguments of ssh. The key goes with the machine."""
    if not machine.get("key_file"):
        raise InputError(
            f"{build.label} is reached by the session manager", f"aws ssm start-session --target {machine['id']}"
        )
    if not Path(machine["key_file"]).exists():
        raise _gone(build)
    # The layers may have closed the door behind them: the build's own connection is used where it is still open.
    held = ["-o", f"ControlPath={machine['control']}"]
    to = ["-i", machine["key_file"], "-p", str(machine["port"]), "-l", machine["user"], machine["address"]]
    return [*shlex.split(machine["args"]), *held, *to]


def _gone(build: BuildRecord) -> InputError:
    return InputError(
        f"build {build.id} of {build.label} has no machine any more",
        "A machine is kept by goldsmith build --on-error keep; until then it is there only while the build runs.",
    )
