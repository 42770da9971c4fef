"""What changed from one build to another, of all that is recorded of both. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from goldsmith.registry.records import ArtifactRecord, BuildRecord
from goldsmith.result import Package, TestResult
from goldsmith.versions import newer

_PASSING = ("io.goldsmith.", "org.opencontainers.image.")
"""Labels that tell of the build itself, and so are never the same twice."""


@dataclass(frozen=True)
class Contents:
    """A build with what the registry knows of its insides."""

    build: BuildRecord
    packages: tuple[Package, ...]
    tests: tuple[TestResult, ...]
    compliance: tuple[Mapping[str, JsonValue], ...]
    patching: Mapping[str, Any] | None


@dataclass(frozen=True)
class PackageChange:
    """A package that is not the same; ``before`` and ``after`` are versions, and ``None`` where it is not there."""

    change: Literal["added", "removed", "upgraded", "downgraded", "changed"]
    name: str
    arch: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Change:
    """A value that is not the same; ``None`` where there is none."""

    name: str
    before: JsonValue
    after: JsonValue


@dataclass(frozen=True)
class Difference:
    """What changed from one build to another.

    Attributes:
        before: Id of the one build.
        after: Id of the other.
        label: Platform and target, ``debian-12/docker``.
        packages: By name.
        cves_fixed: Known vulnerabilities that are gone; ``None`` where one of the builds did not look for them.
        cves_new: Those that are new.
        config: Configuration of the image, by path such as ``Env.TZ``.
        compliance: Status by control.
        tests: Outcome by test.
        size: Bytes before and after.
        layers: Number of layers before and after, and of those that begin both; ``None`` where it has none.
    """

    before: str
    after: str
    label: str
    packages: tuple[PackageChange, ...]
    cves_fixed: tuple[str, ...] | None
    cves_new: tuple[str, ...] | None
    config: tuple[Change, ...]
    compliance: tuple[Change, ...]
    tests: tuple[Change, ...]
    size: tuple[int | None, int | None]
    layers: tuple[int, int, int] | None


def difference(before: Contents, after: Contents) -> Difference:
    """Return what changed from one build to another."""
    known = _cves(before.patching), _cves(after.patching)
    fixed = new = None
    if known[0] is not None and known[1] is not None:
        fixed, new = tuple(sorted(known[0] - known[1])), tuple(sorted(known[1] - known[0]))
    one, other = _artifact(before.build), _artifact(after.build)
    return Difference(
        before=before.build.id,
        after=after.build.id,
        label=f"{after.build.platform}/{after.build.target}",
        packages=tuple(_packages(before.packages, after.packages)),
        cves_fixed=fixed,
        cves_new=new,
        config=_changes(dict(_flat(_config(one))), dict(_flat(_config(other)))),
        compliance=_changes(
            {str(control["id"]): control["status"] for control in before.compliance},
            {str(control["id"]): control["status"] for control in after.compliance},
        ),
        tests=_changes(_outcomes(before.tests), _outcomes(after.tests)),
        size=(one.size if one else None, other.size if other else None),
        layers=_layers(one, other),
    )


def _packages(before: Iterable[Package], after: Iterable[Package]) -> Iterator[PackageChange]:
    """Yield packages that are not the same. Some, such as a kernel of rpm, are there in several versions at once."""
    held: dict[tuple[str, str, str], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for side, packages in enumerate((before, after)):
        for package in packages:
            held[package.name, package.arch, package.type][side].add(package.version)
    for (name, arch, kind), (old, new) in sorted(held.items()):
        gone, come = sorted(old - new), sorted(new - old)
        if len(gone) == len(come) == 1:
            yield PackageChange(_order(kind, gone[0], come[0]), name, arch, gone[0], come[0])
            continue
        yield from (PackageChange("removed", name, arch, version, None) for version in gone)
        yield from (PackageChange("added", name, arch, None, version) for version in come)


def _order(kind: str, before: str, after: str) -> Literal["upgraded", "downgraded", "changed"]:
    """Say which way a version went; only Debian's order is known here."""
    if kind != "deb":
        return "changed"
    return "upgraded" if newer(after, before) else "downgraded" if newer(before, after) else "changed"


def _cves(patching: Mapping[str, Any] | None) -> set[str] | None:
    """Return the vulnerabilities that os_patching knew to be left; ``None`` where it did not look."""
    cves = (patching or {}).get("cves")
    return None if not isinstance(cves, Mapping) else {str(row["cve"]) for row in cves.get("remaining") or ()}


def _outcomes(tests: Sequence[TestResult]) -> dict[str, JsonValue]:
    return {f"{test.framework}: {test.name}": test.outcome for test in tests}


def _artifact(build: BuildRecord) -> ArtifactRecord | None:
    return build.artifacts[0] if build.artifacts else None


def _config(artifact: ArtifactRecord | None) -> Mapping[str, Any]:
    """Return an artifact's configuration: that of a Docker image; of an AMI what it is launched with."""
    if artifact is None:
        return {}
    config = artifact.details.get("config")
    if isinstance(config, Mapping):
        return config
    return {key: artifact.details[key] for key in ("architecture", "root_device") if key in artifact.details}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Yield a configuration's values by path. ``Env``, a list of ``NAME=value``, is taken as a mapping."""
    if path == "Env" and isinstance(value, list):
        value = dict(str(item).partition("=")[::2] for item in value)
    if isinstance(value, Mapping) and (value or not path):
        for key, item in value.items():
            if not (path == "Labels" and str(key).startswith(_PASSING)):
                yield from _flat(item, f"{path}.{key}" if path else str(key))
        return
    if value not in (None, "", [], False):
        # The engine has a set, such as that of ports, as a mapping to nothing.
        yield path, True if value == {} else value


def _changes(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> tuple[Change, ...]:
    names = sorted({*before, *after})
    return tuple(
        Change(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    )


def _layers(before: ArtifactRecord | None, after: ArtifactRecord | None) -> tuple[int, int, int] | None:
    if before is None or after is None:
        return None
    one, other = before.details.get("layers"), after.details.get("layers")
    if not (isinstance(one, list) and isinstance(other, list)):
        return None
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return len(one), len(other), same
