# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules that are kept out: the file that forbids them, and those that are loaded now.

Source: modprobe.d(5) and libkmod of kmod 30, proc(5).
"""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable

from ansible_collections.goldsmith.images.plugins.module_utils import _outcome
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Attributes, Drafts, aside
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome

FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")

_HEADER = "# Written by goldsmith.images.kernel_modules, which replaces this file as a whole.\n"
_INSTALL = re.compile(r"(?m)^[ \t]*install[ \t]+(?P<name>\S+)(?P<command>(?:.*\\\n)*.*)$")
# Any of these does what is wanted: nothing is loaded.
_NOTHING = {"/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true"}

Unload = Callable[[str], str]


def same(name: str) -> str:
    """Return a module's name as it is compared: to the kernel's tools, ``-`` and ``_`` are one."""
    return name.replace("-", "_")


def forbidden(text: str) -> set[str]:
    """Return the modules that a file keeps out in both ways: when they are asked for by name, and by an alias."""
    lines = [line.split() for line in text.split("\n")]
    blacklisted = {same(words[1]) for words in lines if len(words) == 2 and words[0] == "blacklist"}
    return blacklisted & {
        same(found["name"]) for found in _INSTALL.finditer(text) if found["command"].strip() in _NOTHING
    }


def without(text: str, names: set[str]) -> tuple[str, set[str]]:
    """Turn the lines that load one of the modules in another way into comments.

    Returns:
        The text, and the modules of those lines.
    """
    found = set()

    def judge(line: re.Match[str]) -> str:
        if same(line["name"]) not in names or line["command"].strip() in _NOTHING:
            return line[0]
        found.add(same(line["name"]))
        return aside(line[0])

    return _INSTALL.sub(judge, text), found


@dataclass(frozen=True)
class Loaded:
    """A module that is loaded.

    Attributes:
        uses: How often it is in use, by other modules and otherwise.
        users: The modules that use it.
    """

    uses: int
    users: tuple[str, ...]


class Kernel:
    """What the kernels that are installed have of modules, and what is loaded."""

    def __init__(self, root: Path = Path("/"), *, live: bool) -> None:
        """Look.

        Args:
            root: The root of the file system.
            live: Whether the kernel that runs is meant; otherwise all those that are installed.
        """
        self._root = root
        self.live = live
        folder = root / "lib/modules"
        releases = [folder / os.uname().release] if live else sorted(folder.glob("*"))
        self._indexes = [one for one in releases if (one / "modules.dep").is_file()]

    def builtin(self, name: str) -> bool:
        """Tell whether a module is part of every kernel, so that nothing keeps it out."""
        return bool(self._indexes) and all(same(name) in _listed(one / "modules.builtin") for one in self._indexes)

    def missing(self, name: str) -> bool:
        """Tell whether no kernel has such a module."""
        files = [one / index for one in self._indexes for index in ("modules.dep", "modules.builtin")]
        return bool(files) and all(same(name) not in _listed(file) for file in files)

    def loaded(self) -> dict[str, Loaded]:
        """Return the modules that are loaded; none when the kernel that runs is not meant."""
        if not self.live:
            return {}
        try:
            lines = (self._root / "proc/modules").read_text().splitlines()
        except OSError:
            return {}
        found = {}
        for name, _size, uses, users, *_state in (line.split() for line in lines):
            found[name] = Loaded(
                int(uses) if uses.isdigit() else 1,  # "-": this kernel unloads nothing
                tuple(user for user in users.split(",") if user not in ("", "-", "[permanent]")),
            )
        return found


def _listed(index: Path) -> set[str]:
    """Return the modules of an index file of depmod."""
    try:
        lines = index.read_text().splitlines()
    except OSError:
        return set()
    return {same(posixpath.basename(line.split(":")[0]).split(".ko")[0]) for line in lines}


class KeptOut:
    """The modules as they are wanted: not there."""

    def __init__(self, modules: Iterable[dict[str, Any]], file: str, drafts: Drafts, kernel: Kernel) -> None:
        """Take what is wanted.

        Args:
            modules: Items with ``name`` and ``control``.
            file: The file that keeps them out.
            drafts: The files there are.
            kernel: The kernel that is meant.

        Raises:
            Fault: A name is none, or the file is none of those read.
        """
        if posixpath.dirname(file) != FOLDERS[0] or not file.endswith(".conf"):
            raise Fault(f"{file} is not read by modprobe. Name a file {FOLDERS[0]}/*.conf.")
        self._items = [(item["name"], item["control"]) for item in modules]
        self._names = {same(name): name for name, _control in self._items}
        for name in self._names.values():
            if not re.fullmatch(r"\w[\w-]*", name):
                raise Fault(f"{name!r} is not the name of a kernel module. Name one, such as usb-storage.")
        self._file = file
        self._drafts = drafts
        self._kernel = kernel
        self._before = kernel.loaded()
        self._boot: dict[str, str] = {}
        self._failures = {
            one: "in use; gone after a reboot" for one in self._names if one in self._before and not self._can_go(one)
        }

    def draft(self) -> None:
        """Change the files in mind: ours, and those that come before it and load a module in their own way."""
        if not self._items:
            self._drafts.remove(self._file)
            return
        before = forbidden(self._drafts.read(self._file) or "")
        names = self._names
        self._boot = {one: "was not kept out" for one in names if one not in before}
        lines = [f"install {names[one]} /bin/false\nblacklist {names[one]}\n" for one in sorted(names)]
        self._drafts.write(self._file, _HEADER + "".join(lines), Attributes(mode=0o644))
        # Of several install lines of a module, modprobe takes the first.
        files = self._drafts.layered(FOLDERS, "*.conf")
        for path in files[: files.index(self._file)]:
            text, found = without(self._drafts.read(path) or "", set(names))
            if found:
                self._boot.update((one, f"{path} loaded it in its own way") for one in found)
                self._drafts.supersede(path, text, FOLDERS[0])

    @property
    def going(self) -> list[str]:
        """The modules that are loaded and can be unloaded, those that use others first."""
        names = set(self._names) & set(self._before) - set(self._failures)
        return sorted(names, key=lambda name: (self._depth(name), name))

    def unload(self, unload: Unload) -> None:
        """Unload them.

        Args:
            unload: Unloads the module of a name; returns why it could not, empty when it could.
        """
        for name in self.going:
            why = unload(name)
            if why:
                self._failures[name] = f"cannot be unloaded: {why}"

    def outcomes(self) -> list[Outcome]:
        """Return what became of the items."""
        return [self._outcome(name, control) for name, control in self._items]

    def _outcome(self, name: str, control: str | None) -> Outcome:
        one = same(name)
        if one in self._failures:
            return Outcome(control, name, _outcome.FAILED, self._failures[one])
        if self._kernel.builtin(name):
            return Outcome(control, name, _outcome.NOT_APPLICABLE, "built into the kernel")
        if one in self._before:
            return Outcome(control, name, _outcome.CHANGED, "was loaded")
        if one in self._boot:
            return Outcome(control, name, _outcome.CHANGED, self._boot[one])
        missing = "the kernel has no such module" if self._kernel.missing(name) else ""
        return Outcome(control, name, _outcome.COMPLIANT, missing)

    def _can_go(self, name: str) -> bool:
        """Tell whether nothing uses a module but others that go as well."""
        loaded = self._before[name]
        others = [user for user in loaded.users if user in self._names and user in self._before and self._can_go(user)]
        return loaded.uses == len(others) and len(others) == len(loaded.users)

    def _depth(self, name: str) -> int:
        return 1 + max((self._depth(user) for user in self._before[name].users), default=0)
