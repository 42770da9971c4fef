"""The word that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the word of `known` that `word` is most like, or None when it is like none of them."""
    names = {name.lower(): name for name in known}
    match = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return names[match[0]] if match else None


def hint(word: str, known: Iterable[str], what: str) -> str:
    """Return a hint that names the nearest word, or else all of them.

    Args:
        word: What was written.
        known: What could have been written.
        what: What the known ones are, in the plural, such as ``keys here``.
    """
    names = list(known)
    if (near := nearest(word, names)) is not None:
        return f"did you mean {near!r}?"
    return f"{what}: {', '.join(names)}" if names else ""
