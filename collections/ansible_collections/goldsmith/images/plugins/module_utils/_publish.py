# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References of images, and pushing them to their registry."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Iterable, Mapping, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

with suppress(ImportError):  # _docker.run tells the user
    from docker.errors import APIError

# The grammar of https://github.com/distribution/reference/blob/main/reference.go
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_HOST_PATTERN = re.compile(_HOST)
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")

_UNREACHABLE = re.compile(
    r"connection refused|no such host|i/o timeout|deadline exceeded|no route|network is unreachable|dial tcp|tls:|x509"
    r"|server gave HTTP response|connection reset|\bEOF\b|Client\.Timeout|Bad Gateway|Service Unavailable",
    re.IGNORECASE,
)
_DENIED = re.compile(r"unauthorized|denied|authentication required|no basic auth|forbidden|\b40[13]\b", re.IGNORECASE)
_UNKNOWN = re.compile(r"name unknown|not known to registry|repository .*not found|name invalid|\b404\b", re.IGNORECASE)


class RefusedError(Exception):
    """A registry did not take a push; the text is the registry's own reason."""


def references(repository: str, tags: Sequence[str]) -> list[str]:
    """Return ``repository:tag`` for each tag, once.

    Raises:
        Fault: One of them is not what registries take; all problems at once.
    """
    problems = []
    registry = registry_of(repository)
    path = repository[len(registry) + 1 :] if repository.startswith(registry + "/") else repository
    if not _HOST_PATTERN.fullmatch(registry) or not _PATH.fullmatch(path) or len(path) > 255:
        problems.append(
            f"the repository {repository!r} is not valid: give [HOST[:PORT]/]PATH, where PATH has lower-case letters, "
            f"digits, and single '.', '_' or '-' between them, in parts separated by '/', and no tag"
        )
    for tag in tags:
        if not _TAG.fullmatch(tag):
            proposal = re.sub(r"[^A-Za-z0-9_.-]+", "-", tag).lstrip(".-")[:128]
            problems.append(
                f"the tag {tag!r} is not valid: a tag has letters, digits, '_', '.' and '-', at most 128, and begins "
                f"with none of '.' and '-'" + (f". {proposal!r} would do" if proposal else "")
            )
    if problems:
        raise Fault("; ".join(problems) + ".")
    return [f"{repository}:{tag}" for tag in dict.fromkeys(tags)]


def registry_of(repository: str) -> str:
    """Return the registry's host, by the engine's rule: the first part if it has a dot or a port, or is localhost."""
    first, slash, _rest = repository.partition("/")
    return first if slash and (re.search(r"[.:]", first) or first == "localhost") else "docker.io"


def published_digest(api: Any, reference: str, image: Mapping[str, Any]) -> str | None:
    """Return the digest that the reference has in its registry, if it is that of this image.

    Args:
        api: The engine's API, which asks the registry with the user's credentials.
        reference: With a tag.
        image: The inspected image.
    """
    known = {digest.partition("@")[2] for digest in image.get("RepoDigests") or []}
    if not known:
        return None
    try:
        digest = api.inspect_distribution(reference)["Descriptor"]["digest"]
    except (APIError, KeyError):  # not there, or not to be told: the push will show
        return None
    return digest if digest in known else None


def push(api: Any, reference: str) -> str:
    """Push a reference and return its digest.

    Raises:
        RefusedError: The registry did not take it.
    """
    repository, _colon, tag = reference.rpartition(":")
    digest = ""
    try:
        for item in api.push(repository, tag=tag, stream=True, decode=True):
            if item.get("error"):
                raise RefusedError(item["error"])
            digest = (item.get("aux") or {}).get("Digest") or digest
    except APIError as error:
        raise RefusedError(error.explanation or str(error)) from error
    return digest or _recorded_digest(api, reference)


def _recorded_digest(api: Any, reference: str) -> str:
    """Return the digest that the engine noted after a push; some engines do not report it in the push's own output."""
    for known in api.inspect_image(reference).get("RepoDigests") or []:
        name, _at, digest = known.partition("@")
        if name == reference.rpartition(":")[0]:
            return str(digest)
    raise RefusedError("the push ended without a digest, so the registry may not have the image")


def refusal(reference: str, reason: str, image: str, tagged: Sequence[str], missing: Iterable[str]) -> str:
    """Return what to tell the user after a push that failed.

    Args:
        reference: Whose push failed.
        reason: In the registry's own words.
        image: The image's id.
        tagged: All its local references.
        missing: Those that the registry does not have.
    """
    registry = registry_of(reference)
    reason = reason.strip().rstrip(".")
    if _UNREACHABLE.search(reason):
        what = f"the registry {registry} cannot be reached to push {reference}: {reason}."
        advice = "Check its address and the network"
    elif _DENIED.search(reason):
        what = f"the registry {registry} denied the push of {reference}: {reason}."
        login = "docker login" if registry == "docker.io" else f"docker login {registry}"
        advice = f"Log in by `{login}` as a user who may write there"
    elif _UNKNOWN.search(reason):
        what = f"the registry {registry} has no repository for {reference}: {reason}."
        advice = "Create the repository there, or mend its name"
    else:
        what = f"the registry {registry} refused the push of {reference}: {reason}."
        advice = "Mend that"
    commands = " && ".join(f"docker push {name}" for name in missing)
    return (
        f"{what} The image {image} and its local tags {', '.join(tagged)} stay. {advice}, then push again: {commands}"
    )
