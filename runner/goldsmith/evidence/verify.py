"""Verifying a build's evidence: who signed its provenance, and that what it names is what there is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from goldsmith.errors import GoldsmithError, InputError
from goldsmith.evidence.files import ENVELOPE, PROVENANCE
from goldsmith.evidence.provenance import PAYLOAD_TYPE, PREDICATE, STATEMENT
from goldsmith.evidence.signing import key_id, opened
from goldsmith.evidence.subjects import subjects
from goldsmith.registry import ArtifactRecord, Registry


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        what: ``signature``, ``provenance``, ``artifact``, or the name of a file.
        state: ``good``, ``bad``, or ``unknown`` where this machine cannot tell.
        message: How it is.
    """

    what: str
    state: Literal["good", "bad", "unknown"]
    message: str


@dataclass(frozen=True)
class Verified:
    """What came of verifying a build's evidence.

    Attributes:
        build: Id of the build; empty where nothing that is signed tells.
        envelope: The file that was read.
        checks: What was looked at, in order.
    """

    build: str
    envelope: Path
    checks: tuple[Check, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.state != "bad" for check in self.checks)


def envelope_of(name: str, registry: Registry) -> tuple[Path, str]:
    """Return the envelope that a user names, a file or a build whose record has one, and the id of that build.

    Raises:
        InputError: No build is meant by it.
        GoldsmithError: The build's provenance was not signed, or it made nothing.
    """
    if (path := Path(name)).is_file():
        return path, ""
    build = registry.find_build(name).id
    evidence = registry.evidence(build)
    if "envelope" in evidence:
        return Path(evidence["envelope"].file), build
    if "provenance" in evidence:
        raise GoldsmithError(
            f"the provenance of {build} was not signed", "A build signs it when GOLDSMITH_SIGNING_KEY names a key."
        )
    raise GoldsmithError(f"{build} has no provenance: it made no image, or was built by an older Goldsmith")


def verify(envelope: Path, key: Ed25519PublicKey, registry: Registry, asked: str = "") -> Verified:
    """Verify an envelope, the files beside it that it names, and that its subjects are the artifact that is recorded.

    What is not signed is not believed: without a good signature nothing else is looked at.

    Args:
        envelope: The file.
        key: The public key of who is to have signed.
        registry: Where the build may be recorded.
        asked: Id of the build that it is to be of; empty for any.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        text = envelope.read_bytes()
    except OSError as error:
        raise InputError(f"{envelope} cannot be read: {error.strerror}") from error
    try:
        payload = opened(text, PAYLOAD_TYPE, key)
    except GoldsmithError as error:
        return Verified("", envelope, (Check("signature", "bad", str(error).replace("\n", ". ")),))
    signature = Check("signature", "good", f"good, by {key_id(key)}")
    try:
        statement = _statement(payload)
        build = str(statement["predicate"]["runDetails"]["metadata"]["invocationId"])
        if asked not in ("", build):
            raise ValueError(f"it is that of build {build}, and not of {asked}")
        checks = [signature, *_files(statement, payload, envelope), _artifact(statement, build, registry)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        wrong = Check("provenance", "bad", f"what is signed is not the provenance: {error}")
        return Verified("", envelope, (signature, wrong))
    return Verified(build, envelope, tuple(checks))


def _statement(payload: bytes) -> Mapping[str, Any]:
    statement: Mapping[str, Any] = json.loads(payload)
    if (statement["_type"], statement["predicateType"]) != (STATEMENT, PREDICATE):
        raise ValueError(f"it is of type {statement['predicateType']}")
    return statement


def _files(statement: Mapping[str, Any], payload: bytes, envelope: Path) -> Iterator[Check]:
    """Compare the files beside the envelope with what is signed: the plain copy, and the by-products."""
    folder = envelope.parent
    if envelope.name == ENVELOPE:
        yield _compared(folder / PROVENANCE, hashlib.sha256(payload).hexdigest())
    for one in statement["predicate"]["runDetails"]["byproducts"]:
        # Only a name: a path would lead out of the folder.
        yield _compared(folder / Path(str(one["name"])).name, str(one["digest"]["sha256"]))


def _compared(path: Path, signed: str) -> Check:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return Check(path.name, "bad", f"cannot be read: {error.strerror}")
    if found != signed:
        return Check(path.name, "bad", f"was altered: its SHA-256 is {found}, and {signed} was signed")
    return Check(path.name, "good", f"is what was signed, SHA-256 {signed}")


def _artifact(statement: Mapping[str, Any], build: str, registry: Registry) -> Check:
    signed = {str(one["name"]): str(one["digest"]["sha256"]) for one in statement["subject"]}
    try:
        record = registry.find_build(build)
    except InputError:
        return Check("artifact", "unknown", f"build {build} is not recorded here; signed is {_listed(signed)}")
    found = _digests(record.artifacts)
    if not found:
        return Check("artifact", "bad", f"build {build} is recorded without an artifact; signed is {_listed(signed)}")
    if set(signed.values()) != set(found.values()):
        return Check("artifact", "bad", f"another one is recorded: {_listed(found)}; signed is {_listed(signed)}")
    return Check("artifact", "good", f"is the one recorded: {_listed(signed)}")


def _digests(artifacts: Sequence[ArtifactRecord]) -> dict[str, str]:
    return {
        one["name"]: one["digest"]["sha256"] for artifact in artifacts for one in subjects(artifact, artifact.identity)
    }


def _listed(digests: Mapping[str, str]) -> str:
    return ", ".join(f"{name} sha256:{digest}" for name, digest in sorted(digests.items()))
