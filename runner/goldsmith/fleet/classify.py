"""Judges what runs by what the registry knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from goldsmith.fleet.running import Running
from goldsmith.registry import Version

State = Literal["approved", "outdated", "unapproved", "revoked", "unknown"]

STATES: tuple[State, ...] = ("revoked", "unknown", "unapproved", "outdated", "approved")
"""The worst first."""


@dataclass(frozen=True)
class Known:
    """A recorded artifact.

    Attributes:
        version: The version it belongs to.
        label: ``name/platform/target``.
        build: Id of the build that made it.
        revoked: Why its version is revoked; empty when it is not.
    """

    version: Version
    label: str
    build: str
    revoked: str = ""


@dataclass(frozen=True)
class Catalog:
    """What is recorded, by what it is known by.

    Attributes:
        channel: Name of the channel that approves.
        identities: Artifacts by image id, digest or AMI id. A reproducible build makes the same image twice.
        builds: Artifacts by the build that made them.
        approved: The version that the channel points at, by image.
        in_channel: The build of that version, by label.
    """

    channel: str
    identities: Mapping[str, Sequence[Known]]
    builds: Mapping[str, Known]
    approved: Mapping[str, Version]
    in_channel: Mapping[str, str]


@dataclass(frozen=True)
class Behind:
    """How far something is behind what is approved.

    Attributes:
        packages: How many packages are there in another version.
        cves: How many vulnerabilities it has that what is approved has not; ``None`` where that was not recorded.
    """

    packages: int
    cves: int | None


@dataclass(frozen=True)
class Finding:
    """A judgement.

    Attributes:
        running: What runs.
        state: What is to be thought of it.
        reason: Why, in a sentence; empty for what is approved.
        known: The recorded artifact that it runs, or ``None``.
        approved: The version that should run in its place; ``None`` where none is in the channel.
        behind: How far it is behind that, where both inventories are recorded.
    """

    running: Running
    state: State
    reason: str = ""
    known: Known | None = None
    approved: Version | None = None
    behind: Behind | None = None


def classify(running: Running, catalog: Catalog) -> Finding:
    """Return what is to be thought of something that runs.

    What is revoked is so wherever it is known from: of two versions that are the same image to the bit, one that is
    revoked is enough.
    """
    known = _known(running, catalog)
    if not known:
        return Finding(running, "unknown", _unknown(running))
    if revoked := next((one for one in known if one.revoked), None):
        approved = catalog.approved.get(revoked.version.image)
        return Finding(running, "revoked", revoked.revoked, revoked, approved if approved != revoked.version else None)
    for one in known:
        if catalog.approved.get(one.version.image) == one.version:
            return Finding(running, "approved", "", one, one.version)
    newest = max(known, key=lambda one: one.version.sequence)
    approved = catalog.approved.get(newest.version.image)
    if approved is None:
        told = f"no version of {newest.version.image} is in {catalog.channel}"
        return Finding(running, "unapproved", told, newest)
    if approved.sequence < newest.version.sequence:
        told = f"{catalog.channel} is still at {approved.label}"
        return Finding(running, "unapproved", told, newest, approved)
    return Finding(running, "outdated", f"{catalog.channel} is at {approved.label}", newest, approved)


def _unknown(running: Running) -> str:
    if running.build:
        return f"it says that it is of build {running.build}, of which no image is recorded"
    return "its image is not recorded" if running.identities else "it has no stamp of a build"


def _known(running: Running, catalog: Catalog) -> list[Known]:
    found = [one for identity in running.identities for one in catalog.identities.get(identity, ())]
    if not running.identities and running.build in catalog.builds:
        found.append(catalog.builds[running.build])
    return found
