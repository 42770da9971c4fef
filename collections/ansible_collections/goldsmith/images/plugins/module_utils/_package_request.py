# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a machine's packages, and what came of it, whatever tool does it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._package_diff import Difference
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import Entry

MODES = ("full", "security", "snapshot", "none")


@dataclass(frozen=True)
class Request:
    """The options of M(goldsmith.images.package_upgrade), which documents them."""

    mode: str
    hold: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    security_archives: tuple[str, ...] = ()
    snapshot_date: str = ""
    snapshot_url: str = ""
    snapshot_downgrade: bool = False
    release: str = ""
    mirror: str = ""
    security_mirror: str = ""
    proxy: str = ""
    retries: int = 2
    retry_delay: float = 5
    lock_timeout: float = 300
    cache_valid_time: float = 0
    autoremove: bool = False
    clean: bool = True
    hold_services: bool = False
    live: bool = False
    kernels: int = 0
    check: bool = False


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        before: The packages before.
        after: The packages afterwards; in check mode as they would be.
        held_back: Names of packages for which there is another version that was not taken.
        newly_held: Names of packages that were put on hold to stay so.
        kept_files: Configuration files that stayed as the administrator had them.
        left_out: Sources that took no part.
        indexes: SHA-256 of the archives' signed indexes by address.
        repaired: Packages that an earlier run had left unconfigured.
        freed: Bytes of cached packages that were deleted.
        reboot: Why the machine must be started anew.
        services: Units that still run what was replaced.
        cves: Of advisories that the archive itself publishes, those that were fixed and those that remain.
    """

    before: list[Entry] = field(default_factory=list)
    after: list[Entry] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)
    newly_held: list[str] = field(default_factory=list)
    kept_files: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    indexes: dict[str, str] = field(default_factory=dict)
    repaired: list[str] = field(default_factory=list)
    freed: int = 0
    reboot: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    cves: dict[str, list[dict[str, Any]]] | None = None


def matching(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the names that any of the shell patterns matches, sorted."""
    wanted = list(patterns)
    return sorted({name for name in names if any(fnmatchcase(name, pattern) for pattern in wanted)})


def result(outcome: Outcome, difference: Difference) -> dict[str, Any]:
    """Return what the module returns, without its inventory."""
    before, after = difference.sides()
    holds = "".join(f"{name} on hold\n" for name in outcome.newly_held)
    changed = bool(difference or outcome.newly_held or outcome.repaired or outcome.freed)
    return {
        "changed": changed,
        "before": len(outcome.before),
        "after": len(outcome.after),
        **difference.as_dict(),
        "held_back": outcome.held_back,
        "held": outcome.newly_held,
        "kept_files": outcome.kept_files,
        "left_out": outcome.left_out,
        "indexes": outcome.indexes,
        "repaired": outcome.repaired,
        "freed": outcome.freed,
        "reboot": {"needed": bool(outcome.reboot), "reasons": outcome.reboot},
        "services": outcome.services,
        **({"cves": outcome.cves} if outcome.cves is not None else {}),
        "diff": {"before": before, "after": after + holds},
    }
