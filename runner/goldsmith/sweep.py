"""Removes what builds left behind when they were killed, by the playbook ``goldsmith.images.sweep``."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from goldsmith import home, processes
from goldsmith.chore import chore
from goldsmith.errors import InputError
from goldsmith.places import Place, noted
from goldsmith.registry import Registry

RESULT = "result.json"


def sweep(
    build_ids: Sequence[str],
    places: Collection[Place],
    output: Path,
    *,
    expired: bool = False,
    check: bool = False,
) -> dict[str, Any]:
    """Remove what builds left behind: their processes and directories on this machine, their machines and images.

    Args:
        build_ids: Builds whose things go.
        places: Where to look for them. A lab that was ended is passed over.
        output: Directory that takes the log and the report.
        expired: Also remove what is past its expiry, of any build.
        check: Only list.

    Returns:
        ``found``, ``removed`` and ``failed``, as the modules ``docker_sweep`` and ``ec2_sweep`` return them, and
        ``unsearched``: why some places could not be searched.

    Raises:
        EnvironmentFault: The sweep failed, for instance because no Docker engine answers.
    """
    if not check:
        for build_id in build_ids:
            processes.end(build_id)
            home.remove_private_directories(build_id)
    here = [place for place in places if place.is_here]
    there = [place for place in places if place.answers()]
    if not here and not there:
        return {"found": [], "removed": [], "failed": [], "unsearched": []}
    variables = {
        "goldsmith_build_ids": list(build_ids),
        "goldsmith_expired": expired,
        "goldsmith_sweep_docker": bool(here),
        "goldsmith_sweep_disk": sorted({place.directory for place in here if place.directory}),
        "goldsmith_sweep_ec2": [place.variables() for place in there if place.target == "ec2"],
    }
    return chore("sweep", variables, output, check=check)


def sweep_lost(
    root: Path, registry: Registry, build_ids: Sequence[str] = (), *, check: bool = False
) -> Mapping[str, Any]:
    """Sweep builds recorded as running whose runner is gone, those named, and what is past its expiry.

    Args:
        root: Goldsmith's home.
        registry: Records the builds as interrupted.
        build_ids: Builds to sweep even though they have ended, such as those whose machine was kept.
        check: Only list.

    Raises:
        InputError: A build that is named still runs.
        EnvironmentFault: The sweep failed.
    """
    recorded = [build.id for build in registry.running_builds()]
    running = {build_id for build_id in recorded if home.is_held(home.build_directory(root, build_id))}
    lost = [build_id for build_id in recorded if build_id not in running]
    if alive := running.intersection(build_ids):
        raise InputError(
            f"{min(alive)} still runs", "End it by Ctrl-C where it runs; sweep is for what is left behind."
        )
    output = root / "sweep"
    output.mkdir(parents=True, mode=0o700, exist_ok=True)
    # What is past its expiry may be of any build that ever ran from here, wherever that was.
    places = noted(home.build_directories(root)) or {Place("docker")}
    if not check:
        for build in registry.running_builds():
            if build.id in lost and not build.secrets:  # what tasks said of secrets may not reach the disk
                _save_result(build.id, root)
    report = sweep(sorted({*lost, *build_ids}), places, output, expired=True, check=check)
    if not check:
        # Those of which something may be left are swept again next time.
        left = set(lost) if report["unsearched"] else {thing["build"] for thing in report["failed"]}
        for build_id in lost:
            if build_id not in left:
                registry.interrupt(build_id)
    return report


def left_behind(report: Mapping[str, Any], build_id: str) -> str:
    """Return what to tell of a sweep that could not do all for a build; empty when it could."""
    if not (report["failed"] or report["unsearched"]):
        return ""
    reasons = [*(str(thing.get("reason")) for thing in report["failed"]), *report["unsearched"]]
    return f"something is left behind: {'; '.join(reasons)}. It goes with: goldsmith sweep {build_id}"


def _save_result(build_id: str, root: Path) -> None:
    """Keep what a killed build told of its image: one that was published already stays, and can be resumed."""
    for private in home.private_directories(build_id):
        if (private / RESULT).exists():
            shutil.copyfile(private / RESULT, home.build_directory(root, build_id) / RESULT)
