"""The order of Debian's versions."""

from __future__ import annotations

from functools import lru_cache

from debian.debian_support import Version


@lru_cache(maxsize=200_000)
def newer(version: str, than: str) -> bool:
    """Return whether a version is newer than another one (deb-version(7)).

    Of two of which one is no version by Debian's rules, none is newer. Answers are kept: ten thousand images hold the
    same few thousand versions.
    """
    if version == than:
        return False
    try:
        return bool(Version(version) > Version(than))
    except ValueError:
        return False
