# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Debian packages nothing needs, decided from dpkg's own fields.

APT's `autoremove` would also take what was unneeded before, and keep what a package of the base merely recommends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FIELDS = "\\t".join(
    [
        "${db:Status-Abbrev}",
        "${binary:Package}",
        "${Package}",
        "${Pre-Depends}, ${Depends}",
        "${Recommends}",
        "${Provides}",
    ]
)
"""The format in which dpkg-query lists the packages."""

_DETAIL = re.compile(r"\s*(\([^)]*\)|\[[^]]*\]|:[a-z0-9-]+)\s*")


@dataclass(frozen=True)
class Package:
    """An installed package.

    Attributes:
        name: Its name as dpkg takes it, with ``:architecture`` where needed.
        provides: Names by which others may ask for it.
        depends: Groups of names of which one is needed each.
        recommends: The same for what is recommended.
    """

    name: str
    provides: frozenset[str]
    depends: tuple[frozenset[str], ...] = ()
    recommends: tuple[frozenset[str], ...] = ()


def read_packages(text: str) -> tuple[list[Package], set[str]]:
    """Read installed packages (lines in the format `FIELDS`) and, after a line ``auto``, APT's extended_states.

    Returns:
        The packages, and the plain names of those that APT holds for automatically installed.
    """
    listed, _line, states = text.partition("\nauto\n")
    packages = []
    for line in listed.splitlines():
        status, name, bare, depends, recommends, provides = (line.split("\t") + [""] * 6)[:6]
        if status.startswith("ii"):
            names = {bare} | {one for group in _groups(provides) for one in group}
            packages.append(Package(name, frozenset(names), _groups(depends), _groups(recommends)))
    automatic = set()
    for paragraph in states.split("\n\n"):
        values = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line)
        if values.get("Auto-Installed") == "1":
            automatic.add(values.get("Package", ""))
    return packages, automatic


def _groups(field: str) -> tuple[frozenset[str], ...]:
    groups = []
    for group in field.split(","):
        names = frozenset(filter(None, (_DETAIL.sub("", name).strip() for name in group.split("|"))))
        if names:
            groups.append(names)
    return tuple(groups)


def unneeded(packages: list[Package], ours: set[str], base: set[str], automatic: set[str]) -> set[str]:
    """Return those of our packages that can go.

    A package stays if it was asked for by name meanwhile (APT then marks it as manually installed), or if one that
    stays depends on it; a recommendation counts too, unless the base recommends it, as the base was without it.

    Args:
        packages: All that are installed.
        ours: Names of those that came for Ansible's sake.
        base: Names of those that were there before.
        automatic: Plain names of those that APT holds for automatically installed.
    """
    candidates = {package.name for package in packages if package.name in ours and _plain(package.name) in automatic}
    by_name: dict[str, set[str]] = {}
    for package in packages:
        for name in package.provides:
            by_name.setdefault(name, set()).add(package.name)
    todo = [package for package in packages if package.name not in candidates]
    by_id = {package.name: package for package in packages}
    while todo:
        package = todo.pop()
        for group in package.depends + (package.recommends if package.name not in base else ()):
            providers = {one for name in group for one in by_name.get(name, ())}
            # One that stays anyway satisfies the group. Versions are not compared: dpkg does, and refuses.
            if providers <= candidates:
                candidates -= providers
                todo.extend(by_id[name] for name in providers)
    return candidates


def _plain(name: str) -> str:
    return name.partition(":")[0]
