# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modes of packages' files that outlast the packages' upgrades.

dpkg gives a file the mode that its package has for it, at every upgrade, unless an override says otherwise. It needs
none for a configuration file, which keeps its mode (deb-conffiles(5)), nor for a directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterable

PROGRAM = "dpkg-statoverride"

_LISTS = "var/lib/dpkg/info"


def packaged(paths: Iterable[str], root: Path = Path("/")) -> list[str]:
    """Return those paths that are of packages, and no configuration, as the packages write them.

    Args:
        paths: Paths on the machine, with no link in them.
        root: The directory that is the machine's root.
    """
    wanted = {alias for path in paths for alias in _aliases(path, root)}
    if not wanted:
        return []
    return sorted(_named(wanted, root, "*.list") - _named(wanted, root, "*.conffiles"))


def override(path: str, owner: str, group: str, mode: int, run: Callable[[list[str]], tuple[int, str, str]]) -> str:
    """Have dpkg keep a file so; return what it complains of, empty when it does not."""
    add = ["--quiet", "--force-statoverride-add", "--add", owner, group, f"{mode:04o}", path]
    status, output, complaint = run([PROGRAM, *add])
    return (complaint or output).strip() if status else ""


def _aliases(path: str, root: Path) -> list[str]:
    """Return a path, and as it is called where ``/bin`` and its like are links into ``/usr``."""
    if not path.startswith("/usr/"):
        return [path]
    short = path[len("/usr") :]
    top = root / short.split("/")[1]
    return [path, short] if top.is_symlink() else [path]


def _named(wanted: set[str], root: Path, pattern: str) -> set[str]:
    found: set[str] = set()
    for file in (root / _LISTS).glob(pattern):
        found |= wanted.intersection(file.read_text("utf-8", "surrogateescape").split("\n"))
    return found
