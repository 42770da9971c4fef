# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles from which pam-auth-update(8) makes the stacks that all services share.

Lines that are written into these stacks by hand stop it from ever changing them again, and so every package that
brings a PAM module; with profiles of one's own both get on. Arguments that are changed in the stacks it keeps.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._pam_text import TYPES, Line, Stack

PROGRAM = "pam-auth-update"
STACKS = tuple(f"/etc/pam.d/common-{kind}" for kind in (*TYPES, "session-noninteractive"))

_CONFIGS, _SAVED = "/usr/share/pam-configs", "/var/lib/pam"
# Nobody is there to be asked; a trial leaves debconf's memory alone (debconf(7)).
_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
_TRIAL = {**_QUIET, "DEBCONF_DB_REPLACE": "Pipe{infd:none outfd:none}"}

NOBODY_ASKS = (
    "no password could be changed any more: with use_authtok, a module takes the new password from one before it, and "
    "there is none. Have pam_pwquality.so before it, which libpam-pwquality brings, or leave use_authtok out"
)

# Runs a command with some environment, and returns its status and what it wrote.
Run = Callable[["list[str]", "dict[str, str]"], "tuple[int, str, str]"]


@dataclass(frozen=True)
class Profile:
    """A profile as it is wanted.

    Attributes:
        name: Name of its file.
        lines: The lines by type, without the type; empty for a profile that a package brings.
        text: What its file holds; empty for a profile that a package brings.
        enabled: Whether it takes part.
    """

    name: str
    lines: Mapping[str, list[str]]
    text: str
    enabled: bool

    @classmethod
    def wanted(cls, entry: Mapping[str, Any]) -> Profile:
        """Take an entry of ``profiles``.

        Raises:
            Fault: A line is none, or the name is no file's.
        """
        name = entry["name"]
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
            raise Fault(f"{name!r} is no name of a profile. Take letters, digits and '-', such as goldsmith-faillock.")
        lines = {kind: list(entry[kind]) for kind in TYPES if entry[kind]}
        for kind, texts in lines.items():
            for text in texts:
                if Line.parse(f"{kind} {text}") is None:
                    raise Fault(f"{name}: {text!r} calls no module. Write control, module and arguments.")
        fields = [f"Name: {entry['title'] or name}", "Default: yes", f"Priority: {entry['priority']}"]
        for kind, texts in lines.items():
            # The type of the first field must stand before the lines.
            fields += [f"{kind.capitalize()}-Type: {entry['block'].capitalize()}", f"{kind.capitalize()}:"]
            fields += [f"\t{text}" for text in texts]
        return cls(name, lines, "\n".join(fields) + "\n" if lines else "", entry["state"] == "enabled")

    @property
    def calls(self) -> list[Line]:
        """Its lines, with their types."""
        found = (Line.parse(f"{kind} {text}") for kind, texts in self.lines.items() for text in texts)
        return [line for line in found if line is not None]


class Profiles:
    """The profiles of a machine."""

    def __init__(self, drafts: Drafts, root: Path = Path("/")) -> None:
        """Take the files, and the directory that is the machine's root."""
        self._drafts = drafts
        self._root = root

    def enabled(self) -> set[str]:
        """Return the names of those that take part."""
        saved = [self._drafts.read(f"{_SAVED}/{Path(stack).name[len('common-') :]}") or "" for stack in STACKS]
        return {name for text in saved for name in re.findall(r"(?m)^Module: (\S+)", text)} - {"null"}

    def path(self, name: str) -> str:
        """Return the path of a profile's file."""
        return f"{_CONFIGS}/{name}"

    def text(self, name: str) -> str | None:
        """Return what the file of a profile holds, or None when there is none."""
        return self._drafts.read(self.path(name))

    def called(self) -> set[tuple[str, str, str]]:
        """Return what the stacks are there for, line by line."""
        texts = (self._drafts.read(stack) or "" for stack in STACKS)
        return {line.role for text in texts for _rest, line in Stack(text).calls()}

    def needed(self, profile: Profile) -> str:
        """Say what is missing for a profile to be as it is wanted; empty when it is.

        Raises:
            Fault: It is a package's, and the package is not there.
        """
        takes_part = profile.name in self.enabled()
        if not profile.enabled:
            return "took part" if takes_part else ""
        if not profile.text:
            if self.text(profile.name) is None:
                raise Fault(f"there is no profile {profile.name}; install the package that brings it")
            return "" if takes_part else "did not take part"
        if takes_part:
            return "" if self.text(profile.name) == profile.text else "had other lines"
        # Somebody else's lines may do the same already, and twice is once too often.
        return "did not take part" if {line.role for line in profile.calls} - self.called() else ""

    def write(self, profiles: Iterable[Profile]) -> None:
        """Put the files of profiles in their place."""
        for profile in profiles:
            if profile.text and profile.enabled:
                self._drafts.write(self.path(profile.name), profile.text)

    def trial(self, profiles: Iterable[Profile], run: Run, *, lenient: bool = False) -> dict[str, str]:
        """Return what the stacks would hold afterwards, by path.

        Args:
            profiles: The profiles that must change.
            run: Runs a command.
            lenient: Whether modules that stand before others may be missing still.

        Raises:
            Fault: pam-auth-update cannot do it, or leaves the stacks alone as they were changed by hand.
        """
        profiles = list(profiles)
        program = self._elsewhere()
        # debconf runs the program once more, by its name: a copy of it must be where programs can be run.
        with tempfile.TemporaryDirectory(prefix="goldsmith-", dir=self._at("/var/lib") if program else None) as name:
            copy = Path(name)
            for folder in (_CONFIGS, _SAVED):
                shutil.copytree(self._at(folder), copy / folder.lstrip("/"))
            (copy / "etc/pam.d").mkdir(parents=True)
            for stack in STACKS:
                if self._at(stack).exists():
                    shutil.copy(self._at(stack), copy / stack.lstrip("/"))
            for profile in profiles:
                if profile.text and profile.enabled:
                    (copy / _CONFIGS.lstrip("/") / profile.name).write_text(profile.text, "utf-8")
            own = copy / PROGRAM
            if program:
                for folder in (_CONFIGS, _SAVED, "/etc/pam.d"):
                    program = program.replace(f"'{folder}'", f"'{copy}{folder}'")
                own.write_text(program, "utf-8")
                own.chmod(0o700)
            update(
                profiles,
                lambda command, _rest: run([str(own), *command[1:]] if program else [*command, "--root", name], _TRIAL),
            )
            after = Drafts(copy)
            self._check(Profiles(after, copy), profiles)
            texts = {stack: after.read(stack) for stack in STACKS}
        found = {stack: text for stack, text in texts.items() if text is not None}
        if not lenient and any(Stack(text).takes_nothing for text in found.values()):
            raise Fault(NOBODY_ASKS)
        return found

    def _elsewhere(self) -> str:
        """Return pam-auth-update where it cannot be told to work on a copy of the machine's files; empty where it can.

        Before 1.5.2-6, as in Ubuntu 22.04, it takes the profiles from the machine whatever its ``--root``, and before
        1.4.0-10 it has none and would change the machine (debian/changelog of pam).
        """
        program = self._at(f"/usr/sbin/{PROGRAM}")
        text = program.read_text("utf-8") if program.exists() else ""
        return text if f"$inputdir = '{_CONFIGS}'" in text and "${rootdir}$inputdir" not in text else ""

    def _check(self, then: Profiles, profiles: list[Profile]) -> None:
        takes_part = then.enabled()
        called = then.called()
        for profile in profiles:
            missing = [str(line) for line in profile.calls if profile.enabled and line.role not in called]
            if (profile.name in takes_part) is not profile.enabled or missing:
                hint = f", or put these lines there: {'; '.join(missing)}" if missing else ""
                raise Fault(
                    f"{PROGRAM} leaves /etc/pam.d/common-* alone, as lines were put there by hand. Move them out of "
                    f"its blocks and run {PROGRAM} --force{hint}"
                )

    def _at(self, path: str) -> Path:
        return self._root / path.lstrip("/")


def update(profiles: Iterable[Profile], run: Run) -> None:
    """Have pam-auth-update make the stacks anew.

    Raises:
        Fault: It fails.
    """
    profiles = list(profiles)
    on = [profile.name for profile in profiles if profile.enabled]
    off = [profile.name for profile in profiles if not profile.enabled]
    command = [PROGRAM, "--package", *(["--enable", *on] if on else []), *(["--disable", *off] if off else [])]
    status, output, complaint = run(command, _QUIET)
    if status:
        raise Fault(f"{' '.join(command)} ended with {status}: {(complaint or output).strip()[-500:]}")
