# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deprecating, disabling and deregistering images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    TAG_EXPIRES,
    TAG_STATE,
    AwsFault,
    call,
    tag_list,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_delete import (
    chunks,
    delete_snapshot,
    deregister_image,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_lifecycle import Image
from ansible_collections.goldsmith.images.plugins.module_utils._patiently import patiently
from ansible_collections.goldsmith.images.plugins.module_utils._time import stamp

MARGIN = timedelta(minutes=2)
"""EC2 takes no time of deprecation in the past, and rounds to a minute."""

RELEASE = 10.0
"""Seconds until a snapshot is released by the image that was deregistered."""

_GONE = ["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"]
_IN_USE = "InvalidSnapshot.InUse"


@call("look at the images")
def describe_images(client: Any, filters: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Describe the account's own images that have all of this, also those that are disabled or deprecated."""
    pages = client.get_paginator("describe_images").paginate(
        Owners=["self"],
        Filters=[{"Name": name, "Values": list(values)} for name, values in filters.items()],
        IncludeDeprecated=True,
        IncludeDisabled=True,
        PaginationConfig={"PageSize": 1000},
    )
    return [image for page in pages for image in page["Images"]]


@call("deprecate the image", missing=_GONE)
def _deprecate(client: Any, image: str, when: str) -> None:
    client.enable_image_deprecation(ImageId=image, DeprecateAt=when)


@call("disable the image", missing=_GONE)
def _disable(client: Any, image: str) -> None:
    client.disable_image(ImageId=image)


@call("tag the snapshots")
def _tag(client: Any, ids: Sequence[str], tags: Mapping[str, str]) -> None:
    client.create_tags(Resources=list(ids), Tags=tag_list(tags))


def retire(client: Any, images: Sequence[Image], action: str, now: datetime) -> dict[str, str]:
    """Do it to all of these images; go on after one that AWS does not let go.

    Args:
        client: EC2's client of the images' region.
        images: The images.
        action: ``deprecate``, ``disable`` or ``deregister``.
        now: The present time.

    Returns:
        Why it could not be done, by the image's id, of those with which it could not.

    Raises:
        AwsFault: The snapshots could not be tagged; nothing was done then.
    """
    if action == "deregister":
        _mark(client, images, now)
    failed = {}
    for image in images:
        try:
            if action == "deprecate":
                _deprecate(client, image.id, stamp(now + MARGIN))
            elif action == "disable":
                _disable(client, image.id)
            else:
                _deregister(client, image)
        except AwsFault as fault:
            failed[image.id] = str(fault)
    return failed


def _mark(client: Any, images: Sequence[Image], now: datetime) -> None:
    """Let a sweep find the snapshots if this ends between an image and its snapshots; EC2 guards those in use."""
    ids = [snapshot for image in images if image.build for snapshot in image.snapshots]
    for part in chunks(ids, 500):
        _tag(client, part, {TAG_STATE: "candidate", TAG_EXPIRES: stamp(now)})


def _unmark(client: Any, image: Image, snapshots: Sequence[str]) -> None:
    """Take that back for snapshots that stay."""
    if image.build and snapshots:
        with suppress(AwsFault):  # what is told is why they stay
            _tag(client, snapshots, {TAG_STATE: image.state or "published"})


def _deregister(client: Any, image: Image) -> None:
    try:
        deregister_image(client, image.id)
    except AwsFault:
        _unmark(client, image, image.snapshots)
        raise
    faults = []
    for snapshot in image.snapshots:
        try:
            patiently(lambda: delete_snapshot(client, snapshot), lambda fault: fault.code == _IN_USE, RELEASE)  # noqa: B023  called here
        except AwsFault as fault:
            if fault.code == _IN_USE:
                # Another image was registered from it: it goes with that one.
                _unmark(client, image, [snapshot])
            else:
                faults.append(f"snapshot {snapshot}: {fault}")
    if faults:
        raise AwsFault(f"it is deregistered, but {'; '.join(faults)}")
