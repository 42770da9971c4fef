# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrading a machine of the Red Hat family, step by step, with dnf 4."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ansible_collections.goldsmith.images.plugins.module_utils._apt_sources import fill, point_in_time
from ansible_collections.goldsmith.images.plugins.module_utils._commands import Commands, Done, Outlook
from ansible_collections.goldsmith.images.plugins.module_utils._dnf_output import (
    Transaction,
    advisories,
    complaints,
    is_fetching,
    is_untrusted,
    kept_files,
    read_transaction,
    repositories,
    restart_reasons,
    upgrades,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._locks import Lock
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import RPM_QUERY, Entry, rpms
from ansible_collections.goldsmith.images.plugins.module_utils._package_request import Outcome, Request, matching
from ansible_collections.goldsmith.images.plugins.module_utils._restart import of_init, outdated, services

_LOCK = Path("/run/goldsmith-package-upgrade.lock")
_WORK = Path("/var/cache/goldsmith-dnf")
_CACHE = Path("/var/cache/dnf")
_LOCKS = Path("/etc/dnf/plugins/versionlock.list")
_STALL = 600.0
_SIDE_BY_SIDE = (
    "kernel",
    "kernel-core",
    "kernel-modules",
    "kernel-modules-core",
    "kernel-modules-extra",
    "kernel-devel",
)
_NOTHING = "Nothing was upgraded."


def upgrade(request: Request, commands: Commands) -> Outcome:
    """Do what is asked for.

    Raises:
        Fault: It cannot be done.
    """
    with Lock(_LOCK):
        shutil.rmtree(_WORK, ignore_errors=True)
        try:
            return Dnf(commands, request).run()
        finally:
            shutil.rmtree(_WORK, ignore_errors=True)


class Dnf:
    """One upgrade.

    Attributes:
        outcome: What came of it so far.
    """

    def __init__(self, commands: Commands, request: Request) -> None:
        self._commands = commands
        self._request = request
        self._options = ["-y", "--setopt=*.skip_if_unavailable=0", f"--setopt=retries={request.retries + 1}"]
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Go through the steps."""
        request, outcome = self._request, self.outcome
        outcome.before = outcome.after = self._installed()
        cached = _cached()
        if request.mode != "none":
            self._prepare()
            self._refresh()
            known = self._advisories()
            plan = self._upgrade()
            left = _left(known, plan)
            outcome.cves = {"fixed": [one for one in known if one not in left], "remaining": left}
        if request.live and request.kernels > 0 and not request.check:
            self._remove_kernels()
        if not request.check:
            if request.clean and _cached():
                self._must(self._dnf("clean", "packages"), "the package cache cannot be cleaned")
                outcome.freed = cached
            outcome.after = self._installed()
        if request.live:
            self._restarts()
        return outcome

    def _prepare(self) -> None:
        """Hold what is to stay as it is, and choose where to fetch from."""
        request = self._request
        if request.proxy:
            self._options.append(f"--setopt=proxy={request.proxy}")
        if request.release:
            self._options.append(f"--releasever={request.release}")
        self._options += [f"--exclude={pattern}" for pattern in request.exclude]
        url = request.snapshot_url if request.mode == "snapshot" and not request.release else request.mirror
        if url:
            self._redirect(url)
        if url or request.check:
            self._options.append(f"--setopt=cachedir={_WORK}")
        self._hold()

    def _hold(self) -> None:
        request = self._request
        if not request.hold:
            return
        listed = self._must(
            self._dnf("versionlock", "list"), "packages cannot be held without dnf's plugin versionlock"
        )
        names = matching({one["name"] for one in self.outcome.before}, request.hold)
        # An entry is such as goldcoin-0:1.1-1.*
        locked = {line.rsplit("-", 2)[0] for line in listed.output.splitlines() if ":" in line}
        self.outcome.newly_held = [name for name in names if name not in locked]
        if request.check:
            self._options += [f"--exclude={name}" for name in self.outcome.newly_held]
        elif self.outcome.newly_held:
            self._must(self._dnf("versionlock", "add", *self.outcome.newly_held), "packages cannot be put on hold")

    def _redirect(self, url: str) -> None:
        request = self._request
        listed = self._must(self._dnf("repolist", "--enabled"), "the repositories cannot be listed")
        own, others = repositories(listed.output)
        values = {"date": "", "day": ""}
        if request.mode == "snapshot":
            day = point_in_time(request.snapshot_date)
            values = {"date": day.strftime("%Y%m%dT%H%M%SZ"), "day": day.strftime("%Y-%m-%d")}
            if not own:
                raise Fault(f"none of the enabled repositories is the distribution's own. {_NOTHING} See: dnf repolist")
            self._options += [f"--disablerepo={name}" for name in others]
            self.outcome.left_out = others
        for name in own:
            address = fill(url, {**values, "repo": name})
            self._options += [f"--setopt={name}.baseurl={address}", f"--setopt={name}.metalink="]
            self._options.append(f"--setopt={name}.mirrorlist=")

    def _refresh(self) -> None:
        wanted = ["makecache"] if self._request.cache_valid_time > 0 else ["makecache", "--refresh"]
        if self._request.cache_valid_time:
            self._options.append(f"--setopt=*.metadata_expire={int(self._request.cache_valid_time)}")
        done = self._persist(lambda: self._dnf(*wanted, stall=_STALL))
        if not done.ok:
            raise Fault(f"the repositories cannot be read: {complaints(done.output)}. {_NOTHING} Is the mirror up?")

    def _advisories(self) -> list[dict[str, str]]:
        done = self._unrestricted("-q", "updateinfo", "list", "--with-cve", "--security")
        return advisories(done.output) if done.ok else []

    def _upgrade(self) -> Transaction:
        request = self._request
        wanted = ["upgrade", *(["--security"] if request.mode == "security" else [])]
        foreseen = self._dnf("--assumeno", *wanted)
        plan = read_transaction(foreseen.output)
        # To say no to what it would do counts as a failure too.
        if not foreseen.ok and not plan:
            raise Fault(f"the upgrade cannot be planned: {complaints(foreseen.output)}. {_NOTHING}")
        if request.mode != "security":
            self.outcome.held_back = self._held_back(plan)
        if request.check:
            self.outcome.after = plan.applied(self.outcome.before, _SIDE_BY_SIDE)
        elif plan:
            done = self._persist(lambda: self._dnf(*wanted))
            self.outcome.kept_files = kept_files(done.output)
            if not done.ok:
                raise Fault(f"the upgrade failed: {complaints(done.output)}. See: dnf history info last")
        if request.autoremove and not request.check:
            self._must(self._dnf("autoremove"), "packages that nothing needs cannot be removed")
        return plan

    def _held_back(self, plan: Transaction) -> list[str]:
        """Return what could be upgraded if nothing were held or excluded, and will not be."""
        request = self._request
        if not (request.exclude or request.hold or _LOCKS.exists()):
            return []
        listed = self._unrestricted("-q", "-C", "list", "--upgrades")
        coming = {name for name, _arch, _version in plan.comes}
        return [name for name in upgrades(listed.output) if name not in coming] if listed.ok else []

    def _unrestricted(self, *arguments: str) -> Done:
        """Ask dnf as if nothing were held or excluded."""
        options = [one for one in self._options if not one.startswith("--exclude=")]
        return self._commands.run(["dnf", *options, "--disableplugin=versionlock", *arguments])

    def _remove_kernels(self) -> None:
        limit = f"--latest-limit=-{max(self._request.kernels, 1)}"
        listed = self._dnf("-q", "repoquery", "--installed", "--installonly", limit)
        names = [line for line in listed.output.split() if listed.ok and line.startswith("kernel")]
        if names:
            # dnf itself refuses to remove the kernel that runs.
            self._must(self._dnf("remove", *names), "old kernels cannot be removed")

    def _restarts(self) -> None:
        asked = self._dnf("needs-restarting", "-r")
        processes = outdated()
        reasons = [*(restart_reasons(asked.output) if asked.status == 1 else []), of_init(processes)]
        self.outcome.reboot = [reason for reason in reasons if reason]
        self.outcome.services = services(processes)

    def _installed(self) -> list[Entry]:
        done = self._must(self._commands.run(["rpm", "-qa", "--qf", RPM_QUERY]), "rpm cannot list the packages")
        return list(rpms(done.output))

    def _dnf(self, *arguments: str, stall: float | None = None) -> Done:
        return self._commands.run(["dnf", *self._options, *arguments], stall=stall)

    def _persist(self, attempt: Callable[[], Done]) -> Done:
        return self._commands.persist(
            attempt,
            retries=self._request.retries,
            delay=self._request.retry_delay,
            lock_timeout=0,  # dnf itself waits for whoever holds its lock
            outlook=Outlook(lambda _output: False, lambda output: is_fetching(output) and not is_untrusted(output)),
        )

    def _must(self, done: Done, otherwise: str) -> Done:
        if not done.ok:
            raise Fault(f"{otherwise}: {complaints(done.output)}. {_NOTHING}")
        return done


def _left(known: list[dict[str, str]], plan: Transaction) -> list[dict[str, str]]:
    """Return the advisories that a transaction would not make good."""
    coming = {f"{name}-{version}.{arch}" for name, arch, version in plan.comes}
    return [one for one in known if one["package"] not in coming]


def _cached() -> int:
    """Return the bytes of packages in dnf's cache."""
    return sum(path.stat().st_size for path in _CACHE.glob("*/packages/*.rpm")) if _CACHE.is_dir() else 0
