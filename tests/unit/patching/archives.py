"""Signed archives for tests, made of text alone: an index needs no packages."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.roles.archive import Key


@dataclass
class TextArchive:
    """An archive in a folder.

    Attributes:
        root: The folder.
        key: Signs it.
    """

    root: Path
    key: Key
    fields: Mapping[str, str] = field(default_factory=dict)

    def publish(self, suite: str, packages: Mapping[str, str], *, architecture: str = "amd64", **fields: str) -> None:
        """Replace what a suite has.

        Args:
            suite: Its codename.
            packages: Versions by name; a source and its version may follow the name: ``libgold (gold 1.0)``.
            architecture: Of the list of packages.
            fields: More fields of the index.
        """
        listed = "\n".join(_paragraph(name, version) for name, version in packages.items())
        content = lzma.compress(listed.encode(), preset=1)
        path = f"main/binary-{architecture}/Packages.xz"
        place = self.root / "dists" / suite / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        said = {"Origin": "Debian", "Label": "Debian", "Suite": "stable", "Codename": suite, "Components": "main"}
        lines = [f"{key}: {value}" for key, value in {**said, **self.fields, **fields}.items()]
        row = f" {hashlib.sha256(content).hexdigest()} {len(content)} {path}"
        release = place.parents[2] / "Release"
        release.write_text("\n".join([*lines, "SHA256:", row, ""]))
        self.key.sign(release)


def _paragraph(name: str, version: str) -> str:
    name, _, source = name.partition(" ")
    built_from = source.strip("()").split()
    said = f"Source: {built_from[0]} ({built_from[1]})\n" if built_from else ""
    return f"Package: {name}\n{said}Version: {version}\nArchitecture: amd64\nDescription: x\n"


def debsecan(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return vulnerabilities as debsecan reads them, of CVE, source package and the version without it."""
    listed = list(rows)
    names = "\n".join(f"{cve},,A flaw" for cve, _, _ in listed)
    found = "\n".join(f"{package},{number},SH F,{fixed}," for number, (_, package, fixed) in enumerate(listed))
    return f"VERSION 1\n{names}\n\n{found}\n\n"
