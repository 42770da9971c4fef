# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a build: made here once, imported once, and never mistaken for another's."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault
from ansible_collections.goldsmith.images.plugins.module_utils._ec2_key import import_pair, prepare
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._keepsakes import Keepsakes

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"


@pytest.fixture
def keepsakes(tmp_path: Path) -> Keepsakes:
    return Keepsakes("b", tmp_path)


def test_key_is_one_that_ssh_takes(keepsakes: Keepsakes) -> None:
    public = prepare(keepsakes, keepsakes.key)

    told = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", keepsakes.key], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == public.split()
    assert public.startswith("ssh-ed25519 ")
    assert stat.S_IMODE(keepsakes.key.stat().st_mode) == 0o600
    assert keepsakes.made_key == keepsakes.key


def test_next_run_takes_the_same_key(keepsakes: Keepsakes) -> None:
    assert prepare(keepsakes, keepsakes.key) == prepare(keepsakes, keepsakes.key)


def test_key_that_was_noted_and_not_written_is_made(keepsakes: Keepsakes) -> None:
    keepsakes.remember(keepsakes.key)

    assert prepare(keepsakes, keepsakes.key).startswith("ssh-ed25519 ")


@pytest.mark.parametrize("kind", ["file", "link"])
def test_file_of_somebody_else_is_never_written_over(keepsakes: Keepsakes, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "id"
    if kind == "file":
        path.write_text("precious")
    else:
        path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Fault, match="was not made for this build"):
        prepare(keepsakes, path)

    assert not (tmp_path / "elsewhere").exists()
    assert kind == "link" or path.read_text() == "precious"
    keepsakes.discard()
    assert path.is_symlink() or path.exists()


def test_key_that_cannot_be_written_is_said_so(keepsakes: Keepsakes, tmp_path: Path) -> None:
    with pytest.raises(Fault, match="Name another key_file"):
        prepare(keepsakes, tmp_path / "missing" / "id")


def test_key_that_was_spoiled_is_said_so(keepsakes: Keepsakes) -> None:
    prepare(keepsakes, keepsakes.key)
    keepsakes.key.write_text("spoiled")

    with pytest.raises(Fault, match="cannot be read"):
        prepare(keepsakes, keepsakes.key)


class Client:
    """EC2 with a key pair of the name, or without."""

    def __init__(self, there: str | None = None, refusal: str = "") -> None:
        self.there, self.refusal = there, refusal
        self.imported: dict[str, Any] = {}

    def import_key_pair(self, **asked: Any) -> dict[str, Any]:
        code = self.refusal or ("InvalidKeyPair.Duplicate" if self.there else "")
        if code:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "ImportKeyPair")
        self.imported = asked
        return {"KeyPairId": "key-1"}

    def describe_key_pairs(self, **_asked: Any) -> dict[str, Any]:
        return {"KeyPairs": [{"KeyPairId": "key-0", "PublicKey": self.there}]}


def test_public_half_alone_is_imported_with_its_name_and_tags() -> None:
    client = Client()

    assert import_pair(client, "goldsmith-b", PUBLIC, {"a": "b"}) == "key-1"
    assert client.imported == {
        "KeyName": "goldsmith-b",
        "PublicKeyMaterial": f"{PUBLIC} goldsmith-b".encode(),
        "TagSpecifications": [{"ResourceType": "key-pair", "Tags": [{"Key": "a", "Value": "b"}]}],
    }


def test_pair_whose_import_was_not_answered_is_found() -> None:
    assert import_pair(Client(f"{PUBLIC} goldsmith-b"), "goldsmith-b", PUBLIC, {}) == "key-0"


def test_pair_whose_private_half_is_elsewhere_is_said_so() -> None:
    with pytest.raises(Fault, match="its private half is not on this machine"):
        import_pair(Client("ssh-ed25519 BBBB goldsmith-b"), "goldsmith-b", PUBLIC, {})


def test_refused_import_is_said_so() -> None:
    with pytest.raises(AwsFault, match="cannot import the key pair"):
        import_pair(Client(refusal="KeyPairLimitExceeded"), "goldsmith-b", PUBLIC, {})
