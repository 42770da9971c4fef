"""Licences in the distributions' own words, as SPDX has them where it knows them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression
from cyclonedx.spdx import fixup_id, is_expression

License = LicenseExpression | DisjunctiveLicense

_DECLARED = LicenseAcknowledgement.DECLARED
_GNU = re.compile(r"^(A?GPL|LGPL)(?:[-_ ]?v?)(\d)(?:\.(\d))?(?:\.0)?(\+|-or-later|-only)?$", re.IGNORECASE)
_JOINT = re.compile(r"\s+(or|and)\s+", re.IGNORECASE)
_CALLED = {
    "expat": "MIT",
    "artistic": "Artistic-1.0",
    "cc0": "CC0-1.0",
    "asl 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "",
    "mit license": "MIT",
    "isc license (iscl)": "ISC",
    "mplv2.0": "MPL-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psf-2": "PSF-2.0",
    "python": "PSF-2.0",
}
"""What the copyright format of Debian, Fedora of old and Python's classifiers call otherwise than SPDX."""


def licenses(said: Sequence[str]) -> list[License]:
    """Return a package's licences as CycloneDX takes them: one expression, or licences by id or name.

    Several texts mean that each holds for a part of the package. What SPDX does not know stays as it was said.

    Args:
        said: Licences in the words of Debian (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/),
            of rpm, apk, or of a library's metadata.
    """
    found = list(dict.fromkeys(_license(text) for text in said if text.strip()))
    if len(found) == 1:
        return found
    # The schema allows an expression only where it is alone.
    return [
        DisjunctiveLicense(name=one.value, acknowledgement=_DECLARED) if isinstance(one, LicenseExpression) else one
        for one in found
    ]


@lru_cache(maxsize=4096)
def _license(text: str) -> License:
    known = spdx(text)
    if known and fixup_id(known) == known:
        return DisjunctiveLicense(id=known, acknowledgement=_DECLARED)
    if known:
        return LicenseExpression(known, acknowledgement=_DECLARED)
    return DisjunctiveLicense(name=text.strip(), acknowledgement=_DECLARED)


@lru_cache(maxsize=4096)
def spdx(text: str) -> str:
    """Return the SPDX id or expression that a text means; empty where SPDX has no words for it."""
    text = text.strip()
    if single := _single(text):
        return single
    words = _JOINT.split(text)
    parts = [_single(word) for word in words[::2]]
    if len(parts) > 1 and all(parts):
        return " ".join(
            part for pair in zip(parts, [*(word.upper() for word in words[1::2]), ""], strict=True) for part in pair
        ).strip()
    return text if is_expression(text) else ""


def _single(text: str) -> str:
    match = _GNU.match(text)
    if match:
        kind, major, minor, later = match.groups()
        form = "or-later" if later in ("+", "-or-later") else "only"
        return fixup_id(f"{kind}-{major}.{minor or 0}-{form}") or ""
    called = _CALLED.get(text.lower())
    return called if called is not None else fixup_id(text) or ""
