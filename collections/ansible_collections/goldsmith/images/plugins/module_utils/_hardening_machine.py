# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What :mod:`access_facts` found, in the words of the table of controls."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._hardening import Control, Machine
from ansible_collections.goldsmith.images.plugins.module_utils._lockout import NOPASSWD, PASSWORD, Access, Person


def paths(controls: Iterable[Control], probes: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the paths that have to be looked at: those of the probes, and those that needs name."""
    named = {need.rpartition("path:")[2] for control in controls for need in control["needs"] if "path:" in need}
    return sorted(named | {path for found in probes.values() for path in found})


def machine(look: Mapping[str, Any], context: Mapping[str, Any], controls: Iterable[Control]) -> Machine:
    """Return what is known of a machine.

    Args:
        look: What the module returned.
        context: ``own_kernel``, ``own_init``, ``probes``, ``choices``, ``given``, ``created``.
        controls: The table, of which only the needs are read.
    """
    del controls
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
        mounts=frozenset(look.get("mounts", ())),
        choices=context.get("choices", {}),
        given=frozenset(context.get("given", ())),
        access=_access(look, "cloud-init" in packages and not context.get("live")),
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
    return Person(
        name=user["name"],
        root=user.get("uid") == 0,
        keys=bool(user.get("keys")),
        password=bool(user.get("password")),
        sudo=sudo if sudo in (NOPASSWD, PASSWORD) else "",
    )
