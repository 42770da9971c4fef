"""The record of a build that has ended: its files, and the note of them in the registry."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from goldsmith.evidence import compliance, files, manifest
from goldsmith.registry import Evidence, Registry
from goldsmith.result import BuildResult
from goldsmith.spec import LoadedSpec
from goldsmith.sweep import RESULT

MANIFEST = "manifest.json"
SBOM = "sbom.cdx.json"
COMPLIANCE = "compliance.json"


def tools() -> dict[str, str]:
    """Return the versions of what builds: by package name."""
    return {name: version(name) for name in ("goldsmith", "ansible-core", "ansible-runner")}


def record(directory: Path, loaded: LoadedSpec, result: BuildResult, registry: Registry) -> None:
    """Write a build's result and the evidence of it into its directory, and note in the registry where that lies.

    Raises:
        EnvironmentFault: It cannot be written.
    """
    manifest.write(directory / RESULT, result.document())
    evidence = dict(_evidence(directory, loaded, result))
    registry.attach(result.build, evidence, patching=result.patching)


def _evidence(directory: Path, loaded: LoadedSpec, result: BuildResult) -> Iterator[tuple[str, Evidence]]:
    """Write the evidence and yield it by kind; that which tells of an artifact only where there is one."""
    document = manifest.manifest(
        result,
        parameters=loaded.spec.parameters,
        secrets=sorted(loaded.spec.secrets),
        tools=tools(),
        sources=manifest.digests(loaded.files, loaded.directory),
    )
    yield "manifest", _written(directory / MANIFEST, files.text_of(document), "application/json")
    report = files.text_of(compliance.compliance(result))
    yield "compliance", _written(directory / COMPLIANCE, report, compliance.MEDIA_TYPE)
    if result.artifact is not None:
        from goldsmith.evidence import sbom  # noqa: PLC0415  a tenth of a second that a failed build need not pay

        yield "sbom", _written(directory / SBOM, sbom.sbom(result, result.artifact, tools()), sbom.MEDIA_TYPE)


def _written(path: Path, text: str, media_type: str) -> Evidence:
    return Evidence(file=str(path), sha256=files.write(path, text), media_type=media_type)
