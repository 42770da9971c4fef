# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What builds have left in an account, found by its tags alone, in any number of regions at once, and removed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._ami import FAILED
from ansible_collections.goldsmith.images.plugins.module_utils._at_once import at_once
from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    TAG_BUILD,
    TAG_EXPIRES,
    TAG_ROLE,
    TAG_STATE,
    Aws,
    call,
)
from ansible_collections.goldsmith.images.plugins.module_utils._checkpoint_store import checkpoints
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_delete import (
    chunks,
    describe_instances,
    live_spot_requests,
    remove_in_region,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_ledger import (
    EC2_KINDS,
    IAM_KINDS,
    KINDS,
    Leftover,
    in_order,
    leftover,
    resources,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._iam_leftovers import iam_resources, remove_iam

__all__ = [
    "EC2_KINDS",
    "IAM_KINDS",
    "KINDS",
    "Leftover",
    "Refusal",
    "enabled_regions",
    "find",
    "inspect",
    "remove",
    "search",
]


@dataclass(frozen=True)
class Refusal:
    """Somewhere that could not be searched.

    Attributes:
        where: The region, or ``iam``.
        reason: Why, and what to do about it.
    """

    where: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Return it as a module returns it."""
        return {"where": self.where, "reason": self.reason}


@call("look for what builds have left")
def _tags(client: Any, **filters: Collection[str]) -> list[dict[str, str]]:
    wanted = [{"Name": name.replace("_", "-"), "Values": list(values)} for name, values in filters.items()]
    pages = client.get_paginator("describe_tags").paginate(Filters=wanted, PaginationConfig={"PageSize": 1000})
    return [row for page in pages for row in page["Tags"]]


@call("list the regions of the account")
def _regions(client: Any) -> list[str]:
    return sorted(region["RegionName"] for region in client.describe_regions()["Regions"])


def enabled_regions(aws: Aws) -> list[str]:
    """Return the regions that are enabled in the account.

    Raises:
        AwsFault: AWS refuses.
    """
    return _regions(aws.client()) or []


def find(
    aws: Aws,
    regions: Sequence[str],
    build_ids: Collection[str],
    expired: bool,
    now: datetime,
    *,
    kinds: Collection[str] | None = None,
    role: str | None = None,
    known: Sequence[Leftover] = (),
) -> list[Leftover]:
    """Return what is to go, in the order in which it can be removed.

    Costs one call a region (DescribeTags), with ``expired`` another one (DescribeImages, for checkpoints of layers that
    have failed), and some to IAM unless ``kinds`` leave its out. It tells what tags tell: an
    instance's tags outlive it, so that the instance may be over already (see `inspect`), and names and times of
    expiry are told only for ``expired``.

    Args:
        aws: The account.
        regions: Regions to look in.
        build_ids: Builds of which everything temporary goes.
        expired: Also everything, of any build, whose time has come.
        now: The present time.
        kinds: Kinds to look for, of `KINDS`; by default all. `EC2_KINDS` leaves IAM alone.
        role: Only what is for this: ``builder`` or ``verify``.
        known: What is known to be there, whether or not it is found: tags are listed some moments late.

    Raises:
        Fault: A region, or IAM, refuses.
    """
    found, refused = search(aws, regions, build_ids, expired, now, kinds=kinds, role=role, known=known)
    if refused:
        raise Fault(refused[0].reason)
    return found


def search(
    aws: Aws,
    regions: Sequence[str],
    build_ids: Collection[str],
    expired: bool,
    now: datetime,
    *,
    kinds: Collection[str] | None = None,
    role: str | None = None,
    known: Sequence[Leftover] = (),
) -> tuple[list[Leftover], list[Refusal]]:
    """Return what is to go, as `find` does, and where it could not be looked for."""
    kinds = KINDS if kinds is None else kinds
    found: list[Leftover] = list(known)
    refused: list[Refusal] = []
    jobs: dict[str, Callable[[], list[Leftover]]] = {}
    if build_ids or expired:
        if not set(EC2_KINDS).isdisjoint(kinds):
            for region in regions:
                client = aws.client(region=region)
                jobs[region] = partial(_search_region, client, region, build_ids, expired, now, role=role)
        # What is in IAM is the builder's; an instance to verify an image has none of its own.
        if not set(IAM_KINDS).isdisjoint(kinds) and role in (None, "builder"):
            jobs["iam"] = partial(_search_iam, aws.client("iam"), build_ids, expired, now)
    for where, answer in at_once(jobs).items():
        if isinstance(answer, Fault):
            refused.append(Refusal(where, str(answer)))
        else:
            found += [one for one in answer if one.kind in kinds]
    return in_order(found), refused


def inspect(aws: Aws, leftovers: Sequence[Leftover]) -> list[Leftover]:
    """Return those that are not over yet, with their names and times of expiry.

    Costs a call a region, one more where there are instances, and one where there are spot requests. Of a region that
    refuses, all are returned as they are.
    """
    parts = _by_region(leftovers)
    seen = parts.pop("", [])  # what is in IAM was told whole
    jobs = {region: partial(_inspect_region, aws.client(region=region), part) for region, part in parts.items()}
    for region, answer in at_once(jobs).items():
        seen += parts[region] if isinstance(answer, Fault) else answer
    return in_order(seen)


def remove(aws: Aws, leftovers: Sequence[Leftover], timeout: float) -> tuple[list[Leftover], list[Leftover]]:
    """Remove all of it; go on after what cannot be removed.

    Instances are terminated in one call a region and waited for, as they hold most of the rest. What goes along with
    its instance costs no call.

    Args:
        aws: The account.
        leftovers: What to remove, in any order.
        timeout: Seconds for instances to be terminated.

    Returns:
        What was removed, and what was not, with its reason. What had gone before is in neither.
    """
    parts = _by_region(leftovers)
    in_iam = parts.pop("", [])
    jobs = {
        region: partial(remove_in_region, aws.client(region=region), part, timeout) for region, part in parts.items()
    }
    removed: list[Leftover] = []
    failed: list[Leftover] = []
    for region, answer in at_once(jobs).items():
        if isinstance(answer, Fault):
            failed += [replace(one, reason=str(answer)) for one in parts[region]]
        else:
            removed += answer[0]
            failed += answer[1]
    if in_iam:
        gone, kept = remove_iam(aws.client("iam"), in_iam)
        removed += gone
        failed += kept
    return in_order(removed), in_order(failed)


def _by_region(leftovers: Iterable[Leftover]) -> dict[str, list[Leftover]]:
    parts: dict[str, list[Leftover]] = {}
    for one in in_order(leftovers):
        parts.setdefault(one.region, []).append(one)
    return parts


def _search_region(
    client: Any, region: str, build_ids: Collection[str], expired: bool, now: datetime, *, role: str | None
) -> list[Leftover]:
    keys = [TAG_BUILD, TAG_STATE, *([TAG_ROLE] if role else [])]
    if expired:
        rows = _tags(client, key=[*keys, TAG_EXPIRES]) or []
    else:
        # Only the rows that decide: those of published images may be thousands.
        values = ["candidate", *([role] if role else [])]
        rows = []
        for part in chunks(sorted(build_ids), 190):
            rows += _tags(client, key=keys, value=[*part, *values]) or []
    found = (leftover(resource, build_ids, expired, now, role) for resource in resources(rows, region))
    return [*(one for one in found if one), *(_failed_checkpoints(client, region) if expired and not role else ())]


def _failed_checkpoints(client: Any, region: str) -> list[Leftover]:
    """Return checkpoints of layers that will never be any good; the others are a cache, and stay."""
    return [
        Leftover(kind, name, region=region, build=one.build, reason="it is a checkpoint that has failed")
        for one in checkpoints(client, *FAILED)
        for kind, name in (("image", one.id), *(("snapshot", snapshot) for snapshot in one.snapshots))
    ]


def _search_iam(client: Any, build_ids: Collection[str], expired: bool, now: datetime) -> list[Leftover]:
    there = iam_resources(client, None if expired else build_ids)
    found = (leftover(resource, build_ids, expired, now) for resource in there)
    return [one for one in found if one]


def _inspect_region(client: Any, part: list[Leftover]) -> list[Leftover]:
    tags: dict[str, dict[str, str]] = {}
    for ids in chunks([one.id for one in part]):
        for row in _tags(client, key=["Name", TAG_EXPIRES], resource_id=ids) or ():
            tags.setdefault(row["ResourceId"], {})[row["Key"]] = row["Value"]
    live = _live(client, part)
    return [
        replace(
            one,
            name=tags.get(one.id, {}).get("Name", one.name),
            expires=tags.get(one.id, {}).get(TAG_EXPIRES, one.expires),
        )
        for one in part
        if one.kind not in ("instance", "spot_request") or one.id in live
    ]


def _live(client: Any, part: list[Leftover]) -> set[str]:
    """Return the ids of instances and spot requests that have not ended."""
    live: set[str] = set()
    for ids in chunks([one.id for one in part if one.kind == "instance"]):
        described = describe_instances(client, ids) or ()
        live.update(found["InstanceId"] for found in described if found["State"]["Name"] != "terminated")
    for ids in chunks([one.id for one in part if one.kind == "spot_request"]):
        live |= live_spot_requests(client, ids) or set()
    return live
