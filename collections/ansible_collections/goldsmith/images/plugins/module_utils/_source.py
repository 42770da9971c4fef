# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an image's operating system comes from, resolved to an immutable image in the engine."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import IO, Any, Callable, ContextManager, Mapping, NamedTuple, Protocol, TypeVar, cast

from ansible_collections.goldsmith.images.plugins.module_utils._archive import image_archive
from ansible_collections.goldsmith.images.plugins.module_utils._docker import LABEL_SOURCE
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._locks import Lock
from ansible_collections.goldsmith.images.plugins.module_utils._mmdebstrap import cache_folder

with suppress(ImportError):  # `_docker.run` tells the user
    from docker.errors import APIError, ImageNotFound
    from docker.utils import parse_repository_tag

_ID = re.compile(r"^(sha256:)?[0-9a-f]{64}$")
_LOADED = re.compile(r"Loaded image(?: ID)?: (\S+)")


class _Refusal(NamedTuple):
    pattern: str
    meaning: str


_REFUSALS = (
    _Refusal(
        r"unauthorized|authentication required|no basic auth|denied|forbidden|incorrect username|\b40[13]\b",
        "the registry refuses {name}: {reason}\nIs the name right? Log in to {registry} on this machine (docker login) "
        "with an account that may read it.",
    ),
    _Refusal(
        r"no matching manifest|does not match the specified platform|no match for platform",
        "{name} is not there for the platform {platform}: {reason}\nChoose a platform that the image is built for.",
    ),
    _Refusal(
        r"manifest unknown|not found|name unknown|no such image",
        "there is no image {name}: {reason}\nCheck its name and tag.",
    ),
    _Refusal(
        r"invalid reference|invalid repository name|repository name must|invalid tag",
        "{name!r} is not the name of an image: {reason}",
    ),
    _Refusal(
        r"dial tcp|no such host|connection (refused|reset)|time(d )?out|deadline|\bEOF\b|x509|\btls\b|no route to host"
        r"|server gave HTTP response|network is unreachable|request canceled",
        "the registry {registry} of {name} cannot be reached: {reason}\nIs the network up, and a proxy needed "
        "(the engine's own setting)? An image that is in the engine already is used with `pull: missing` or `never`.",
    ),
)
"""What engines and registries say, and what it means to the user; the first that fits counts."""


def describe(image: Mapping[str, Any], reference: str, kind: str) -> dict[str, Any]:
    """Return an image of the engine as a module returns it."""
    digests = image.get("RepoDigests") or []
    same_repository = [one for one in digests if one.partition("@")[0] == _repository(reference)]
    return {
        "id": image["Id"],
        "digest": next(iter(same_repository or digests), None),
        "reference": reference,
        "kind": kind,
        "architecture": image.get("Architecture") or "",
        "os": image.get("Os") or "",
        "config": image.get("Config") or {},
        "layers": (image.get("RootFS") or {}).get("Layers") or [],
        "size": image.get("Size") or 0,
        "created": image.get("Created") or "",
    }


def _repository(reference: str) -> str:
    return str(parse_repository_tag(reference)[0])


def local(client: Any, reference: str) -> dict[str, Any] | None:
    """Return what the engine knows of an image by name or (short) id, or None."""
    if not reference.strip():
        raise Fault("the name of the image is empty: give a name, or an id.")
    try:
        return cast("dict[str, Any]", client.api.inspect_image(reference))
    except ImageNotFound:
        return None
    except APIError as error:
        raise Fault(f"{reference!r} is not the name of an image: {error.explanation or error}") from error


def is_id(image: Mapping[str, Any], reference: str) -> bool:
    """Tell whether an image was found by its id, not by a name."""
    return bool(image["Id"].startswith(reference) or image["Id"].partition(":")[2].startswith(reference))


def fits(image: Mapping[str, Any], platform: str | None) -> bool:
    """Tell whether an image is of a platform, such as ``linux/arm/v7``; None fits all."""
    if not platform:
        return True
    wanted = platform.split("/")
    if len(wanted) == 1:
        return platform in (image.get("Os"), image.get("Architecture"))
    found = [image.get("Os"), image.get("Architecture"), image.get("Variant") or ""]
    return wanted == found[: len(wanted)]


def must_pull(found: Mapping[str, Any] | None, name: str, policy: str, platform: str | None) -> bool:
    """Tell whether the registry must be asked for an image.

    Raises:
        Fault: It must be asked but may not.
    """
    usable = found is not None and fits(found, platform)
    if usable and (policy != "always" or (found is not None and is_id(found, name))):
        return False
    if _ID.match(name):
        raise Fault(
            f"there is no image with the id {name} in this engine"
            + (f" for the platform {platform}" if found else "")
            + ". An id cannot be pulled: give a name, or build the image here first."
        )
    if policy == "never":
        raise Fault(
            f"the image {name} is "
            + (f"in this engine, but not for the platform {platform}" if found else "not in this engine")
            + f", and `pull: never` forbids to ask a registry. Pull it (docker pull {name}) or set `pull: missing`."
        )
    return True


def pull(client: Any, name: str, platform: str | None) -> dict[str, Any]:
    """Pull an image with the credentials of the Docker configuration.

    Raises:
        Fault: The registry does not give it.
    """
    repository, tag = parse_repository_tag(name)
    try:
        events = client.api.pull(repository, tag=tag or "latest", stream=True, decode=True, platform=platform)
        errors = [event["error"] for event in events if event.get("error")]
    except APIError as error:
        raise refusal(name, str(error.explanation or error), platform) from error
    if errors:
        raise refusal(name, errors[-1], platform)
    found = local(client, name)
    if found is None:
        raise Fault(f"{name} was pulled, but is not in the engine; did somebody remove it at the same moment?")
    if not fits(found, platform):
        got = "/".join(filter(None, (found["Os"], found["Architecture"], found.get("Variant"))))
        raise Fault(f"the registry has {name} for {got} only, not for {platform}.")
    return found


def refusal(name: str, reason: str, platform: str | None) -> Fault:
    """Return what it means to the user that an image was not given."""
    first, _slash, path = _repository(name).partition("/")
    registry = first if path and re.search(r"[.:]|^localhost$", first) else "docker.io"
    # The name itself stands in what they say, and may hold any of these words.
    said = reason.replace(path or first, "")
    for pattern, meaning in _REFUSALS:
        if re.search(pattern, said, re.IGNORECASE):
            return Fault(meaning.format(name=name, reason=reason, registry=registry, platform=platform))
    return Fault(f"{name} cannot be pulled from {registry}: {reason}")


class Recipe(Protocol):
    """What a base is made from: a digest of all that decides what it is like, its tag, and its image document."""

    @property
    def key(self) -> str: ...

    @property
    def reference(self) -> str: ...

    def document(self, layer: str) -> bytes: ...


_Recipe = TypeVar("_Recipe", bound=Recipe)


def base(client: Any, recipe: Recipe) -> dict[str, Any] | None:
    """Return the base made by this recipe before, or None.

    The label alone would not do: every image that was built on the base inherits it.
    """
    found = local(client, recipe.reference)
    labels = ((found or {}).get("Config") or {}).get("Labels") or {}
    return found if labels.get(LABEL_SOURCE) == recipe.key else None


def make_base(
    client: Any, recipe: _Recipe, built: Callable[[_Recipe], ContextManager[tuple[IO[bytes], str]]]
) -> tuple[dict[str, Any], bool]:
    """Make a base, unless another process has made it meanwhile, and tag it.

    Args:
        client: A connected client.
        recipe: What it is made from.
        built: Makes it: gives a tar of the root file system, and the tar's ``sha256:…``.

    Returns:
        The image, and whether this call made it.

    Raises:
        Fault: It cannot be made, or the engine does not take it.
    """
    with Lock(cache_folder() / f"base-{recipe.key}.lock"):
        found = base(client, recipe)
        if found is not None:
            return found, False
        with built(recipe) as (tar, digest):
            archive = image_archive(recipe.document(digest), [tar])
            items = list(client.api.load_image(archive, quiet=True))
        errors = [item["error"] for item in items if item.get("error")]
        names = [match[1] for item in items if (match := _LOADED.search(item.get("stream") or ""))]
        if errors or not names:
            raise Fault(f"the engine did not take the base: {'; '.join(errors) or 'it names no image'}. See its log.")
        client.api.tag(names[-1], *recipe.reference.split(":"), force=True)
        image = local(client, recipe.reference)
        if image is None:
            raise Fault(f"{recipe.reference} was made, but is gone; did somebody remove it at the same moment?")
        return image, True
