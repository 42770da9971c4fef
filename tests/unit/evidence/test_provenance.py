from __future__ import annotations

import json
from typing import Any

from goldsmith.evidence.provenance import TREE, Inputs, statement, tree
from goldsmith.evidence.subjects import subjects
from goldsmith.registry import Evidence
from goldsmith.result import Artifact, BuildResult, Source

from .builds import ami, build

INPUTS = Inputs(
    spec="web.yml",
    parameters={"port": 80},
    secrets=["token"],
    ingredients={
        "spec:web.yml": "1" * 64,
        "role:nginx:tasks/main.yml": "2" * 64,
        "role:nginx:defaults/main.yml": "3" * 64,
        "tasks:site:site.yml": "4" * 64,
        "test:web.goss.yaml": "5" * 64,
        "collection:goldsmith.images": "0.1.0",
        "collection:community.docker": "4.0.0",
        "index:http://archive.example/debian/dists/bookworm-updates/InRelease": "6" * 64,
        "parameter:port": "7" * 64,
    },
    collections={"goldsmith.images": "8" * 64},
    revision={"commit": "a" * 40 + "-dirty", "url": "https://git.example/images"},
    tools={"goldsmith": "0.1.0", "ansible-core": "2.19.1"},
)
BYPRODUCTS = {"sbom.cdx.json": Evidence("/x/sbom.cdx.json", "9" * 64, "application/vnd.cyclonedx+json")}


def stated(result: BuildResult, inputs: Inputs = INPUTS) -> dict[str, Any]:
    assert result.artifact
    return statement(result, result.artifact, inputs, BYPRODUCTS)


def dependencies(result: BuildResult) -> dict[str, dict[str, Any]]:
    found = stated(result)["predicate"]["buildDefinition"]["resolvedDependencies"]
    return {one["name"] if one["name"] != "index" else one["uri"]: one for one in found}


def test_a_statement_names_the_image_by_its_digests() -> None:
    pushed = Artifact(
        "docker", "sha256:" + "d" * 64, tags=("web:1",), digests={"localhost:5000/web:1": "sha256:" + "e" * 64}
    )
    whole = stated(build(artifact=pushed))
    assert (whole["_type"], whole["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert whole["subject"] == [
        {"name": "web:1", "digest": {"sha256": "d" * 64}},
        {"name": "localhost:5000/web:1", "digest": {"sha256": "e" * 64}},
    ]


def test_an_ami_is_named_in_each_region_and_its_digest_is_said_to_be_that_of_names() -> None:
    found = stated(ami())["subject"]
    assert [one["name"] for one in found] == [
        "arn:aws:ec2:eu-central-1:111122223333:image/ami-0b",
        "arn:aws:ec2:eu-west-1:111122223333:image/ami-0a",
    ]
    assert json.loads(found[1]["annotations"]["digest_of"]) == {
        "account": "111122223333",
        "id": "ami-0a",
        "region": "eu-west-1",
        "snapshots": ["snap-1", "snap-2"],
    }
    assert len({one["digest"]["sha256"] for one in found}) == 2


def test_an_artifact_of_another_kind_is_known_by_its_file_s_digest_or_by_its_id() -> None:
    disk = Artifact("disk", "sha256:" + "f" * 64, tags=("web.qcow2",))
    assert subjects(disk, disk.id) == [{"name": "web.qcow2", "digest": {"sha256": "f" * 64}}]
    other = subjects(Artifact("acme", "machine-7"), "machine-7")
    assert other[0]["name"] == "machine-7" and json.loads(other[0]["annotations"]["digest_of"])["type"] == "acme"


def test_everything_that_went_in_is_a_dependency_with_its_digest() -> None:
    found = dependencies(build())
    assert found["base"]["digest"] == {"sha256": "b" * 64}
    assert found["http://archive.example/debian/dists/bookworm/InRelease"]["digest"] == {"sha256": "c" * 64}
    assert found["http://archive.example/debian/dists/bookworm-updates/InRelease"]["digest"] == {"sha256": "6" * 64}
    assert found["checkout"]["digest"] == {"gitCommit": "a" * 40}
    assert found["checkout"]["annotations"] == {"dirty": True}
    assert found["spec:web.yml"]["digest"] == {"sha256": "1" * 64}
    nginx = tree({"tasks/main.yml": "2" * 64, "defaults/main.yml": "3" * 64})
    assert (found["role:nginx"]["digest"], found["role:nginx"]["annotations"]) == ({TREE: nginx}, {"files": 2})
    assert found["tasks:site"]["digest"] == {TREE: tree({"site.yml": "4" * 64})}
    assert found["test:web.goss.yaml"]["digest"] == {TREE: tree({"web.goss.yaml": "5" * 64})}
    assert found["collection:goldsmith.images"]["digest"] == {TREE: "8" * 64}
    assert "digest" not in found["collection:community.docker"]
    assert found["collection:community.docker"]["uri"] == "galaxy:community.docker@4.0.0"


def test_indexes_that_os_patching_fetched_are_dependencies() -> None:
    found = dependencies(build(patching={"indexes": {"http://security.example/InRelease": "a" * 64}}))
    assert found["http://security.example/InRelease"]["digest"] == {"sha256": "a" * 64}


def test_a_base_is_named_by_what_is_of_one_content_for_ever() -> None:
    assert dependencies(ami())["base"]["uri"] == "arn:aws:ec2:eu-west-1::image/ami-0base"
    pulled = Source("sha256:" + "b" * 64, "debian:12", "registry.example/debian@sha256:" + "c" * 64, "image")
    base = dependencies(build(source=pulled))["base"]
    assert base["digest"] == {"sha256": "c" * 64}
    assert base["uri"].startswith("pkg:oci/debian@sha256:") and base["annotations"]["id"] == pulled.id
    assert dependencies(build(source=Source("made by hand")))["base"]["uri"] == "urn:goldsmith:base:made%20by%20hand"


def test_parameters_are_told_with_values_and_secrets_by_name() -> None:
    given = stated(build())["predicate"]["buildDefinition"]["externalParameters"]
    assert (given["parameters"], given["secrets"], given["spec"]) == ({"port": 80}, ["token"], "web.yml")


def test_the_run_is_told_with_its_times_and_by_products() -> None:
    details = stated(build())["predicate"]["runDetails"]
    assert details["metadata"] == {
        "invocationId": "20261122T120000-0a0a0a0a",
        "startedOn": "2026-11-22T12:00:00Z",
        "finishedOn": "2026-11-22T12:00:06Z",
    }
    assert details["builder"]["version"]["ansible-core"] == "2.19.1"
    assert details["byproducts"] == [
        {"name": "sbom.cdx.json", "digest": {"sha256": "9" * 64}, "mediaType": "application/vnd.cyclonedx+json"}
    ]
