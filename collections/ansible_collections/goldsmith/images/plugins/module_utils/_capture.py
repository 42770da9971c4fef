# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container becomes an image whose configuration is wholly ours.

The engine's own commit mixes the container's configuration (the builder's command, user, environment and labels) into
the image, and always takes the present time. So its commit only makes the layer, in a temporary image; the image
document is written here, and loaded in an archive that leaves out the layers that the engine has.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, Iterator, Mapping, Optional, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._archive import (
    image_archive,
    read_document,
    read_layers,
    spool,
    spooling,
)
from ansible_collections.goldsmith.images.plugins.module_utils._docker import (
    LABEL_BUILD,
    LABEL_EXPIRES,
    LABEL_NAME,
    LABEL_ROLE,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._image_config import (
    OCI,
    Identity,
    complete_history,
    configuration,
    document,
    essential,
    history_from_listing,
)
from ansible_collections.goldsmith.images.plugins.module_utils._layers import merge
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp

with suppress(ImportError):  # _docker.run tells the user
    from docker.errors import APIError, DockerException, NotFound
    from requests.exceptions import RequestException

_LOADED = re.compile(r"Loaded image(?: ID)?: (\S+)")
_TEMPORARY_LIFETIME = timedelta(hours=6)


@dataclass(frozen=True)
class Request:
    """What is to be captured, and as what.

    Attributes:
        container: Name or id.
        base: Image whose layers and configuration the image builds on; None for the container's own image.
        squash: ``base`` makes one layer above the base, ``all`` one layer, ``none`` adds a layer to those there are.
        pause: Whether the container stands still meanwhile.
        change: What the configuration is to have other than the base; see `_image_config.configuration`.
        identity: What the image says of itself.
        fixed_time: Whether the time of creation was asked for, so that another one makes another image.
    """

    container: str
    base: Optional[str]
    squash: str
    pause: bool
    change: Mapping[str, Any]
    identity: Identity
    fixed_time: bool


class Capture:
    """One capture: what it is based on, the configuration it will have, and the taking of it."""

    def __init__(self, client: Any, request: Request) -> None:
        """Look at the container and its base.

        Raises:
            Fault: One of them does not exist, they do not belong together, or the configuration is wrong.
        """
        self._api = client.api
        self._request = request
        self._container = self._inspect_container()
        origin = inspect_image(client, self._container["Image"], "the container's image")
        self.base = inspect_image(client, request.base, "the base image") if request.base else origin
        self._base_layers = layers_of(self.base)
        if layers_of(origin)[: len(self._base_layers)] != self._base_layers:
            raise Fault(
                f"the container {request.container} was not made from the base {request.base}: its image "
                f"{origin['Id']} has other layers. Give the image that the container was started from, or one below it."
            )
        self._origin = origin
        self.before = essential(self.base.get("Config"))
        self.config = configuration(self.base.get("Config"), request.change, request.identity)
        self._client = client

    def existing(self) -> dict[str, Any] | None:
        """Return the image that this build has captured before with the same configuration, if there is one."""
        identity = self._request.identity
        ours = [f"{LABEL_BUILD}={identity.build_id}", f"{LABEL_ROLE}=artifact"]
        for item in self._api.images(all=True, filters={"label": ours}):
            image = inspect_image(self._client, item["Id"], "the image captured before")
            same_base = self._request.squash == "all" or self._base_layers == layers_of(image)[: len(self._base_layers)]
            if same_base and self._same(image):
                return image
        return None

    def _same(self, image: Mapping[str, Any]) -> bool:
        now = self._comparable(self.config)
        return now == self._comparable(essential(image.get("Config"))) and self._request.identity.author == (
            image.get("Author") or ""
        )

    def _comparable(self, config: Mapping[str, Any]) -> dict[str, Any]:
        changing = () if self._request.fixed_time else (OCI + "created",)
        kept = {key: value for key, value in config["Labels"].items() if key not in changing}
        return {**config, "Labels": kept}

    def take(self) -> dict[str, Any]:
        """Capture the container and return the image as the engine describes it.

        Raises:
            Fault: The engine did not take the image. Nothing is left of the attempt.
        """
        with self._committed() as temporary:
            layers = layers_of(inspect_image(self._client, temporary, "the temporary image"))
            if self._request.squash == "none":
                return self._load(layers, {}, self._history(self._origin), temporary)
            kept = self._base_layers if self._request.squash == "base" else []
            history = self._history(self.base) if kept else []
            above = layers[len(kept) :]
            if len(above) < 2:
                return self._load(layers, {}, history, temporary)
            with read_layers(self._api.get_image(temporary), above) as parts, spool() as merged:
                with spooling():
                    digest = merge([parts[layer] for layer in above], merged, bottom=not kept)
                return self._load([*kept, digest], {digest: merged}, history, temporary)

    @contextmanager
    def _committed(self) -> Iterator[str]:
        """Commit the container to an image that is gone at the end.

        It bears the build and a time of expiry, so that a sweep finds it should this process be killed here.
        """
        identity = self._request.identity
        marks = {
            LABEL_BUILD: identity.build_id,
            LABEL_NAME: identity.name,
            LABEL_ROLE: "temporary",
            LABEL_EXPIRES: stamp(datetime.now(UTC) + _TEMPORARY_LIFETIME),
        }
        try:
            image = self._api.commit(self._container["Id"], pause=self._request.pause, conf={"Labels": marks})["Id"]
        except NotFound as error:
            raise self._gone() from error
        try:
            yield image
        finally:
            # What went wrong before matters more than a temporary image that a sweep finds by its labels.
            with suppress(DockerException, RequestException):
                # Pruning would take untagged parents along, and so perhaps the base.
                self._api.remove_image(image, noprune=True)

    def _history(self, image: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the history of an image; where the engine's list leaves a doubt, from the image's own document."""
        count = len(layers_of(image))
        history = history_from_listing(self._api.history(image["Id"]), count)
        if history is None:
            history = list(read_document(self._api.get_image(image["Id"]), image["Id"]).get("history") or [])
        return complete_history(history, count, image.get("Created") or self._request.identity.created)

    def _load(
        self,
        layers: Sequence[str],
        files: Mapping[str, IO[bytes]],
        history: Sequence[Mapping[str, Any]],
        source: str | None,
    ) -> dict[str, Any]:
        """Give the engine the image.

        Args:
            layers: diff_ids.
            files: Those layers that the engine does not have.
            history: Of the layers below the new one.
            source: Image that has the other layers, for engines that want all of them in the archive.
        """
        data = document(self.base, self.config, layers, history, self._request.identity)
        absent = [layer for layer in layers if layer not in files]
        try:
            image = self._send(data, [files.get(layer) for layer in layers])
        except (APIError, Fault):
            if source is None or not absent:
                raise
            with read_layers(self._api.get_image(source), absent) as others:
                image = self._send(data, [{**files, **others}[layer] for layer in layers])
        return inspect_image(self._client, image, "the captured image")

    def _send(self, data: bytes, files: Sequence[Optional[IO[bytes]]]) -> str:
        archive = image_archive(data, files)
        items = list(self._api.load_image(archive if any(files) else b"".join(archive), quiet=True))
        errors = [item["error"] for item in items if item.get("error")]
        names = [match[1] for item in items if (match := _LOADED.search(item.get("stream") or ""))]
        if errors or not names:
            raise Fault(f"the engine did not take the captured image: {'; '.join(errors) or 'it names no image'}")
        return names[-1]

    def _inspect_container(self) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._api.inspect_container(self._request.container)
        except NotFound as error:
            raise self._gone() from error
        return found

    def _gone(self) -> Fault:
        return Fault(
            f"there is no container {self._request.container} any more to capture; it was removed while the build ran, "
            f"or never made. Nothing was captured: build again."
        )


def inspect_image(client: Any, name: str, what: str) -> dict[str, Any]:
    """Return the engine's description of an image.

    Args:
        client: Of the engine.
        name: Reference or id.
        what: The image's part in the work, for the message.

    Raises:
        Fault: There is no such image.
    """
    try:
        image: dict[str, Any] = client.api.inspect_image(name)
    except NotFound as error:
        raise Fault(
            f"the engine has no image {name} ({what}). Was it removed? `docker images --all` lists them."
        ) from error
    return image


def layers_of(image: Mapping[str, Any]) -> list[str]:
    """Return an inspected image's diff_ids, lowest layer first."""
    return list((image.get("RootFS") or {}).get("Layers") or [])
