# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image of snapshots, for what CreateImage cannot set."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._ami import (
    discard,
    ours,
    snapshot_leftovers,
    snapshots_of_build,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ami_request import (
    Request,
    newest,
    registration,
    snapshotting,
    volumes,
)
from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault, call
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._wait import State, Waiter, wait

_COMPLETED = Waiter("a snapshot", "completed", ("pending", ""), 120)

Snapshots = dict[str, Mapping[str, Any]]
"""Snapshots as described, by volume."""


def take_snapshots(
    client: Any, request: Request, instance: Mapping[str, Any], patience: float
) -> tuple[bool, bool, Snapshots]:
    """Take the snapshots of an instance's volumes, unless the build has done that before, and wait for them.

    Args:
        client: EC2's client of the region.
        request: What is wanted.
        instance: As described.
        patience: Seconds.

    Returns:
        Whether they were taken now, whether all are complete, and the snapshots.

    Raises:
        Fault: One has failed. All are deleted.
    """
    wanted = set(volumes(request, instance).values())
    snapshots: Snapshots = newest(snapshots_of_build(client, request.build_id), wanted)
    taken = set(snapshots) != wanted
    if taken:
        _take(client, request, instance)

    def probe() -> State:
        snapshots.update(newest(snapshots_of_build(client, request.build_id), wanted))
        if set(snapshots) != wanted:
            return State("")
        unfinished = (one for one in snapshots.values() if one["State"] != "completed")
        worst = min(unfinished, key=lambda one: one["State"] == "pending", default=None)
        return State(worst["State"], worst.get("StateMessage") or "") if worst else State("completed")

    try:
        end = wait(_COMPLETED, probe, patience)
    except AwsFault:
        raise
    except Fault as fault:
        discard(client, snapshot_leftovers(one["SnapshotId"] for one in snapshots.values()))
        raise Fault(f"{fault}. The snapshots of {request.instance} were deleted: build again.") from fault
    return taken, end.name == _COMPLETED.goal, snapshots


def register(client: Any, region: str, request: Request, instance: Mapping[str, Any], snapshots: Snapshots) -> str:
    """Register the image and return its id; delete snapshots that a lost answer has left over.

    Raises:
        Fault: EC2 refuses, or another image has the name.
    """
    described = {volume["VolumeId"]: volume for volume in _volumes(client, snapshots) or ()}
    try:
        name = _register(client, registration(request, instance, snapshots, described))
    except AwsFault as fault:
        name = ours(client, region, request.name, request.build_id, fault)
    used = {snapshot["SnapshotId"] for snapshot in snapshots.values()}
    surplus = {one["SnapshotId"] for one in snapshots_of_build(client, request.build_id)} - used
    discard(client, snapshot_leftovers(sorted(surplus)))
    return str(name)


@call("take snapshots of the instance")
def _take(client: Any, request: Request, instance: Mapping[str, Any]) -> None:
    client.create_snapshots(**snapshotting(request, instance))


@call("look at the volumes of the instance")
def _volumes(client: Any, ids: Iterable[str]) -> list[Mapping[str, Any]]:
    return list(client.describe_volumes(VolumeIds=sorted(ids))["Volumes"])


@call("register the image")
def _register(client: Any, parameters: Mapping[str, Any]) -> str:
    return str(client.register_image(**parameters)["ImageId"])
