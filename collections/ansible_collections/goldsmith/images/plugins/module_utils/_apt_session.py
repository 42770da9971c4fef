# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is set up on a Debian machine for the time of an upgrade, and taken away again, whatever happens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ansible_collections.goldsmith.images.plugins.module_utils._apt_plan import complaints, is_locked
from ansible_collections.goldsmith.images.plugins.module_utils._apt_sources import Source
from ansible_collections.goldsmith.images.plugins.module_utils._commands import Commands, Done, Outlook
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._package_request import Request

WORK = Path("/var/lib/apt/goldsmith")
"""Everything temporary lies here, so that after a run that was killed the next one finds it."""
POLICY = Path("/usr/sbin/policy-rc.d")
_MARK = "# Holds services back while goldsmith.images.package_upgrade runs."
_HOLDS = WORK / "holds"

ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "APT_LISTCHANGES_FRONTEND": "none",
    "APT_LISTBUGS_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
    # Whoever patches decides by the report what is started anew, and when.
    "NEEDRESTART_SUSPEND": "1",
    "LC_ALL": "C.UTF-8",
}


@dataclass
class Session:
    """The time of one upgrade.

    Attributes:
        commands: Runs the commands.
        request: What is asked for.
    """

    commands: Commands
    request: Request

    def __enter__(self) -> Session:
        self._put_back()
        # APT fetches as a user of its own, who must get in.
        WORK.mkdir(parents=True)
        WORK.chmod(0o755)
        self.configure()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._put_back()
        except Fault as fault:
            raise fault if error is None else Fault(f"{error} And then {fault}") from error

    def _put_back(self) -> None:
        """Undo what this run, or an earlier one that was killed, set up.

        Raises:
            Fault: The holds cannot be released.
        """
        if POLICY.is_file() and _MARK in POLICY.read_text("utf-8", "replace"):
            POLICY.unlink()
        if _HOLDS.exists():
            names = _HOLDS.read_text("utf-8").split()
            done = self._select(names, "install", cleanup=True)
            if not done.ok:
                raise Fault(
                    f"the temporary holds could not be released: {complaints(done.output)}. Release them: "
                    f"apt-mark unhold {' '.join(names)}"
                )
        if WORK.exists():
            shutil.rmtree(WORK)

    def hold(self, names: Iterable[str]) -> None:
        """Put packages on hold until the session ends.

        Raises:
            Fault: dpkg refuses.
        """
        wanted = list(names)
        if wanted:
            # Noted first: a hold that is noted and was not set is released without harm.
            _HOLDS.write_text("".join(f"{name}\n" for name in wanted), "utf-8")
            self.hold_for_good(wanted)

    def hold_for_good(self, names: Iterable[str]) -> None:
        """Put packages on hold.

        Raises:
            Fault: dpkg refuses.
        """
        wanted = list(names)
        done = self._select(wanted, "hold") if wanted else None
        if done and not done.ok:
            raise Fault(f"{', '.join(wanted)} cannot be put on hold: {complaints(done.output)}. Nothing was upgraded.")

    def _select(self, names: Iterable[str], wanted: str, cleanup: bool = False) -> Done:
        lines = "".join(f"{name} {wanted}\n" for name in names)
        command = ["dpkg", "--set-selections"]
        return self.persist(lambda: self.commands.run(command, given=lines, cleanup=cleanup), lambda _output: False)

    def persist(self, attempt: Callable[[], Done], may_recover: Callable[[str], bool]) -> Done:
        """Try as often as is asked for, and return the last try.

        Args:
            attempt: Runs the command.
            may_recover: Tells from the output whether trying again can help.
        """
        request = self.request
        return self.commands.persist(
            attempt,
            retries=request.retries,
            delay=request.retry_delay,
            lock_timeout=request.lock_timeout,
            outlook=Outlook(is_locked, may_recover),
        )

    def hold_services(self) -> None:
        """Keep packages from starting services, as long as nobody else has said what may start (policy-rc.d)."""
        if not os.path.lexists(POLICY):
            POLICY.write_text(f"#!/bin/sh\n{_MARK}\nexit 101\n", "utf-8")
            POLICY.chmod(0o755)

    def configure(
        self,
        *,
        sources: Iterable[Source] | None = None,
        own_lists: bool = True,
        own_cache: bool = True,
        status: str = "",
    ) -> None:
        """Write APT's settings for this session.

        Args:
            sources: What to fetch from in place of the machine's own sources.
            own_lists: Use the machine's package lists, and not some that are thrown away at the end.
            own_cache: The same for its cache of packages.
            status: Content of dpkg's status file to plan with in place of the real one.
        """
        request = self.request
        lines = [
            'APT::Get::Assume-Yes "true";',
            # Without this APT says that all went well where an index is not to be had, or is not signed as it must be.
            'APT::Update::Error-Mode "any";',
            'Acquire::Retries "2";',
            # APT 2.6 has been seen to wait forever for a retry that it put off. Longer pauses are made here.
            'Acquire::Retries::Delay "false";',
            'Acquire::http::Timeout "30";',
            'Acquire::https::Timeout "30";',
            f'DPkg::Lock::Timeout "{int(request.lock_timeout)}";',
            'DPkg::Use-Pty "false";',
            # A file that the package and the administrator changed: dpkg's default, else the administrator's one.
            'DPkg::Options { "--force-confdef"; "--force-confold"; };',
            'Dpkg::Progress-Fancy "false";',
            f'Dir::Etc::preferences "{WORK}/preferences";',
        ]
        if request.proxy:
            lines += [f'Acquire::{scheme}::Proxy "{request.proxy}";' for scheme in ("http", "https")]
        if sources is not None:
            parts = WORK / "sources.list.d"
            parts.mkdir(exist_ok=True)
            (parts / "goldsmith.sources").write_text("\n".join(source.render() for source in sources), "utf-8")
            lines += ['Dir::Etc::sourcelist "/dev/null";', f'Dir::Etc::sourceparts "{parts}";']
        if not own_lists:
            (WORK / "lists/partial").mkdir(parents=True, exist_ok=True)
            lines.append(f'Dir::State::lists "{WORK}/lists";')
        if not own_cache:
            (WORK / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
            lines.append(f'Dir::Cache "{WORK}/cache";')
        if status:
            (WORK / "status").write_text(status, "utf-8")
            lines.append(f'Dir::State::status "{WORK}/status";')
        self.prefer("")
        # The proxy's address may hold a password.
        descriptor = os.open(self.settings, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    @property
    def settings(self) -> Path:
        """APT's settings for this session."""
        return WORK / "apt.conf"

    def prefer(self, pins: str) -> None:
        """Put preferences before the administrator's own: of general ones that match, the first counts."""
        own = Path("/etc/apt/preferences")
        kept = own.read_text("utf-8", "replace") if own.is_file() else ""
        (WORK / "preferences").write_text(f"{pins}{kept}", "utf-8")

    def apt(self, program: str, *arguments: str, stall: float | None = None) -> Done:
        """Run a program of APT with the session's settings."""
        return self.commands.run([program, "-q", "-c", str(self.settings), *arguments], stall=stall)
