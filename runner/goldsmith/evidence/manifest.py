"""The manifest: one file that tells what a build was, what it made and what is inside."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from goldsmith.errors import EnvironmentFault
from goldsmith.evidence import files
from goldsmith.result import BuildResult

SCHEMA = 1
"""Version of the manifest's form."""


def manifest(
    result: BuildResult,
    *,
    parameters: Mapping[str, JsonValue] | None = None,
    secrets: Iterable[str] = (),
    tools: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the manifest of a build. The same build gives the same manifest, key by key.

    Args:
        result: How the build ended.
        parameters: Values of the spec's parameters.
        secrets: Names of the secrets it was given; their values have no way in here.
        tools: Versions of what built it: ``goldsmith``, ``ansible-core``, ``goldsmith.images``, ``docker``.
        sources: SHA-256 by name, of the files of the spec and what it extends.
    """
    plain = result.document()
    outcomes = Counter(test.outcome for test in result.tests)
    return {
        "schema": SCHEMA,
        **{key: plain[key] for key in ("build", "name", "version", "platform", "target", "status")},
        **{key: plain[key] for key in ("started", "finished", "failure", "source", "artifact", "phases", "layers")},
        "tests": {
            "total": len(result.tests),
            **{outcome: outcomes[outcome] for outcome in ("passed", "failed", "skipped")},
            "results": plain["tests"],
        },
        "compliance": {
            **dict(sorted(Counter(control.status for control in result.compliance).items())),
            "controls": plain["compliance"],
        },
        "patching": plain["patching"],
        "spec": {
            "files": [{"name": name, "sha256": digest} for name, digest in sorted((sources or {}).items())],
            "parameters": dict(sorted((parameters or {}).items())),
            "secrets": sorted(secrets),
        },
        "tools": dict(sorted((tools or {}).items())),
        "libraries": plain["software"]["libraries"],
        "packages": sorted(plain["packages"], key=lambda package: tuple(package.values())),
    }


def digests(paths: Iterable[Path], root: Path) -> dict[str, str]:
    """Return the SHA-256 of files by name, relative to ``root``, so that another machine's manifest says the same.

    Raises:
        EnvironmentFault: A file cannot be read.
    """
    found: dict[str, str] = {}
    for path in paths:
        try:
            found[os.path.relpath(path, root)] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise EnvironmentFault(f"{path} cannot be read for the manifest: {error.strerror}") from error
    return found


def write(path: Path, document: Mapping[str, Any]) -> str:
    """Write a manifest, or another document of the record, as `files.write` does, and return its SHA-256.

    Raises:
        EnvironmentFault: It cannot be written.
    """
    return files.write(path, files.text_of(document))
