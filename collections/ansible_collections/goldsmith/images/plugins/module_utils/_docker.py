# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Docker modules share: the client, its errors, and the labels that are the ledger."""

from __future__ import annotations

import traceback
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

try:
    import docker
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
except ImportError:
    DOCKER_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    DOCKER_IMPORT_ERROR = None

LABEL_BUILD = "io.goldsmith.build"
LABEL_NAME = "io.goldsmith.name"
LABEL_EXPIRES = "io.goldsmith.expires"
LABEL_ROLE = "io.goldsmith.role"
LABEL_SOURCE = "io.goldsmith.source"

DOCKER_OPTIONS: dict[str, Any] = {
    "docker_host": {"type": "str"},
    "timeout": {"type": "int", "default": 120},
}
"""Options that every Docker module takes."""


def run(module: AnsibleModule, work: Callable[[Any, AnsibleModule], dict[str, Any]]) -> None:
    """Call ``work`` with a connected client and end the module with what it returns.

    Args:
        module: The module; its parameters hold `DOCKER_OPTIONS`.
        work: Takes a ``docker.DockerClient`` and the module, returns the module's result.
    """
    if DOCKER_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("docker"), exception=DOCKER_IMPORT_ERROR)
    try:
        client = connect(module.params["docker_host"], module.params["timeout"])
        try:
            result = work(client, module)
        finally:
            client.close()
    except Fault as fault:
        module.fail_json(msg=str(fault))
    except APIError as error:
        module.fail_json(msg=f"the Docker engine refused: {error.explanation or error}")
    except (DockerException, RequestException) as error:
        module.fail_json(msg=f"the connection to the Docker engine broke: {error}. Is the engine still running?")
    module.exit_json(**result)


def connect(docker_host: str | None, timeout: int) -> Any:
    """Return a client of a Docker engine that answers.

    Args:
        docker_host: URL of the engine; by default the environment's ``DOCKER_HOST``, then the local socket.
        timeout: Seconds that one request may take.

    Raises:
        Fault: No engine answers there.
    """
    try:
        client = (
            docker.DockerClient(base_url=docker_host, timeout=timeout)
            if docker_host
            else docker.from_env(timeout=timeout)
        )
        client.ping()
    except (DockerException, RequestException) as error:
        where = docker_host or "DOCKER_HOST or the local socket"
        raise Fault(
            f"no Docker engine answers at {where}: {error}. Start it, or name another one by DOCKER_HOST."
        ) from error
    return client


def patient(client: Any) -> None:
    """Let the client wait up to an hour for each answer.

    An engine is silent while it commits, saves or loads an image, for as long as the image is large; the option
    ``timeout`` is about engines that do not answer at all.
    """
    client.api.timeout = max(client.api.timeout or 0, 3600)
