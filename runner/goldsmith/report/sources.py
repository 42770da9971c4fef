"""Gathers what is recorded of a build, from the registry and from the build's directory. What is missing is said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click import unstyle
from pydantic import TypeAdapter

from goldsmith import home
from goldsmith.build import LOG
from goldsmith.errors import GoldsmithError
from goldsmith.registry import BuildRecord, Evidence, Registry, VersionDetail
from goldsmith.registry.diff import Contents
from goldsmith.registry.records import Ancestor
from goldsmith.result import BuildResult, ControlResult
from goldsmith.sweep import RESULT

LOG_LINES = 400
"""Lines of Ansible's log that a page has; of 300 characters each at the most, more of it is in the file."""

_CONTROLS = TypeAdapter(tuple[ControlResult, ...])
_LOG_BYTES = LOG_LINES * 300


@dataclass(frozen=True)
class Log:
    """The end of a log.

    Attributes:
        path: The file.
        text: Its last lines, without colours.
        whole: Whether that is all of it.
    """

    path: Path
    text: str
    whole: bool


@dataclass(frozen=True)
class Sources:
    """All that is recorded of a build.

    Attributes:
        contents: What the registry has of it: the build, its packages, tests, controls and patch report.
        version: Its version, with the channels that point at it, and its revocation.
        directory: Where its files are.
        result: ``result.json``, or ``None`` where it is missing or damaged.
        layers: Its layers, as plain data: a newer Goldsmith tells more of them.
        controls: What became of each control.
        evidence: Files that tell of it, by kind.
        previous: The build of the same label before, of those that ended well, or ``None``.
        lineage: What it was built on and what was built on it, from the top; ``None`` where nothing was made.
        log: The end of Ansible's log, or ``None``.
        missing: What could not be had, a sentence each.
    """

    contents: Contents
    version: VersionDetail
    directory: Path
    result: BuildResult | None = None
    layers: tuple[Mapping[str, Any], ...] = ()
    controls: tuple[ControlResult, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    previous: Contents | None = None
    lineage: Ancestor | None = None
    log: Log | None = None
    missing: tuple[str, ...] = ()

    @property
    def record(self) -> BuildRecord:
        """What the registry has of the build itself."""
        return self.contents.build


def gather(registry: Registry, record: BuildRecord, root: Path) -> Sources:
    """Return all that is recorded of a build.

    Args:
        registry: Where it is recorded.
        record: The build.
        root: Goldsmith's home.

    Raises:
        EnvironmentFault: The registry cannot be read.
    """
    directory = home.build_directory(root, record.id)
    missing: list[str] = []
    result = _result(directory / RESULT, record, missing)
    contents = registry.contents(record)
    versions = registry.image(record.version.image).versions
    return Sources(
        contents=contents,
        version=next(one for one in versions if one.version == record.version),
        directory=directory,
        result=result,
        layers=_layers(directory / RESULT) if result else (),
        # What was recorded by an older Goldsmith is in its file only.
        controls=_CONTROLS.validate_json(json.dumps(contents.compliance))
        if contents.compliance or not result
        else result.compliance,
        evidence=registry.evidence(record.id),
        previous=_previous(registry, record, versions),
        lineage=_lineage(registry, record),
        log=_log(Path(record.log) if record.log else directory / LOG, missing),
        missing=tuple(missing),
    )


def _result(path: Path, record: BuildRecord, missing: list[str]) -> BuildResult | None:
    if record.state == "running":
        missing.append("The build still runs: this page shows what is recorded so far.")
        return None
    try:
        return BuildResult.read(path)
    except GoldsmithError as error:
        missing.append(f"Layers are not shown: {error.message}.")
        return None


def _layers(path: Path) -> tuple[Mapping[str, Any], ...]:
    """Return the layers with all that is written of them; that the file is a good one is known."""
    return tuple(json.loads(path.read_bytes()).get("layers", ()))


def _previous(registry: Registry, record: BuildRecord, versions: Sequence[VersionDetail]) -> Contents | None:
    for version in versions:  # newest first
        if version.version.sequence >= record.version.sequence:
            continue
        for build in version.builds:
            if build.label == record.label and build.state == "built":
                return registry.contents(build)
    return None


def _lineage(registry: Registry, record: BuildRecord) -> Ancestor | None:
    """Return the tree that the build's artifact is in; builds of other platforms and targets have their own."""

    def holds(node: Ancestor) -> bool:
        made = node.artifact is not None and node.artifact.build == record.id
        return made or any(holds(child) for child in node.children)

    return next((tree for tree in registry.ancestry(str(record.version)) if holds(tree)), None)


def _log(path: Path, missing: list[str]) -> Log | None:
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, 2) - _LOG_BYTES)
            file.seek(start)
            lines = file.read().decode("utf-8", "backslashreplace").splitlines()
    except OSError as error:
        missing.append(f"Ansible's log is not shown: {path} cannot be read: {error.strerror}.")
        return None
    text = unstyle("\n".join(lines[-LOG_LINES:]))
    return Log(path, text, whole=not start and len(lines) <= LOG_LINES)
