"""Writing the files of a build's record, and reading them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldsmith import atomic
from goldsmith.errors import EnvironmentFault

MANIFEST = "manifest.json"
SBOM = "sbom.cdx.json"
COMPLIANCE = "compliance.json"
PROVENANCE = "provenance.json"
ENVELOPE = "provenance.dsse.json"


def text_of(document: Mapping[str, Any]) -> str:
    """Return a document as the text of its file: JSON, readable."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(path: Path, text: str) -> str:
    """Write a file, whole or not at all: mode 0644, in a folder that is made with mode 0700 when it is not there.

    Returns:
        SHA-256 of its content, in hexadecimal.

    Raises:
        EnvironmentFault: It cannot be written.
    """
    # A file name that is not UTF-8 becomes a surrogate in Python, and this way JSON's escape for it.
    content = text.encode("utf-8", "backslashreplace")
    try:
        atomic.write(path, content, 0o644)
    except OSError as error:
        raise EnvironmentFault(
            f"{path}, a part of the build's record, cannot be written: {error.strerror}",
            "Make room or make its folder writable.",
        ) from error
    return hashlib.sha256(content).hexdigest()
