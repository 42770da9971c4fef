"""Gathers what is recorded of a build, from the registry and from the build's directory. What is missing is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click import unstyle
from pydantic import TypeAdapter

from goldsmith import home
from goldsmith.build import LOG
from goldsmith.errors import GoldsmithError
from goldsmith.registry import ArtifactRecord, BuildRecord, Evidence, Registry
from goldsmith.result import BuildResult, ControlResult, Package, TestResult
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
class Previous:
    """The build of the same label that came before, of those that ended well."""

    record: BuildRecord
    packages: tuple[Package, ...]


@dataclass(frozen=True)
class Sources:
    """All that is recorded of a build.

    Attributes:
        record: What the registry has of it.
        directory: Where its files are.
        tests: Results of its tests, in the order they ran.
        packages: What is inside.
        result: ``result.json``, or ``None`` where it is missing or damaged.
        layers: Its layers, as plain data: a newer Goldsmith tells more of them.
        compliance: What became of each control.
        patching: Report of os_patching, or ``None``.
        evidence: Files that tell of it, by kind.
        previous: The version before, or ``None``.
        ancestors: What it was built on, the nearest first.
        log: The end of Ansible's log, or ``None``.
        missing: What could not be had, a sentence each.
    """

    record: BuildRecord
    directory: Path
    tests: tuple[TestResult, ...] = ()
    packages: tuple[Package, ...] = ()
    result: BuildResult | None = None
    layers: tuple[Mapping[str, Any], ...] = ()
    compliance: tuple[ControlResult, ...] = ()
    patching: Mapping[str, Any] | None = None
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    previous: Previous | None = None
    ancestors: tuple[ArtifactRecord, ...] = ()
    log: Log | None = None
    missing: tuple[str, ...] = ()


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
    controls = registry.compliance(record.id)
    return Sources(
        record=record,
        directory=directory,
        tests=registry.tests(record.id),
        packages=registry.packages(record.id),
        result=result,
        layers=_layers(directory / RESULT) if result else (),
        # What was recorded by an older Goldsmith is in its file only.
        compliance=_CONTROLS.validate_json(json.dumps(controls)) if controls or not result else result.compliance,
        patching=registry.patching(record.id),
        evidence=registry.evidence(record.id),
        previous=_previous(registry, record),
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


def _previous(registry: Registry, record: BuildRecord) -> Previous | None:
    for version in registry.image(record.version.image).versions:  # newest first
        if version.version.sequence >= record.version.sequence:
            continue
        for build in version.builds:
            if build.label == record.label and build.state == "built":
                return Previous(build, registry.packages(build.id))
    return None


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
