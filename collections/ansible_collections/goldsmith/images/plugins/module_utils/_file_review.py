# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One walk over all files finds those that run with another's rights, that all may write, or that nobody owns."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable

from ansible_collections.goldsmith.images.plugins.module_utils import _outcome
from ansible_collections.goldsmith.images.plugins.module_utils._file_modes import Demand, Plan, State, listed
from ansible_collections.goldsmith.images.plugins.module_utils._mounts import LOCAL, Mount
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome
from ansible_collections.goldsmith.images.plugins.module_utils._owners import Owners
from ansible_collections.goldsmith.images.plugins.module_utils._places import Patterns, Place

# What the kernel shows there, and what is gone after a reboot, is nobody's to keep.
VOLATILE = ("/proc", "/sys", "/dev", "/run")

_SUID = stat.S_ISUID | stat.S_ISGID


@dataclass
class Findings:
    """What the walk found, in the order in which it did.

    Attributes:
        suid: Files that run with the rights of their owner or group.
        writable_files: Files that all may write.
        writable_dirs: Directories that all may write, and where all may delete what is others'.
        unowned: Files and directories whose user or group does not exist.
    """

    suid: list[Place] = field(default_factory=list)
    writable_files: list[Place] = field(default_factory=list)
    writable_dirs: list[Place] = field(default_factory=list)
    unowned: list[Place] = field(default_factory=list)


class Walk:
    """One walk over the root file system and, where wanted, the others of this machine's disks."""

    def __init__(
        self, root: Path, owners: Owners, mounts: Iterable[Mount], *, exclude: Iterable[str], one_file_system: bool
    ) -> None:
        """Take where it may go.

        Args:
            root: The directory that is the machine's root.
            owners: Who knows the users and groups.
            mounts: What is mounted.
            exclude: Patterns of what is left out with everything below.
            one_file_system: Whether everything that is mounted below the root is left out.

        Raises:
            Fault: A pattern is no absolute path.
        """
        self._root = str(root).rstrip("/")
        self._owners = owners
        self._exclude = Patterns([*VOLATILE, *exclude])
        self._closed = _closed(list(mounts), one_file_system=one_file_system)

    def run(self) -> Findings:
        """Walk; what vanishes meanwhile, or cannot be read, is left out."""
        findings = Findings()
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                entries = list(os.scandir(f"{self._root}{folder}/"))  # faster than a Path for each of 100,000 files
            except OSError:
                continue
            for entry in entries:
                path = f"{folder}/{entry.name}"
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if path in self._closed or not self._look(path, status, findings):
                    continue
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path)
        for found in (findings.suid, findings.writable_files, findings.writable_dirs, findings.unowned):
            found.sort(key=lambda place: place.path)
        return findings

    def _look(self, path: str, status: os.stat_result, findings: Findings) -> bool:
        """Note what there is to a file; tell whether it is not left out."""
        mode = status.st_mode
        is_dir, is_file = stat.S_ISDIR(mode), stat.S_ISREG(mode)
        if not is_dir and not is_file:
            return False
        lists = []
        if is_file and mode & _SUID:
            lists.append(findings.suid)
        if is_file and mode & stat.S_IWOTH:
            lists.append(findings.writable_files)
        if is_dir and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            lists.append(findings.writable_dirs)
        if not self._owners.name("user", status.st_uid) or not self._owners.name("group", status.st_gid):
            lists.append(findings.unowned)
        # Patterns are slow, and few files are found.
        if (lists or is_dir) and path in self._exclude:
            return False
        for found in lists:
            found.append(Place(path, status))
        return True


def _closed(mounts: list[Mount], *, one_file_system: bool) -> set[str]:
    """Return the mount points to leave out: all, or all but the first of each part of a disk."""
    seen: list[str] = [mount.source for mount in mounts if mount.path == "/"]
    closed = set()
    for mount in mounts:
        if mount.path == "/":
            continue
        if one_file_system or mount.type not in LOCAL or any(_shows(source, mount.source) for source in seen):
            closed.add(mount.path)
        else:
            seen.append(mount.source)
    return closed


def _shows(source: str, other: str) -> bool:
    """Tell whether what is mounted from one source also shows the other, as a directory of it."""
    return f"{other}/".startswith(f"{source.rstrip('/')}/")


class Review:
    """What is to become of the findings, as ``review`` says."""

    def __init__(self, wanted: dict[str, Any], findings: Findings, owners: Owners) -> None:
        """Take the option and what the walk found.

        Raises:
            Fault: A pattern is no absolute path.
        """
        self._wanted = wanted
        self._owners = owners
        self.findings = findings
        if wanted["suid"]:
            allowed = Patterns(wanted["suid"]["allow"])
            findings.suid = [
                # Where /bin and its like are no links, what is named below /usr may lie there (Debian 11).
                place
                for place in findings.suid
                if place.path not in allowed and f"/usr{place.path}" not in allowed
            ]
        if wanted["world_writable"]:
            allowed = Patterns(wanted["world_writable"]["allow"])
            findings.writable_files = [place for place in findings.writable_files if place.path not in allowed]
            findings.writable_dirs = [place for place in findings.writable_dirs if place.path not in allowed]

    def plan(self, plan: Plan) -> Callable[[], list[Outcome]]:
        """Demand what is wanted, and return what tells the outcomes afterwards.

        Raises:
            Fault: An item demands something else.
        """
        told = [one for one in (self._suid(plan), self._writable(plan), self._unowned(plan)) if one is not None]
        return lambda: [tell() for tell in told]

    def found(self) -> dict[str, list[str]]:
        """Return the paths of what was found and asked for."""
        findings = self.findings
        lists = {
            "suid": findings.suid,
            "world_writable": findings.writable_files + findings.writable_dirs,
            "unowned": findings.unowned,
        }
        return {kind: [place.path for place in places] if self._wanted[kind] else [] for kind, places in lists.items()}

    def _suid(self, plan: Plan) -> Callable[[], Outcome] | None:
        wanted = self._wanted["suid"]
        if not wanted:
            return None
        # An item may take the bits away already, and then there is nothing left to find.
        found = [place for place in self.findings.suid if plan.state(place).mode & _SUID]
        self.findings.suid = found
        wrong = _demand(plan, found, Demand(never=_SUID), "review.suid") if wanted["action"] == "remove" else []
        item = "SUID and SGID programs"
        return lambda: self._outcome(plan, wanted["control"], item, found, wrong)

    def _writable(self, plan: Plan) -> Callable[[], Outcome] | None:
        wanted = self._wanted["world_writable"]
        if not wanted:
            return None
        action, by = wanted["action"], "review.world_writable"
        files = [place for place in self.findings.writable_files if plan.state(place).mode & stat.S_IWOTH]
        dirs = [place for place in self.findings.writable_dirs if _is_open(plan.state(place))]
        self.findings.writable_files, self.findings.writable_dirs = files, dirs
        wrong = _demand(plan, files, Demand(never=stat.S_IWOTH), by) if action == "remove" else []
        wrong += _demand(plan, dirs, Demand(always=stat.S_ISVTX), by) if action != "report" else []
        item = "world-writable files and directories"
        return lambda: self._outcome(plan, wanted["control"], item, files + dirs, wrong)

    def _unowned(self, plan: Plan) -> Callable[[], Outcome] | None:
        wanted = self._wanted["unowned"]
        if not wanted:
            return None
        found = [place for place in self.findings.unowned if not self._is_owned(plan.state(place))]
        self.findings.unowned, wrong = found, []
        if wanted["action"] == "chown":
            uids = tuple(self._owners.numbers("user", [wanted["owner"]]))
            gids = tuple(self._owners.numbers("group", [wanted["group"]]))
            for place in found:
                keeps_user = self._owners.name("user", place.status.st_uid)
                keeps_group = self._owners.name("group", place.status.st_gid)
                demand = Demand(uids=() if keeps_user else uids, gids=() if keeps_group else gids)
                wrong += _demand(plan, [place], demand, "review.unowned")
        item = "files and directories without owner or group"
        return lambda: self._outcome(plan, wanted["control"], item, found, wrong)

    def _is_owned(self, state: State) -> bool:
        return bool(self._owners.name("user", state.uid) and self._owners.name("group", state.gid))

    def _outcome(self, plan: Plan, control: str | None, item: str, found: list[Place], wrong: list[Place]) -> Outcome:
        changed = {place.path for place in wrong}
        left = [f"{place.path} {plan.shown(State.of(place))}" for place in found if place.path not in changed]
        if left:
            return Outcome(control, item, _outcome.FAILED, f"{len(left)} found: {listed(left)}")
        return plan.outcome(control, item, wrong)


def _demand(plan: Plan, places: list[Place], demand: Demand, by: str) -> list[Place]:
    return [place for place in places if plan.demand(place, demand, by)]


def _is_open(state: State) -> bool:
    return bool(state.mode & stat.S_IWOTH) and not state.mode & stat.S_ISVTX
