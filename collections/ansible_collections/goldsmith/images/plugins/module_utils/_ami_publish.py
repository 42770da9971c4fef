# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image becomes available in every region, to everybody, and under every name that it is to have."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Callable, Iterable, Mapping, Optional

from ansible_collections.goldsmith.images.plugins.module_utils._ami import tag
from ansible_collections.goldsmith.images.plugins.module_utils._ami_copy import complete, existing, start
from ansible_collections.goldsmith.images.plugins.module_utils._ami_publication import (
    COPY,
    DEPRECATE,
    PARAMETER,
    PROTECT,
    SHARE,
    SHARE_SNAPSHOT,
    SHARING,
    TAG,
    Present,
    Step,
    Wish,
    done,
    missing,
)
from ansible_collections.goldsmith.images.plugins.module_utils._ami_share import (
    copies_default_key,
    default_key_fault,
    deprecate,
    launch_permissions,
    parameter,
    protect,
    set_parameter,
    share_image,
    share_snapshot,
    volume_permissions,
)
from ansible_collections.goldsmith.images.plugins.module_utils._at_once import at_once
from ansible_collections.goldsmith.images.plugins.module_utils._aws import TAG_EXPIRES, TAG_STATE, Aws
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import moment

NEVER = "never"
"""What the tag of expiry says of an image that no sweep takes."""


@dataclass
class Place:
    """A region that the image is to be in.

    Attributes:
        region: The region.
        client: EC2's client of the region.
        ssm: SSM's, if it is needed.
        kms_key: Key that encrypts a copy.
        image: The image there, as `_ami.view` returns it.
        looked: Whether it was asked what the image is already.
        before: What it was at first.
        present: What it is now.
        parameter_kind: Data type that the parameter has already.
    """

    region: str
    client: Any
    ssm: Any = None
    kms_key: Optional[str] = None
    image: Optional[Mapping[str, Any]] = None
    looked: bool = False
    before: Present = field(default_factory=Present)
    present: Present = field(default_factory=Present)
    parameter_kind: str = ""

    @property
    def available(self) -> bool:
        """Whether the image can be used there."""
        return self.image is not None and self.image["state"] == "available"


class Publication:
    """The publication of one image. Each part does only what is missing, so that it can be repeated from the start."""

    def __init__(
        self,
        aws: Aws,
        source: Mapping[str, Any],
        build_id: str,
        copies: Mapping[str, Optional[str]],
        wish: Wish,
        *,
        name: str | None = None,
        patience: float = 0,
    ) -> None:
        """Begin.

        Args:
            aws: The account.
            source: The image, as `_ami.view` returns it.
            build_id: The build that it is of.
            copies: Keys that encrypt copies, by region.
            wish: What the image is to be in every region.
            name: Name of the copies; by default that of the image.
            patience: Seconds to wait for copies.
        """
        self._source = source
        self._build_id = build_id
        self._wish = wish
        self._name = name or source["name"]
        self._deadline = time.monotonic() + patience
        self.steps: list[dict[str, str]] = []

        def place(region: str, key: str | None = None) -> Place:
            # Clients are made here: making one is not for threads.
            ssm = aws.client("ssm", region) if wish.parameter else None
            return Place(region, aws.client(region=region), ssm, key)

        self._home = place(source["region"])
        self._home.image = source
        self._copies = [place(region, key) for region, key in copies.items()]
        self.places = [self._home, *self._copies]

    def plan(self) -> None:
        """Tell the steps that are missing, and take none."""
        self._everywhere(self._find, self._copies)
        self._everywhere(self._look, self.places)
        for place in self.places:
            for step in missing(self._wish, place.before):
                self._took(place, step)
                place.present = done(place.present, step)

    def publish(self) -> bool:
        """Take the steps that are missing, as far as possible; return whether the image is published.

        It is not while copies are being made, for which there was no time to wait.

        Raises:
            Fault: Something could not be done. Everything else that could be is, but for what builds on it.
        """
        self._everywhere(self._find, self._copies)
        # What cannot be shared shows at once here, and not after an hour of copying.
        self._everywhere(partial(self._take, kinds=SHARING), [self._home])
        self._copy()
        self._everywhere(self._await, [place for place in self._copies if not place.available])
        if not all(place.available for place in self.places):
            return False
        most = {SHARE, SHARE_SNAPSHOT, DEPRECATE, PROTECT, PARAMETER}
        self._everywhere(partial(self._take, kinds=most), self.places)
        self._everywhere(partial(self._take, kinds={TAG}), self.places)
        return True

    def begin(self) -> None:
        """Begin the copies, as far as they can be: `publish` tells of what cannot. They are private until then."""
        with suppress(Fault):
            self._everywhere(self._find, self._copies)
            self._copy()

    def _copy(self) -> None:
        absent = [place for place in self._copies if place.image is None]
        encrypted = any((device.get("Ebs") or {}).get("Encrypted") for device in self._source["block_devices"])
        if self._wish.launch and encrypted:
            keyless = [place for place in absent if not place.kms_key]
            self._everywhere(self._check_key, keyless)
        self._everywhere(self._start, absent)

    def keep(self) -> None:
        """Mark what is there as good, so that no sweep takes it before somebody publishes it; as far as possible."""
        marks = {TAG_STATE: "verified", TAG_EXPIRES: NEVER}
        for place in self.places:
            image = place.image
            if image is not None and place.available and image["tags"].get(TAG_STATE) == "candidate":
                with suppress(Fault):
                    tag(place.client, image["id"], image["snapshots"], marks)

    def images(self) -> dict[str, dict[str, Any]]:
        """Return the images by region, as the module returns them."""
        keys = ("id", "snapshots", "state", "progress")
        return {place.region: {key: place.image[key] for key in keys} for place in self.places if place.image}

    def diff(self) -> dict[str, Any]:
        """Return what was there, and what is."""
        return {
            "before": {place.region: place.before.as_dict() for place in self.places},
            "after": {place.region: place.present.as_dict() for place in self.places},
        }

    def _everywhere(self, work: Callable[[Place], None], places: Iterable[Place]) -> None:
        """Do it in all these regions at once.

        Raises:
            Fault: It could not be done in some of them; each with its reason.
        """
        answers = at_once({place.region: partial(work, place) for place in places})
        faults = [f"{region}: {answer}" for region, answer in answers.items() if isinstance(answer, Fault)]
        if faults:
            raise Fault("; ".join(faults))

    def _find(self, place: Place) -> None:
        place.image = existing(place.client, place.region, self._build_id)

    def _check_key(self, place: Place) -> None:
        if copies_default_key(place.client):
            raise default_key_fault("a copy for which no kms_key is given")

    def _start(self, place: Place) -> None:
        place.image = start(
            place.client, place.region, self._source, self._build_id, name=self._name, kms_key=place.kms_key
        )
        self._took(place, Step(COPY, place.image["id"]))

    def _await(self, place: Place) -> None:
        if place.image is not None:
            left = max(self._deadline - time.monotonic(), 0.0)
            place.image = complete(place.client, place.image, self._build_id, left)

    def _look(self, place: Place) -> None:
        """Ask what the image is already; only for what is wished."""
        image = place.image
        if place.looked or image is None:
            return
        wish = self._wish
        value, place.parameter_kind = parameter(place.ssm, wish.parameter) if wish.parameter else ("", "")
        place.before = place.present = Present(
            image["id"],
            tuple(image["snapshots"]),
            launch_permissions(place.client, image["id"]) if wish.launch else frozenset(),
            {one: volume_permissions(place.client, one) for one in image["snapshots"]} if wish.volumes else {},
            moment(image["deprecates"] or ""),
            image["deregistration_protection"],
            value,
            image["tags"],
        )
        place.looked = True

    def _take(self, place: Place, kinds: Iterable[str]) -> None:
        self._look(place)
        for step in missing(self._wish, place.present):
            if step.kind in kinds:
                self._do(place, step)
                place.present = done(place.present, step)
                self._took(place, step)

    def _do(self, place: Place, step: Step) -> None:
        if step.kind == SHARE:
            share_image(place.client, step.subject, step.value)
        elif step.kind == SHARE_SNAPSHOT:
            share_snapshot(place.client, step.subject, step.value)
        elif step.kind == DEPRECATE:
            deprecate(place.client, step.subject, step.value)
        elif step.kind == PROTECT:
            protect(place.client, step.subject)
        elif step.kind == PARAMETER:
            set_parameter(place.ssm, step.subject, step.value, place.present.parameter, place.parameter_kind)
        elif step.kind == TAG:
            tag(place.client, step.subject, place.present.snapshots, step.value)

    def _took(self, place: Place, step: Step) -> None:
        self.steps.append({"region": place.region, "step": step.kind, "subject": step.subject})
