"""Enters the machine of a build."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

from goldsmith.errors import EnvironmentFault, InputError
from goldsmith.registry import BuildRecord
from goldsmith.targets.docker import engine

LABEL = "io.goldsmith.build"


def enter(build: BuildRecord) -> NoReturn:
    """Become a shell inside the machine of a build that runs or was kept.

    Args:
        build: The build.

    Raises:
        InputError: It has no machine any more, or its target has no machine that can be entered.
        EnvironmentFault: No engine answers, or there is no ``docker`` command.
    """
    if build.target != "docker":
        raise InputError(
            f"{build.label} has no container to enter", "Only machines of the target docker can be entered."
        )
    program = shutil.which("docker")
    if program is None:
        raise EnvironmentFault("there is no docker command on PATH", "Install Docker's client.")
    container = _container(build.id)
    if container is None:
        raise InputError(
            f"build {build.id} of {build.label} has no machine any more",
            "A machine is kept by goldsmith build --on-error keep; until then it is there only while the build runs.",
        )
    os.execv(program, [program, "exec", "--interactive", "--tty", container, "/bin/sh"])  # noqa: S606  no shell is wanted


def _container(build_id: str) -> str | None:
    client = engine()
    try:
        found = client.containers.list(filters={"label": f"{LABEL}={build_id}"})
        return found[0].name if found else None
    finally:
        client.close()
