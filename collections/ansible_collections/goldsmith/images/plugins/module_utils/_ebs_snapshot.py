# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A raw disk becomes an EBS snapshot, without an instance: what differs from the version before is sent, and no more.

What the blocks of a snapshot were is noted on this machine, and the note's seal is a tag of the snapshot. Where there
is no note of an earlier version's snapshot, all blocks are sent: to read them back would take as long.
"""

from __future__ import annotations

import base64
import hashlib
import os
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional

from ansible_collections.goldsmith.images.plugins.module_utils import _wait
from ansible_collections.goldsmith.images.plugins.module_utils._ami import (
    discard,
    snapshot_leftovers,
    snapshots_of_build,
)
from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    TAG_NAME,
    TAG_ROLE,
    AwsFault,
    call,
    tag_filter,
    tag_list,
    tags_of,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ebs_blocks import (
    BLOCK,
    Digests,
    Disk,
    dump,
    load,
    seal,
    to_write,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._wait import State, Waiter

TAG_BLOCKS = "goldsmith:blocks"
"""Seal of the note of a snapshot's blocks."""

_THREADS = 8
_TRIES = 3
"""How often a block is sent that EBS does not take: it may have been damaged on the way."""

_ABANDONED = 60
"""Minutes without a block after which EBS itself cancels a snapshot."""

_COMPLETED = Waiter("the snapshot", "completed", ("pending", ""), 60)


@dataclass(frozen=True)
class Wanted:
    """The snapshot that is wanted.

    Attributes:
        build_id: The build.
        name: Name that all versions of the image have in common.
        description: Its description.
        tags: Its tags, those of the ledger included.
        encrypted: Whether it is encrypted.
        kms_key: ARN of the key; None for the account's own for EBS.
        incremental: Whether it may begin with an earlier version's snapshot.
        timeout: Seconds until it must be completed, once all is sent.
    """

    build_id: str
    name: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    encrypted: bool = True
    kms_key: Optional[str] = None
    incremental: bool = True
    timeout: float = 3600


@dataclass(frozen=True)
class Imported:
    """A snapshot that is complete.

    Attributes:
        id: Its id.
        gibibytes: Size of its volume.
        blocks: How many of its blocks hold anything.
        sent: How many were sent now.
        parent: Id of the snapshot that it began with, or None.
    """

    id: str
    gibibytes: int
    blocks: int
    sent: int
    parent: Optional[str] = None


def notes() -> Path:
    """Return the directory of the notes on snapshots' blocks."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "goldsmith" / "ebs"


def import_disk(ec2: Any, ebs: Any, disk: Disk, wanted: Wanted, folder: Path) -> Imported:
    """Make the snapshot, unless the build has made it before. Of one that it was killed over, nothing is left.

    Args:
        ec2: EC2's client of the region.
        ebs: Client of the EBS direct API there.
        disk: The disk.
        wanted: The snapshot.
        folder: See `notes`.

    Raises:
        Fault: AWS refuses. What was begun is deleted.
    """
    digests = disk.digests()
    text = dump(digests)
    stale = []
    for one in snapshots_of_build(ec2, wanted.build_id):
        if one["State"] == "completed" and tags_of(one).get(TAG_BLOCKS) == seal(text):
            return Imported(one["SnapshotId"], one["VolumeSize"], len(digests), 0)
        stale.append(one["SnapshotId"])
    discard(ec2, snapshot_leftovers(stale))
    known = _parents(ec2, disk, wanted, folder) if wanted.incremental else {}
    parent = min(known, key=lambda one: len(to_write(digests, known[one])), default=None)
    indexes = to_write(digests, known[parent] if parent else {})
    name = str(_start(ebs, _parameters(disk, wanted, parent, seal(text))))
    try:
        _send(ebs, disk, name, indexes)
        _complete(ebs, name, len(indexes))
        _await(ec2, name, wanted.timeout)
    except BaseException:
        # Interrupted too: a snapshot that is never completed is of no use to anybody.
        with suppress(Fault):
            discard(ec2, snapshot_leftovers([name]))
        raise
    _note(folder, name, text)
    return Imported(name, disk.gibibytes, len(digests), len(indexes), parent)


def _parameters(disk: Disk, wanted: Wanted, parent: str | None, sealed: str) -> dict[str, Any]:
    # A snapshot is encrypted as its parent is, and may not be asked for another way.
    key = {"KmsKeyArn": wanted.kms_key} if wanted.kms_key else {}
    kind = {"ParentSnapshotId": parent} if parent else {"Encrypted": True, **key} if wanted.encrypted else {}
    return {
        "VolumeSize": disk.gibibytes,
        "Description": wanted.description,
        "Tags": tag_list({**wanted.tags, TAG_BLOCKS: sealed}),
        "Timeout": _ABANDONED,
        **kind,
    }


def _parents(ec2: Any, disk: Disk, wanted: Wanted, folder: Path) -> dict[str, Digests]:
    """Return the blocks of the image's snapshots that it may begin with, by id, as far as they are noted here."""
    found = {}
    for one in _of_image(ec2, wanted.name) or ():
        if one["VolumeSize"] > disk.gibibytes or bool(one.get("Encrypted")) != wanted.encrypted:
            continue
        if wanted.kms_key and one.get("KmsKeyId") != wanted.kms_key:
            continue
        with suppress(OSError, ValueError):
            text = (folder / f"{one['SnapshotId']}.json").read_text(encoding="ascii")
            if seal(text) == tags_of(one).get(TAG_BLOCKS):
                found[str(one["SnapshotId"])] = load(text)
    return found


def _send(ebs: Any, disk: Disk, name: str, indexes: list[int]) -> None:
    def send(index: int) -> None:
        data = disk.block(index)
        for left in reversed(range(_TRIES)):
            try:
                _put(ebs, name, index, data)
            except AwsFault as fault:
                if fault.code != "ValidationException" or not left:
                    raise
            else:
                return

    with ThreadPoolExecutor(_THREADS) as pool:
        jobs = [pool.submit(send, index) for index in indexes]
        try:
            done, _waiting = wait(jobs, return_when=FIRST_EXCEPTION)
            for job in done:
                job.result()
        finally:
            for job in jobs:
                job.cancel()


def _await(ec2: Any, name: str, timeout: float) -> None:
    def probe() -> State:
        one = next(iter(_describe(ec2, name) or ()), {})
        return State(one.get("State", ""), one.get("StateMessage") or "")

    if _wait.wait(_COMPLETED, probe, timeout).name != _COMPLETED.goal:
        raise Fault(f"the snapshot {name} is not completed after {timeout:.0f} s: build again, or raise `timeout`.")


def _note(folder: Path, name: str, text: str) -> None:
    # Without it the next import sends everything.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".{name}.{os.getpid()}"
        fresh.write_text(text, encoding="ascii")
        fresh.replace(folder / f"{name}.json")


@call("look for snapshots of earlier versions")
def _of_image(ec2: Any, name: str) -> list[dict[str, Any]]:
    filters = [
        tag_filter(TAG_NAME, name),
        tag_filter(TAG_ROLE, "artifact"),
        {"Name": "status", "Values": ["completed"]},
    ]
    pages = ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
    return [snapshot for page in pages for snapshot in page["Snapshots"]]


@call("look at the snapshot", missing=["InvalidSnapshot.NotFound"])
def _describe(ec2: Any, name: str) -> list[dict[str, Any]]:
    return list(ec2.describe_snapshots(SnapshotIds=[name])["Snapshots"])


@call("start the snapshot")
def _start(ebs: Any, parameters: Mapping[str, Any]) -> str:
    # botocore gives it a client token of its own, so that an answer that was lost does not start another one.
    return str(ebs.start_snapshot(**parameters)["SnapshotId"])


@call("write a block of the snapshot")
def _put(ebs: Any, name: str, index: int, data: bytes) -> None:
    ebs.put_snapshot_block(
        SnapshotId=name,
        BlockIndex=index,
        BlockData=data,
        DataLength=BLOCK,
        Checksum=base64.b64encode(hashlib.sha256(data).digest()).decode(),
        ChecksumAlgorithm="SHA256",
    )


@call("complete the snapshot")
def _complete(ebs: Any, name: str, written: int) -> None:
    ebs.complete_snapshot(SnapshotId=name, ChangedBlocksCount=written)
