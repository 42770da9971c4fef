# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether packages in a layer that is kept are still what their archives offer, by the archives' signed indexes."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Callable, Iterable, Mapping, Protocol, Sequence, TypeVar

from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import Source as Line
from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import indexes, proxies
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._layer_cache import Verdict

_TIMEOUT = 20.0


class _Dated(Protocol):
    """What is kept of a layer, with the archives that its packages are of."""

    @property
    def id(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def made(self) -> datetime: ...

    @property
    def archives(self) -> Mapping[str, str]: ...


Found = TypeVar("Found", bound=_Dated)


def usable(
    kept: Sequence[Found], judged: Callable[[Sequence[Found], Mapping[str, str]], list[Verdict]]
) -> tuple[list[Verdict], Found | None]:
    """Return what is judged of layers, and what to start from, None for the base, without what is out of date.

    Args:
        kept: What there is.
        judged: Given of that what may be used, and why the rest may not, by key, judges the layers.
    """
    verdicts = judged(kept, {})
    outdated = _outdated([one for one in kept if one.key in _hits(verdicts)])
    if outdated:
        reasons = {one.key: outdated[one.id] for one in kept if one.id in outdated}
        kept = [one for one in kept if one.id not in outdated]
        verdicts = judged(kept, reasons)
    hits = _hits(verdicts)
    newest = sorted(kept, key=lambda one: one.made, reverse=True)
    return verdicts, next((one for one in newest if hits and one.key == hits[-1]), None)


def _hits(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.key for verdict in verdicts if verdict.cache == "hit"]


def _outdated(kept: Sequence[_Dated]) -> dict[str, str]:
    """Return why images are out of date whose packages are of archives that have changed since, by id."""
    lines = sorted({line for one in kept for line in one.archives})
    if not lines:
        return {}
    try:
        now = states(lines)
    except Fault as fault:
        return {one.id: untold(fault) for one in kept if one.archives}
    found = {}
    for one in kept:
        changed = [line for line, digest in one.archives.items() if now.get(line) != digest]
        if changed:
            found[one.id] = f"index {Line(changed[0]).inrelease} changed"
    return found


def untold(fault: Fault) -> str:
    """Say why a layer with packages cannot be told to be up to date."""
    return f"the state of its packages' archive cannot be told: {fault}"


def states(lines: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of the signed indexes as they are now, by line of sources.list."""
    os.environ.update(proxies())  # what the builder goes through, as for a base made from packages
    asked = [Line(line) for line in lines]
    if not asked:
        return {}
    digests = {index.url: index.sha256 for index in indexes(asked, _TIMEOUT)[1]}
    return {one.line: digests[one.inrelease] for one in asked if one.inrelease in digests}
