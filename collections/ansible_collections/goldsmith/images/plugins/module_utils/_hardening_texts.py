# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Demands of controls that come down to a small file of their own."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_HEADER = "# Managed by goldsmith.images.os_hardening\n"

File = Mapping[str, str]

# Keys of a control that tell of it and demand nothing.
TELLS = frozenset(("anssi", "area", "breaks", "cis", "guard", "id", "level", "needs", "own", "purpose", "title", "why"))

# The login screen has a database of its own, and neither exists until its profile does (dconf(7)).
_DCONF = {
    "gdm": "user-db:user\nsystem-db:gdm\nfile-db:/usr/share/gdm/greeter-dconf-defaults\n",
    "user": "user-db:user\nsystem-db:local\n",
}


def texts(kind: str, demand: Any, control: str) -> list[File]:
    """Return the files that a demand comes down to, as :mod:`file_set` takes them.

    Args:
        kind: The key of the demand in the table.
        demand: What stands there.
        control: Id of the control.

    Raises:
        Fault: There is no such kind of demand.
    """
    if kind in TELLS:
        return []
    if kind not in _KINDS:
        raise Fault(f"control {control} demands {kind!r}, which is nothing that can be demanded.")
    return list(_KINDS[kind](demand, control))


def _kernel_args(demand: list[str], control: str) -> Iterator[File]:
    words = " ".join(demand)
    content = f'{_HEADER}GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {words}"\n'
    yield {"path": f"/etc/default/grub.d/90-goldsmith-{control}.cfg", "content": content, "mode": "0644"}


def _audit(demand: list[str], control: str) -> Iterator[File]:
    content = _HEADER + "".join(f"{rule}\n" for rule in demand)
    yield {"path": f"/etc/audit/rules.d/50-goldsmith-{control}.rules", "content": content, "mode": "0640"}


def _audit_last(demand: list[str], control: str) -> Iterator[File]:
    content = _HEADER + "".join(f"{rule}\n" for rule in demand)
    yield {"path": f"/etc/audit/rules.d/99-goldsmith-{control}.rules", "content": content, "mode": "0640"}


def _dconf(demand: Mapping[str, Mapping[str, str]], control: str) -> Iterator[File]:
    # One file a database: sections of the same one stand together.
    found: dict[str, str] = {}
    for section, settings in demand.items():
        database = "gdm" if section == "org/gnome/login-screen" else "local"
        lines = "".join(f"{key}={value}\n" for key, value in settings.items())
        found[database] = found.get(database, _HEADER) + f"[{section}]\n{lines}"
    for database, content in found.items():
        yield {"path": f"/etc/dconf/db/{database}.d/90-goldsmith-{control}", "content": content, "mode": "0644"}
        profile = "gdm" if database == "gdm" else "user"
        yield {"path": f"/etc/dconf/profile/{profile}", "content": _DCONF[profile], "mode": "0644"}


def _dconf_locks(demand: list[str], control: str) -> Iterator[File]:
    content = _HEADER + "".join(f"{key}\n" for key in demand)
    yield {"path": f"/etc/dconf/db/local.d/locks/90-goldsmith-{control}", "content": content, "mode": "0644"}


_KINDS: Mapping[str, Callable[[Any, str], Iterator[File]]] = {
    "audit": _audit,
    "audit_last": _audit_last,
    "dconf": _dconf,
    "dconf_locks": _dconf_locks,
    "kernel_args": _kernel_args,
}
