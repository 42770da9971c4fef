from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from goldsmith.errors import GoldsmithError, InputError
from goldsmith.evidence.signing import KEY, PASSPHRASE, Signer, envelope, make_key, opened, public_key, signer

TYPE = "application/vnd.in-toto+json"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_key(tmp_path / "key", {})
    return tmp_path / "key"


def signing(path: Path, **environ: str) -> Signer:
    found = signer({KEY: str(path), **environ})
    assert found
    return found


def public(path: Path) -> Path:
    return path.with_name(path.name + ".pub")


def test_what_one_half_of_a_pair_signs_the_other_opens(key: Path) -> None:
    text = json.dumps(envelope(b'{"a": 1}', TYPE, signing(key))).encode()
    assert opened(text, TYPE, public_key(public(key))) == b'{"a": 1}'


def test_signatures_are_those_of_dsse(key: Path) -> None:
    whole = envelope(b"hello world", "http://example.com/HelloWorld", signing(key))
    # The encoding is the example of https://github.com/secure-systems-lab/dsse/blob/master/protocol.md.
    said = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    public_key(public(key)).verify(base64.b64decode(whole["signatures"][0]["sig"]), said)


def test_a_private_key_is_its_owner_s_and_never_overwritten(key: Path) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InputError, match="key is there already"):
        make_key(key, {})


def test_keys_of_openssh_work_and_are_called_as_openssh_calls_them(tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", key], check=True, capture_output=True, text=True).stdout
    found = signing(key)
    assert found.key_id == shown.split()[1]
    assert opened(json.dumps(envelope(b"x", TYPE, found)).encode(), TYPE, public_key(public(key))) == b"x"


@pytest.mark.parametrize("form", ["pem", "openssh"])
def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path, form: str) -> None:
    key = tmp_path / "key"
    if form == "pem":
        make_key(key, {PASSPHRASE: "open sesame"})
    else:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", key], check=True)
    assert signing(key, **{PASSPHRASE: "open sesame"}).key_id
    with pytest.raises(InputError, match=rf"is encrypted\nGive its passphrase by {PASSPHRASE}"):
        signing(key)
    with pytest.raises(InputError, match="cannot be read with the passphrase"):
        signing(key, **{PASSPHRASE: "wrong"})


def test_a_passphrase_that_a_key_does_not_need_does_no_harm(key: Path) -> None:
    assert signing(key, **{PASSPHRASE: "of another"}).key_id == signing(key).key_id


def test_nothing_signs_where_no_key_is_named() -> None:
    assert signer({}) is None


def test_what_is_no_ed25519_private_key_is_refused(tmp_path: Path, key: Path) -> None:
    rsa = tmp_path / "rsa"
    rsa.write_bytes(
        generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(InputError, match="rsa is no ed25519 key"):
        signing(rsa)
    with pytest.raises(InputError, match="is no private key in PEM"):
        signing(public(key))
    with pytest.raises(InputError, match="cannot be read: No such file"):
        signing(tmp_path / "missing")


def test_a_private_key_given_for_a_public_one_is_said(tmp_path: Path, key: Path) -> None:
    with pytest.raises(InputError, match=r"key is a private key\nName its public half"):
        public_key(key)
    (tmp_path / "text").write_text("no key")
    with pytest.raises(InputError, match="is no public key"):
        public_key(tmp_path / "text")


def test_an_envelope_that_was_altered_is_told_from_one_that_another_signed(tmp_path: Path, key: Path) -> None:
    whole = envelope(b"payload", TYPE, signing(key))
    altered = whole | {"payload": base64.b64encode(b"another").decode()}
    with pytest.raises(GoldsmithError, match="is not good: what it signed was altered"):
        opened(json.dumps(altered).encode(), TYPE, public_key(public(key)))
    make_key(tmp_path / "other", {})
    with pytest.raises(
        GoldsmithError, match=rf"signed by {signing(key).key_id.replace('+', '[+]')}, and not by SHA256:"
    ):
        opened(json.dumps(whole).encode(), TYPE, public_key(tmp_path / "other.pub"))
    with pytest.raises(GoldsmithError, match="holds 'text/plain' and not"):
        opened(json.dumps(whole | {"payloadType": "text/plain"}).encode(), TYPE, public_key(public(key)))
    with pytest.raises(GoldsmithError, match="signed by nobody"):
        opened(json.dumps(whole | {"signatures": []}).encode(), TYPE, public_key(public(key)))


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"\xff", b'{"payloadType": "x", "payload": "?", "signatures": []}', b'{"payload": 7}']
)
def test_what_is_no_envelope_is_said_to_be_damaged(text: bytes, key: Path) -> None:
    with pytest.raises(GoldsmithError, match="is damaged") as caught:
        opened(text, TYPE, public_key(public(key)))
    assert caught.value.exit_code == 1
