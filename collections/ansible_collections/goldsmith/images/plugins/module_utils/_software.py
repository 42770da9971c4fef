# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a disk says of the software on it, beside the list of packages: the system, licences, libraries.

Pure, standard library alone: it runs on managed machines too. What cannot be read is passed over: a broken metadata
file is the image's own affair, and no reason to lose the image.
"""

from __future__ import annotations

import posixpath
import re
from contextlib import suppress
from typing import Callable, Iterable, Iterator, Tuple

from ansible_collections.goldsmith.images.plugins.module_utils._software_libraries import (
    Library,
    go_modules,
    integrity,
    jar_libraries,
    node_package,
    python_distribution,
    python_origin,
)
from ansible_collections.goldsmith.images.plugins.module_utils._software_search import is_metadata

_LISTS = "/var/lib/dpkg/info"
_DEP5 = re.compile(r"^Format(?:-Specification)?:.*(?:copyright-format|dep-?5)", re.IGNORECASE | re.MULTILINE)
_LICENSE = re.compile(r"^License:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_ASSIGNMENT = re.compile(r"^([A-Z][A-Z0-9_]*)=(?:\"([^\"]*)\"|'([^']*)'|(\S*))\s*$", re.MULTILINE)
_UNMERGED = re.compile(r"^/(?=(?:bin|sbin|lib|lib32|lib64|libx32)/)")


class Findings:
    """What was read so far; asked when all was read."""

    def __init__(self) -> None:
        self._systems: dict[str, dict[str, str]] = {}
        self._copyrights: dict[str, list[str]] = {}
        self._links: dict[str, str] = {}
        self._lists: list[str] = []
        self._libraries: list[Library] = []
        self._unread: list[Tuple[str, Callable[[], bytes]]] = []
        self._origins: dict[str, dict[str, str]] = {}

    def link(self, path: str, target: str) -> None:
        """Take note of a symbolic link."""
        self._links[path] = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))

    def read(self, path: str, content: bytes) -> None:
        """Take note of a file."""
        folder, name = posixpath.split(path)
        if name == "os-release":
            self._systems[path] = assignments(_text(content))
        elif folder == _LISTS:
            self._lists.append(_text(content))
        elif name == "copyright" and path.startswith("/usr/share/doc/"):
            self._copyrights[path] = copyright_licenses(_text(content))
        elif name == "direct_url.json":
            self._origins[folder] = python_origin(content)
        elif name == ".package-lock.json":
            self._origins.update(integrity(posixpath.dirname(folder), content))
        else:
            self._libraries.extend(_libraries(path, content))

    def later(self, path: str, content: Callable[[], bytes]) -> None:
        """Take note of a file that need not be read when it came in a package, where it may tell of a library."""
        folder, name = posixpath.split(path)
        if name in ("os-release", "copyright", "direct_url.json", ".package-lock.json") or folder == _LISTS:
            self.read(path, content())
        else:
            self._unread.append((path, content))

    def system(self) -> dict[str, str]:
        """Return what os-release(5) says; empty where there is none."""
        return self._systems.get("/etc/os-release") or self._systems.get("/usr/lib/os-release") or {}

    def licenses(self) -> Iterator[Tuple[str, list[str]]]:
        """Yield the licences of Debian's packages by name, for those that tell them in a machine-readable way."""
        places = {name.split("/")[4] for name in (*self._copyrights, *self._links) if name.count("/") >= 4}
        for package in sorted(places):
            found = self._copyrights.get(self._resolved(f"/usr/share/doc/{package}/copyright"))
            if found:
                yield package, found

    def _resolved(self, path: str) -> str:
        """Follow the links that were noted: the folder's and the file's."""
        for _step in range(8):
            folder, name = posixpath.split(path)
            if folder in self._links:
                path = posixpath.join(self._links[folder], name)
            elif path in self._links:
                path = self._links[path]
            else:
                break
        return path

    def libraries(self, owned: Callable[[], Iterable[str]]) -> list[Library]:
        """Return the libraries that came in no package, sorted.

        One that did is told of as that package: a distribution mends faults without a new version of the library.

        Args:
            owned: Returns the paths of the packages' files, dpkg's lists excepted; called only when it matters.
        """
        if not (self._libraries or self._unread):
            return []
        of_packages = {_merged(path) for text in self._lists for path in text.splitlines()}
        of_packages.update(_merged(path) for path in owned())
        free = [one for one in self._libraries if _merged(one["path"].partition("!")[0]) not in of_packages]
        for path, content in self._unread:
            if _merged(path) not in of_packages:
                with suppress(OSError):
                    free.extend(_libraries(path, content()))
        for one in free:
            one["hashes"] = one["hashes"] or self._origins.get(posixpath.dirname(one["path"]), {})
        return sorted(free, key=lambda one: (one["type"], one["name"], one["version"], one["path"]))


def _libraries(path: str, content: bytes) -> Iterator[Library]:
    if path.endswith("/package.json"):
        return node_package(path, content)
    if path.endswith((".jar", ".war")):
        return jar_libraries(path, content)
    return python_distribution(path, content) if is_metadata(path) else go_modules(path, content)


def copyright_licenses(text: str) -> list[str]:
    """Return the short names of the licences in a copyright file.

    Only of one that says that it is machine-readable (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/).
    """
    return sorted(set(_LICENSE.findall(text))) if _DEP5.search(text[:2000]) else []


def assignments(text: str) -> dict[str, str]:
    """Return the variables of an os-release(5) file by name."""
    return {name: double or single or bare for name, double, single, bare in _ASSIGNMENT.findall(text)}


def _merged(path: str) -> str:
    """Return where a path of before the merge of /usr lies now."""
    return _UNMERGED.sub("/usr/", path)


def _text(content: bytes) -> str:
    return content.decode(errors="replace")
