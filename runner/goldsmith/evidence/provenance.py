"""Where an image came from: an in-toto statement with SLSA's provenance. Pure.

Sources: https://in-toto.io/Statement/v1, https://slsa.dev/spec/v1.0/provenance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from packageurl import PackageURL
from pydantic import JsonValue

from goldsmith.evidence.subjects import sha256_of, subjects
from goldsmith.registry import Evidence
from goldsmith.result import Artifact, BuildResult, Source

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUILD_TYPE = "urn:goldsmith:image-build:1"
BUILDER = "urn:goldsmith:runner"
TREE = "goldsmithTree1"
"""Name of the digest of a tree of files; see `tree`."""

_TREES = ("role", "tasks", "test", "file")


@dataclass(frozen=True)
class Inputs:
    """What a build was given, beside what its result tells.

    Attributes:
        spec: Name of the spec's file.
        parameters: Values of the spec's parameters.
        secrets: Names of its secrets; their values have no way in here.
        ingredients: What went in, by name; see `goldsmith.ingredients`.
        collections: Digest of the content of each collection, by name; see `tree`.
        revision: ``commit``, with ``-dirty`` behind it where files differ from it, and ``url``, where they are known.
        tools: Versions of what built, by name.
    """

    spec: str
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    ingredients: Mapping[str, str] = field(default_factory=dict)
    collections: Mapping[str, str] = field(default_factory=dict)
    revision: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)


def statement(
    result: BuildResult, artifact: Artifact, inputs: Inputs, byproducts: Mapping[str, Evidence]
) -> dict[str, Any]:
    """Return the provenance of an artifact. The same build gives the same statement.

    Args:
        result: The build.
        artifact: What it made.
        inputs: What it was given.
        byproducts: Files that tell of it, by their names.
    """
    plain = result.document()
    return {
        "_type": STATEMENT,
        "subject": subjects(artifact, artifact.id),
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "spec": inputs.spec,
                    **{key: plain[key] for key in ("name", "version", "platform", "target")},
                    "parameters": dict(sorted(inputs.parameters.items())),
                    "secrets": sorted(inputs.secrets),
                },
                "internalParameters": {"layers": [layer.name for layer in result.layers]},
                "resolvedDependencies": list(_dependencies(result, artifact, inputs)),
            },
            "runDetails": {
                "builder": {
                    "id": BUILDER,
                    "version": dict(sorted(inputs.tools.items())),
                },
                "metadata": {
                    "invocationId": result.build,
                    "startedOn": plain["started"],
                    "finishedOn": plain["finished"],
                },
                "byproducts": [
                    {"name": name, "digest": {"sha256": one.sha256}, "mediaType": one.media_type}
                    for name, one in sorted(byproducts.items())
                ],
            },
        },
    }


def tree(files: Mapping[str, str]) -> str:
    """Return the digest of a tree: SHA-256 of a line ``<SHA-256>  <path>`` for each file, by path.

    Args:
        files: SHA-256 by path; of what an ingredient is a digest of, `goldsmith.ingredients` says.
    """
    return hashlib.sha256("".join(f"{digest}  {path}\n" for path, digest in sorted(files.items())).encode()).hexdigest()


def _dependencies(result: BuildResult, artifact: Artifact, inputs: Inputs) -> Iterator[dict[str, Any]]:
    if result.source:
        yield _base(result.source, artifact)
    yield from _indexes(result, inputs.ingredients)
    if commit := inputs.revision.get("commit"):
        yield _checkout(commit, inputs.revision.get("url", ""))
    yield from _content(inputs)


def _base(source: Source, artifact: Artifact) -> dict[str, Any]:
    """Return the base: by its digest, or by its id where that is of one content for ever."""
    about = {"reference": source.reference, "kind": source.kind}
    annotations = {key: value for key, value in about.items() if value}
    if source.id.startswith("ami-"):
        uri = f"arn:aws:ec2:{artifact.region or ''}::image/{source.id}"
        return {"name": "base", "uri": uri, "annotations": annotations}
    repository, _, pushed = (source.digest or "").partition("@")
    if sha256_of(pushed):
        name = repository.rpartition("/")[2].lower()
        purl = PackageURL("oci", name=name, version=pushed, qualifiers={"repository_url": repository})
        known: dict[str, Any] = {"uri": purl.to_string(), "digest": {"sha256": sha256_of(pushed)}}
        annotations["id"] = source.id
    elif digest := sha256_of(source.id):
        known = {"digest": {"sha256": digest}}
    else:
        known = {"uri": f"urn:goldsmith:base:{quote(source.id)}"}
    return {"name": "base", **known, "annotations": annotations}


def _indexes(result: BuildResult, ingredients: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the archives' signed indexes that decided which packages came: of the base, and of what was upgraded."""
    seen: dict[str, str] = {name[6:]: digest for name, digest in ingredients.items() if name.startswith("index:")}
    known = [result.source.details.get("inrelease") if result.source else None, (result.patching or {}).get("indexes")]
    for one in known:
        seen |= {str(url): str(digest) for url, digest in one.items()} if isinstance(one, dict) else {}
    for url, digest in sorted(seen.items()):
        yield {"name": "index", "uri": url, "digest": {"sha256": digest}}


def _checkout(commit: str, url: str) -> dict[str, Any]:
    clean = commit.removesuffix("-dirty")
    return {
        "name": "checkout",
        **({"uri": f"git+{url}"} if url else {}),
        "digest": {"gitCommit": clean},
        "annotations": {"dirty": clean != commit},
    }


def _content(inputs: Inputs) -> Iterator[dict[str, Any]]:
    """Yield the spec's files, and each collection, role, file of tasks and test as a tree."""
    trees: dict[str, dict[str, str]] = {}
    for name, digest in sorted(inputs.ingredients.items()):
        kind, _, rest = name.partition(":")
        if kind == "spec":
            yield {"name": name, "digest": {"sha256": digest}}
        elif kind == "collection":
            known = {TREE: inputs.collections[rest]} if rest in inputs.collections else None
            yield {
                "name": name,
                "uri": f"galaxy:{rest}@{digest}",
                **({"digest": known} if known else {}),
            }
        elif kind in _TREES:
            owner, _, path = rest.rpartition(":")
            trees.setdefault(f"{kind}:{owner or path}", {})[path] = digest
    for name, files in sorted(trees.items()):
        yield {"name": name, "digest": {TREE: tree(files)}, "annotations": {"files": len(files)}}
