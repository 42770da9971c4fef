"""The record of a build that has ended: its files, and the note of them in the registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from goldsmith.evidence import compliance, files, manifest, sbom, signing
from goldsmith.evidence.provenance import PAYLOAD_TYPE, Inputs, statement, tree
from goldsmith.evidence.signing import Signer
from goldsmith.registry import Evidence, Registry
from goldsmith.result import BuildResult
from goldsmith.revision import revision
from goldsmith.roles import SearchPath, collection_files
from goldsmith.spec import LoadedSpec
from goldsmith.sweep import RESULT


def inputs(loaded: LoadedSpec, search: SearchPath, ingredients: Mapping[str, str], tools: Mapping[str, str]) -> Inputs:
    """Return what a build is given, as it is now.

    Args:
        loaded: The spec.
        search: Where Ansible finds its collections.
        ingredients: What goes in, by name; see `goldsmith.ingredients`.
        tools: Versions of what builds, by name.
    """
    names = [name.partition(":")[2] for name in ingredients if name.startswith("collection:")]
    return Inputs(
        spec=loaded.path.name,
        parameters=loaded.spec.parameters,
        secrets=sorted(loaded.spec.secrets),
        ingredients=ingredients,
        collections={name: tree(found) for name in names if (found := collection_files(name, search))},
        revision=revision(loaded.directory),
        tools=tools,
    )


def record(
    directory: Path,
    loaded: LoadedSpec,
    result: BuildResult,
    registry: Registry,
    *,
    given: Inputs,
    signer: Signer | None,
) -> None:
    """Write a build's result and the evidence of it into its directory, and note in the registry where that lies.

    What tells of an artifact is written only where there is one.

    Args:
        directory: The build's directory.
        loaded: The spec.
        result: How the build ended.
        registry: Where the build is recorded.
        given: What the build was given.
        signer: Signs the provenance, where there is one.

    Raises:
        EnvironmentFault: It cannot be written.
    """
    manifest.write(directory / RESULT, result.document())
    written: dict[str, Evidence] = {}

    def keep(kind: str, name: str, text: str, media_type: str) -> None:
        path = directory / name
        written[kind] = Evidence(file=str(path), sha256=files.write(path, text), media_type=media_type)

    about = manifest.manifest(
        result,
        parameters=loaded.spec.parameters,
        secrets=sorted(loaded.spec.secrets),
        tools=given.tools,
        sources=manifest.digests(loaded.files, loaded.directory),
    )
    keep("manifest", files.MANIFEST, files.text_of(about), "application/json")
    keep("compliance", files.COMPLIANCE, files.text_of(compliance.compliance(result)), compliance.MEDIA_TYPE)
    if result.artifact is not None:
        keep("sbom", files.SBOM, sbom.sbom(result, result.artifact, given.tools), sbom.MEDIA_TYPE)
        byproducts = {Path(one.file).name: one for one in written.values()}
        text = files.text_of(statement(result, result.artifact, given, byproducts))
        keep("provenance", files.PROVENANCE, text, PAYLOAD_TYPE)
        if signer:
            envelope = signing.envelope(text.encode("utf-8", "backslashreplace"), PAYLOAD_TYPE, signer)
            keep("envelope", files.ENVELOPE, json.dumps(envelope) + "\n", signing.MEDIA_TYPE)
    registry.attach(result.build, written, patching=result.patching)
