# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance becomes an image, once, however often that is asked for."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._ami import (
    FAILED,
    Image,
    await_image,
    by_build,
    give_up,
    ours,
    progress,
    snapshots_of_build,
    view,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ami_register import register, take_snapshots
from ansible_collections.goldsmith.images.plugins.module_utils._ami_request import (
    Request,
    creation,
    must_register,
)
from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    AwsFault,
    call,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._wait import STOPPED, State, starting_with, wait


class Creation:
    """The making of one image, as far as it comes in the time that it is given."""

    def __init__(self, client: Any, region: str, request: Request, patience: float) -> None:
        """Begin.

        Args:
            client: EC2's client of the region.
            region: Where the instance is.
            request: What is wanted.
            patience: Seconds; what takes longer is left running, and told with how far it is.
        """
        self._client = client
        self._region = region
        self._request = request
        self._deadline = time.monotonic() + patience
        self.changed = False

    def existing(self) -> Image | None:
        """Return the image that the build has made before.

        Raises:
            Fault: It has failed since. It is deregistered.
        """
        image = by_build(self._client, self._request.build_id)
        if image is not None and image["State"] in FAILED:
            raise give_up(self._client, image, self._region)
        return image

    def complete(self, image: Image | None) -> dict[str, Any]:
        """Make the image unless it is there, wait for it, and return it as modules do.

        Args:
            image: What `existing` has returned.

        Raises:
            Fault: It cannot be made, or has failed.
        """
        if image is not None:
            return self._awaited(image["ImageId"], image)
        request = self._request
        if request.stop and not self._stopped():
            return self._unfinished("stopping", 0)
        if request.particular:
            instance = self._instance()
            if must_register(request, instance):
                return self._registered(instance)
        return self._awaited(self._created())

    def _awaited(self, name: str, image: Image | None = None) -> dict[str, Any]:
        if image is None or image["State"] != "available":
            image = await_image(self._client, name, self._region, self._left())
        if image["State"] == "available":
            if self._request.imds and image.get("ImdsSupport") != self._request.imds:
                _require_tokens(self._client, name, self._request.imds)
                self.changed = True
                image = {**image, "ImdsSupport": self._request.imds}
            if self._request.terminate:
                self._terminated()
            return view(image, self._region)
        percent = progress(snapshots_of_build(self._client, self._request.build_id))
        if "Name" in image:
            return view(image, self._region, percent)
        # Not even described yet.
        return {**self._unfinished("pending", percent), "id": name}

    def _terminated(self) -> None:
        # The release of the build tries again, and tells of what does not go.
        with suppress(AwsFault):
            self.changed |= _terminate(self._client, self._request.instance) not in (
                None,
                "shutting-down",
                "terminated",
            )

    def _unfinished(self, state: str, percent: int) -> dict[str, Any]:
        nothing = {"ImageId": "", "Name": self._request.name, "State": state}
        return {**view(nothing, self._region, percent), "tags": dict(self._request.tags)}

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.0)

    def _instance(self) -> Mapping[str, Any]:
        found = _describe(self._client, self._request.instance)
        if found is None:
            raise self._gone()
        return found

    def _gone(self) -> Fault:
        return Fault(f"there is no instance {self._request.instance} in {self._region} any more: build again.")

    def _stopped(self) -> bool:
        """Stop the instance and wait for that; return whether it is ready to be captured."""
        try:
            state = _stop(self._client, self._request.instance)
        except AwsFault as fault:
            # A spot instance cannot be stopped; CreateImage itself shuts it down for the capture, and starts it again.
            if fault.code != "UnsupportedOperation" or self._request.particular:
                raise
            return True
        if state is None:
            raise self._gone()
        if state == STOPPED.goal:
            return True
        self.changed = True

        def probe() -> State:
            instance = self._instance()
            return State(instance["State"]["Name"], (instance.get("StateReason") or {}).get("Message", ""))

        try:
            return wait(STOPPED, starting_with(State(state), probe), self._left()).name == STOPPED.goal
        except AwsFault:
            raise
        except Fault as fault:
            raise Fault(f"{fault}. {self._request.instance} cannot be captured any more: build again.") from fault

    def _created(self) -> str:
        request = self._request
        try:
            name = _create(self._client, request)
        except AwsFault as fault:
            name = ours(self._client, self._region, request.name, request.build_id, fault)
        self.changed = True
        return str(name)

    def _registered(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        request = self._request
        taken, complete, snapshots = take_snapshots(self._client, request, instance, self._left())
        self.changed |= taken
        if not complete:
            return self._unfinished("pending", progress(snapshots.values()))
        name = register(self._client, self._region, request, instance, snapshots)
        self.changed = True
        return self._awaited(name)


@call("look at the instance", missing=["InvalidInstanceID.NotFound"])
def _describe(client: Any, instance: str) -> Mapping[str, Any] | None:
    groups = client.describe_instances(InstanceIds=[instance])["Reservations"]
    return next((found for group in groups for found in group["Instances"]), None)


@call("stop the instance", missing=["InvalidInstanceID.NotFound"])
def _stop(client: Any, instance: str) -> str:
    """Return the state that it is in now."""
    answer = client.stop_instances(InstanceIds=[instance])["StoppingInstances"]
    return str(answer[0]["CurrentState"]["Name"])


@call("terminate the instance", missing=["InvalidInstanceID.NotFound"])
def _terminate(client: Any, instance: str) -> str:
    """Return the state that it was in."""
    answer = client.terminate_instances(InstanceIds=[instance])["TerminatingInstances"]
    return str(answer[0]["PreviousState"]["Name"])


@call("create the image")
def _create(client: Any, request: Request) -> str:
    return str(client.create_image(**creation(request))["ImageId"])


@call("require metadata tokens of the image's instances")
def _require_tokens(client: Any, image: str, version: str) -> None:
    client.modify_image_attribute(ImageId=image, ImdsSupport={"Value": version})
