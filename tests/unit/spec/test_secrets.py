"""Secrets are read by name, and no message gives one away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from goldsmith.errors import EnvironmentFault, GoldsmithError, InputError
from goldsmith.spec import lookups, resolve

PASSWORD = "correct horse"


@pytest.fixture
def vault(folder: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that writes an encrypted file which Ansible is set up to open."""
    from ansible.parsing.vault import VaultLib, VaultSecret

    monkeypatch.delenv("ANSIBLE_VAULT_IDENTITY_LIST", raising=False)
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(folder.write("password", PASSWORD + "\n")))

    def write(text: str, password: str = PASSWORD, name: str = "secrets.yml") -> Path:
        encrypted = VaultLib([("default", VaultSecret(password.encode()))]).encrypt(text)
        return Path(folder.write(name, encrypted.decode()))

    return write


def test_a_secret_comes_from_the_environment(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", " s3cret ")
    assert resolve(folder.load("secrets: {db: {env: DB_PASSWORD}}\n").spec) == {"db": " s3cret "}


def test_a_secret_comes_from_a_vault_file_by_its_name_or_a_key(folder: Any, vault: Any) -> None:
    vault("db: s3cret\nport: 1234\nother: 'yes'\n")
    text = (
        "secrets: {db: {vault: secrets.yml}, p: {vault: secrets.yml, key: port}, o: {vault: secrets.yml, key: other}}\n"
    )
    assert resolve(folder.load(text).spec) == {"db": "s3cret", "p": "1234", "o": "yes"}


def test_a_vault_password_may_have_an_identity(folder: Any, vault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vault("db: s3cret\n")
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE")
    monkeypatch.setenv("ANSIBLE_VAULT_IDENTITY_LIST", f"prod@{folder.path}/password, dev@prompt")
    assert resolve(folder.load("secrets: {db: {vault: secrets.yml}}\n").spec) == {"db": "s3cret"}


def test_a_secret_comes_from_a_command_without_a_shell(folder: Any) -> None:
    code = "import sys; print(sys.argv[1])"
    text = f"secrets: {{db: {{command: [{sys.executable}, -c, '{code}', '$HOME; s3cret']}}}}\n"
    assert resolve(folder.load(text).spec) == {"db": "$HOME; s3cret"}


@pytest.mark.parametrize(
    ("secret", "kind", "message"),
    [
        ("{env: NOT_SET}", EnvironmentFault, "the environment variable NOT_SET is not set\nSet it: export NOT_SET="),
        ("{env: EMPTY}", EnvironmentFault, "the environment variable EMPTY gives an empty value"),
        ("{command: [sh, -c, 'echo s3cret; echo s3cret >&2; exit 3']}", EnvironmentFault, "'sh' ended with status 3"),
        ("{command: [sh, -c, 'echo']}", EnvironmentFault, "the command 'sh' gives an empty value"),
        ("{command: [sh, -c, 'printf s3cret\\\\377']}", EnvironmentFault, "'sh' gives no UTF-8 text"),
        ("{command: [no-such-command]}", EnvironmentFault, "'no-such-command' cannot be run: No such file"),
        ("{command: [./plain.yml]}", EnvironmentFault, "cannot be run: Permission denied"),
        ("{vault: plain.yml}", InputError, "plain.yml is not encrypted\nEncrypt it: ansible-vault encrypt "),
        ("{vault: secrets.yml, key: dbb}", InputError, "has no key 'dbb'\ndid you mean 'db'?"),
        ("{vault: secrets.yml}", InputError, "has no key 'a'"),
        ("{vault: secrets.yml, key: nested}", InputError, "'nested' in the vault file"),
        ("{vault: secrets.yml, key: octal}", InputError, "'octal' in the vault file"),
        ("{vault: secrets.yml, key: float}", InputError, "is not text\nput its value in quotes"),
        ("{vault: secrets.yml, key: yes}", InputError, "'yes' in the vault file"),
        ("{vault: secrets.yml, key: nothing}", InputError, "'nothing' in the vault file"),
        ("{vault: list.yml}", InputError, "is not a YAML mapping of names to texts"),
        ("{vault: other.yml}", EnvironmentFault, "none of the vault passwords opens"),
        ("{vault: damaged.yml}", EnvironmentFault, "none of the vault passwords opens"),
    ],
)
def test_a_secret_that_cannot_be_read_is_told_by_name_and_never_shown(
    folder: Any, vault: Any, monkeypatch: pytest.MonkeyPatch, secret: str, kind: type[GoldsmithError], message: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    vault("db: s3cret\nnested: {s3cret: s3cret}\noctal: 0644\nfloat: 1.10\n'yes': yes\nnothing:\n")
    vault("- s3cret\n- !s3cret x\n", name="list.yml")
    vault("a: s3cret\n", password="another", name="other.yml")
    folder.write("plain.yml", "a: s3cret\n")
    folder.write("damaged.yml", "$ANSIBLE_VAULT;1.1;AES256\n3030\n")
    with pytest.raises(GoldsmithError) as caught:
        resolve(folder.load(f"secrets: {{a: {secret}}}\n").spec)
    assert type(caught.value) is kind
    assert str(caught.value).startswith("secret 'a': ")
    assert message in str(caught.value)
    # An exception that was replaced is still shown by a traceback, were there one.
    assert "s3cret" not in f"{caught.value!s}{caught.value.__cause__}"


def test_a_missing_vault_password_is_told(folder: Any, vault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vault("a: s3cret\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(folder.path / "none"))
    spec = folder.load("secrets: {a: {vault: secrets.yml}}\n").spec
    with pytest.raises(EnvironmentFault, match="none is of no use"):
        resolve(spec)
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE")
    with pytest.raises(EnvironmentFault, match="no vault password is known"):
        resolve(spec)


def test_all_secrets_that_cannot_be_read_are_told_at_once(folder: Any) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        resolve(folder.load("secrets: {a: {env: NOT_SET_A}, b: {env: NOT_SET_B}}\n").spec)
    assert "NOT_SET_A" in str(caught.value)
    assert "NOT_SET_B" in str(caught.value)


def test_an_exported_project_looks_up_the_same_values(
    folder: Any, vault: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever quotes and braces there are: Ansible itself resolves the expressions."""
    vault('it\'s: "{{ s3cret }}"\n', name="it's.yml")
    monkeypatch.setenv("DB_PASSWORD", "{{ 'a' }}\\n'\"")
    spec = folder.load(
        """
        secrets:
          env: {env: DB_PASSWORD}
          vault: {vault: "it's.yml", key: "it's"}
          command: {command: [printf, "%s|", "it's", "\\"{{ '{{' }} x }}\\"", "a\\\\b", "%}", "$HOME"]}
        """
    ).spec
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": lookups(spec),
        "tasks": [
            {
                "ansible.builtin.copy": {
                    "dest": str(tmp_path / "found"),
                    "content": "{{ [env, vault, command] | to_json }}",
                    "mode": "0600",
                }
            }
        ],
    }
    playbook = folder.write("play.json", json.dumps([play]))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", str(playbook)],
        env=os.environ | {"ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "found").read_text()) == list(resolve(spec).values())


def test_an_exported_project_may_bring_its_vault_file_along(folder: Any, vault: Any) -> None:
    path = vault("a: s3cret\n")
    spec = folder.load("secrets: {a: {vault: secrets.yml}}\n").spec
    assert lookups(spec, {str(path): "'vaults/' ~ 'secrets.yml'"}) == {
        "a": "{{ (lookup('ansible.builtin.unvault', 'vaults/' ~ 'secrets.yml') | from_yaml)['a'] | string }}"
    }
