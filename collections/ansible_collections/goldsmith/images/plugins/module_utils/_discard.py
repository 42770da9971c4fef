# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captured images are removed again, unless somebody else has come to use them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Collection, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._docker import LABEL_BUILD, LABEL_ROLE
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import clear

with suppress(ImportError):  # _docker.run tells the user
    from docker.errors import APIError, NotFound


def discard(
    api: Any, image: str | None, build_id: str | None, tags: Collection[str], check_mode: bool
) -> dict[str, Any]:
    """Remove captured images and return the module's result.

    Args:
        api: The engine's API.
        image: Id of one image.
        build_id: Otherwise, the build whose images are meant.
        tags: References that may be removed with the image; one that has others stays.
        check_mode: Whether only to say what would be removed.

    Raises:
        Fault: The image is not one that was captured, or a container uses it.
    """
    if not image and not build_id:
        raise Fault("nothing to discard: give the id of a captured image, or a build_id.")
    removed: list[str] = []
    kept: list[dict[str, Any]] = []
    for found in _find(api, image, build_id):
        names = found.get("RepoTags") or []
        foreign = [name for name in names if name not in tags]
        if foreign:
            kept.append({"id": found["Id"], "tags": foreign})
            continue
        if not check_mode:
            clear(api, found["Id"])
            _remove(api, found["Id"], [*names, *(found.get("RepoDigests") or [])])
        removed.append(found["Id"])
    result: dict[str, Any] = {"changed": bool(removed), "removed": removed, "kept": kept}
    result["diff"] = {"before": {"images": removed}, "after": {"images": []}}
    if kept:
        result["msg"] = "; ".join(f"{item['id']} stays: {', '.join(item['tags'])} point to it" for item in kept)
    return result


def _find(api: Any, image: str | None, build_id: str | None) -> list[Mapping[str, Any]]:
    if not image:
        ours = [f"{LABEL_BUILD}={build_id}", f"{LABEL_ROLE}=artifact"]
        return [api.inspect_image(item["Id"]) for item in api.images(all=True, filters={"label": ours})]
    try:
        found = api.inspect_image(image)
    except NotFound:
        return []
    labels = (found.get("Config") or {}).get("Labels") or {}
    if labels.get(LABEL_ROLE) != "artifact" or (build_id and labels.get(LABEL_BUILD) != build_id):
        raise Fault(f"{image} is not an image that this build captured; it stays. Remove it by `docker rmi {image}`.")
    return [found]


def _remove(api: Any, image: str, names: Collection[str]) -> None:
    try:
        for name in names or [image]:
            with suppress(NotFound):  # the last tag takes digests of its repository along
                # Pruning would take untagged parents along.
                api.remove_image(name, noprune=True)
    except APIError as error:
        raise Fault(
            f"the engine keeps the image {image}: {error.explanation}. Remove the container that uses it, then repeat."
        ) from error
