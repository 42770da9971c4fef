"""What builds share of downloads, in the Docker engine."""

from __future__ import annotations

from contextlib import closing

from docker.errors import DockerException

from ansible_collections.goldsmith.images.plugins.module_utils import _downloads
from goldsmith.errors import EnvironmentFault
from goldsmith.targets.docker import engine


def forget() -> None:
    """Remove it; what a build that runs has goes when a later one starts.

    Raises:
        EnvironmentFault: No engine answers.
    """
    with closing(engine()) as client:
        try:
            for volume in _downloads.volumes(client):
                _downloads.remove(client, volume)
        except DockerException as error:
            raise EnvironmentFault(f"what builds share of downloads cannot be removed: {error}") from error
