# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer cache: images of a builder as each layer left it, found again by all that the layer was made from.

A layer's key is the digest of its ingredients and of the key below it; the lowest one stands on the base. What it was
made from, and the variables that later layers may use, are on its image's labels: the engine holds the whole cache.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Callable, Iterable, Mapping, Protocol, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._docker import LABEL_BUILD, LABEL_NAME, LABEL_ROLE
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

with suppress(ImportError):  # `_docker.run` tells the user
    from docker.errors import APIError, ImageNotFound, NotFound

SCHEMA = 1
"""Part of each key: raise it whenever the same ingredients shall give another layer."""

ROLE = "layer"
LABEL_KEY = "io.goldsmith.layer.key"
LABEL_BELOW = "io.goldsmith.layer.below"
LABEL_LAYER = "io.goldsmith.layer.name"
LABEL_INGREDIENTS = "io.goldsmith.layer.ingredients"
LABEL_ARCHIVES = "io.goldsmith.layer.archives"
LABEL_VARIABLES = "io.goldsmith.layer.variables"


NOT_KEPT = "there is no checkpoint of it, nor of a layer above it"
"""Why a layer runs without which nothing is amiss."""


@dataclass(frozen=True)
class Layer:
    """A layer of a build, as the cache sees it.

    Attributes:
        number: Position, counted from 1.
        name: What people call it.
        ingredients: What it is made from, a digest or a text each, by name.
        off: Why it is never kept; empty where it is.
        fresh: Why it is not looked for although it is kept; empty where it is.
        keep: Whether it is kept for itself, not only below one that is.
    """

    number: int
    name: str
    ingredients: Mapping[str, str] = field(default_factory=dict)
    off: str = ""
    fresh: str = ""
    keep: bool = True

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Layer:
        """Take what a module is given."""
        return cls(
            int(data["number"]),
            str(data["name"]),
            dict(data.get("ingredients") or {}),
            str(data.get("off") or ""),
            str(data.get("fresh") or ""),
            bool(data.get("keep", True)),
        )


@dataclass(frozen=True)
class Verdict:
    """Whether a layer is taken from the cache, and why not.

    Attributes:
        layer: The layer.
        key: Its key.
        below: The key below it.
        cache: ``hit``: it is taken; ``miss``: it runs, and is kept; ``off``: it runs, and is not kept.
        reason: Why it is not taken; empty for a hit.
    """

    layer: Layer
    key: str
    below: str
    cache: str
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as a module returns it."""
        return {
            "number": self.layer.number,
            "name": self.layer.name,
            "key": self.key,
            "below": self.below,
            "cache": self.cache,
            "reason": self.reason,
        }


class Known(Protocol):
    """What is known of a layer of an earlier build: its key where it is kept, and what it was made from."""

    @property
    def key(self) -> str: ...

    @property
    def below(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def made(self) -> datetime: ...

    @property
    def ingredients(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Kept:
    """An image of the cache.

    Attributes:
        id: The engine's id.
        key: Key of its layer.
        below: Key of what that stands on.
        name: What the layer is called.
        image: Name of the image in whose build it was made.
        made: When, in UTC.
        size: Bytes that it takes beside what it was started from.
        labels: All labels.
    """

    id: str
    key: str
    below: str
    name: str
    image: str
    made: datetime
    size: int
    labels: Mapping[str, str]

    @property
    def ingredients(self) -> dict[str, str]:
        """What the layer was made from."""
        return dict(unpacked(self.labels.get(LABEL_INGREDIENTS, "")) or {})

    @property
    def archives(self) -> dict[str, str]:
        """SHA-256 of the signed indexes of the archives that its packages are of, by address, as they were then."""
        return dict(unpacked(self.labels.get(LABEL_ARCHIVES, "")) or {})

    @property
    def variables(self) -> dict[str, Any]:
        """The variables that the layers so far have set: ``facts`` and ``variables``."""
        return dict(unpacked(self.labels.get(LABEL_VARIABLES, "")) or {})


def root(base: str, machine: Mapping[str, Any]) -> str:
    """Return the key that the lowest layer stands on.

    Args:
        base: Id of the base image.
        machine: What else decides what a layer finds: options of the container.
    """
    return _digest({"schema": SCHEMA, "base": base, "machine": dict(machine)})


def key(below: str, layer: Layer) -> str:
    """Return the key of a layer on another one's."""
    return _digest({"below": below, "ingredients": dict(layer.ingredients)})


def judge(
    bottom: str,
    layers: Sequence[Layer],
    kept: Iterable[Known],
    outdated: Mapping[str, str] | None = None,
    short: Callable[[str], str] = str,
) -> list[Verdict]:
    """Return of each layer whether it is taken from the cache.

    Args:
        bottom: The key of `root`.
        layers: The layers, lowest first.
        kept: What there is.
        outdated: Why what there was of a key is not to be used, by key.
        short: How ingredients, and keys of what a layer stands on, are written in what there is.
    """
    there = sorted(kept, key=lambda one: one.made, reverse=True)
    keys = {one.key for one in there}
    chain, below = [], bottom
    for layer in layers:
        chain.append((layer, key(below, layer), below))
        below = chain[-1][1]
    # A layer that is not kept for itself may lie below one that is: what counts is the highest that is there.
    usable = 0
    for number, (layer, this, _below) in enumerate(chain, start=1):
        if layer.off or layer.fresh:
            break
        if this in keys:
            usable = number
    verdicts: list[Verdict] = []
    first = ""
    for number, (layer, this, below) in enumerate(chain, start=1):
        if number <= usable:
            verdicts.append(Verdict(layer, this, below, "hit"))
            continue
        off = any(one.layer.off for one in verdicts) or bool(layer.off)
        reason = (
            layer.off
            or layer.fresh
            or (outdated or {}).get(this)
            or (f"layer {first} below it runs" if first else _why(layer, below, there, short))
        )
        first = first or layer.name
        verdicts.append(Verdict(layer, this, below, "miss" if layer.keep and not off else "off", reason))
    return verdicts


def _why(layer: Layer, below: str, kept: Sequence[Known], short: Callable[[str], str]) -> str:
    """Say what differs from the newest image of a layer of this name, the first thing only."""
    same = [one for one in kept if one.name == layer.name]
    if not same:
        return "it is not in the cache yet" if layer.keep else NOT_KEPT
    nearest = next((one for one in same if one.below == short(below)), same[0])
    before, now = nearest.ingredients, {name: short(text) for name, text in layer.ingredients.items()}
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            change = "is gone" if name not in now else "is new" if name not in before else "changed"
            return f"{_called(name)} {change}"
    if nearest.below != short(below):
        return "what it stands on changed"
    return "it is not in the cache any more" if layer.keep else NOT_KEPT


def _called(name: str) -> str:
    kind, _colon, rest = name.partition(":")
    return f"{kind} {rest.replace(':', ' ')}" if rest else kind


def images(client: Any) -> list[Kept]:
    """Return the images of the cache.

    Args:
        client: A connected client of the engine.
    """
    items = client.api.images(all=True)
    sizes = {item["Id"]: item["Size"] for item in items}
    return [
        Kept(
            id=item["Id"],
            key=item["Labels"].get(LABEL_KEY, ""),
            below=item["Labels"].get(LABEL_BELOW, ""),
            name=item["Labels"].get(LABEL_LAYER, ""),
            image=item["Labels"].get(LABEL_NAME, ""),
            made=datetime.fromtimestamp(item["Created"], UTC),
            size=item["Size"] - sizes.get(item["ParentId"], 0),
            labels=item["Labels"],
        )
        for item in items
        if (item["Labels"] or {}).get(LABEL_ROLE) == ROLE
    ]


def keep(client: Any, container: str, verdict: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Commit a container as a layer left it.

    Args:
        client: A connected client of the engine.
        container: Name or id.
        verdict: The layer's verdict, as `Verdict.as_dict` has it.
        about: ``ingredients``, ``archives`` and ``variables`` of the layer; ``build_id`` and ``image_name``.

    Returns:
        The image's id.

    Raises:
        Fault: There is no such container.
    """
    labels = {
        LABEL_ROLE: ROLE,
        LABEL_BUILD: about["build_id"],
        LABEL_NAME: about["image_name"],
        LABEL_KEY: verdict["key"],
        LABEL_BELOW: verdict["below"],
        LABEL_LAYER: verdict["name"],
        LABEL_INGREDIENTS: packed(about["ingredients"]),
        LABEL_ARCHIVES: packed(about["archives"]),
        LABEL_VARIABLES: packed(about["variables"]),
    }
    try:
        return str(client.api.commit(container, pause=False, conf={"Labels": labels})["Id"])
    except NotFound as error:
        raise Fault(f"there is no container {container} any more; it was removed while the build ran.") from error


def remove(client: Any, image: str) -> None:
    """Remove an image of the cache; what is gone already is fine.

    Raises:
        docker.errors.APIError: A container uses it, or an image stands on it.
    """
    with suppress(ImageNotFound):
        # Pruning would take untagged parents along: other layers of the cache, and perhaps a base.
        client.api.remove_image(image, noprune=True)


def clear(api: Any, image: str) -> None:
    """Remove the layers that stand on an image, so that it can be removed itself; what a container uses stays.

    Args:
        api: The engine's API.
        image: Id of the image.
    """
    above: dict[str, list[Mapping[str, Any]]] = {}
    for item in api.images(all=True):
        above.setdefault(item["ParentId"], []).append(item)
    standing, waiting = [], [image]
    while waiting:
        for item in above.get(waiting.pop(), ()):
            if (item["Labels"] or {}).get(LABEL_ROLE) == ROLE:
                standing.append(item["Id"])
                waiting.append(item["Id"])
    for one in reversed(standing):
        with suppress(APIError):
            api.remove_image(one, noprune=True)


def packed(data: Any) -> str:
    """Return data as a short text for a label."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def unpacked(text: str) -> Any:
    """Return what `packed` was given; None where that cannot be read."""
    try:
        return json.loads(gzip.decompress(base64.b64decode(text, validate=True)))
    except (ValueError, OSError, EOFError):
        return None


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
