"""The layer cache of the Docker engine: what is in it, and what of it goes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from docker.errors import APIError, DockerException

from ansible_collections.goldsmith.images.plugins.module_utils import _layer_cache, _source
from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import proxies
from ansible_collections.goldsmith.images.plugins.module_utils._base_recipe import Options
from ansible_collections.goldsmith.images.plugins.module_utils._debootstrap import recipe
from ansible_collections.goldsmith.images.plugins.module_utils._disk_base import DiskRecipe
from ansible_collections.goldsmith.images.plugins.module_utils._disk_source import original
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import Kept
from ansible_collections.goldsmith.images.plugins.module_utils._layer_state import look_up
from goldsmith.errors import EnvironmentFault
from goldsmith.layers import CacheLayer
from goldsmith.plan import Plan
from goldsmith.targets.docker import Debootstrap, engine


@dataclass(frozen=True)
class CachedLayer:
    """A layer in the cache.

    Attributes:
        id: Id of its image.
        key: Its key.
        name: What the layer is called.
        image: Name of the image in whose build it was made.
        made: When, in UTC.
        size: Bytes that it takes beside what it was started from; of a checkpoint, those of its volumes.
        region: Region of EC2 that it is in; empty for one in the Docker engine.
    """

    id: str
    key: str
    name: str
    image: str
    made: datetime
    size: int
    region: str = ""


@dataclass(frozen=True)
class Removal:
    """What became of a layer that was to go: ``removed``, ``kept`` or, where it was only asked for, ``goes``."""

    layer: CachedLayer
    state: Literal["removed", "kept", "goes"]
    reason: str = ""


def listed() -> list[CachedLayer]:
    """Return the layers in the cache, the newest first.

    Raises:
        EnvironmentFault: No engine answers.
    """
    with closing(engine()) as client:
        return sorted(map(_layer, _layer_cache.images(client)), key=lambda one: one.made, reverse=True)


def prune(older_than: timedelta | None, keep_bytes: int | None, *, check: bool = False) -> list[Removal]:
    """Remove layers from the cache; without an age and a size, all of them.

    Args:
        older_than: Age from which on they go.
        keep_bytes: Bytes that may stay; the oldest go first.
        check: Only say what would go.

    Raises:
        EnvironmentFault: No engine answers.
    """
    going = chosen(listed(), older_than, keep_bytes, datetime.now(UTC))
    if check:
        return [Removal(layer, "goes") for layer in going]
    return remove(going)


def remove(going: Iterable[CachedLayer]) -> list[Removal]:
    """Remove layers from the cache; one that another one stands on stays.

    Raises:
        EnvironmentFault: No engine answers.
    """
    with closing(engine()) as client:
        # What stands on another one goes before it.
        return [_removed(client, layer) for layer in sorted(going, key=lambda one: one.made, reverse=True)]


def judged(plan: Plan, layers: Sequence[CacheLayer]) -> list[dict[str, Any]]:
    """Return of each layer of a plan whether a build would take it from the cache: ``cache`` and ``reason``.

    Args:
        plan: The plan.
        layers: What its layers are made from.

    Raises:
        EnvironmentFault: No engine answers.
    """
    ground = plan.ground
    with closing(engine()) as client:
        try:
            base = _base(client, ground.source)
            if base is None:
                return [{"cache": "miss", "reason": "the base is not in the engine yet"} for _ in layers]
            found = [asdict(layer) for layer in layers]
            indexed = "debootstrap" not in ground.source
            verdicts, _image = look_up(client, base, found, ground.machine, indexed=indexed)
        except (Fault, DockerException) as error:
            raise EnvironmentFault(f"what of {plan.build.label} is cached cannot be found out: {error}") from error
    return [verdict.as_dict() for verdict in verdicts]


def _base(client: Any, source: Mapping[str, Any]) -> str | None:
    """Return the id of the image that a build would start from now; None where it would have to be made or fetched."""
    if "debootstrap" in source:
        os.environ.update(proxies())
        options = Options(**Debootstrap(**source["debootstrap"]).model_dump())
        found = _source.base(client, recipe(options, os.environ.get("SOURCE_DATE_EPOCH"), timeout=30)[0])
    elif "file" in source:
        image = original(Path(source["file"]), source.get("sha256"))
        found = _source.base(client, DiskRecipe(image))
    else:
        found = _source.local(client, source["image"]) if "image" in source else None
    return str(found["Id"]) if found else None


def chosen(
    layers: Iterable[CachedLayer], older_than: timedelta | None, keep_bytes: int | None, now: datetime
) -> list[CachedLayer]:
    """Return the layers that go, the oldest first; see `prune`."""
    found = sorted(layers, key=lambda one: one.made)
    if older_than is None and keep_bytes is None:
        return found
    too_much = sum(layer.size for layer in found) - keep_bytes if keep_bytes is not None else 0
    going = []
    for layer in found:
        if (older_than is not None and now - layer.made >= older_than) or too_much > 0:
            going.append(layer)
            too_much -= layer.size
    return going


def _removed(client: Any, layer: CachedLayer) -> Removal:
    try:
        _layer_cache.remove(client, layer.id)
    except APIError as error:
        return Removal(layer, "kept", str(error.explanation or error))
    except DockerException as error:
        raise EnvironmentFault(f"the Docker engine does not answer any more: {error}") from error
    return Removal(layer, "removed")


def _layer(kept: Kept) -> CachedLayer:
    return CachedLayer(kept.id, kept.key, kept.name, kept.image, kept.made, kept.size)
