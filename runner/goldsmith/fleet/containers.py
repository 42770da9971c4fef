"""What runs in a Docker engine, by its API: two calls, however many containers there are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from goldsmith.fleet.running import Found, Running, Unreached

TIMEOUT = 30
"""Seconds that an engine has for an answer."""

_TEMPORARY = {"io.goldsmith.role": ("builder", "verify"), "io.goldsmith.lab": None}
"""Labels of machines that come and go with a build or a lab, with their values where not any will do."""


def containers(url: str | None = None) -> Found:
    """Return the containers that run in an engine.

    Args:
        url: Its address, such as ``ssh://host`` or ``tcp://host:2376``; by default that of the environment.
    """
    import docker  # noqa: PLC0415  a fifth of a second that `goldsmith --help` need not pay
    from docker.errors import DockerException  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415

    environment = dict(os.environ) | ({"DOCKER_HOST": url} if url else {})
    place = environment.get("DOCKER_HOST") or "local engine"
    try:
        # ssh itself knows the user's keys and hosts; the SDK's own client does not.
        client = docker.from_env(timeout=TIMEOUT, environment=environment, use_ssh_client=True)
        try:
            listed, images = client.api.containers(), client.api.images(all=True)
        finally:
            client.close()
    except (DockerException, RequestException, OSError) as error:
        return Found(unreached=[Unreached(place, "", f"no engine answers: {error}")])
    digests = {image["Id"]: image.get("RepoDigests") or () for image in images}
    mine = [one for one in listed if not _temporary(one.get("Labels") or {})]
    return Found([_running(one, digests, place) for one in mine], passed_over=len(listed) - len(mine))


def _temporary(labels: Mapping[str, str]) -> bool:
    return any(label in labels and (not only or labels[label] in only) for label, only in _TEMPORARY.items())


def _running(container: Mapping[str, Any], digests: Mapping[str, Any], place: str) -> Running:
    """Return a container; with containerd's store the image's id is its digest, and both are looked up."""
    identity = container["ImageID"]
    known = [reference.rpartition("@")[2] for reference in digests.get(identity, ())]
    name = (container.get("Names") or [container["Id"][:12]])[0].removeprefix("/")
    return Running("container", place, name, container["Image"], tuple(dict.fromkeys((identity, *known))))
