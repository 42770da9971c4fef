# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What libraries and programs say of themselves: Python's, Node's, Java's and Go's metadata.

Pure, standard library alone. What is no such metadata, or broken, gives nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import posixpath
import re
import zipfile
import zlib
from email.parser import HeaderParser
from typing import Any, Iterator, Mapping, Optional, Tuple

from ansible_collections.goldsmith.images.plugins.module_utils._software_search import GO_MAGIC

Library = dict[str, Any]
"""A library: its ``type`` (that of a package URL), ``name``, ``version``, ``path``, ``licenses`` and ``hashes``."""

_LONGEST_LICENSE = 100
"""Characters above which a field that should name a licence holds the licence's text."""
_NESTED = 64 << 20
_POM = re.compile(r"^META-INF/maven/[^/]+/[^/]+/pom\.properties$")
_JAR = re.compile(r"\.[jw]ar$")
_GO_LINE = re.compile(r"^(mod|dep|=>)\t([^\t]+)\t([^\t]*)(?:\t(h1:\S+))?$")
_GO_VERSION = re.compile(r"^go(\d+\.\d+\S*)")
_SENTINEL = 16
_HASHES = ("md5", "sha1", "sha256", "sha384", "sha512")


def library(kind: str, name: str, version: str, path: str, licenses: Optional[list[str]] = None) -> Library:
    """Return a library."""
    return {"type": kind, "name": name, "version": version, "path": path, "licenses": licenses or [], "hashes": {}}


def python_distribution(path: str, content: bytes) -> Iterator[Library]:
    """Read METADATA, PKG-INFO or a file ``*.egg-info`` (https://packaging.python.org/specifications/core-metadata/)."""
    fields = HeaderParser().parsestr(content.decode(errors="replace"))
    name, version = (str(fields.get(key, "")).strip() for key in ("Name", "Version"))
    if name and version:
        yield library("pypi", name, version, path, list(_python_licenses(fields)))


def _python_licenses(fields: Any) -> Iterator[str]:
    said = [str(fields.get(key, "")).strip() for key in ("License-Expression", "License")]
    for text in said:
        if text and "\n" not in text and len(text) <= _LONGEST_LICENSE and text.upper() != "UNKNOWN":
            yield text
            return
    for classifier in fields.get_all("Classifier", []):
        kind, *_between, last = (part.strip() for part in str(classifier).split("::"))
        if kind == "License" and last != "OSI Approved":
            yield last


def python_origin(content: bytes) -> dict[str, str]:
    """Return the hashes of the archive that a distribution was installed from, by PEP 610's direct_url.json."""
    archive = _mapping(_mapping(_json(content)).get("archive_info"))
    name, _equals, value = str(archive.get("hash", "")).partition("=")
    hashes = {**({name: value} if value else {}), **_mapping(archive.get("hashes"))}
    return {name: value for name, value in hashes.items() if name in _HASHES and isinstance(value, str)}


def node_package(path: str, content: bytes) -> Iterator[Library]:
    """Read package.json (https://docs.npmjs.com/cli/configuring-npm/package-json)."""
    data = _mapping(_json(content))
    name, version = data.get("name"), data.get("version")
    if isinstance(name, str) and isinstance(version, str) and name and version:
        yield library("npm", name, version, path, list(_node_licenses(data)))


def _node_licenses(data: Mapping[str, Any]) -> Iterator[str]:
    said = data.get("license") or data.get("licenses") or []
    for one in said if isinstance(said, list) else [said]:
        text = _mapping(one).get("type") if isinstance(one, dict) else one
        if isinstance(text, str) and 0 < len(text) <= _LONGEST_LICENSE:
            yield text


def integrity(folder: str, content: bytes) -> Iterator[Tuple[str, dict[str, str]]]:
    """Read npm's hidden lock file: by folder of a package, the hashes of the archive it came from.

    Args:
        folder: The folder that has ``node_modules``.
        content: Of ``node_modules/.package-lock.json``.
    """
    for place, entry in _mapping(_mapping(_json(content)).get("packages")).items():
        name, _dash, value = str(_mapping(entry).get("integrity", "")).partition("-")
        try:
            digest = base64.b64decode(value, validate=True).hex()
        except (binascii.Error, ValueError):
            continue
        if name in _HASHES and digest:
            yield posixpath.join(folder, place), {name: digest}


def jar_libraries(path: str, content: bytes, depth: int = 2) -> Iterator[Library]:
    """Read what Maven wrote into a jar, and into the jars in it.

    The archive's own hash is a library's where the archive is that library and nothing else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = list(_poms(archive, path))
            if len(found) == 1:
                found[0]["hashes"] = {"sha256": hashlib.sha256(content).hexdigest()}
            yield from found
            for entry in archive.infolist() if depth > 1 else ():
                if _JAR.search(entry.filename) and entry.file_size <= _NESTED:
                    yield from jar_libraries(f"{path}!/{entry.filename}", archive.read(entry), depth - 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        # One that is damaged, encrypted or packed in its own way tells nothing more; zipfile has all these words.
        return


def _poms(archive: zipfile.ZipFile, path: str) -> Iterator[Library]:
    for entry in archive.infolist():
        if _POM.match(entry.filename) and entry.file_size < 1 << 16:
            lines = archive.read(entry).decode(errors="replace").splitlines()
            pairs = {key.strip(): value.strip() for key, _equals, value in (line.partition("=") for line in lines)}
            group, name, version = (pairs.get(key, "") for key in ("groupId", "artifactId", "version"))
            if name and version:
                yield library("maven", f"{group}/{name}" if group else name, version, path)


def go_modules(path: str, content: bytes) -> Iterator[Library]:
    """Read the account of its modules that a Go program carries since Go 1.18 (https://pkg.go.dev/debug/buildinfo)."""
    at = content.find(GO_MAGIC)
    while at >= 0:
        said = _go_texts(content, at)
        if said:
            yield from _go_libraries(path, *said)
            return
        at = content.find(GO_MAGIC, at + 1)


def _go_texts(content: bytes, at: int) -> Optional[Tuple[str, str]]:
    """Return Go's version and the lines on modules; None where this is not the account, or an older Go's."""
    if len(content) < at + 34 or not content[at + 15] & 2:
        return None
    version, rest = _counted(content, at + 32)
    modules, _rest = _counted(content, rest)
    text = version.decode(errors="replace")
    lines = modules[_SENTINEL:-_SENTINEL].decode(errors="replace") if len(modules) >= 2 * _SENTINEL else ""
    return (text, lines) if _GO_VERSION.match(text) else None


def _counted(content: bytes, at: int) -> Tuple[bytes, int]:
    """Return the bytes at a place, preceded by their number as a varint, and the place behind them."""
    length = shift = 0
    while at < len(content) and shift < 63:
        byte = content[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    return content[at : at + length], at + length


def _go_libraries(path: str, version: str, lines: str) -> Iterator[Library]:
    match = _GO_VERSION.match(version)
    found = [library("golang", "stdlib", match[1] if match else version, path)]
    for line in lines.splitlines():
        match = _GO_LINE.match(line)
        if match is None:
            continue
        if match[1] == "=>":  # what the line before names was replaced by this
            found.pop()
        found.append(library("golang", match[2], match[3], path))
        if match[4]:
            found[-1]["hashes"] = {"h1": match[4][3:]}
    yield from found


def _json(content: bytes) -> Any:
    try:
        return json.loads(content.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
