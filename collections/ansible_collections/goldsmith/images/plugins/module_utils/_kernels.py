# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of Debian and Ubuntu as packages: which one should run, and which can go. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.goldsmith.images.plugins.module_utils._deb_version import version_key
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import Entry

_IMAGE = re.compile(r"^linux-image-(?:unsigned-)?(?P<release>\d[a-z0-9.+~-]*)$")
_PART = re.compile(
    r"^linux-(?:image|image-unsigned|headers|modules|modules-extra|tools|cloud-tools|buildinfo)-(?P<rest>\d\S*)$"
)
_FLAVOUR = re.compile(r"^\d[\d.]*(?:[-+~]\S*?\d)?-(?P<flavour>[a-z]\S*)$")
_RUNNING = re.compile(r"(?: Debian (?P<debian>\S+)| #(?P<ubuntu>\d+)[-~]\S*Ubuntu)")


@dataclass(frozen=True)
class Kernel:
    """An installed kernel.

    Attributes:
        release: As ``uname -r`` names it.
        version: Version of its package.
    """

    release: str
    version: str

    @property
    def flavour(self) -> str:
        """What it was built for, such as ``amd64`` or ``cloud-amd64``."""
        match = _FLAVOUR.match(self.release)
        return match["flavour"] if match else ""


def kernels(packages: Iterable[Entry]) -> list[Kernel]:
    """Return the installed kernels, newest first."""
    found = []
    for one in packages:
        match = _IMAGE.match(one["name"])
        if match and not one["name"].endswith("-dbg"):
            found.append(Kernel(match["release"], one["version"]))
    return sorted(found, key=lambda kernel: (version_key(kernel.release), version_key(kernel.version)), reverse=True)


def pending(installed: list[Kernel], running: str, proc_version: str) -> str:
    """Say why another kernel should run; empty if none should, or if the one that runs came from elsewhere.

    Args:
        installed: The installed kernels, newest first.
        running: What ``uname -r`` says.
        proc_version: Content of ``/proc/version``, by which a rebuilt kernel of the same release is told.
    """
    ours = next((kernel for kernel in installed if kernel.release == running), None)
    if ours is None:
        return ""
    newest = next(kernel for kernel in installed if kernel.flavour == ours.flavour)
    if newest != ours:
        return f"the kernel {newest.release} is installed, and {running} runs"
    match = _RUNNING.search(proc_version)
    debian = match and match["debian"]
    if debian and debian != ours.version:
        return f"the kernel {running} is installed in version {ours.version}, and {debian} runs"
    ubuntu = match and match["ubuntu"]
    if ubuntu and not re.search(rf"[-.]{ubuntu}(?:[.~+]|$)", ours.version):
        return f"the kernel {running} is installed in version {ours.version}, and build {ubuntu} runs"
    return ""


def superfluous(packages: Iterable[Entry], running: str, keep: int) -> list[str]:
    """Return the packages of kernels that can go.

    Never those of the kernel that runs, nor any as long as it is not known which one that is.

    Args:
        packages: The installed packages.
        running: What ``uname -r`` says.
        keep: How many kernels stay of the flavour that runs, the running one and the newest ones.
    """
    present = list(packages)
    ours = next((kernel for kernel in kernels(present) if kernel.release == running), None)
    if ours is None:
        return []
    same = [kernel for kernel in kernels(present) if kernel.flavour == ours.flavour]
    stay = [ours, *(kernel for kernel in same if kernel != ours)][: max(keep, 1)]
    if same[0] not in stay:
        stay.append(same[0])  # the newest one runs after the next start
    going = {kernel.release for kernel in same} - {kernel.release for kernel in stay}
    # Headers that several flavours share end in `common`, or have no flavour.
    bare = {_bare(release) for release in going} - {
        _bare(kernel.release) for kernel in kernels(present) if kernel.release not in going
    }
    parts = ((one["name"], _PART.match(one["name"])) for one in present)
    return sorted(name for name, part in parts if part and (part["rest"] in going or _shared(part["rest"]) in bare))


def _bare(release: str) -> str:
    match = _FLAVOUR.match(release)
    return release[: match.start("flavour") - 1] if match else release


def _shared(rest: str) -> str:
    """Return the release without flavour that shared headers are for; empty for other packages."""
    if rest.endswith("-common"):
        return rest[: -len("-common")]
    return rest if re.match(r"^\d[\d.]*-\d+$", rest) else ""
