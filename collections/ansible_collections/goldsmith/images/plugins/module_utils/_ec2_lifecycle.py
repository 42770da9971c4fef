# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the images that were built are to be retired, and why the others stay. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    TAG_BUILD,
    TAG_NAME,
    TAG_STATE,
    TAG_VERSION,
    tags_of,
)
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, moment

DONE = {"deprecate": "deprecated", "disable": "disabled", "deregister": "deregistered"}
"""What an image is after an action."""

SOON = timedelta(minutes=3)
"""EC2 takes no time of deprecation in the past and rounds it to a minute: one that is this near is as good as past."""

_OLDEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Image:
    """An image of the account.

    Attributes:
        id: Id of the AMI.
        name: Name of the AMI.
        series: What replaces what: images of one series are versions of one thing.
        version: Its version; empty for one that was not built by this collection, as are build and state.
        build: The build that made it.
        state: ``candidate``, ``verified`` or ``published``.
        status: EC2's state, such as ``available`` or ``disabled``.
        created: When it was made.
        deprecated: From when on it is deprecated.
        protected: Whether it is protected from deregistration.
        snapshots: Ids of its snapshots.
    """

    id: str
    name: str
    series: tuple[str, ...]
    version: str
    build: str
    state: str
    status: str
    created: datetime
    deprecated: datetime | None
    protected: bool
    snapshots: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What becomes of an image.

    Attributes:
        image: The image.
        goes: Whether it is to be retired.
        reason: Why, or why not.
        used_by: What uses it, in words.
    """

    image: Image
    goes: bool
    reason: str
    used_by: tuple[str, ...] = ()


def image_of(description: Mapping[str, Any]) -> Image:
    """Return an image as DescribeImages tells of it."""
    tags = tags_of(description)
    devices = description.get("BlockDeviceMappings") or ()
    return Image(
        id=description["ImageId"],
        name=description.get("Name", ""),
        series=_series(description, tags),
        version=tags.get(TAG_VERSION, ""),
        build=tags.get(TAG_BUILD, ""),
        state=tags.get(TAG_STATE, ""),
        status=description.get("State", ""),
        created=moment(description.get("CreationDate") or "") or _OLDEST,
        deprecated=moment(description.get("DeprecationTime") or ""),
        protected=str(description.get("DeregistrationProtection") or "disabled").startswith("enabled"),
        snapshots=tuple(device["Ebs"]["SnapshotId"] for device in devices if device.get("Ebs", {}).get("SnapshotId")),
    )


def _series(description: Mapping[str, Any], tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return what an image has in common with its other versions.

    One spec makes an image for each platform and architecture, none of which replaces another; the platform is in the
    AMI's name, as are version and build. Where this takes two for different that are not, both are kept.
    """
    architecture = str(description.get("Architecture", ""))
    name = tags.get(TAG_NAME)
    if not name:
        return (architecture,)
    rest = str(description.get("Name", ""))
    version = tags.get(TAG_VERSION, "")
    # A name cannot hold a plus; the playbook has a hyphen in its place.
    for part in (tags.get(TAG_BUILD), *dict.fromkeys((version, version.replace("+", "-")))):
        if part:
            places = list(re.finditer(rf"(?<![A-Za-z0-9]){re.escape(part)}(?![A-Za-z0-9])", rest))
            if places:
                rest = rest[: places[-1].start()] + rest[places[-1].end() :]
    return (name, architecture, rest.strip("-_./ "))


def judge(
    images: Iterable[Image],
    action: str,
    *,
    keep: int,
    older_than: int | None,
    now: datetime,
    used: Mapping[str, Sequence[str]] | None = None,
) -> list[Verdict]:
    """Decide what becomes of images: of each series, newest first.

    Only images that can be launched and are published count as kept, so that one that was never published does not
    push out the one that is in use.

    Args:
        images: All images there are of the series.
        action: ``deprecate``, ``disable`` or ``deregister``.
        keep: How many of each series stay at least, the newest ones; 0 where the images were named.
        older_than: Age in seconds which an image that goes has at least; None for any.
        now: The present time.
        used: What uses an image, by the image's id.
    """
    verdicts = []
    kept: dict[tuple[str, ...], int] = {}
    # EC2 tells the second of a creation; builds that have the same one differ by their ids, which begin with a time.
    for image in sorted(images, key=lambda one: (one.series, one.created, one.build, one.id), reverse=True):
        counts = image.status == "available" and image.state in ("published", "")
        before = kept.get(image.series, 0)
        if counts:
            kept[image.series] = before + 1
        users = tuple((used or {}).get(image.id, ()))
        if before < keep:
            why = f"it is one of the {keep} newest" if counts else f"it is newer than the {keep} to keep"
            if keep == 1:
                why = "it is the newest" if counts else "it is newer than the one to keep"
        else:
            why = _why_it_stays(image, action, older_than, now, users)
        goes = not why
        if goes and keep == 0:
            why = "it was named"
        elif goes:
            why = f"it is not among the {keep} newest" if keep > 1 else "it is not the newest"
            if older_than is not None:
                why += f", and is older than {_span(older_than)}"
        verdicts.append(Verdict(image, goes, why, users))
    return verdicts


def _why_it_stays(image: Image, action: str, older_than: int | None, now: datetime, users: Sequence[str]) -> str:
    """Say why an image that newer ones replace stays all the same; empty if it does not."""
    deprecated = image.deprecated is not None and image.deprecated <= now + SOON
    young = older_than is not None and now - image.created < timedelta(seconds=older_than)
    more = f" and {len(users) - 1} more" if len(users) > 1 else ""
    reasons = (
        (image.state == "candidate", "its build has not published it: ec2_sweep removes it when it has expired"),
        (image.status not in ("available", "disabled"), f"it is {image.status}"),
        (image.protected, "it is protected from deregistration"),
        (bool(users), f"it is used by {''.join(users[:1])}{more}"),
        (young, f"it is not older than {_span(older_than or 0)}"),
        (action == "deprecate" and deprecated, "it is deprecated already"),
        (action == "disable" and image.status == "disabled", "it is disabled already"),
    )
    return next((why for holds, why in reasons if holds), "")


def _span(seconds: int) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit if count > 1 else unit[:-1]}"
    return f"{seconds} s"
