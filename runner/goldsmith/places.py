"""Where a build's things are, kept beside its record: a sweep finds them without the spec and the environment."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from goldsmith.evidence import manifest
from goldsmith.spec import Build

FILE = "place.json"


@dataclass(frozen=True)
class Place:
    """Where a build's things are.

    Attributes:
        target: Name of the build's target.
        regions: Regions of a cloud; empty for the one that the environment names, where that is not known.
        endpoint_url: Endpoint of the cloud, or None for its own.
        profile: Profile of the cloud's configuration, or None for the default.
        directory: Directory that a disk is written to, or None.

    What is made of a disk is built in the Docker engine, too, wherever it goes in the end.
    """

    target: str
    regions: tuple[str, ...] = ()
    endpoint_url: str | None = None
    profile: str | None = None
    directory: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether any of the build's things are on this machine, or in its Docker engine."""
        return self.target != "ec2" or self.directory is not None

    @property
    def is_lab(self) -> bool:
        """Whether the cloud is a lab on this machine."""
        return urlsplit(self.endpoint_url or "").hostname in ("127.0.0.1", "::1", "localhost")

    def answers(self) -> bool:
        """Return whether there is anything to sweep: a lab that was ended has taken all with it."""
        if not self.is_lab:
            return True
        address = urlsplit(self.endpoint_url or "")
        try:
            socket.create_connection((address.hostname, address.port or 80), timeout=2).close()
        except OSError:
            return False
        return True

    def environment(self) -> dict[str, str]:
        """Return the environment variables that lead an AWS client there."""
        # Any key will do in a lab, and none need be set here.
        keys = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab"} if self.is_lab else {}
        given = {"AWS_ENDPOINT_URL": self.endpoint_url, "AWS_PROFILE": self.profile}
        return keys | {key: value for key, value in given.items() if value}

    def variables(self) -> dict[str, Any]:
        """Return it as the playbook ``goldsmith.images.sweep`` takes it."""
        given = {
            "regions": list(self.regions),
            "endpoint_url": self.endpoint_url,
            "profile": self.profile,
            "environment": self.environment() if self.is_lab else {},
        }
        return {key: value for key, value in given.items() if value}


def place_of(
    build: Build, version: str, environ: Mapping[str, str] = os.environ, *, output: Path | None = None
) -> Place:
    """Return where a build's things are going to be.

    Args:
        build: The build.
        version: Its version.
        environ: Leads to the cloud.
        output: The build's output folder, where a disk is written that is to be nowhere else.
    """
    if build.target.name == "docker":
        return Place("docker")
    options = build.options(version)
    if build.target.name == "disk":
        directory = getattr(options, "directory", None) or output
        return Place("disk", directory=str(directory) if directory else None)
    regions = build.target.regions(options)
    place = Place(build.target.name, tuple(regions), environ.get("AWS_ENDPOINT_URL"), environ.get("AWS_PROFILE"))
    if getattr(options, "strategy", None) == "direct":
        place = replace(place, directory=str(output))
    return replace(place, profile=None) if place.is_lab else place


def note(place: Place, directory: Path) -> None:
    """Write it into a build's directory.

    Raises:
        EnvironmentFault: It cannot be written.
    """
    manifest.write(directory / FILE, asdict(place))


def noted(directories: Iterable[Path]) -> set[Place]:
    """Return the places of builds, as far as they are noted."""
    found = set()
    for directory in directories:
        try:
            known = json.loads((directory / FILE).read_text(encoding="utf-8"))
            found.add(Place(**known | {"regions": tuple(known["regions"])}))
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return found
