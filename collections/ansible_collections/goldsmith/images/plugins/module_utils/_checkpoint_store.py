# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer cache in EC2: images of a builder as a layer left it, found by their tags."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Mapping, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._ami import (
    FAILED,
    by_id,
    by_name,
    discard,
    snapshot_ids,
    snapshot_leftovers,
    state_of,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ami_request import Request, creation
from ansible_collections.goldsmith.images.plugins.module_utils._aws import TAG_ROLE, AwsFault, call, tag_filter
from ansible_collections.goldsmith.images.plugins.module_utils._checkpoint import (
    ROLE,
    TAG_MADE_IN,
    Checkpoint,
    checkpoint,
    short,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_ledger import Leftover
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layer_archives import usable
from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import Layer, Verdict, judge, root
from ansible_collections.goldsmith.images.plugins.module_utils._wait import State, Waiter, wait

BEGUN = Waiter("the checkpoint", "begun", ("pending", ""), 5)


@call("look for checkpoints")
def _images(client: Any, filters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_images").paginate(Owners=["self"], Filters=list(filters))
    return [image for page in pages for image in page["Images"]]


def checkpoints(client: Any, *states: str) -> list[Checkpoint]:
    """Return this account's checkpoints in a region.

    Args:
        client: EC2's client of the region.
        states: Only those in one of these states.

    Raises:
        AwsFault: EC2 refuses.
    """
    wanted = [{"Name": "state", "Values": list(states)}] if states else []
    return [checkpoint(image) for image in _images(client, [tag_filter(TAG_ROLE, ROLE), *wanted]) or ()]


def look_up(
    client: Any, base: str, layers: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]
) -> tuple[list[Verdict], Checkpoint | None]:
    """Return of each layer whether it has to run, and the checkpoint to start from, None for the base.

    Args:
        client: EC2's client of the region.
        base: Id of the base AMI.
        layers: The layers, lowest first, as ``ec2_layer_info`` takes them.
        machine: Options of the target that decide what a layer finds.

    Raises:
        AwsFault: EC2 refuses.
    """
    whole = [Layer.of(layer) for layer in layers]
    bottom = root(base, machine)
    there = checkpoints(client, "available", "pending")
    pending = [one for one in there if one.state == "pending"]
    unfinished = {one.key: "its checkpoint is still being made" for one in pending}
    # Of what they were made from, these tell as well.
    also = [replace(trace, key="") for one in pending for trace in one.traces]

    def judged(ready: Sequence[Checkpoint], reasons: Mapping[str, str]) -> list[Verdict]:
        known = [trace for one in ready for trace in one.traces]
        return judge(bottom, whole, [*known, *also], {**unfinished, **reasons}, short)

    return usable([one for one in there if one.state == "available"], judged)


def keep(client: Any, instance: str, tags: Mapping[str, str], timeout: float) -> str:
    """Make a checkpoint of a running machine, and wait until what it holds is decided.

    That is so when its snapshots have begun: what happens to the machine from then on is not in them. They go on by
    themselves, even when the machine is gone.

    Args:
        client: EC2's client of the machine's region.
        instance: Id of the machine.
        tags: Of the checkpoint and its snapshots.
        timeout: Seconds for the snapshots to begin.

    Returns:
        The id of the AMI.

    Raises:
        Fault: EC2 refuses, or the checkpoint has failed; then nothing is left of it.
    """
    request = Request(instance, tags[TAG_MADE_IN], tags["Name"], tags=tags, stop=False)
    try:
        name = str(_create(client, request))
    except AwsFault as fault:
        # The name holds the key and the build: one that is taken is of an answer that was lost.
        found = by_name(client, request.name) if fault.code == "InvalidAMIName.Duplicate" else None
        if found is None:
            raise
        name = str(found["ImageId"])
    last: dict[str, Any] = {"ImageId": name}

    def probe() -> State:
        image = by_id(client, name)
        if image is None:
            return State("")
        last.update(image)
        if image["State"] in FAILED:
            return state_of(image)
        devices = [device["Ebs"] for device in image.get("BlockDeviceMappings") or () if device.get("Ebs")]
        return State("begun" if devices and all(ebs.get("SnapshotId") for ebs in devices) else "pending")

    try:
        if wait(BEGUN, probe, timeout).name == BEGUN.goal:
            return name
        why = f"its snapshots have not begun after {timeout:.0f} s"
    except Fault as fault:
        why = str(fault)
    kept = remove(client, name, snapshot_ids(last))
    raise Fault("; ".join([why, *kept]))


@call("keep a checkpoint of the machine")
def _create(client: Any, request: Request) -> str:
    return str(client.create_image(**creation(request))["ImageId"])


def remove(client: Any, image: str, snapshots: Sequence[str]) -> list[str]:
    """Remove a checkpoint with its snapshots; return why what is left of it could not be removed."""
    return discard(client, [Leftover("image", image), *snapshot_leftovers(snapshots)])[1]
