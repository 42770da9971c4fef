# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tags of a checkpoint tell: which layer it is, and what that and those below it were made from. Pure.

A tag holds 256 characters and a resource 50 tags, so that texts are packed and cut up, and digests that only explain a
difference are shortened: by the key, which is whole, it is decided.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Mapping, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._aws import TAG_ROLE, tags_of
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import packed, unpacked
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, moment

ROLE = "layer"
TAG_KEY = "goldsmith:layer:key"
TAG_BELOW = "goldsmith:layer:below"
TAG_LAYER = "goldsmith:layer:name"
TAG_OF = "goldsmith:layer:of"
"""Name of the image. Not ``goldsmith:name``, nor ``goldsmith:build``: by these, people and sweeps look for images."""
TAG_PLATFORM = "goldsmith:layer:platform"
TAG_MADE_IN = "goldsmith:layer:build"
TAG_CHAIN = "goldsmith:layer:chain"
TAG_ARCHIVES = "goldsmith:layer:archives"

TAGS = 50
"""Tags that a resource may have, and the characters of a value
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions)."""
CHARACTERS = 256

_EPOCH = datetime.min.replace(tzinfo=UTC)
_GIB = 2**30


@dataclass(frozen=True)
class Trace:
    """What a layer of an earlier build was made from; see `_layer_cache.Known`.

    Attributes:
        key: Its key, where the checkpoint is its own; else empty.
        below: Key of what it stood on, shortened.
        name: What it is called.
        made: When the checkpoint was made.
        ingredients: What it was made from, shortened.
    """

    key: str
    below: str
    name: str
    made: datetime
    ingredients: Mapping[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """An image that is kept of a layer.

    Attributes:
        id: Id of the AMI.
        key: Key of the layer.
        name: What the layer is called.
        image: Name of the image in whose build it was made.
        build: That build.
        made: When.
        state: EC2's state of the AMI.
        snapshots: Ids of its snapshots.
        size: Bytes of its volumes.
        archives: SHA-256 of the archives' signed indexes that its packages are of, by line of sources.list.
        traces: Of the layer, and those below it.
    """

    id: str
    key: str
    name: str
    image: str
    build: str
    made: datetime
    state: str
    snapshots: tuple[str, ...]
    size: int
    archives: Mapping[str, str]
    traces: tuple[Trace, ...]


def short(text: str) -> str:
    """Return by what a text is known in a checkpoint's tags."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def tags(
    layers: Sequence[Mapping[str, Any]], archives: Mapping[str, str], about: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """Return the tags of a checkpoint and its snapshots.

    Args:
        layers: The layer, last, and those below it, as ``ec2_layer_info`` returns them.
        archives: See `Checkpoint.archives`.
        about: ``build_id``, ``image_name`` and ``platform``.
        own: The user's.

    Raises:
        Fault: What has to be in them has no room.
    """
    layer = layers[-1]
    known = {
        **{key: str(value) for key, value in own.items()},
        "Name": ami_name(layer["key"], about["build_id"]),
        TAG_ROLE: ROLE,
        TAG_KEY: layer["key"],
        TAG_BELOW: layer["below"],
        TAG_LAYER: layer["name"][:CHARACTERS],
        TAG_OF: about["image_name"],
        TAG_PLATFORM: about["platform"],
        TAG_MADE_IN: about["build_id"],
        **_cut(TAG_ARCHIVES, archives),
    }
    if len(known) > TAGS:
        raise Fault(f"an image can have {TAGS} tags, and it would need {len(known)}: give targets.ec2.tags less.")
    chain = [
        [one["name"], short(one["below"]), {name: short(text) for name, text in one["ingredients"].items()}]
        for one in layers
    ]
    parts = _cut(TAG_CHAIN, chain)
    # It only tells what differs: where there is no room, a later build is told no more than that something does.
    return {**known, **parts} if len(known) + len(parts) <= TAGS else known


def ami_name(key: str, build_id: str) -> str:
    """Return the name of a checkpoint in EC2, which allows one of a name."""
    return f"goldsmith-layer-{key[:16]}-{build_id}"


def checkpoint(image: Mapping[str, Any]) -> Checkpoint:
    """Return what an image's description tells of a layer."""
    told = tags_of(image)
    archives = _joined(TAG_ARCHIVES, told)
    # Without the archives nobody knows whether the packages are up to date.
    key = "" if archives is None else told.get(TAG_KEY, "")
    name = told.get(TAG_LAYER, "")
    made = moment(str(image.get("CreationDate", ""))) or _EPOCH
    chain = _joined(TAG_CHAIN, told) or [[name, short(told.get(TAG_BELOW, "")), {}]]
    last = len(chain) - 1
    devices = [device.get("Ebs") or {} for device in image.get("BlockDeviceMappings") or ()]
    return Checkpoint(
        id=image["ImageId"],
        key=key,
        name=name,
        image=told.get(TAG_OF, ""),
        build=told.get(TAG_MADE_IN, ""),
        made=made,
        state=image["State"],
        snapshots=tuple(ebs["SnapshotId"] for ebs in devices if ebs.get("SnapshotId")),
        size=sum(ebs.get("VolumeSize") or 0 for ebs in devices) * _GIB,
        archives=archives or {},
        traces=tuple(
            Trace(key if number == last else "", below, of, made, made_from)
            for number, (of, below, made_from) in enumerate(chain)
        ),
    )


def _cut(tag: str, data: Any) -> dict[str, str]:
    """Return data as the values of numbered tags."""
    text = packed(data)
    parts = [text[start : start + CHARACTERS] for start in range(0, len(text), CHARACTERS)]
    return {f"{tag}.{number}": part for number, part in enumerate(parts)}


def _joined(tag: str, told: Mapping[str, str]) -> Any:
    """Return what `_cut` was given; None where it is not there, or not whole."""
    parts = {int(key[len(tag) + 1 :]): text for key, text in told.items() if key.startswith(f"{tag}.")}
    return unpacked("".join(parts[number] for number in sorted(parts))) if parts else None
