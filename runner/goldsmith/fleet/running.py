"""What was found to run, whatever it was found by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["container", "instance", "host"]


@dataclass(frozen=True)
class Running:
    """Something that runs an image.

    Attributes:
        kind: What it is.
        place: Where it was found: an engine's address, ``account/region``, an inventory.
        name: What it is called there.
        image: The image it was started from, as it is called there.
        identities: Image ids, digests and AMI ids, each of which alone tells the image. Nobody who makes an image can
            choose them.
        build: Id of the build that its own stamp names, where it cannot be asked for an identity: it is its word.
    """

    kind: Kind
    place: str
    name: str
    image: str
    identities: tuple[str, ...] = ()
    build: str = ""


@dataclass(frozen=True)
class Unreached:
    """What could not be asked.

    Attributes:
        place: Engine, account and region, or inventory.
        name: The host of an inventory; empty for the whole place.
        reason: Why.
    """

    place: str
    name: str
    reason: str


@dataclass(frozen=True)
class Found:
    """What was found in a place.

    Attributes:
        running: What runs there.
        unreached: What could not be asked.
        passed_over: How many machines of builds and of labs there are; they come and go with these.
    """

    running: Sequence[Running] = ()
    unreached: Sequence[Unreached] = ()
    passed_over: int = 0


def merge(found: Sequence[Found]) -> Found:
    """Return what was found in several places as one."""
    return Found(
        [one for place in found for one in place.running],
        [one for place in found for one in place.unreached],
        sum(place.passed_over for place in found),
    )
