# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of Debian's package versions (deb-version(7)). Pure: a controller need not be a Debian."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Tuple

_RUN = re.compile(r"(\D*)(\d*)")
_END = 0

Part = Tuple[Tuple[Tuple[int, ...], int], ...]
Key = Tuple[int, Part, Part]


@lru_cache(maxsize=50_000)
def version_key(version: str) -> Key:
    """Return what a version sorts by: of two versions the one with the smaller key is the older one.

    Keys are kept, as the same versions are compared over and over: with all vulnerabilities of their package, on all
    machines.
    """
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _hyphen, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return int(epoch) if epoch.isdigit() else 0, _part(upstream), _part(revision)


def _part(text: str) -> Part:
    """Split into runs of other characters and numbers; the empty run at the end stands for the end itself."""
    return tuple(((*map(_weight, other), _END), int(number or 0)) for other, number in _RUN.findall(text))


def _weight(character: str) -> int:
    """A tilde comes before the end, letters after it, and everything else after the letters."""
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
