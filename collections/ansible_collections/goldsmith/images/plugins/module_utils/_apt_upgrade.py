# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrading a machine of the Debian family, step by step."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.goldsmith.images.plugins.module_utils._apt_plan import (
    Plan,
    complaints,
    forcing_pins,
    held_back,
    is_fetching,
    is_untrusted,
    kept_files,
    may_recover,
    read_plan,
    security_pins,
)
from ansible_collections.goldsmith.images.plugins.module_utils._apt_session import WORK, Session
from ansible_collections.goldsmith.images.plugins.module_utils._apt_sources import (
    Source,
    as_of,
    index_url,
    list_name,
    mirrored,
    point_in_time,
    read_sources,
)
from ansible_collections.goldsmith.images.plugins.module_utils._commands import Commands, Done
from ansible_collections.goldsmith.images.plugins.module_utils._dpkg_status import (
    STATUS,
    Selection,
    selections,
    unfinished,
    with_holds,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._kernels import kernels, pending, superfluous
from ansible_collections.goldsmith.images.plugins.module_utils._locks import Lock
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import Entry, debs
from ansible_collections.goldsmith.images.plugins.module_utils._package_request import Outcome, Request, matching
from ansible_collections.goldsmith.images.plugins.module_utils._restart import (
    by_needrestart,
    flagged,
    of_init,
    outdated,
    services,
)

_LOCK = Path("/run/goldsmith-package-upgrade.lock")
_ETC = Path("/etc/apt")
_LISTS = Path("/var/lib/apt/lists")
_ARCHIVES = Path("/var/cache/apt/archives")
_SNAPSHOT = "https://snapshot.debian.org/archive/{archive}/{date}"
_STALL = 600.0
"""Seconds without any output after which fetching the package lists is given up."""


def upgrade(request: Request, commands: Commands) -> Outcome:
    """Do what is asked for.

    Raises:
        Fault: It cannot be done; what was set up for the time of it is gone.
    """
    with Lock(_LOCK), Session(commands, request) as session:
        outcome = Apt(session, request).run()
    if request.live:
        outcome.reboot, outcome.services = _restarts(commands, outcome.after)
    return outcome


class Apt:
    """One upgrade.

    Attributes:
        outcome: What came of it so far.
    """

    def __init__(self, session: Session, request: Request) -> None:
        self._session = session
        self._request = request
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Go through the steps."""
        request, outcome = self._request, self.outcome
        outcome.before = outcome.after = _installed()
        cached = _cached()
        if request.mode != "none":
            self._repair()
            self._prepare()
            self._prefer()
            self._upgrade()
        if request.live and request.kernels > 0:
            self._remove_kernels()
        if not request.check:
            self._verify()
            self._clean(cached)
            outcome.after = _installed()
        return outcome

    def _repair(self) -> None:
        """Set up what an interrupted run left behind; what cannot be, is APT's to mend, which knows what is missing."""
        broken = unfinished(_selections())
        if broken and not self._request.check:
            self._note_files(self._session.commands.run(["dpkg", *_KEEP_FILES, "--configure", "--pending"]))
            left = unfinished(_selections())
            self.outcome.repaired = [name for name in broken if name not in left]

    def _prepare(self) -> None:
        """Hold what is to stay as it is, tell APT where to fetch from, and fetch the package lists."""
        request = self._request
        free = [one for one in _selections() if one.wanted == "install"]
        for_good = _chosen(free, request.hold)
        for_now = [name for name in _chosen(free, request.exclude) if name not in for_good]
        self.outcome.newly_held = for_good
        if not request.check:
            self._session.hold_for_good(for_good)
            self._session.hold(for_now)
        sources = self._sources()
        fresh = sources is None and _age() < request.cache_valid_time
        own_lists = sources is None and (fresh or not request.check)
        self._session.configure(
            sources=sources,
            own_lists=own_lists,
            own_cache=sources is None and not request.check,
            # APT's plan is to be that of a machine where the holds are set.
            status=with_holds(_status(), {*for_good, *for_now}) if request.check else "",
        )
        if not fresh:
            self._refresh()
        self.outcome.indexes = _indexes(
            read_sources(_source_files()) if sources is None else sources, _LISTS if own_lists else WORK / "lists"
        )

    def _sources(self) -> list[Source] | None:
        """Return what to fetch from in place of the machine's own sources; None for those."""
        request = self._request
        if request.mode != "snapshot" and not (request.mirror or request.security_mirror):
            return None
        sources, codename = read_sources(_source_files()), _codename()
        if request.mode != "snapshot":
            return mirrored(sources, codename, request.mirror, request.security_mirror)
        day = point_in_time(request.snapshot_date)
        sources, others = as_of(sources, codename, request.snapshot_url or _SNAPSHOT, day)
        self.outcome.left_out = sorted({f"{source.uri} {source.suite}" for source in others})
        return sources

    def _refresh(self) -> None:
        tries = 0

        def attempt() -> Done:
            nonlocal tries
            tries += 1
            return self._session.apt("apt-get", "update", stall=_STALL)

        done = self._session.persist(attempt, may_recover)
        if done.status is None:
            raise Fault(f"the package lists cannot be fetched: nothing came for {_STALL:.0f} s. {_NOTHING} {_MIRROR}")
        if not done.ok and is_untrusted(done.output):
            raise Fault(
                f"the package lists are refused, as they are not signed by a key that this machine trusts: "
                f"{complaints(done.output)}. {_NOTHING} Install the archive's key, or mend the source in /etc/apt."
            )
        if not done.ok:
            raise Fault(
                f"the package lists cannot be fetched, {_times(tries)}: {complaints(done.output)}. {_NOTHING} {_MIRROR}"
            )

    def _prefer(self) -> None:
        """Tell APT by preferences which versions are wanted, where these are not the newest ones."""
        request = self._request
        downgrade = request.mode == "snapshot" and request.snapshot_downgrade
        if request.mode == "security" or downgrade:
            policy = self._must(
                self._session.apt("apt-cache", "policy"), "the archives' priorities cannot be read"
            ).output
            self._session.prefer(
                forcing_pins(policy) if downgrade else security_pins(policy, request.security_archives)
            )

    def _upgrade(self) -> None:
        request = self._request
        wanted = ["dist-upgrade"]
        if request.autoremove:
            wanted.append("--auto-remove")
        if request.mode == "snapshot" and request.snapshot_downgrade:
            wanted.append("--allow-downgrades")
        simulated = self._must(self._session.apt("apt-get", "--simulate", *wanted), "the upgrade cannot be planned")
        self.outcome.held_back = held_back(simulated.output)
        plan = read_plan(simulated.output)
        if request.check:
            self._foresee(plan)
        elif plan:
            self._perform(wanted)

    def _foresee(self, plan: Plan) -> None:
        names = [f"{one.name}:{one.arch}={one.version}" for one in plan.installs]
        shown = self._session.apt("apt-cache", "show", *names).output if names else ""
        self.outcome.after = plan.applied(self.outcome.after, debs(shown, needs_status=False))

    def _perform(self, wanted: list[str]) -> None:
        tries = 0

        def attempt() -> Done:
            nonlocal tries
            tries += 1
            if tries > 1:  # what is not to be had any more may have a successor
                again = self._session.apt("apt-get", "update", stall=_STALL)
                if not again.ok:
                    return again
            return self._session.apt("apt-get", *wanted)

        if self._request.hold_services:
            self._session.hold_services()
        done = self._session.persist(attempt, lambda output: is_fetching(output) and not is_untrusted(output))
        self._note_files(done)
        if not done.ok and is_fetching(done.output):
            raise Fault(f"packages cannot be fetched, {_times(tries)}: {complaints(done.output)}. {_NOTHING} {_MIRROR}")
        if not done.ok:
            raise Fault(f"the upgrade failed: {complaints(done.output)}. {_HALFWAY}")

    def _remove_kernels(self) -> None:
        held = {one.name for one in _selections() if one.wanted == "hold"}
        present = self.outcome.after if self._request.check else _installed()
        names = [name for name in superfluous(present, os.uname().release, self._request.kernels) if name not in held]
        if not names:
            return
        simulated = self._session.apt("apt-get", "--simulate", "purge", *names)
        plan = read_plan(simulated.output)
        # Where something else would go too or come instead, the old kernel is not superfluous.
        if not simulated.ok or plan.installs or not {name for name, _arch in plan.removes} <= set(names):
            return
        if self._request.check:
            self._foresee(plan)
        else:
            self._must(self._session.apt("apt-get", "purge", *names), "old kernels cannot be removed")

    def _verify(self) -> None:
        left = unfinished(_selections())
        if left:
            raise Fault(f"packages are not set up: {', '.join(left)}. See: dpkg --audit. {_HALFWAY}")

    def _clean(self, cached: int) -> None:
        """Empty the cache of packages; what this very run put there does not count as freed."""
        if self._request.clean and _ARCHIVES.is_dir():
            self._session.configure()
            # A builder's APT downloads to another place.
            own = f"-oDir::Cache::archives={_ARCHIVES}"
            self._must(self._session.apt("apt-get", own, "clean"), "the package cache cannot be cleaned")
            self.outcome.freed = cached

    def _note_files(self, done: Done) -> None:
        self.outcome.kept_files = sorted({*self.outcome.kept_files, *kept_files(done.output)})

    def _must(self, done: Done, otherwise: str) -> Done:
        if not done.ok:
            raise Fault(f"{otherwise}: {complaints(done.output)}. {_NOTHING}")
        return done


_KEEP_FILES = ("--force-confdef", "--force-confold")
_NOTHING = "Nothing was upgraded."
_MIRROR = "Is the mirror up, and are its address and the proxy right?"
_HALFWAY = "A next run goes on from there; by hand: dpkg --configure -a && apt-get --fix-broken install"


def _times(tries: int) -> str:
    return f"tried {tries} times" if tries > 1 else "tried once"


def _status() -> str:
    return Path(STATUS).read_text("utf-8", "replace")


def _selections() -> list[Selection]:
    return selections(_status())


def _installed() -> list[Entry]:
    return list(debs(_status()))


def _chosen(free: Iterable[Selection], patterns: Iterable[str]) -> list[str]:
    """Return the full names of the installed packages that patterns name."""
    present = [one for one in free if one.state == "installed"]
    names = set(matching((one.name for one in present), patterns))
    return sorted(one.full_name for one in present if one.name in names)


def _indexes(sources: Iterable[Source], lists: Path) -> dict[str, str]:
    """Return the SHA-256 of the signed indexes that APT keeps, by address; those of sources that have one."""
    urls = {index_url(source): lists / list_name(index_url(source)) for source in sources}
    return {url: hashlib.sha256(file.read_bytes()).hexdigest() for url, file in sorted(urls.items()) if file.is_file()}


def _source_files() -> dict[str, str]:
    """Return the content of the files that APT reads its sources from, in its order."""
    parts = _ETC / "sources.list.d"
    paths = [_ETC / "sources.list", *(sorted(parts.iterdir()) if parts.is_dir() else [])]
    known = (path for path in paths if path.suffix in (".list", ".sources") and path.is_file())
    return {path.name: path.read_text("utf-8", "replace") for path in known}


def _codename() -> str:
    text = Path("/etc/os-release").read_text("utf-8", "replace")
    match = re.search(r'^VERSION_CODENAME="?([a-z]+)"?$', text, re.MULTILINE)
    if not match:
        raise Fault("/etc/os-release tells no VERSION_CODENAME, by which the distribution's own archives are known.")
    return match[1]


def _cached() -> int:
    """Return the bytes of packages in APT's cache."""
    return sum(path.stat().st_size for path in _ARCHIVES.glob("*.deb")) if _ARCHIVES.is_dir() else 0


def _age() -> float:
    """Return how many seconds ago the package lists were fetched; infinite if there are none."""
    if not any(_LISTS.glob("*_Packages*")):
        return float("inf")
    stamps = (Path("/var/lib/apt/periodic/update-success-stamp"), _LISTS, _LISTS / "partial")
    return time.time() - max(path.stat().st_mtime for path in stamps if path.exists())


def _restarts(commands: Commands, packages: list[Entry]) -> tuple[list[str], list[str]]:
    """Return why the machine must be started anew, and the services that must be."""
    version = Path("/proc/version").read_text("utf-8", "replace")
    processes = outdated()
    reasons = [pending(kernels(packages), os.uname().release, version), of_init(processes), flagged()]
    if shutil.which("needrestart"):
        asked = commands.run(["env", "-u", "NEEDRESTART_SUSPEND", "needrestart", "-b", "-k", "-w", "-r", "l"])
        reasons += by_needrestart(asked.output)
    return [reason for reason in reasons if reason], services(processes)
