"""The layer caches together: of the Docker engine, and of the regions of EC2 that images were built in from here."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from goldsmith import cache, downloads, home
from goldsmith.cache import CachedLayer, Removal
from goldsmith.errors import EnvironmentFault
from goldsmith.places import Place, noted

DOCKER = ""
"""The place of a cache that is in the Docker engine; others are regions of EC2."""

Found = TypeVar("Found")


def places(
    root: Path, targets: Collection[str], named: Sequence[str], environ: Mapping[str, str] = os.environ
) -> list[str]:
    """Return where there may be layers: `DOCKER`, and regions of EC2.

    Args:
        root: Goldsmith's home.
        targets: Only of these targets; empty for all.
        named: Only these regions of EC2; empty for those that images were built in from here.
        environ: Leads to EC2: what was built at another endpoint is passed over.
    """
    in_docker = "docker" in targets or not (targets or named)
    in_ec2 = "ec2" in targets or not targets
    there = list(named) or _built_in(noted(home.build_directories(root)), environ.get("AWS_ENDPOINT_URL"))
    return [*([DOCKER] if in_docker else []), *(there if in_ec2 else [])]


def _built_in(built: Collection[Place], endpoint: str | None) -> list[str]:
    here = [one for one in built if one.target == "ec2" and one.endpoint_url == endpoint]
    # Copies go to further regions, checkpoints do not.
    return sorted({region for one in here for region in one.regions[:1]})


def listed(where: Sequence[str]) -> tuple[list[CachedLayer], list[str]]:
    """Return the layers in the caches, the newest first, and what to tell of caches that cannot be asked.

    Raises:
        EnvironmentFault: None can.
    """
    found, notes = _each(where, _listed)
    return sorted(found, key=lambda one: one.made, reverse=True), notes


def prune(
    where: Sequence[str], older_than: timedelta | None, keep_bytes: int | None, *, check: bool = False
) -> tuple[list[Removal], list[str]]:
    """Remove layers from each of the caches: see `goldsmith.cache.prune`; and tell of those that cannot be asked.

    Without an age and a size, what builds share of downloads goes as well.

    Raises:
        EnvironmentFault: None can.
    """
    now = datetime.now(UTC)

    def pruned(place: str) -> list[Removal]:
        if place == DOCKER:
            if older_than is None and keep_bytes is None and not check:
                downloads.forget()
            return cache.prune(older_than, keep_bytes, check=check)
        from goldsmith import checkpoints  # noqa: PLC0415  a third of a second that Docker's users need not pay

        return checkpoints.prune(place, older_than, keep_bytes, now, check=check)

    return _each(where, pruned)


def _listed(place: str) -> list[CachedLayer]:
    if place == DOCKER:
        return cache.listed()
    from goldsmith import checkpoints  # noqa: PLC0415  as above

    return checkpoints.listed(place)


def _each(where: Sequence[str], ask: Callable[[str], list[Found]]) -> tuple[list[Found], list[str]]:
    found: list[Found] = []
    faults: list[EnvironmentFault] = []
    for place in where:
        try:
            found += ask(place)
        except EnvironmentFault as fault:
            faults.append(fault)
    if faults and len(faults) == len(where):
        raise faults[0]
    return found, [fault.message for fault in faults]
