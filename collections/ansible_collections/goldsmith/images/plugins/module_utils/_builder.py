# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The temporary container of a build: made with its labels in one call, found again, taken away."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils import _bootstrap, _downloads
from ansible_collections.goldsmith.images.plugins.module_utils._bootstrap import Bootstrap
from ansible_collections.goldsmith.images.plugins.module_utils._container import find, logs, need_running
from ansible_collections.goldsmith.images.plugins.module_utils._docker import (
    LABEL_BUILD,
    LABEL_EXPIRES,
    LABEL_NAME,
    LABEL_ROLE,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp

with suppress(ImportError):  # `_docker.run` tells the user
    from docker.errors import APIError, DockerException, ImageNotFound, NotFound
    from requests.exceptions import RequestException

THROW_AWAY = {"DPKG_FORCE": "unsafe-io", "PYTHONDONTWRITEBYTECODE": "1"}
"""Environment of a builder: nothing need survive a power cut, and Ansible's Python leaves no bytecode behind."""

GRACE = 0.3
"""Seconds in which a command that cannot go on shows it."""

DIRECT = {
    "hostname": "hostname",
    "privileged": "privileged",
    "network": "network",
    "platform": "platform",
    "runtime": "runtime",
    "memory": "mem_limit",
    "capabilities": "cap_add",
    "cap_drop": "cap_drop",
    "devices": "devices",
    "volumes": "volumes",
}
"""Options that the SDK takes as they are, under its own names."""


@dataclass(frozen=True)
class Wanted:
    """The container that is to be there.

    Attributes:
        name: The container's name.
        image: Id of its image.
        build_id: The build that it belongs to.
        image_name: Name of the image that is being built.
        role: ``builder`` or ``verify``.
        expires_in: Seconds after which it may be swept, and after which its default command ends.
        command: Command, or None for the default one, which waits.
        use_image_command: Keep the image's own entrypoint and command.
        user: User of the command, or None for the default.
        env: Variables added.
        tmpfs: Directories in memory, each ``path`` or ``path:options``.
        bootstrap: Bring Python and hold services back.
        machine: Further options by their module option's name; see `DIRECT`.
    """

    name: str
    image: str
    build_id: str
    image_name: str
    role: str
    expires_in: int
    command: list[str] | None
    use_image_command: bool
    user: str | None
    env: Mapping[str, str]
    tmpfs: list[str]
    bootstrap: bool
    machine: Mapping[str, Any]

    @property
    def shares(self) -> bool:
        """Whether it shares what it downloads with other builds: not where its user mounts something in that place."""
        taken = [entry.split(":")[1 if ":" in entry else 0] for entry in self.machine.get("volumes") or ()]
        return self.role == "builder" and self.bootstrap and _downloads.PLACE not in (*taken, *_tmpfs(self.tmpfs))

    def arguments(self, now: datetime) -> dict[str, Any]:
        """Return what the SDK's ``containers.create`` takes, without the mounts for what is shared."""
        throw_away = {**THROW_AWAY, **(_downloads.ENVIRONMENT if self.shares else {})}
        arguments: dict[str, Any] = {
            "image": self.image,
            "name": self.name,
            "environment": {**(throw_away if self.role == "builder" else {}), **self.env},
            "labels": self.labels(now),
            "tmpfs": _tmpfs(self.tmpfs),
        }
        if self.command is not None:
            arguments.update(entrypoint=[], command=self.command)
        elif not self.use_image_command:
            arguments.update(entrypoint=[], command=_waiting(self.expires_in), healthcheck={"test": ["NONE"]})
        user = self.user if self.user is not None or self.use_image_command else "0"
        if user is not None:
            arguments["user"] = user
        arguments.update({DIRECT[key]: value for key, value in self.machine.items() if value})
        return arguments

    def labels(self, now: datetime) -> dict[str, str]:
        """Return the labels by which it is known, and by which a sweep finds it."""
        expires = stamp(now + timedelta(seconds=self.expires_in))
        return {
            LABEL_BUILD: self.build_id,
            LABEL_NAME: self.image_name,
            LABEL_ROLE: self.role,
            LABEL_EXPIRES: expires,
        }


def _tmpfs(entries: Iterable[str]) -> dict[str, str]:
    return dict(entry.partition(":")[::2] for entry in entries)


def _waiting(seconds: int) -> list[str]:
    # A shell that waits reaps orphans as an init does. Docker's own init would leave its mount point in the image.
    return ["/bin/sh", "-c", f"trap 'exit 0' TERM INT; sleep {seconds} & wait $!"]


def matches(container: Mapping[str, Any], wanted: Wanted) -> bool:
    """Tell whether a container is the wanted one of this build, and runs.

    Raises:
        Fault: It bears the name but belongs to something else.
    """
    owner = (container["Config"].get("Labels") or {}).get(LABEL_BUILD)
    if owner != wanted.build_id:
        whose = f"the build {owner}" if owner else "nobody that Goldsmith knows"
        raise Fault(
            f"the name {wanted.name} is taken by a container of {whose}. "
            f"It is left alone: choose another name, or remove it (docker rm -f {wanted.name})."
        )
    return bool(container["State"]["Running"]) and container["Image"] == wanted.image


def make(client: Any, wanted: Wanted) -> tuple[dict[str, Any], Bootstrap]:
    """Create and start the container, and bring Python into it if wanted.

    Returns:
        What the engine knows of it, and what was brought for Ansible's sake.

    Raises:
        Fault: It cannot be made, or dies at once. Nothing is left of it.
    """
    shared = {"mounts": _downloads.mounts(client)} if wanted.shares else {}
    try:
        container = client.containers.create(**wanted.arguments(datetime.now(UTC)), **shared)
    except ImageNotFound as error:
        raise Fault(
            f"the image {wanted.image} is not in this engine; resolve it first with goldsmith.images.docker_source."
        ) from error
    except APIError as error:
        raise Fault(f"the container {wanted.name} cannot be made: {error.explanation or error}") from error
    try:
        return _start(client, container, wanted)
    except BaseException:
        # Also when interrupted; what went wrong before matters more than a container that a sweep finds by its labels.
        with suppress(DockerException, RequestException):
            container.remove(force=True, v=True)
        raise


def _start(client: Any, container: Any, wanted: Wanted) -> tuple[dict[str, Any], Bootstrap]:
    try:
        container.start()
    except APIError as error:
        raise Fault(f"the container {wanted.name} cannot be started: {error.explanation or error}") from error
    brought = Bootstrap()
    if wanted.bootstrap:
        try:
            brought, _changed = _bootstrap.present(client, wanted.name, _downloads.PREPARE if wanted.shares else "")
        except Fault:
            need_running(client, wanted.name)
            raise
    else:
        with suppress(RequestException):
            client.api.wait(container.id, timeout=GRACE)
    state = client.api.inspect_container(container.id)
    if not state["State"]["Running"]:
        raise Fault(
            f"the container {wanted.name} ended at once with exit status {state['State']['ExitCode']}; a builder's "
            f"command must go on until the build is over. {logs(client, container.id)}"
        )
    return state, brought


def remove(client: Any, name: str | None, build_id: str | None, dry: bool = False) -> list[str]:
    """Remove the container of this name, or all containers of a build, with their anonymous volumes.

    Returns:
        The names of those that were there.

    Raises:
        Fault: The container of this name is not Goldsmith's, or another build's.
    """
    if name is None:
        filters = {"label": f"{LABEL_BUILD}={build_id}"}
        found = [item["Names"][0].lstrip("/") for item in client.api.containers(all=True, filters=filters)]
    else:
        container = find(client, name)
        found = [name] if container else []
        owner = ((container or {}).get("Config", {}).get("Labels") or {}).get(LABEL_BUILD)
        if container and (owner is None or build_id not in (None, owner)):
            raise Fault(
                f"the container {name} is "
                + (f"of the build {owner}, not of {build_id}" if owner else "not one that Goldsmith made")
                + f"; it is left alone. If it shall go: docker rm -f {name}"
            )
    if not dry:
        for one in found:
            if build_id is not None:
                _downloads.share(client, one, build_id)
            remove_container(client, one)
    return found


def remove_container(client: Any, name: str) -> None:
    """Remove a container by force with its anonymous volumes; one that is gone, or going, is fine."""
    try:
        client.api.remove_container(name, v=True, force=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409 or "in progress" not in str(error.explanation):
            raise
