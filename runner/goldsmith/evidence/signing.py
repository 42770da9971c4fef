"""Signing and verifying evidence: DSSE envelopes (https://github.com/secure-systems-lab/dsse), ed25519 (RFC 8032)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from goldsmith.errors import EnvironmentFault, GoldsmithError, InputError

KEY = "GOLDSMITH_SIGNING_KEY"
"""Environment variable: path of the private key that signs."""
PASSPHRASE = "GOLDSMITH_SIGNING_PASSPHRASE"  # noqa: S105  the variable's name
"""Environment variable: passphrase of that key, where it has one."""
MEDIA_TYPE = "application/vnd.dsse.envelope.v1+json"

_MAKE_ONE = "goldsmith attest key PATH makes a pair of keys."
_PEM = serialization.Encoding.PEM
_OPENSSH = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)


@dataclass(frozen=True)
class Signer:
    """A private key, and the id of its public half."""

    key: Ed25519PrivateKey
    key_id: str


def signer(environ: Mapping[str, str] = os.environ) -> Signer | None:
    """Return what signs, by the environment variables `KEY` and `PASSPHRASE`; None where none is asked for.

    Raises:
        InputError: The key cannot be read, is no ed25519 private key in PEM or OpenSSH's form, or the passphrase is
            missing or wrong.
    """
    if not (named := environ.get(KEY)):
        return None
    path = Path(named).expanduser()
    content = _read(path, f"the signing key {path}, named by {KEY},")
    passphrase = environ.get(PASSPHRASE)
    load = serialization.load_ssh_private_key if b"BEGIN OPENSSH" in content else serialization.load_pem_private_key
    try:
        key = load(content, passphrase.encode() if passphrase else None)
    except TypeError as error:
        if passphrase:  # it has none: what is in the environment is for another key
            return signer({KEY: named})
        raise InputError(f"the signing key {path} is encrypted", f"Give its passphrase by {PASSPHRASE}.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if passphrase and (b"ENCRYPTED" in content or b"BEGIN OPENSSH" in content):
            raise InputError(
                f"the signing key {path} cannot be read with the passphrase in {PASSPHRASE}", "Is it the right one?"
            ) from error
        raise InputError(f"{path}, named by {KEY}, is no private key in PEM or OpenSSH's form", _MAKE_ONE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"the signing key {path} is no ed25519 key", _MAKE_ONE)
    return Signer(key, key_id(key.public_key()))


def key_id(key: Ed25519PublicKey) -> str:
    """Return by what a public key is known: the fingerprint that ``ssh-keygen -l`` shows, ``SHA256:…``."""
    blob = base64.b64decode(key.public_bytes(*_OPENSSH).split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def public_key(path: Path) -> Ed25519PublicKey:
    """Return a public key, in PEM or as OpenSSH writes it.

    Raises:
        InputError: The file cannot be read or is no ed25519 public key.
    """
    content = _read(path, f"the public key {path}")
    if b"PRIVATE KEY" in content:
        raise InputError(f"{path} is a private key", f"Name its public half, such as {path}.pub.")
    load = serialization.load_ssh_public_key if content.startswith(b"ssh-") else serialization.load_pem_public_key
    try:
        key = load(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path} is no public key in PEM or OpenSSH's form", _MAKE_ONE) from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path} is no ed25519 key", _MAKE_ONE)
    return key


def make_key(path: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Make a pair of keys: the private half at a path with mode 0600, the public one beside it as ``.pub``, both PEM.

    The private half is encrypted where `PASSPHRASE` is set.

    Returns:
        The id of the public key.

    Raises:
        InputError: One of the files is there already.
        EnvironmentFault: They cannot be written.
    """
    key, public = Ed25519PrivateKey.generate(), path.with_name(path.name + ".pub")
    passphrase = environ.get(PASSPHRASE)
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, encryption)
    shown = key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for place, content, mode in ((path, private, 0o600), (public, shown, 0o644)):
        try:
            with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123  a mode is needed
                file.write(content)
        except FileExistsError as error:
            raise InputError(f"{place} is there already", "Name another path: a key that is lost is lost.") from error
        except OSError as error:
            raise EnvironmentFault(f"{place} cannot be written: {error.strerror}") from error
    return key_id(key.public_key())


def envelope(payload: bytes, payload_type: str, by: Signer) -> dict[str, Any]:
    """Return the signed envelope of a payload."""
    signature = by.key.sign(_encoded(payload_type, payload))
    return {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": by.key_id, "sig": base64.b64encode(signature).decode()}],
    }


def opened(text: bytes, payload_type: str, key: Ed25519PublicKey) -> bytes:
    """Return the payload of an envelope that a key has signed.

    A signature's key id is a hint for people and proves nothing: every signature is tried with the key that is given.

    Raises:
        GoldsmithError: It is damaged, is of another type, or none of its signatures is that key's.
    """
    try:
        whole = json.loads(text)
        kind, payload = whole["payloadType"], _decoded(whole["payload"])
        signatures = [(str(one.get("keyid") or ""), _decoded(one["sig"])) for one in whole["signatures"]]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise GoldsmithError(
            "the envelope is damaged: it is no DSSE envelope", "Get it anew from its builder."
        ) from error
    if kind != payload_type:
        raise GoldsmithError(f"the envelope holds {kind!r} and not {payload_type}")
    for _name, signature in signatures:
        try:
            key.verify(signature, _encoded(str(kind), payload))
        except InvalidSignature:
            continue
        return payload
    wanted = key_id(key)
    named = [name for name, _signature in signatures]
    if wanted in named:
        raise GoldsmithError(f"the signature of {wanted} is not good: what it signed was altered, or the signature was")
    others = ", ".join(name or "a key without an id" for name in named) or "nobody"
    raise GoldsmithError(f"it is signed by {others}, and not by {wanted}", "Name the public key of who built it.")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)  # binascii.Error is a ValueError


def _encoded(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{what} cannot be read: {error.strerror}", _MAKE_ONE) from error
