# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What builds have left in the engine, found by its labels alone, and whose time has come."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Collection, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._builder import remove_container
from ansible_collections.goldsmith.images.plugins.module_utils._docker import LABEL_BUILD, LABEL_EXPIRES, LABEL_ROLE
from ansible_collections.goldsmith.images.plugins.module_utils._time import moment

with suppress(ImportError):  # `_docker.run` tells the user
    from docker.errors import APIError, ImageNotFound


@dataclass(frozen=True)
class Leftover:
    """A container or an image of a build.

    Attributes:
        kind: ``container`` or ``image``.
        id: The engine's id.
        name: Its name, or its first tag; empty for an image without one.
        build: The build that it belongs to.
        expires: When it may go, as its label says; empty if never by itself.
        reason: Why it goes, or why it could not.
    """

    kind: str
    id: str
    name: str
    build: str
    expires: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Return it as a module returns it."""
        return asdict(self)


def leftovers(client: Any, build_ids: Collection[str], expired: bool, now: datetime) -> list[Leftover]:
    """Return what is to go: containers first, as they hold images.

    Args:
        client: A connected client.
        build_ids: Builds of which everything temporary goes, and artifacts that no tag holds any more.
        expired: Also everything, of any build, whose time has come.
        now: The present time.
    """
    labelled = {"label": LABEL_BUILD}
    found = []
    for item in client.api.containers(all=True, filters=labelled):
        reason = _reason(item["Labels"], build_ids, expired, now)
        if reason:
            found.append(_leftover("container", item, (item["Names"] or [""])[0].lstrip("/"), reason))
    for item in client.api.images(all=True, filters=labelled):
        labels = item["Labels"] or {}
        tags = [tag for tag in item["RepoTags"] or [] if tag != "<none>:<none>"]
        role = labels.get(LABEL_ROLE)
        if role == "temporary" or (role == "artifact" and not tags):
            reason = _reason(labels, build_ids, expired, now)
            if reason:
                found.append(_leftover("image", item, "".join(tags[:1]), reason))
    return found


def _leftover(kind: str, item: Mapping[str, Any], name: str, reason: str) -> Leftover:
    labels = item["Labels"]
    return Leftover(kind, item["Id"], name, labels[LABEL_BUILD], labels.get(LABEL_EXPIRES, ""), reason)


def _reason(labels: Mapping[str, str], build_ids: Collection[str], expired: bool, now: datetime) -> str:
    if labels[LABEL_BUILD] in build_ids:
        return "its build is to be swept"
    expires = moment(labels.get(LABEL_EXPIRES, ""))
    return "it has expired" if expired and expires is not None and expires <= now else ""


def remove(client: Any, leftover: Leftover) -> None:
    """Remove it; what is gone already is fine.

    Raises:
        docker.errors.APIError: The engine refuses.
    """
    if leftover.kind == "container":
        remove_container(client, leftover.id)
        return
    try:
        # Pruning would take untagged parents along, and so perhaps a base.
        client.api.remove_image(leftover.id, noprune=True)
    except ImageNotFound:
        return


def sweep(client: Any, found: list[Leftover]) -> tuple[list[Leftover], list[Leftover]]:
    """Remove all of it.

    Returns:
        What was removed, and what the engine did not let go, with its reason.
    """
    removed, failed = [], []
    for leftover in found:
        try:
            remove(client, leftover)
        except APIError as error:
            failed.append(Leftover(**{**asdict(leftover), "reason": str(error.explanation or error)}))
        else:
            removed.append(leftover)
    return removed, failed
