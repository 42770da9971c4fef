"""What a statement is about: an artifact's names and digests, as in-toto has them. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

_HEX = frozenset("0123456789abcdef")


class Known(Protocol):
    """What is known of an artifact: of a build's result, or of a record of the registry."""

    @property
    def type(self) -> str:
        """Kind of artifact."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Names it was given."""

    @property
    def digests(self) -> Mapping[str, str]:
        """Digest by reference."""

    @property
    def region(self) -> str | None:
        """Region of a cloud."""

    @property
    def account(self) -> str | None:
        """Account of a cloud."""

    @property
    def details(self) -> Mapping[str, Any]:
        """What else the target told."""


def subjects(artifact: Known, identity: str) -> list[dict[str, Any]]:
    """Return an artifact's subjects (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md).

    A container image is known by the digest of its configuration, which is its id in an engine, and by that of its
    manifest in each repository it was pushed to. EC2 tells no digest of what is in an AMI; its id and those of its
    snapshots never come to mean something else, so the digest is that of their names, and an annotation says so.

    Args:
        artifact: What is known of it.
        identity: Its immutable identity: an image id, an AMI id.
    """
    if artifact.type == "ec2":
        return list(_images(artifact, identity))
    found = []
    if digest := sha256_of(identity):
        found.append({"name": artifact.tags[0] if artifact.tags else identity, "digest": {"sha256": digest}})
    else:
        found.append(_named(identity, {"id": identity, "type": artifact.type}))
    for reference, pushed in sorted(artifact.digests.items()):
        if digest := sha256_of(pushed):
            found.append({"name": reference, "digest": {"sha256": digest}})
    return found


def _images(artifact: Known, identity: str) -> Iterator[dict[str, Any]]:
    copies: Mapping[str, Any] = artifact.details.get("images") or {}
    home = {"id": identity, "snapshots": artifact.details.get("snapshots") or []}
    for region, image in sorted({**copies, str(artifact.region): home}.items()):
        known = {
            "account": artifact.account,
            "id": image["id"],
            "region": region,
            "snapshots": sorted(image.get("snapshots") or []),
        }
        yield _named(f"arn:aws:ec2:{region}:{artifact.account or ''}:image/{image['id']}", known)


def _named(name: str, known: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(known, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"name": name, "digest": {"sha256": digest}, "annotations": {"digest_of": text}}


def sha256_of(text: str) -> str:
    """Return the hexadecimal digest in ``sha256:…``, or alone; empty where there is none."""
    digest = text.removeprefix("sha256:")
    return digest if len(digest) == 64 and _HEX.issuperset(digest) else ""
