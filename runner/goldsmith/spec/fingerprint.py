"""By what an unchanged spec is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goldsmith.spec.builds import Build, builds
from goldsmith.spec.load import PLACEHOLDER_VERSION, LoadedSpec


def fingerprint(loaded: LoadedSpec) -> str:
    """Return the SHA-256, in hex, of all a spec says: itself, its parents, `--set`, and the content of files it names.

    It does not depend on the folder the spec lies in. Roles that are given by name, values of secrets and the policy
    take no part.
    """
    tree = loaded.source.tree
    said: dict[str, Any] = {
        "spec": {key: node.plain() for key, node in tree.value.items() if key not in ("description", "policy")},
        "parameters": loaded.spec.parameters,
        "builds": {build.label: _build(build) for build in builds(loaded)},
    }
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _build(build: Build) -> dict[str, Any]:
    return {
        "source": build.source.model_dump(mode="json", by_alias=True),
        "options": build.options(PLACEHOLDER_VERSION).model_dump(mode="json", by_alias=True),
        "files": [_digest(Path(path)) for path in _files(build)],
    }


def _files(build: Build) -> Iterator[str]:
    for layer in build.layers:
        yield from (path for path in (layer.tasks, layer.role) if path and Path(path).is_absolute())
    for test in build.tests:
        for part in (test, test.boot):
            yield from (path for path in (part and part.goss, part and part.testinfra) if path)


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files below a folder."""
    if not path.is_dir():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    listing = "".join(f"{file.relative_to(path)}\0{_digest(file)}\n" for file in files)
    return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()
