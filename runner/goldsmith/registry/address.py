"""By what a program reaches an artifact. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldsmith.errors import InputError
from goldsmith.registry.records import ArtifactRecord


def address(artifact: ArtifactRecord, region: str | None = None) -> str:
    """Return an AMI's id, or of a Docker image ``repository@sha256:…`` where it was pushed, else its id.

    Args:
        artifact: The artifact.
        region: Region of an AMI; by default the one it was built in.

    Raises:
        InputError: It is not in that region, or there are no regions where it is.
    """
    places = regions(artifact)
    if region is not None:
        if region not in places:
            there = ", ".join(places)
            raise InputError(
                f"{artifact.version} has no image in {region}",
                f"It has one in {there}." if there else f"An artifact of the target {artifact.type} has no region.",
            )
        return places[region]
    for reference, digest in artifact.digests.items():
        return f"{reference.rpartition(':')[0]}@{digest}"
    return artifact.identity


def regions(artifact: ArtifactRecord) -> dict[str, str]:
    """Return the AMI's id in each region it is in, the one it was built in first; empty for what has no region."""
    if artifact.region is None:
        return {}
    copies: Any = artifact.details.get("images")
    copies = copies if isinstance(copies, Mapping) else {}
    return {artifact.region: artifact.identity} | {
        region: str(copy["id"]) for region, copy in copies.items() if region != artifact.region
    }
