# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What :mod:`access_facts` found, in the words of the table of controls."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._hardening import Machine
from ansible_collections.goldsmith.images.plugins.module_utils._lockout import NOPASSWD, PASSWORD, Access, Person


def machine(look: Mapping[str, Any], context: Mapping[str, Any]) -> Machine:
    """Return what is known of a machine.

    Args:
        look: What the module returned.
        context: ``own_kernel``, ``own_init``, ``live``, ``probes``, ``choices``, ``given``, ``family``.
    """
    there = frozenset(look.get("paths", ()))
    has = {name for name, found in context.get("probes", {}).items() if there & frozenset(found)}
    if context.get("own_kernel"):
        has.add("kernel")
    if context.get("own_init") and ("systemd" in has or "systemd" not in context.get("probes", {})):
        has.add("init")
    packages = frozenset(look.get("packages", ()))
    return Machine(
        has=frozenset(has),
        paths=there,
        packages=packages,
        groups=frozenset(look.get("groups", ())),
        mounts=frozenset(look.get("mounts", ())),
        choices=context.get("choices", {}),
        given=frozenset(context.get("given", ())),
        access=_access(look, "cloud-init" in packages and not context.get("live")),
        family=context.get("family", {}).get("name", "debian"),
    )


def _access(look: Mapping[str, Any], created: bool) -> Access:
    sshd = look.get("sshd", {})
    root = str(sshd.get("permitrootlogin", "prohibit-password"))
    passwords = str(sshd.get("passwordauthentication", "yes")) == "yes"
    people = tuple(_person(user) for user in look.get("users", ()))
    return Access(
        people=people,
        root_by_key=root != "no",
        root_by_password=passwords and root == "yes",
        passwords=passwords,
        sudo=any(person.sudo for person in people),
        connected=str(look.get("connected") or ""),
        created=created,
    )


def _person(user: Mapping[str, Any]) -> Person:
    sudo = user.get("sudo") or ""
    enters = user.get("login", True) and not user.get("stale")
    return Person(
        name=user["name"],
        root=user.get("uid") == 0,
        keys=bool(user.get("keys") and enters and user.get("ssh", True)),
        password=bool(user.get("password")),
        sudo=sudo if sudo in (NOPASSWD, PASSWORD) else "",
        exempt=bool(user.get("exempt")),
    )
