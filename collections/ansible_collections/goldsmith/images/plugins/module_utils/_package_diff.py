# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies between two lists of packages. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.goldsmith.images.plugins.module_utils._deb_version import version_key
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import Entry

Change = dict[str, str]


@dataclass(frozen=True)
class Difference:
    """What became of packages.

    Attributes:
        upgraded: Those of another version now: ``name``, ``arch``, ``from`` and ``to``.
        downgraded: The same, where the version is an older one.
        installed: Those that were not there: ``name``, ``arch`` and ``version``.
        removed: Those that are there no more, likewise.
    """

    upgraded: list[Change] = field(default_factory=list)
    downgraded: list[Change] = field(default_factory=list)
    installed: list[Change] = field(default_factory=list)
    removed: list[Change] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.upgraded or self.downgraded or self.installed or self.removed)

    def as_dict(self) -> dict[str, list[Change]]:
        """Return it as modules return it."""
        return vars(self)

    def sides(self) -> tuple[str, str]:
        """Return what changed as two texts to be compared, a line for each package."""
        moved = [*self.upgraded, *self.downgraded]
        before = [(one["name"], one["arch"], one["from"]) for one in moved]
        after = [(one["name"], one["arch"], one["to"]) for one in moved]
        before += [(one["name"], one["arch"], one["version"]) for one in self.removed]
        after += [(one["name"], one["arch"], one["version"]) for one in self.installed]
        return _text(before), _text(after)


def _text(rows: list[tuple[str, str, str]]) -> str:
    return "".join(f"{name}:{arch} {version}\n" for name, arch, version in sorted(rows))


def difference(before: Iterable[Entry], after: Iterable[Entry]) -> Difference:
    """Compare two lists of packages, by name and architecture.

    Of some packages several versions stand side by side, as kernels do with rpm: those come and go.
    """
    old, new = _versions(before), _versions(after)
    found = Difference()
    for name, arch in sorted(old.keys() | new.keys()):
        here, there = old.get((name, arch), {}), new.get((name, arch), {})
        if len(here) == len(there) == 1:
            ((was, kind),) = here.items()
            (now,) = there
            if was != now:
                # rpm's order is another one; what goes back there is not told from what goes on.
                back = kind == "deb" and version_key(now) < version_key(was)
                moved = found.downgraded if back else found.upgraded
                moved.append({"name": name, "arch": arch, "from": was, "to": now})
            continue
        for version in sorted(here.keys() - there.keys()):
            found.removed.append({"name": name, "arch": arch, "version": version})
        for version in sorted(there.keys() - here.keys()):
            found.installed.append({"name": name, "arch": arch, "version": version})
    return found


def _versions(packages: Iterable[Entry]) -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for one in packages:
        found.setdefault((one["name"], one["arch"]), {})[one["version"]] = one["type"]
    return found
