# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing one region's resources of builds: instances first, all at once, then what they held."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault, call
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_ledger import Leftover
from ansible_collections.goldsmith.images.plugins.module_utils._patiently import patiently
from ansible_collections.goldsmith.images.plugins.module_utils._wait import TERMINATED, State, wait

PATIENCE = 30.0
"""Seconds to wait for what is still held by something that was removed just now."""

UNSEEN = 5.0
"""Seconds in which an instance that was launched a moment ago becomes known to the whole of EC2."""

_HELD = (
    "DependencyViolation",
    "VolumeInUse",
    "IncorrectState",
    "InvalidNetworkInterface.InUse",
    "InvalidSnapshot.InUse",
    "DeleteConflict",
)
_HOLDERS = {
    "snapshot": "image",
    "volume": "instance",
    "network_interface": "instance",
    "security_group": "instance",
}


def chunks(items: Sequence[str], size: int = 200) -> Iterable[Sequence[str]]:
    """Yield the items in parts that fit into one filter of the API."""
    return (items[start : start + size] for start in range(0, len(items), size))


@call("terminate the instances")
def _terminate(client: Any, ids: Collection[str]) -> list[dict[str, Any]]:
    return list(client.terminate_instances(InstanceIds=list(ids))["TerminatingInstances"])


@call("look at the instances")
def describe_instances(client: Any, ids: Collection[str]) -> list[dict[str, Any]]:
    """Describe those of these instances (200 at most) that are still known."""
    pages = client.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-id", "Values": list(ids)}], PaginationConfig={"PageSize": 1000}
    )
    return [instance for page in pages for group in page["Reservations"] for instance in group["Instances"]]


@call("look at the spot requests")
def live_spot_requests(client: Any, ids: Collection[str]) -> set[str]:
    """Return those of these spot requests (200 at most) that have not ended."""
    filters = [
        {"Name": "spot-instance-request-id", "Values": list(ids)},
        {"Name": "state", "Values": ["open", "active"]},
    ]
    found = client.describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]
    return {request["SpotInstanceRequestId"] for request in found}


@call("cancel the spot request", missing=["InvalidSpotInstanceRequestID.NotFound"])
def _cancel_spot_request(client: Any, name: str) -> bool:
    client.cancel_spot_instance_requests(SpotInstanceRequestIds=[name])
    return True


@call("deregister the image", missing=["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"])
def deregister_image(client: Any, name: str) -> bool:
    """Deregister an image; return None when it is not there."""
    client.deregister_image(ImageId=name)
    return True


@call("delete the snapshot", missing=["InvalidSnapshot.NotFound"])
def delete_snapshot(client: Any, name: str) -> bool:
    """Delete a snapshot; return None when it is not there."""
    client.delete_snapshot(SnapshotId=name)
    return True


@call("delete the volume", missing=["InvalidVolume.NotFound"])
def _delete_volume(client: Any, name: str) -> bool:
    client.delete_volume(VolumeId=name)
    return True


@call("delete the network interface", missing=["InvalidNetworkInterfaceID.NotFound"])
def _delete_network_interface(client: Any, name: str) -> bool:
    client.delete_network_interface(NetworkInterfaceId=name)
    return True


@call("delete the security group", missing=["InvalidGroup.NotFound", "InvalidGroupId.NotFound"])
def _delete_security_group(client: Any, name: str) -> bool:
    client.delete_security_group(GroupId=name)
    return True


@call("delete the key pair", missing=["InvalidKeyPair.NotFound"])
def _delete_key_pair(client: Any, name: str) -> bool:
    client.delete_key_pair(KeyPairId=name)
    return True


_DELETE: Mapping[str, Callable[[Any, str], Any]] = {
    "spot_request": _cancel_spot_request,
    "image": deregister_image,
    "snapshot": delete_snapshot,
    "volume": _delete_volume,
    "network_interface": _delete_network_interface,
    "security_group": _delete_security_group,
    "key_pair": _delete_key_pair,
}


def held(fault: AwsFault) -> bool:
    """Tell whether something cannot be removed because something else holds it."""
    return fault.code in _HELD or (fault.code == "InvalidParameterValue" and "in use" in fault.detail)


def remove_in_region(
    client: Any, leftovers: Sequence[Leftover], timeout: float
) -> tuple[list[Leftover], list[Leftover]]:
    """Remove one region's leftovers, which are in order; go on after what cannot be removed.

    Args:
        client: EC2's client of the region.
        leftovers: What to remove, in order.
        timeout: Seconds for the instances to be terminated.

    Returns:
        What was removed, by this or along with its instance, and what was not, with its reason. What had gone before
        is in neither.
    """
    removed, failed, along = _remove_instances(client, [one for one in leftovers if one.kind == "instance"], timeout)
    ended = not failed
    # One that had ended before may have done so a moment ago.
    instances = {one.kind for one in leftovers if one.kind == "instance"}
    for one in leftovers:
        if one.kind == "instance":
            continue
        if one.id in along:
            if along[one.id] in {gone.id for gone in removed}:
                removed.append(one)
            else:
                failed.append(replace(one, reason="the instance that it goes with is not terminated"))
            continue
        holder_went = ended and _HOLDERS.get(one.kind) in instances | {gone.kind for gone in removed}
        try:
            if patiently(lambda: _delete(client, one), held, PATIENCE if holder_went else 0):  # noqa: B023  called here
                removed.append(one)
        except AwsFault as fault:
            failed.append(replace(one, reason=str(fault)))
    return removed, failed


def _delete(client: Any, one: Leftover) -> bool:
    # One that ended with its instance is listed for two days more.
    if one.kind == "spot_request" and one.id not in (live_spot_requests(client, [one.id]) or ()):
        return False
    return bool(_DELETE[one.kind](client, one.id))


def _remove_instances(
    client: Any, instances: Sequence[Leftover], timeout: float
) -> tuple[list[Leftover], list[Leftover], dict[str, str]]:
    """Terminate instances; return those removed, those not, and the ids of what goes along with which."""
    ending, failed = _terminate_all(client, instances)
    along: dict[str, str] = {}
    ids = [one.id for one in ending]
    states: dict[str, str] = {}

    def probe() -> State:
        states.clear()
        for part in chunks(ids):
            for instance in describe_instances(client, part) or ():
                states[instance["InstanceId"]] = instance["State"]["Name"]
                along.update(dict.fromkeys(_goes_along(instance), instance["InstanceId"]))
        left = [state for state in states.values() if state != TERMINATED.goal]
        return State(left[0] if left else TERMINATED.goal)

    removed = []
    if ids:
        try:
            wait(TERMINATED, probe, timeout)
        except AwsFault as fault:
            return [], failed + [replace(one, reason=str(fault)) for one in ending], along
    for one in ending:
        state = states.get(one.id, TERMINATED.goal)
        if state == TERMINATED.goal:
            removed.append(one)
        else:
            failed.append(replace(one, reason=f"it is still {state} after {timeout:.0f} s: sweep again later"))
    return removed, failed, along


def _terminate_all(client: Any, instances: Sequence[Leftover]) -> tuple[list[Leftover], list[Leftover]]:
    """Ask for the end of instances; return those that end now, and those that AWS does not let go."""
    try:
        return _terminate_some(client, instances), []
    except AwsFault as fault:
        if len(instances) == 1:
            return [], [replace(instances[0], reason=str(fault))]
    # One that is unknown or protected stands in the way of all.
    ending, failed = [], []
    for one in instances:
        ended, kept = _terminate_all(client, [one])
        ending += ended
        failed += kept
    return ending, failed


def _terminate_some(client: Any, instances: Sequence[Leftover]) -> list[Leftover]:
    if not instances:
        return []
    unseen = "InvalidInstanceID.NotFound"
    try:
        answer = patiently(
            lambda: _terminate(client, [one.id for one in instances]),
            lambda fault: fault.code == unseen,
            UNSEEN if len(instances) == 1 else 0,
        )
    except AwsFault as fault:
        if fault.code == unseen and len(instances) == 1:
            return []
        raise
    before = {row["InstanceId"]: row.get("PreviousState", {}).get("Name") for row in answer or ()}
    return [one for one in instances if before.get(one.id) != TERMINATED.goal]


def _goes_along(instance: Mapping[str, Any]) -> Iterable[str]:
    """Yield the ids of an instance's volumes and network interfaces that EC2 deletes with it."""
    for device in instance.get("BlockDeviceMappings") or ():
        if device.get("Ebs", {}).get("DeleteOnTermination"):
            yield device["Ebs"]["VolumeId"]
    for interface in instance.get("NetworkInterfaces") or ():
        if interface.get("Attachment", {}).get("DeleteOnTermination"):
            yield interface["NetworkInterfaceId"]
