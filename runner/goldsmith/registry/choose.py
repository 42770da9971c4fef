"""Choosing among records by what a user asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from goldsmith.errors import InputError
from goldsmith.registry.records import BuildRecord, ImageSummary, VersionDetail


def chosen(
    images: Iterable[ImageSummary],
    *,
    name: str | None = None,
    platform: str | None = None,
    target: str | None = None,
    channel: str | None = None,
    state: str | None = None,
) -> tuple[ImageSummary, ...]:
    """Return the images that have all that is given.

    Args:
        images: The images.
        name: Shell pattern for the name.
        platform: A platform of the newest version.
        target: A target of the newest version.
        channel: Name of a channel that points at any version.
        state: State of the newest version, or ``revoked``.
    """
    return tuple(
        image
        for image in images
        if (name is None or fnmatchcase(image.name, name))
        and (platform is None or platform in image.platforms)
        and (target is None or target in image.targets)
        and (channel is None or channel in image.channels)
        and (state is None or state == ("revoked" if image.revocation else image.state))
    )


def pairs(
    before: VersionDetail, after: VersionDetail, *, platform: str | None = None, target: str | None = None
) -> list[tuple[BuildRecord, BuildRecord]]:
    """Return the builds of two versions that are of the same platform and target.

    Raises:
        InputError: There are none.
    """
    old, new = ({(build.platform, build.target): build for build in one.builds} for one in (before, after))
    both = [
        (old[place], new[place])
        for place in sorted(old.keys() & new.keys())
        if platform in (None, place[0]) and target in (None, place[1])
    ]
    if not both:
        raise InputError(
            f"{before.version} and {after.version} have no build of the same platform and target",
            f"{before.version} has {_places(old)}; {after.version} has {_places(new)}.",
        )
    return both


def _places(builds: Iterable[tuple[str, str]]) -> str:
    return ", ".join(sorted("/".join(place) for place in builds)) or "none"
