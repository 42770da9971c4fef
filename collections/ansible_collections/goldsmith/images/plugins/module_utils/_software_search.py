# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on a disk software tells what it is: one walk by `find`, GNU's or busybox's. Pure."""

from __future__ import annotations

import re

LARGEST = 256 << 20
"""Bytes of a file above which it is left alone: it would be held in memory whole."""

_ELSEWHERE = (
    *("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/mnt", "/media", "/boot"),  # noqa: S108 not used, left out
    *("/var/lib/docker", "/var/lib/containerd", "/var/cache", "/var/log"),
    *("/usr/lib/modules", "/usr/src", "/usr/include"),
    *("/usr/share/man", "/usr/share/locale", "/usr/share/zoneinfo", "/usr/share/icons", "/usr/share/fonts"),
)
"""What is not the image's, or never holds what is looked for."""

_FILES = (
    "/etc/os-release",
    "/usr/lib/os-release",
    "/var/lib/dpkg/info/*.list",
    "/usr/share/doc/*/copyright",
    "*.dist-info/METADATA",
    "*.dist-info/direct_url.json",
    "*.egg-info/PKG-INFO",
    "*.egg-info",
    "*/node_modules/*/package.json",
    "*/node_modules/.package-lock.json",
    "*.[jw]ar",
)
_JUDGED = re.compile(
    r"^/(?:etc|usr/lib)/os-release$"
    r"|^/var/lib/dpkg/info/[^/]+\.list$"
    r"|^/usr/share/doc/[^/]+/copyright$"
    r"|\.dist-info/(?:METADATA|direct_url\.json)$"
    r"|\.egg-info(?:/PKG-INFO)?$"
    r"|/node_modules/(?:@[^/]+/)?[^/]+/package\.json$"
    r"|/node_modules/\.package-lock\.json$"
    r"|\.[jw]ar$"
)

GO_MAGIC = b"\xff Go buildinf:"
"""How a Go program's own account of itself begins (https://pkg.go.dev/debug/buildinfo)."""


def search(one_file_system: bool, filters: bool) -> list[str]:
    """Return the command that lists the files worth reading, a line each.

    Args:
        one_file_system: Stay on the root's file system.
        filters: Let `grep`, GNU's, choose among the large programs; without it all of them are listed.
    """
    command = ["find", "/", *(["-xdev"] if one_file_system else []), *_any("-path", _ELSEWHERE), "-prune", "-o"]
    # A line is a name: a file whose name has a line's end in it cannot be listed, and is none of those looked for.
    command += ["!", "-path", "*\n*", "("]
    command += ["-type", "f", "-size", f"-{LARGEST >> 10}k", *_any("-path", _FILES), "-print", "-o"]
    command += ["-type", "l", "-path", "/usr/share/doc/*/copyright", "-print", "-o"]
    command += ["-type", "l", "-path", "/usr/share/doc/*", "!", "-path", "/usr/share/doc/*/*", "-print", "-o"]
    command += ["-type", "f", "-perm", "-100", "-size", "+1000k", "-size", f"-{LARGEST >> 10}k"]
    wanted = ["-exec", "grep", "-lF", GO_MAGIC[1:].decode(), "{}", "+"] if filters else ["-print"]
    return [*command, *wanted, ")"]


def _any(test: str, values: tuple[str, ...]) -> list[str]:
    words = ["("]
    for number, value in enumerate(values):
        words += ["-o", test, value] if number else [test, value]
    return [*words, ")"]


def is_metadata(path: str) -> bool:
    """Tell whether a file tells by its name that it is worth reading; a Go program tells it by its content alone."""
    return bool(_JUDGED.search(path))


def is_elsewhere(path: str) -> bool:
    """Tell whether a path lies where nothing is looked for."""
    return path.startswith(tuple(place + "/" for place in _ELSEWHERE))
