# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tags of a resource say of it: which build it is of, whether it is to go, and what goes before what. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from ansible_collections.goldsmith.images.plugins.module_utils._aws import TAG_BUILD, TAG_EXPIRES, TAG_ROLE, TAG_STATE
from ansible_collections.goldsmith.images.plugins.module_utils._time import moment

EC2_KINDS = (
    "instance",
    "spot_request",
    "image",
    "snapshot",
    "volume",
    "network_interface",
    "security_group",
    "key_pair",
)
IAM_KINDS = ("instance_profile", "role")
KINDS = (*EC2_KINDS, *IAM_KINDS)
"""What builds make, in the order in which it can be removed: what holds before what is held."""

RESOURCE_TYPES = {
    "instance": "instance",
    "spot-instances-request": "spot_request",
    "image": "image",
    "snapshot": "snapshot",
    "volume": "volume",
    "network-interface": "network_interface",
    "security-group": "security_group",
    "key-pair": "key_pair",
}
"""Kinds, by the resource type that DescribeTags tells."""


@dataclass(frozen=True)
class Leftover:
    """A resource of a build.

    Attributes:
        kind: One of `KINDS`.
        id: Id of the resource; of an instance profile and a role, the name.
        name: Its tag ``Name``; empty when that was not asked for.
        region: Its region; empty for instance profiles and roles, which are in all.
        build: The build that it belongs to.
        expires: When it may go, as its tag says; empty if never by itself, and when that was not asked for.
        reason: Why it goes, or why it could not.
    """

    kind: str
    id: str
    name: str = ""
    region: str = ""
    build: str = ""
    expires: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as a module returns it."""
        return asdict(self)


@dataclass(frozen=True)
class Resource:
    """A resource with the tags that are known of it."""

    kind: str
    id: str
    region: str
    tags: Mapping[str, str] = field(default_factory=dict)


def resources(rows: Iterable[Mapping[str, str]], region: str) -> list[Resource]:
    """Return the resources of kinds that builds make, from what DescribeTags tells: one tag a row."""
    tags: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        kind = RESOURCE_TYPES.get(row["ResourceType"])
        if kind:
            tags.setdefault((kind, row["ResourceId"]), {})[row["Key"]] = row["Value"]
    return [Resource(kind, name, region, found) for (kind, name), found in tags.items()]


def leftover(
    resource: Resource, build_ids: Collection[str], expired: bool, now: datetime, role: str | None = None
) -> Leftover | None:
    """Decide whether a resource goes.

    An image and its snapshots go only while they are a candidate: one that was verified or published is the user's.

    Args:
        resource: The resource.
        build_ids: Builds of which everything goes.
        expired: Whether also that goes, of any build, whose time has come.
        now: The present time.
        role: If given, only what is for this goes: ``builder`` or ``verify``.

    Returns:
        The leftover with the reason, or None if the resource stays.
    """
    tags = resource.tags
    build = tags.get(TAG_BUILD)
    if not build or (role and tags.get(TAG_ROLE) != role):
        return None
    if resource.kind in ("image", "snapshot") and tags.get(TAG_STATE) != "candidate":
        return None
    expires = tags.get(TAG_EXPIRES, "")
    time = moment(expires)
    if build in build_ids:
        reason = "its build is to be swept"
    elif expired and time is not None and time <= now:
        reason = "it has expired"
    else:
        return None
    return Leftover(resource.kind, resource.id, tags.get("Name", ""), resource.region, build, expires, reason)


def in_order(leftovers: Iterable[Leftover]) -> list[Leftover]:
    """Return them in the order in which they can be removed, each once: of two alike, the first."""
    once: dict[tuple[str, str, str], Leftover] = {}
    for one in leftovers:
        once.setdefault((one.region, one.kind, one.id), one)
    return sorted(once.values(), key=lambda one: (KINDS.index(one.kind), one.region, one.id))
