# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hardening never leaves a machine that nobody can enter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Mapping

PASSWORD = "password"  # noqa: S105  a way to become root, not a secret
NOPASSWD = "nopasswd"


@dataclass(frozen=True)
class Person:
    """An account that may be somebody's way in.

    Attributes:
        name: Its name.
        root: Whether it is root, or another one with its number.
        keys: Whether a key opens it by SSH.
        password: Whether it has a password that works.
        sudo: ``nopasswd`` or ``password`` when it may become root by sudo, and how; empty when it may not.
        exempt: Whether sudo asks for no password because an option says so, and not only a tag of a rule.
    """

    name: str
    root: bool = False
    keys: bool = False
    password: bool = False
    sudo: str = ""
    exempt: bool = False

    @property
    def becomes_root(self) -> bool:
        """Tell whether sudo lets it be root; where it asks for a password there has to be one."""
        return self.sudo == NOPASSWD or (self.sudo == PASSWORD and self.password)


@dataclass(frozen=True)
class Access:
    """The ways into a machine.

    Attributes:
        people: The accounts.
        root_by_key: Whether the SSH server lets root in by a key now.
        root_by_password: Whether it lets root in by a password now.
        passwords: Whether it lets anybody in by a password now.
        sudo: Whether sudo is installed, or will be.
        connected: Whom the connection of this run belongs to; empty when it does not come by SSH.
        created: Whether an account with a key and sudo is made at the first boot, as cloud-init does.
    """

    people: tuple[Person, ...] = ()
    root_by_key: bool = True
    root_by_password: bool = False
    passwords: bool = True
    sudo: bool = False
    connected: str = ""
    created: bool = False


def _root_login(access: Access) -> str:
    """Root's login goes: another way in, and up, has to be there."""
    root = [person for person in access.people if person.root]
    enters = any(
        (person.keys and access.root_by_key) or (person.password and access.root_by_password) for person in root
    )
    if not enters or access.created:
        return ""
    others = [person for person in access.people if not person.root and person.becomes_root]
    if any(person.keys or (person.password and access.passwords) for person in others):
        return ""
    return (
        "root is the only account that can log in and administer this machine. Make another one first, with a key and "
        "with sudo."
    )


def _passwords(access: Access) -> str:
    """Passwords go: a key has to open the way of somebody who is, or can become, root."""
    admins = [person for person in access.people if person.root or person.becomes_root]
    by_password = [
        person
        for person in admins
        if person.password and (access.root_by_password if person.root else access.passwords)
    ]
    by_key = [person for person in admins if person.keys and (access.root_by_key or not person.root)]
    if not by_password or by_key or access.created:
        return ""
    names = ", ".join(person.name for person in by_password)
    return (
        f"nobody who administers this machine has a key; passwords are the only way in ({names}). Give one a key first."
    )


def _sudo_password(access: Access) -> str:
    """Sudo without a password goes: somebody has to have one, and whoever is connected too."""
    free = [person for person in access.people if person.sudo == NOPASSWD]
    without = [person.name for person in free if not person.password]
    if access.created:
        return (
            "the account that cloud-init makes at the first boot becomes root without a password, as it has none. Give "
            "it one, or leave this control out."
        )
    if not without:
        return ""
    if access.connected in without or not any(
        person.sudo and person.password for person in access.people if not person.root
    ):
        return (
            f"{', '.join(without)} can become root by sudo without a password only, as there is none. Set one first, "
            "or nobody can administer this machine any more."
        )
    return ""


def _sudo_authenticate(access: Access) -> str:
    """The option that switches sudo's question off goes: whoever it is for needs a password."""
    exempt = tuple(person for person in access.people if person.exempt)
    return _sudo_password(replace(access, people=exempt, created=False)) if exempt else ""


def _su(access: Access) -> str:
    """The command su goes: whoever became root by it needs sudo."""
    root = any(person.root and person.password for person in access.people)
    users = [person for person in access.people if not person.root and (person.keys or person.password)]
    if not root or not users or access.created or any(person.becomes_root for person in users):
        return ""
    if any(person.root and person.keys and access.root_by_key for person in access.people):
        return ""
    names = ", ".join(person.name for person in users)
    return f"su is the only way for {names} to become root. Let one of them use sudo first."


_GUARDS: Mapping[str, Callable[[Access], str]] = {
    "passwords": _passwords,
    "root_login": _root_login,
    "su": _su,
    "sudo_authenticate": _sudo_authenticate,
    "sudo_password": _sudo_password,
}


def danger(guard: str, access: Access) -> str:
    """Say who would be locked out by a control.

    Args:
        guard: What the control takes away: ``root_login``, ``passwords``, ``sudo_password``, ``sudo_authenticate``,
            ``su``, or nothing.
        access: The ways into the machine.

    Returns:
        Why the control must not be applied, and what to do; empty when a way in remains.
    """
    return _GUARDS[guard](access) if guard else ""
