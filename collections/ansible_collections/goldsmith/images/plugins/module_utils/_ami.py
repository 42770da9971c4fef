# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images and their snapshots: found by their build, described, waited for, and given up."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    TAG_BUILD,
    TAG_ROLE,
    AwsFault,
    call,
    tag_filter,
    tag_list,
    tags_of,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_delete import remove_in_region
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_ledger import Leftover
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._patiently import patiently
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, moment
from ansible_collections.goldsmith.images.plugins.module_utils._wait import AVAILABLE, State, starting_with, wait

Image = Mapping[str, Any]
"""An image as DescribeImages tells of it."""

FAILED = ("failed", "error", "invalid")
"""States of images that will never be any good."""

_GIB = 2**30

_UNSEEN = 10.0
"""Seconds in which an image that was made a moment ago becomes known to the whole of EC2."""


@call("look for the image", missing=["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"])
def _images(client: Any, **query: Any) -> list[Image]:
    return list(client.describe_images(**query)["Images"])


def by_id(client: Any, image: str) -> Image | None:
    """Return an image, or None if there is none with this id."""
    return next(iter(_images(client, ImageIds=[image]) or ()), None)


def by_name(client: Any, name: str) -> Image | None:
    """Return this account's image of this name, or None; EC2 allows one."""
    wanted = [{"Name": "name", "Values": [name]}]
    return next(iter(_images(client, Owners=["self"], Filters=wanted) or ()), None)


def ours(client: Any, region: str, name: str, build_id: str, refusal: AwsFault) -> str:
    """Return the id of the build's own image of a name that EC2 says is taken: the answer that told of it was lost.

    Args:
        client: EC2's client of the region.
        region: Where the image is.
        name: The name.
        build_id: The build.
        refusal: What EC2 has against the name.

    Raises:
        Fault: The refusal is another one, or the image is not the build's.
    """

    def look() -> Image:
        found = by_name(client, name)
        if found is None:
            raise refusal
        return found

    if refusal.code != "InvalidAMIName.Duplicate":
        raise refusal
    image = patiently(look, lambda fault: fault is refusal, _UNSEEN)
    builder = tags_of(image).get(TAG_BUILD)
    if builder == build_id:
        return str(image["ImageId"])
    owner = f"it is of the build {builder}" if builder else "Goldsmith did not make it"
    raise Fault(
        f"{region} has an image named {name!r} already, {image['ImageId']}: {owner}. EC2 allows a name once in an "
        f"account and region: have the version or the build's id in the image's name."
    )


def by_build(client: Any, build_id: str) -> Image | None:
    """Return the image that a build has made, or None; the eldest, should there be several."""
    wanted = [tag_filter(TAG_BUILD, build_id), tag_filter(TAG_ROLE, "artifact")]
    found = _images(client, Owners=["self"], Filters=wanted) or ()
    return min(found, key=lambda image: (image.get("CreationDate", ""), image["ImageId"]), default=None)


@call("look at the snapshots of the image")
def _snapshots(client: Any, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
    return [snapshot for page in pages for snapshot in page["Snapshots"]]


def snapshots_of_build(client: Any, build_id: str) -> list[dict[str, Any]]:
    """Describe the snapshots that a build has made in a region, of its image and towards one."""
    return _snapshots(client, [tag_filter(TAG_BUILD, build_id), tag_filter(TAG_ROLE, "artifact")]) or []


def snapshot_ids(image: Image) -> list[str]:
    """Return the ids of an image's snapshots; while it is pending, some may not be known yet."""
    devices = (device.get("Ebs") or {} for device in image.get("BlockDeviceMappings") or ())
    return [ebs["SnapshotId"] for ebs in devices if ebs.get("SnapshotId")]


def progress(snapshots: Iterable[Mapping[str, Any]]) -> int:
    """Return how far snapshots are, in per cent, each as heavy as it is large; 0 if there is none."""
    done = total = 0
    for snapshot in snapshots:
        size = snapshot.get("VolumeSize") or 1
        # EC2 leaves the progress of a snapshot that has just begun empty.
        percent = 100 if snapshot.get("State") == "completed" else int((snapshot.get("Progress") or "0").rstrip("%"))
        done += size * percent
        total += size
    return done // total if total else 0


def view(image: Image, region: str, percent: int = 100) -> dict[str, Any]:
    """Return an image as modules return it.

    Args:
        image: As described.
        region: Where it is.
        percent: How far it is while it is pending.
    """
    devices = image.get("BlockDeviceMappings") or []
    gibibytes = sum((device.get("Ebs") or {}).get("VolumeSize") or 0 for device in devices)
    return {
        "id": image["ImageId"],
        "name": image.get("Name") or "",
        "description": image.get("Description") or "",
        "state": image["State"],
        "progress": 100 if image["State"] == "available" else percent,
        "snapshots": snapshot_ids(image),
        "size": gibibytes * _GIB,
        "region": region,
        "account": image.get("OwnerId") or "",
        "architecture": image.get("Architecture") or "",
        "root_device": image.get("RootDeviceName") or "",
        "block_devices": devices,
        "boot_mode": image.get("BootMode"),
        "imds": image.get("ImdsSupport"),
        "deprecates": image.get("DeprecationTime"),
        "deregistration_protection": (image.get("DeregistrationProtection") or "").startswith("enabled"),
        "tags": tags_of(image),
    }


def await_image(client: Any, image: str, region: str, timeout: float) -> Image:
    """Wait for an image that was pending a moment ago.

    Args:
        client: EC2's client of the region.
        image: Id of the image.
        region: Where it is, for the message.
        timeout: Seconds.

    Returns:
        The image: available, or as it is when the time is up.

    Raises:
        Fault: It has failed, and is deregistered with its snapshots; or somebody else has taken it away.
    """
    last: dict[str, Any] = {"ImageId": image, "State": "pending"}

    def probe() -> State:
        found = by_id(client, image)
        last.update(found or {})
        return state_of(found)

    try:
        wait(AVAILABLE, starting_with(State("pending"), probe), timeout)
    except AwsFault:
        raise
    except Fault as fault:
        if last["State"] not in FAILED:
            raise
        raise give_up(client, last, region) from fault
    return last


def state_of(image: Image | None) -> State:
    """Return an image's state; the empty one for an image that is not there."""
    if image is None:
        return State("")
    made = moment(image.get("CreationDate") or "")
    age = max((datetime.now(UTC) - made).total_seconds(), 0.0) if made else 0.0
    return State(image["State"], (image.get("StateReason") or {}).get("Message", ""), age)


def give_up(client: Any, image: Image, region: str) -> Fault:
    """Deregister an image that has failed, delete its snapshots, and return what to tell.

    Args:
        client: EC2's client of the region.
        image: The image.
        region: Where it is.
    """
    kept = discard(client, [Leftover("image", image["ImageId"]), *snapshot_leftovers(snapshot_ids(image))])[1]
    why = state_of(image).reason.rstrip(".") or f"it is {image['State']}, and EC2 does not say why"
    end = f"What is left of it goes with a sweep ({'; '.join(kept)})" if kept else "It was deregistered"
    return Fault(f"the image {image['ImageId']} in {region} has failed: {why}. {end}. Build again.")


def snapshot_leftovers(ids: Iterable[str]) -> list[Leftover]:
    """Return snapshots as what is to be removed."""
    return [Leftover("snapshot", name) for name in ids]


def discard(client: Any, leftovers: Sequence[Leftover]) -> tuple[list[str], list[str]]:
    """Remove images, then snapshots.

    Returns:
        Ids of what was removed, and why the rest was not.
    """
    removed, failed = remove_in_region(client, leftovers, 0)
    return [one.id for one in removed], [f"{one.id}: {one.reason}" for one in failed]


@call("tag the image and its snapshots")
def tag(client: Any, image: str, snapshots: Iterable[str], tags: Mapping[str, str]) -> None:
    """Set tags of an image and its snapshots, in one call."""
    client.create_tags(Resources=[image, *snapshots], Tags=tag_list(tags))
