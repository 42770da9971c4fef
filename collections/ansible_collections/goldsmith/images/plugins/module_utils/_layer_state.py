# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks layers up in the cache, with what only the engine knows: the state of the base's archives, and its machine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Mapping, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import Source as Line
from ansible_collections.goldsmith.images.plugins.module_utils._apt_sources import PLACES, read_sources
from ansible_collections.goldsmith.images.plugins.module_utils._capture import inspect_image
from ansible_collections.goldsmith.images.plugins.module_utils._container import read_files
from ansible_collections.goldsmith.images.plugins.module_utils._docker import LABEL_BUILD, LABEL_EXPIRES, LABEL_ROLE
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layer_archives import states, untold, usable
from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import (
    Kept,
    Layer,
    Verdict,
    images,
    judge,
    root,
)
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp

with suppress(ImportError):  # `_docker.run` tells the user
    from docker.errors import APIError, DockerException

_LIFETIME = timedelta(hours=1)


def look_up(
    client: Any, base: str, layers: Sequence[Mapping[str, Any]], machine: Mapping[str, Any], *, indexed: bool
) -> tuple[list[Verdict], Kept | None]:
    """Return of each layer whether it is in the cache, and the image to start from, None for the base.

    Args:
        client: A connected client of the engine.
        base: Id of the base image.
        layers: The layers, lowest first, as ``docker_layer_info`` takes them.
        machine: Options of the builder's container that decide what a layer finds.
        indexed: Whether the base's archives are asked for their state, for layers that install packages.

    Raises:
        Fault: The base is not in the engine.
    """
    wants_archives = indexed and any(layer.get("packages") for layer in layers)
    digests, trouble = archives(client, base) if wants_archives else ({}, "")
    host = engine(client) if any(layer.get("engine") for layer in layers) else {}
    volumes = (inspect_image(client, base, "the base").get("Config") or {}).get("Volumes")
    lost = f"the base has volumes, and what lies in them is not kept: {', '.join(volumes)}" if volumes else ""
    whole = [completed(layer, host, digests, trouble, lost) for layer in layers]
    kept = images(client)
    bottom = root(base, machine)
    return usable(kept, lambda there, reasons: judge(bottom, whole, there, reasons))


def engine(client: Any) -> dict[str, str]:
    """Return what a layer may find out of the machine that the engine runs on, by the name of `completed`'s option."""
    info = client.api.info()
    return {
        "kernel": str(info.get("KernelVersion")),
        "memory": str(info.get("MemTotal")),
        "processors": str(info.get("NCPU")),
    }


def archives(client: Any, image: str) -> tuple[dict[str, str], str]:
    """Return the SHA-256 of the signed indexes of the archives that an image fetches from, by address.

    Returns:
        The digests, and why there are none; one of them is empty.
    """
    try:
        found = {Line(line).inrelease: digest for line, digest in states(_lines(_apt_files(client, image))).items()}
    except Fault as fault:
        return {}, untold(fault)
    return found, "" if found else "it installs packages, and of what archive they are cannot be told"


def added_archives(client: Any, container: str, ingredients: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of the signed indexes of the archives that a builder fetches from, by line of sources.list.

    Args:
        client: A connected client of the engine.
        container: Id or name of the builder's container.
        ingredients: Of the layer; an archive that is among them is left out.

    Raises:
        Fault: They cannot be told.
    """
    files = {path: text for place in PLACES for path, text in read_files(client, container, place)}
    return states(line for line in _lines(files) if f"index:{Line(line).inrelease}" not in ingredients)


def _lines(files: Mapping[str, str]) -> list[str]:
    return [f"deb {one.uri} {one.suite} {' '.join(one.components)}".rstrip() for one in read_sources(files)]


def _apt_files(client: Any, image: str) -> dict[str, str]:
    """Return the files that say where APT fetches from, by path; the container they are read from never runs."""
    labels = {LABEL_BUILD: "layer-cache", LABEL_ROLE: "verify", LABEL_EXPIRES: stamp(datetime.now(UTC) + _LIFETIME)}
    try:
        container = client.api.create_container(image, command=["none"], entrypoint=[], labels=labels)["Id"]
    except APIError as error:
        raise Fault(f"the image {image} cannot be looked into: {error.explanation or error}") from error
    try:
        return {path: text for place in PLACES for path, text in read_files(client, container, place)}
    finally:
        with suppress(DockerException):
            client.api.remove_container(container, v=True, force=True)


def completed(
    data: Mapping[str, Any], machine: Mapping[str, str], digests: Mapping[str, str], trouble: str, lost: str
) -> Layer:
    """Return a layer with the ingredients that were looked up.

    Args:
        data: The layer as the module is given it.
        machine: What `engine` returned.
        digests: What `archives` returned; empty where the base itself stands for their state.
        trouble: Why there are none, where there should be.
        lost: Why no layer can be kept at all; empty where it can.
    """
    layer = Layer.of(data)
    found = {f"engine:{name}": machine[name] for name in data.get("engine") or ()}
    if data.get("packages"):
        found.update({f"index:{url}": digest for url, digest in digests.items()})
    off = layer.off or lost or (trouble if data.get("packages") else "")
    return replace(layer, ingredients={**layer.ingredients, **found}, off=off)
