# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of an image in other regions: each is made once, and found again by the build that it is of."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._ami import (
    FAILED,
    Image,
    await_image,
    by_build,
    give_up,
    ours,
    progress,
    snapshots_of_build,
    view,
)
from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    TAG_BUILD,
    TAG_EXPIRES,
    TAG_ROLE,
    TAG_STATE,
    AwsFault,
    call,
    tag_specifications,
)
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp

LIFETIME = timedelta(days=1)
"""How long a copy whose publication was cut off is left for another attempt, before a sweep takes it."""


def existing(client: Any, region: str, build_id: str) -> dict[str, Any] | None:
    """Return the build's image in a region, or None.

    Raises:
        Fault: It has failed since it was made. It is deregistered.
    """
    image = by_build(client, build_id)
    if image is not None and image["State"] in FAILED:
        raise give_up(client, image, region)
    return view(image, region, 0) if image else None


def start(
    client: Any, region: str, source: Mapping[str, Any], build_id: str, *, name: str, kms_key: str | None
) -> dict[str, Any]:
    """Start to copy an image into a region, with its tags, and return the copy.

    Args:
        client: EC2's client of the region.
        region: The region.
        source: The image, as `view` returns it.
        build_id: The build that it is of.
        name: Name of the copy.
        kms_key: Key that encrypts it; by default it is as the source is, with the region's default key.

    Raises:
        Fault: EC2 refuses, or another image has the name.
    """
    tags = {key: value for key, value in source["tags"].items() if not key.startswith("aws:")}
    tags |= {
        TAG_BUILD: build_id,
        TAG_ROLE: "artifact",
        TAG_STATE: "candidate",
        TAG_EXPIRES: stamp(datetime.now(UTC) + LIFETIME),
    }
    encryption = {"Encrypted": True, "KmsKeyId": kms_key} if kms_key else {}
    given = {"Description": source["description"]} if source["description"] else {}
    try:
        copy = _copy(
            client,
            Name=name,
            SourceImageId=source["id"],
            SourceRegion=source["region"],
            # For botocore's repetitions. It is new each time, as EC2 gives the same copy for the same token even when
            # that has failed and is gone; the next run finds a copy by its tags, or by its name.
            ClientToken=str(uuid.uuid4()),
            TagSpecifications=tag_specifications(["image", "snapshot"], tags),
            **encryption,
            **given,
        )
    except AwsFault as fault:
        copy = ours(client, region, name, build_id, fault)
    return {**view({"ImageId": copy, "Name": name, "State": "pending"}, region, 0), "tags": tags}


@call("copy the image")
def _copy(client: Any, **parameters: Any) -> str:
    return str(client.copy_image(**parameters)["ImageId"])


def complete(client: Any, copy: Mapping[str, Any], build_id: str, patience: float) -> dict[str, Any]:
    """Wait for a copy and return it: available, or how far it is.

    Args:
        client: EC2's client of the region.
        copy: The copy, as `view` returns it.
        build_id: The build that it is of.
        patience: Seconds.

    Raises:
        Fault: It has failed. It is deregistered.
    """
    image: Image = await_image(client, copy["id"], copy["region"], patience)
    if image["State"] == "available":
        return view(image, copy["region"])
    return {**copy, "progress": progress(snapshots_of_build(client, build_id))}
