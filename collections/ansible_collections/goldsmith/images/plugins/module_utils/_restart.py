# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a machine must be started anew, and which services still run what an upgrade replaced."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_DELETED = re.compile(r"^\S+ \S*x\S* \S+ \S+ [1-9]\d*\s+(?P<path>/(?:usr|lib|lib64|bin|sbin|opt)/.*) \(deleted\)$")
_UNIT = re.compile(r"/(?P<unit>[^/]+\.service)(?:/|$)")
_FLAGS = ("run/reboot-required", "var/run/reboot-required")


def outdated(root: Path = Path("/")) -> dict[int, list[str]]:
    """Return the processes that execute files which are no longer on the disk, and those files.

    Only what is mapped to be executed counts: programs and libraries, of which an upgrade put others in their place.
    """
    found = {}
    for process in _processes(root):
        try:
            maps = (process / "maps").read_text("utf-8", "replace")
        except OSError:  # it has ended meanwhile, or is the kernel's own
            continue
        gone = {match["path"] for match in map(_DELETED.match, maps.splitlines()) if match}
        if gone:
            found[int(process.name)] = sorted(gone)
    return found


def _processes(root: Path) -> Iterator[Path]:
    yield from (root / "proc" / name for name in sorted(os.listdir(root / "proc")) if name.isdigit())  # noqa: PTH208


def services(processes: Iterable[int], root: Path = Path("/")) -> list[str]:
    """Return the units of systemd that processes belong to (cgroups(7)); those of logins are not among them."""
    found = set()
    for process in processes:
        try:
            groups = (root / "proc" / str(process) / "cgroup").read_text("utf-8", "replace")
        except OSError:
            continue
        for line in groups.splitlines():
            number, controllers, path = [*line.split(":", 2), "", ""][:3]
            match = _UNIT.search(path) if number == "0" or controllers == "name=systemd" else None
            if match and "/user.slice/" not in path:
                found.add(match["unit"])
    return sorted(found)


def flagged(root: Path = Path("/")) -> str:
    """Say which packages asked for a restart by Debian's usual flag; empty if none did."""
    for flag in _FLAGS:
        if (root / flag).exists():
            names = root / f"{flag}.pkgs"
            packages = sorted(set(names.read_text("utf-8", "replace").split())) if names.exists() else []
            return f"{', '.join(packages) or 'a package'} asked for it (/{flag})"
    return ""


def of_init(processes: dict[int, list[str]]) -> str:
    """Say why the first process must be started anew; empty if it need not."""
    gone = processes.get(1)
    return f"the first process runs what was replaced: {', '.join(gone)}" if gone else ""


def by_needrestart(output: str) -> list[str]:
    """Read the answer of ``needrestart -b`` about the kernel (``-k``) and the processor's microcode (``-w``)."""
    fields = dict(line.split(": ", 1) for line in output.splitlines() if ": " in line)
    found = []
    if fields.get("NEEDRESTART-KSTA") in ("2", "3"):
        expected, runs = fields.get("NEEDRESTART-KEXP", "another one"), fields.get("NEEDRESTART-KCUR", "this one")
        found.append(f"needrestart: the kernel {expected} is installed, and {runs} runs")
    if fields.get("NEEDRESTART-UCSTA") == "2":
        found.append("needrestart: the processor's microcode is outdated")
    return found
