# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers as the modules see them: found by name, entered by the exec API, read by the archive API."""

from __future__ import annotations

import io
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, cast

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

with suppress(ImportError):  # `_docker.run` tells the user
    from docker.errors import APIError, NotFound
    from requests.exceptions import RequestException

TAIL = 15
"""Lines of output that an error message shows."""


@dataclass(frozen=True)
class Outcome:
    """What a command in a container gave: its exit status and its output as text."""

    status: int
    stdout: str
    stderr: str

    def tail(self) -> str:
        """Return the last lines of all that it said."""
        return last_lines(self.stdout + self.stderr)


def last_lines(text: str) -> str:
    """Return the last non-empty lines of a text, `TAIL` at most."""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-TAIL:])


def find(client: Any, container: str) -> dict[str, Any] | None:
    """Return what the engine knows of a container by name or id, or None if there is none."""
    try:
        return cast("dict[str, Any]", client.api.inspect_container(container))
    except NotFound:
        return None


def need_running(client: Any, container: str) -> dict[str, Any]:
    """Return what the engine knows of a container that runs.

    Raises:
        Fault: There is none, or it has stopped.
    """
    found = find(client, container)
    if found is None or found["State"]["Status"] in ("removing", "dead"):
        raise Fault(
            f"there is no container {container} in this engine: it was never made, or somebody removed it. Build again."
        )
    if not found["State"]["Running"]:
        raise Fault(
            f"the container {container} has stopped (exit status {found['State']['ExitCode']}). "
            f"{logs(client, found['Id'])}"
        )
    return found


def logs(client: Any, container: str) -> str:
    """Return a sentence with the last lines that a container wrote."""
    try:
        text = client.api.logs(container, tail=TAIL).decode(errors="replace")
    except APIError as error:
        return f"Its log cannot be read: {error.explanation or error}"
    lines = last_lines(text)
    return f"Its last words:\n{lines}" if lines else "It wrote nothing."


def execute(client: Any, container: str, script: str, env: Mapping[str, str] | None = None) -> Outcome:
    """Run a script with the container's own ``/bin/sh`` as root.

    Args:
        client: A connected client.
        container: Name or id of a running container.
        script: Text of the script.
        env: Variables added to the container's environment.

    Raises:
        Fault: The container is gone, does not run, or has no ``/bin/sh``.
    """
    api = client.api
    try:
        job = api.exec_create(
            container, ["/bin/sh", "-c", script], user="0:0", environment=dict(env or {}), workdir="/"
        )["Id"]
        stdout, stderr = api.exec_start(job, demux=True)
        status = api.exec_inspect(job)["ExitCode"]
    except NotFound as error:
        raise Fault(f"the container {container} was removed while it was being worked on. Build again.") from error
    except APIError as error:
        raise Fault(f"nothing can be run in the container {container}: {error.explanation or error}") from error
    outcome = Outcome(status, (stdout or b"").decode(errors="replace"), (stderr or b"").decode(errors="replace"))
    if status in (126, 127) and "exec failed" in outcome.stdout + outcome.stderr:
        need_running(client, container)
        raise Fault(f"the container {container} has no usable /bin/sh: {outcome.tail()}")
    if status in (137, None):
        # Killed: by itself, or with the whole container, which the engine may not know yet.
        with suppress(APIError, RequestException):
            api.wait(container, timeout=2)
        need_running(client, container)
    return outcome


def output(client: Any, container: str, script: str) -> Iterator[bytes]:
    """Run a script with the container's own ``/bin/sh`` as root, and yield what it writes to its standard output.

    Where there is none, or the container does not run, nothing is yielded: what an engine says of it is left out.
    """
    api = client.api
    try:
        job = api.exec_create(container, ["/bin/sh", "-c", script], user="0:0", workdir="/")["Id"]
        for stdout, _stderr in api.exec_start(job, demux=True, stream=True):
            if stdout:
                yield stdout
    except APIError:
        return


def read_files(client: Any, container: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of a file, or of each file below a directory; nothing if there is no such path.

    It needs no shell in the container, and the container need not run. Links are not followed.
    """
    try:
        chunks, _stat = client.api.get_archive(container, path)
    except NotFound:
        return
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content.read().decode(errors="replace")
