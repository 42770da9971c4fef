# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dpkg's own record of what is installed, in which state, and what is held. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

STATUS = "/var/lib/dpkg/status"

_FIELD = re.compile(r"^(Package|Architecture|Status): (.*)$", re.MULTILINE)
_UNFINISHED = frozenset({"half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"})


@dataclass(frozen=True)
class Selection:
    """A package as dpkg has it.

    Attributes:
        name: Its name.
        arch: Its architecture.
        wanted: What dpkg was told to do with it: ``install``, ``hold``, ``deinstall``, ``purge``.
        state: Its state, such as ``installed``.
    """

    name: str
    arch: str
    wanted: str
    state: str

    @property
    def full_name(self) -> str:
        """The name by which dpkg takes this one and no other."""
        return self.name if self.arch in ("", "all") else f"{self.name}:{self.arch}"


def selections(status: str) -> list[Selection]:
    """Read dpkg's status file."""
    return [found for found in map(_selection, status.split("\n\n")) if found]


def _selection(paragraph: str) -> Selection | None:
    fields = dict(_FIELD.findall(paragraph))
    words = fields.get("Status", "").split()
    if "Package" not in fields or len(words) != 3:
        return None
    return Selection(fields["Package"], fields.get("Architecture", ""), words[0], words[2])


def unfinished(found: Iterable[Selection]) -> list[str]:
    """Return the names of packages that dpkg was interrupted at, or failed to set up."""
    return sorted(one.name for one in found if one.state in _UNFINISHED)


def with_holds(status: str, names: Collection[str]) -> str:
    """Return the status file as it would be with packages on hold.

    Args:
        status: Its content.
        names: Full names, see `Selection`.
    """
    paragraphs = []
    for paragraph in status.split("\n\n"):
        found = _selection(paragraph)
        if found and found.full_name in names:
            paragraph = re.sub(r"^Status: \S+", "Status: hold", paragraph, count=1, flags=re.MULTILINE)  # noqa: PLW2901
        paragraphs.append(paragraph)
    return "\n\n".join(paragraphs)
