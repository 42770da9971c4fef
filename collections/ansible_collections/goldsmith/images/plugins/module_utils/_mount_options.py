# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File systems are mounted with the options wanted: at boot by ``/etc/fstab``, and now.

Source: fstab(5), mount(8), systemd-fstab-generator(8), which lets a line win over a unit of a package as ``tmp.mount``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._mounts import Mount
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import (
    CHANGED,
    COMPLIANT,
    FAILED,
    NOT_APPLICABLE,
    Outcome,
)

FSTAB = "/etc/fstab"
_OPPOSITES = {"nodev": "dev", "nosuid": "suid", "noexec": "exec"}
_LATER = "takes effect with the next boot"

Remount = Callable[[str, "list[str]"], str]


@dataclass
class Point:
    """A mount point and all that is wanted of it.

    Attributes:
        path: Where it is.
        options: Options it has to have, each once.
        source: What is mounted there when nothing is yet; empty when it is not for us to say.
        type: Kind of that file system.
    """

    path: str
    options: list[str] = field(default_factory=list)
    source: str = ""
    type: str = ""


class MountOptions:
    """The mount points of a machine as they are wanted."""

    def __init__(
        self, wanted: Iterable[Mapping[str, Any]], fstab: str, planned: Iterable[Mount], mounted: Iterable[Mount]
    ) -> None:
        """Compare.

        Args:
            wanted: The module's ``mounts``.
            fstab: What ``/etc/fstab`` holds.
            planned: What it has mounted at boot.
            mounted: What is mounted now; nothing where that is of no concern.
        """
        self._wanted = list(wanted)
        self._before = fstab
        self._planned = {mount.path: mount for mount in planned}
        self._mounted = {mount.path: mount for mount in mounted}
        self._points: dict[str, Point] = {}
        self._refused: dict[str, str] = {}
        for item in self._wanted:
            if not item["present"]:
                self._add(item)
        self.fstab = self._edited()

    def _add(self, item: Mapping[str, Any]) -> None:
        point = self._points.setdefault(item["path"], Point(item["path"]))
        point.options += [option for option in item["options"] if option not in point.options]
        point.source, point.type = item["source"] or point.source, item["type"] or point.type

    def _edited(self) -> str:
        """Return what ``/etc/fstab`` is to hold."""
        text = self._before
        for point in self._points.values():
            if point.path in self._planned:
                text = _with_options(text, point)
                continue
            there = self._mounted.get(point.path)
            source, kind = (there.device, there.type) if there else (point.source, point.type)
            if source and (point.source or there):
                end = "" if text.endswith("\n") or not text else "\n"
                text += f"{end}{source} {point.path} {kind} {','.join(_clean(point.options))} 0 0\n"
        return text

    @property
    def remounts(self) -> dict[str, list[str]]:
        """The options that are missing now, by mount point."""
        found = {}
        for path, point in self._points.items():
            there = self._mounted.get(path)
            missing = [option for option in point.options if there and _flag(option) and option not in there.options]
            if missing:
                found[path] = missing
        return found

    def remount(self, run: Remount) -> None:
        """Set the missing options now; what is refused is kept for the outcomes."""
        for path, options in self.remounts.items():
            trouble = run(path, options)
            if trouble:
                self._refused[path] = trouble

    def outcomes(self) -> list[Outcome]:
        """Return what became of each item."""
        return [self._outcome(item) for item in self._wanted]

    def _outcome(self, item: Mapping[str, Any]) -> Outcome:
        path, control = item["path"], item["control"]
        status, message = self._verdict(item, self._planned.get(path), self._mounted.get(path))
        return Outcome(control, path, status, message)

    def _verdict(self, item: Mapping[str, Any], plan: Mount | None, there: Mount | None) -> tuple[str, str]:
        path, known = item["path"], plan is not None or there is not None
        if not known and item["present"]:
            return FAILED, "it is no file system of its own; the disk has to be laid out so"
        if not known and not self._points[path].source:
            return NOT_APPLICABLE, "it is no file system of its own"
        if path in self._refused:
            return FAILED, f"remounting failed: {self._refused[path]}"
        wanted = [option for option in item["options"] if _flag(option)]
        at_boot = plan is not None and all(option in plan.options for option in wanted)
        now = there is None or all(option in there.options for option in wanted)
        if item["present"] or (item["source"] and known) or (at_boot and now):
            return COMPLIANT, ""
        return CHANGED, f"{','.join(item['options'])} was missing" + ("" if there else f"; {_LATER}")


def _flag(option: str) -> bool:
    """Tell whether an option is one that is there or not, and can be compared."""
    return "=" not in option and option not in ("defaults", "strictatime")


def _clean(options: list[str]) -> list[str]:
    return options if len(options) == 1 else [option for option in options if option != "defaults"]


def _with_options(text: str, point: Point) -> str:
    """Return the table with the options in the line of a mount point, everything else as it was."""

    def edit(match: re.Match[str]) -> str:
        present = [option for option in match[2].split(",") if option]
        missing = [option for option in point.options if _flag(option) and option not in present]
        opposite = {_OPPOSITES[option] for option in missing if option in _OPPOSITES}
        kept = [option for option in present if option not in opposite]
        return match[1] + ",".join(kept + missing) + match[3]

    path = re.escape(point.path.replace(" ", "\\040"))
    return re.sub(rf"(?m)^(\s*[^#\s]\S*\s+{path}/?\s+\S+\s+)(\S+)(.*)$", edit, text)
