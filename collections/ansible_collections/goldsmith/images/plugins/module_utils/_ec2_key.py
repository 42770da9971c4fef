# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key pair of a temporary machine: made on this machine, its public half imported, its private half never sent."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault, call, tag_specifications
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._keepsakes import Keepsakes, write_new

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_ssh_private_key,
    )
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    CRYPTOGRAPHY_IMPORT_ERROR = None


def prepare(keepsakes: Keepsakes, path: Path) -> str:
    """Make a key and write its private half to a file, or take the one that was made for this build before.

    Args:
        keepsakes: The files of the build; they note that the key is its own.
        path: File of the private half; only this user may read it.

    Returns:
        The public half in OpenSSH's form, without a comment.

    Raises:
        Fault: The file is not of this build, or cannot be written.
    """
    ours = keepsakes.made_key == path
    if ours and path.exists():
        return _public_half(path)
    if path.exists() or path.is_symlink():
        raise Fault(
            f"{path} is there already and was not made for this build. Name another key_file; a key that you have is "
            "used by naming it together with its key pair's key_name."
        )
    keepsakes.remember(path)
    key = Ed25519PrivateKey.generate()
    try:
        write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    except OSError as error:
        raise Fault(f"the private key cannot be written to {path}: {error}. Name another key_file.") from error
    return _openssh(key)


def _public_half(path: Path) -> str:
    try:
        return _openssh(load_ssh_private_key(path.read_bytes(), None))
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise Fault(
            f"the private key {path} of this build cannot be read: {error}. Release the build first."
        ) from error


def _openssh(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


@call("import the key pair")
def _import(client: Any, name: str, public: str, tags: Mapping[str, str]) -> str:
    imported = client.import_key_pair(
        KeyName=name,
        PublicKeyMaterial=f"{public} {name}".encode(),
        TagSpecifications=tag_specifications(["key-pair"], tags),
    )
    return str(imported["KeyPairId"])


@call("look at the key pair")
def _describe(client: Any, name: str) -> dict[str, Any]:
    return dict(client.describe_key_pairs(KeyNames=[name], IncludePublicKey=True)["KeyPairs"][0])


def import_pair(client: Any, name: str, public: str, tags: Mapping[str, str]) -> str:
    """Import a public key, or find it imported before; return the key pair's id.

    Args:
        client: EC2's client.
        name: The key pair's name, which belongs to the build, and the key's comment.
        public: The public key in OpenSSH's form.
        tags: The key pair's tags.

    Raises:
        Fault: AWS refuses, or another key bears the name.
    """
    try:
        return str(_import(client, name, public, tags))
    except AwsFault as fault:
        if fault.code != "InvalidKeyPair.Duplicate":
            raise
    # Imported by an earlier run, or by a call whose answer was lost.
    found = _describe(client, name) or {}
    if found.get("PublicKey", public).split()[:2] != public.split()[:2]:
        raise Fault(
            f"the key pair {name} is in the account, but its private half is not on this machine: this build was begun "
            "elsewhere, or before this machine was restarted. Release it first (state=absent), then begin again."
        )
    return str(found["KeyPairId"])
