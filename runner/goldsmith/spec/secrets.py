"""The secrets of a spec: read when a build starts, or looked up by Ansible in an exported project."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from goldsmith.errors import EnvironmentFault, GoldsmithError, InputError
from goldsmith.spec.document import parse
from goldsmith.spec.models import Secret, Spec
from goldsmith.spec.nearest import hint

COMMAND_SECONDS = 120
"""How long a command that gives a secret may take."""


def resolve(spec: Spec) -> dict[str, str]:
    """Read the secrets of a spec.

    Returns:
        The value of each secret by name.

    Raises:
        EnvironmentFault: A variable is not set, a command fails, a vault cannot be opened.
        InputError: A vault file is not what the spec says.
        No message holds a value, or what a command said.
    """
    values: dict[str, str] = {}
    faults: list[GoldsmithError] = []
    vaults: dict[str, Mapping[str, Any]] = {}
    for name, secret in spec.secrets.items():
        try:
            values[name] = _value(name, secret, vaults)
        except GoldsmithError as error:
            faults.append(error)
    if faults:
        kind = InputError if any(isinstance(fault, InputError) for fault in faults) else EnvironmentFault
        raise kind("\n".join(str(fault) for fault in faults))
    return values


def lookups(spec: Spec, places: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return for each secret the Ansible expression that looks it up.

    Args:
        spec: The spec.
        places: Jinja2 expression for where the playbook finds a vault file, by the file's path in the spec; by default
            that path.
    """
    return {name: f"{{{{ {_lookup(name, secret, places)} }}}}" for name, secret in spec.secrets.items()}


def _lookup(name: str, secret: Secret, places: Mapping[str, str]) -> str:
    if secret.env is not None:
        missing = f"the environment variable {secret.env} holds the secret {name} and is not set"
        return f"lookup('ansible.builtin.env', {_literal(secret.env)}, default=undef(hint={_literal(missing)}))"
    if secret.vault is not None:
        place = places.get(secret.vault, _literal(secret.vault))
        return f"(lookup('ansible.builtin.unvault', {place}) | from_yaml)[{_literal(secret.key or name)}] | string"
    return f"lookup('ansible.builtin.pipe', {_literal(shlex.join(secret.command or []))})"


def _literal(text: str) -> str:
    """Return an expression for a text, as Ansible reads expressions.

    Ansible doubles backslashes, so that no literal can escape its own quotes; and it takes a literal with ``{{`` in it
    for one more template. So a text that holds such things is put together from several literals.
    """
    parts = re.findall(r"'+|\\|(?:[^'\\{]|\{(?![{%#]))+|\{", text)
    literals = {"\\": "'%c' % 92"}
    return " ~ ".join(literals.get(part) or (f'"{part}"' if "'" in part else f"'{part}'") for part in parts) or "''"


def _value(name: str, secret: Secret, vaults: dict[str, Mapping[str, Any]]) -> str:
    if secret.env is not None:
        value, origin = _from_environment(name, secret.env), f"the environment variable {secret.env}"
    elif secret.vault is not None:
        if secret.vault not in vaults:
            vaults[secret.vault] = _opened(name, secret.vault)
        value, origin = _from_vault(name, secret, vaults[secret.vault]), f"the vault file {secret.vault}"
    else:
        command = secret.command or []
        value, origin = _from_command(name, command), f"the command {Path(command[0]).name!r}"
    if not value:
        raise EnvironmentFault(f"secret {name!r}: {origin} gives an empty value")
    return value


def _from_environment(name: str, variable: str) -> str:
    try:
        return os.environ[variable]
    except KeyError:
        message = f"secret {name!r}: the environment variable {variable} is not set"
        raise EnvironmentFault(message, f"Set it: export {variable}=…") from None


def _from_command(name: str, command: list[str]) -> str:
    program = command[0]
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        text = done.stdout.decode("utf-8")
    except subprocess.TimeoutExpired:
        message = f"secret {name!r}: the command {program!r} did not end within {COMMAND_SECONDS} s"
        raise EnvironmentFault(message) from None
    except (OSError, ValueError) as error:
        why = "gives no UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"cannot be run: {_reason(error)}"
        raise EnvironmentFault(f"secret {name!r}: the command {program!r} {why}") from None
    if done.returncode != 0:
        raise EnvironmentFault(
            f"secret {name!r}: the command {program!r} ended with status {done.returncode}",
            "Run it by hand to see why; its output is not shown here, as it may hold the secret.",
        )
    return text.rstrip()  # as the lookup of an exported project does


def _from_vault(name: str, secret: Secret, vault: Mapping[str, Any]) -> str:
    key = secret.key or name
    if key not in vault:
        message = f"secret {name!r}: the vault file {secret.vault} has no key {key!r}"
        raise InputError(message, hint(key, vault, "its keys"))
    value = vault[key]
    if value is None or isinstance(value, bool | dict | list) or repr(value) not in {repr(str(value)), str(value)}:
        # Ansible, in an exported project, would read 0644 as 420 and yes as true.
        message = f"secret {name!r}: {key!r} in the vault file {secret.vault} is not text"
        raise InputError(message, "put its value in quotes")
    return str(value)


def _opened(name: str, file: str) -> Mapping[str, Any]:
    """Decrypt a vault file with the passwords that Ansible is set up to use."""
    # Ansible takes a third of a second to import.
    from ansible.errors import AnsibleError  # noqa: PLC0415
    from ansible.parsing.vault import VaultLib, is_encrypted  # noqa: PLC0415

    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"secret {name!r}: the vault file {file} cannot be read: {_reason(error)}") from None
    if not is_encrypted(content):
        message = f"secret {name!r}: {file} is not encrypted"
        raise InputError(message, f"Encrypt it: ansible-vault encrypt {shlex.quote(file)}")
    passwords = _vault_passwords(name)
    try:
        text = VaultLib(passwords).decrypt(content)
    except AnsibleError:
        raise EnvironmentFault(
            f"secret {name!r}: none of the vault passwords opens {file}", "See ANSIBLE_VAULT_PASSWORD_FILE."
        ) from None
    try:
        vault: Mapping[str, Any] = parse(bytes(text), Path(file), ansible=True).plain()
    except InputError:
        # Its messages quote what they are about.
        raise InputError(f"secret {name!r}: the content of {file} is not a YAML mapping of names to texts") from None
    return vault


def _vault_passwords(name: str) -> list[tuple[str, Any]]:
    """Return vault id and password of each password file that Ansible is set up to use."""
    from ansible import constants  # noqa: PLC0415
    from ansible.errors import AnsibleError  # noqa: PLC0415
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415
    from ansible.parsing.vault import get_file_vault_secret  # noqa: PLC0415

    identities: list[str] = list(constants.config.get_config_value("DEFAULT_VAULT_IDENTITY_LIST"))
    if single := constants.config.get_config_value("DEFAULT_VAULT_PASSWORD_FILE"):
        identities.append(single)
    passwords: list[tuple[str, Any]] = []
    for identity in identities:
        label, _, file = identity.rpartition("@")
        if file.startswith("prompt"):
            continue
        try:
            password = get_file_vault_secret(filename=file, vault_id=label or None, loader=DataLoader())
            password.load()
        except AnsibleError as error:
            message = f"secret {name!r}: the vault password file {file} is of no use: {error.message}"
            raise EnvironmentFault(message) from None
        passwords.append((label or "default", password))
    if not passwords:
        advice = "Name a file that holds it: export ANSIBLE_VAULT_PASSWORD_FILE=…"
        raise EnvironmentFault(f"secret {name!r}: no vault password is known", advice)
    return passwords


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
