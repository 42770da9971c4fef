# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's parameters: the files that set them at boot, and the values that hold now.

Source: sysctl.d(5) of systemd 252, sysctl(8) of procps 4.0.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable

from ansible_collections.goldsmith.images.plugins.module_utils import _outcome
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Attributes, Drafts, aside
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome

# A file hides those of the same name in the directories after its own; then all go by their names.
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
# Read after all others, by `sysctl --system` and by ufw when it starts.
LAST = ("/etc/sysctl.conf", "/etc/ufw/sysctl.conf")

_HEADER = "# Written by goldsmith.images.sysctl_settings, which replaces this file as a whole.\n"


@dataclass(frozen=True)
class Assignment:
    """A line of such a file.

    Attributes:
        variable: The parameter, as its path below ``/proc/sys``.
        value: Its value in normal form, or None for a line that takes the parameter out (``-key``).
    """

    variable: str
    value: str | None


def variable(key: str) -> str:
    """Return a key as a path below ``/proc/sys``.

    When the first separator is a dot, dots and slashes change places: ``net.ipv4.conf.eth0/5.forwarding`` is of the
    interface ``eth0.5``.
    """
    first = re.search(r"[./]", key)
    if first and first[0] == ".":
        key = key.translate(str.maketrans("./", "/."))
    return re.sub("/+", "/", key).strip("/")


def name(path: str) -> str:
    """Return the key with dots of a path below ``/proc/sys``."""
    return path.translate(str.maketrans("./", "/."))


def normal(value: str) -> str:
    """Return a value as it is compared: the kernel puts tabs between several numbers."""
    return " ".join(value.split())


def assignment(line: str) -> Assignment | None:
    """Return what a line sets, or None when it sets nothing."""
    text = line.strip()
    if not text or text[0] in "#;":
        return None
    key, equals, value = text.partition("=")
    if not equals and not key.startswith("-"):
        return None
    if key.startswith("-"):
        key = key[1:]
    return Assignment(variable(key.strip()), normal(value) if equals else None)


def assignments(text: str) -> dict[str, str | None]:
    """Return what a file sets: of two lines of the same parameter the last."""
    found = [assignment(line) for line in text.split("\n")]
    return {one.variable: one.value for one in found if one is not None}


def without(text: str, wanted: dict[str, str]) -> tuple[str, set[str]]:
    """Turn the lines that set a parameter to something else into comments.

    Returns:
        The text, and the parameters of those lines.
    """
    lines, found = text.split("\n"), set()
    for index, line in enumerate(lines):
        one = assignment(line)
        # A pattern needs no care: a parameter that is set by its name is left out of it.
        if one is not None and one.variable in wanted and one.value != wanted[one.variable]:
            lines[index] = aside(line)
            found.add(one.variable)
    return "\n".join(lines), found


class Kernel:
    """The values that hold now."""

    def __init__(self, root: Path = Path("/proc/sys")) -> None:
        """Take the directory in which the kernel shows them."""
        self._root = root

    def read(self, path: str) -> str | None:
        """Return a value in normal form, or None when the kernel has no such parameter.

        Raises:
            OSError: It cannot be read.
        """
        try:
            return normal((self._root / path).read_text("utf-8", "surrogateescape"))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, path: str, value: str) -> None:
        """Have a value hold from now on.

        Raises:
            OSError: The kernel refuses it.
        """
        (self._root / path).write_text(value + "\n", "utf-8", "surrogateescape")


class Sysctl:
    """The parameters as they are wanted."""

    def __init__(self, settings: Iterable[dict[str, Any]], file: str, drafts: Drafts, kernel: Kernel | None) -> None:
        """Take what is wanted.

        Args:
            settings: Items with ``key``, ``value`` and ``control``.
            file: The file that sets them at boot.
            drafts: The files there are.
            kernel: The kernel that runs, or None when it is not to be touched.

        Raises:
            Fault: One parameter is to have two values, one is no single parameter, or the file is none of those read.
        """
        if posixpath.dirname(file) != FOLDERS[0] or not file.endswith(".conf"):
            raise Fault(f"{file} is not read at boot. Name a file {FOLDERS[0]}/*.conf.")
        self._file = file
        self._drafts = drafts
        self._kernel = kernel
        self._items = [(variable(item["key"]), item["control"]) for item in settings]
        self._wanted: dict[str, str] = {}
        for item in settings:
            path, value = variable(item["key"]), normal(item["value"])
            if not re.fullmatch(r"[^\s=*?\[#;-][^\s=*?\[]*", path) or {"", ".", ".."} & set(path.split("/")):
                raise Fault(
                    f"{item['key']!r} is not a parameter of the kernel. Name one, such as kernel.kptr_restrict."
                )
            if self._wanted.setdefault(path, value) != value:
                raise Fault(f"{name(path)} is to be {self._wanted[path]} and {value}. Leave one of them.")
        self._now: dict[str, str | None] = {}
        self._failures: dict[str, str] = {}
        self._look()
        self._missing = {path for path, value in self._now.items() if value is None}
        self._was = {path: value for path, value in self._now.items() if value != self._wanted[path]}
        self._boot: dict[str, str] = {}

    def draft(self) -> None:
        """Change the files in mind: ours, and those that would have the last word."""
        set_before = assignments(self._drafts.read(self._file) or "")
        for path, value in self._wanted.items():
            if set_before.get(path) != value:
                self._boot[path] = f"was {set_before[path]} at boot" if path in set_before else "was not set at boot"
        if not self._wanted:
            self._drafts.remove(self._file)
            return
        # What the kernel lacks now it may have later, with a module; until then nobody is told of a failure.
        lines = [
            f"{'-' if path in self._missing else ''}{name(path)} = {self._wanted[path]}\n" for path in self._wanted
        ]
        text = _HEADER + "".join(sorted(lines, key=lambda line: line.lstrip("-")))
        self._drafts.write(self._file, text, Attributes(mode=0o644))
        for path in self._later():
            self._quiet(path)

    @property
    def moved(self) -> bool:
        """Whether a value that held at the start was another one, and could be changed."""
        return bool(self.difference)

    @property
    def difference(self) -> list[dict[str, str]]:
        """What Ansible shows of the values that hold now; nothing when they stay."""
        paths = sorted(set(self._was) - self._missing - set(self._failures))
        if not paths:
            return []
        before = "".join(f"{name(path)} = {self._was[path]}\n" for path in paths)
        after = "".join(f"{name(path)} = {self._wanted[path]}\n" for path in paths)
        return [{"before_header": "kernel", "after_header": "kernel", "before": before, "after": after}]

    def bring(self) -> None:
        """Have the values hold now."""
        if self._kernel is None:
            return
        # Forwarding comes first: a change of it sets others anew (the kernel's ip-sysctl, ip_forward). And after the
        # rest, a second look shows what was set anew all the same, or taken as something else.
        first = sorted(self._wanted, key=lambda path: (not path.endswith(("/ip_forward", "/forwarding")), path))
        for _look in range(2):
            for path in first:
                if path not in self._failures and self._now[path] not in (None, self._wanted[path]):
                    self._set(self._kernel, path)
            self._look()
        for path, value in self._now.items():
            if value not in (None, self._wanted[path]):
                self._failures.setdefault(path, f"the kernel made {value!r} of {self._wanted[path]!r}")

    def outcomes(self) -> list[Outcome]:
        """Return what became of the items."""
        return [self._outcome(path, control) for path, control in self._items]

    def _outcome(self, path: str, control: str | None) -> Outcome:
        if path in self._failures:
            return Outcome(control, name(path), _outcome.FAILED, self._failures[path])
        if path in self._missing:
            message = "this kernel has no such parameter; it is set as soon as it has"
            return Outcome(control, name(path), _outcome.NOT_APPLICABLE, message)
        if path in self._was:
            return Outcome(control, name(path), _outcome.CHANGED, f"was {self._was[path]}")
        if path in self._boot:
            return Outcome(control, name(path), _outcome.CHANGED, self._boot[path])
        return Outcome(control, name(path), _outcome.COMPLIANT)

    def _look(self) -> None:
        if self._kernel is None:
            return
        for path in self._wanted:
            try:
                self._now[path] = self._kernel.read(path)
            except OSError as error:
                self._now[path] = None
                self._failures.setdefault(path, f"the kernel does not show it: {error.strerror}")

    def _set(self, kernel: Kernel, path: str) -> None:
        try:
            kernel.write(path, self._wanted[path])
        except OSError as error:
            self._failures[path] = (
                f"the kernel keeps {self._now[path]!r} and refuses {self._wanted[path]!r}: {error.strerror}. "
                f"It may take it at the next boot"
            )

    def _later(self) -> list[str]:
        """Return the files that are read after ours, in no order that matters, each once."""
        files = [*self._drafts.layered(FOLDERS, "*.conf"), *LAST]
        ours = files.index(self._file)
        found = [path for path in files[ours + 1 :] if self._drafts.read(path) is not None]
        return list({self._drafts.target(path): path for path in found}.values())

    def _quiet(self, path: str) -> None:
        """Turn what a file sets otherwise into comments; one of a package is replaced by a copy in /etc."""
        text, found = without(self._drafts.read(path) or "", self._wanted)
        if not found:
            return
        for one in found:
            self._boot[one] = f"{path} set it otherwise"
        self._drafts.supersede(path, text, FOLDERS[0])
