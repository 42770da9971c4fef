"""The evidence of real builds, against what is in the images."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from goldsmith.registry import Registry

from ..conftest import run_image
from .conftest import Cli, SpecWriter

pytestmark = pytest.mark.docker

TASKS = """
- name: Make a library's folder
  ansible.builtin.file: {path: /opt/app/flask-3.1.0.dist-info, state: directory, mode: "0755"}
- name: Install a library as an application does
  ansible.builtin.copy:
    dest: /opt/app/flask-3.1.0.dist-info/METADATA
    content: "Name: flask\\nVersion: 3.1.0\\nLicense-Expression: BSD-3-Clause\\n"
    mode: "0644"
- name: Report as os_patching does
  ansible.builtin.set_fact:
    os_patching_report: {mode: security, upgraded: [{name: bash, before: "1", after: "2"}], cves: {fixed: [CVE-2026-1], remaining: []}}
"""


def file(goldsmith: Cli, build: str, name: str) -> Any:
    return json.loads((goldsmith.home / "builds" / build / name).read_text())


def test_an_image_s_evidence_is_written_signed_and_noted_in_the_registry(
    goldsmith: Cli, write_spec: SpecWriter, python_image: str, tmp_path: Path
) -> None:
    (tmp_path / "made").write_text(goldsmith.ask("attest", "key", tmp_path / "key").stdout)
    goldsmith.environ["GOLDSMITH_SIGNING_KEY"] = str(tmp_path / "key")
    goldsmith.environ["TOKEN"] = "open-sesame"

    built = goldsmith.build(write_spec(TASKS, secrets={"token": {"env": "TOKEN"}}))

    text = (goldsmith.home / "builds" / built["build"] / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components = json.loads(text)["components"]
    listed = run_image(built["artifact"]["id"], "dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n")
    debs = {f"installed {one['name']} {one['version']}" for one in components if ":deb/" in one.get("purl", "")}
    assert debs == {line for line in listed.splitlines() if line.startswith("installed ")}
    assert [one["purl"] for one in components if ":pypi/" in one.get("purl", "")] == ["pkg:pypi/flask@3.1.0"]

    report = file(goldsmith, built["build"], "compliance.json")
    assert report["patching"]["cves"] == {"fixed": ["CVE-2026-1"], "remaining": []}
    assert report["hardening"] is None
    assert file(goldsmith, built["build"], "manifest.json")["patching"] == report["patching"]
    with Registry.open(environ=goldsmith.environment) as registry:
        assert registry.patching(built["build"]) == report["patching"]
        noted = registry.evidence(built["build"])
    assert set(noted) == {"sbom", "manifest", "compliance", "provenance", "envelope"}
    for one in noted.values():
        assert hashlib.sha256(Path(one.file).read_bytes()).hexdigest() == one.sha256

    provenance = file(goldsmith, built["build"], "provenance.json")
    assert provenance["subject"][0]["digest"]["sha256"] == built["artifact"]["id"].removeprefix("sha256:")
    given = provenance["predicate"]["buildDefinition"]
    assert given["externalParameters"]["secrets"] == ["token"]
    dependencies = {one["name"]: one for one in given["resolvedDependencies"]}
    base = dependencies["base"]  # an image that another test has pushed is known by its digest there
    assert python_image in (base["annotations"].get("id"), f"sha256:{base['digest']['sha256']}")
    assert dependencies["collection:goldsmith.images"]["digest"] and dependencies["spec:spec.yml"]["digest"]
    for path in (goldsmith.home / "builds" / built["build"]).iterdir():
        assert b"open-sesame" not in path.read_bytes(), path

    labels = built["artifact"]["config"]["Labels"]
    shown = goldsmith.ask("images", "show", goldsmith.name).stdout
    assert labels["io.goldsmith.signed-by"] in (tmp_path / "made").read_text()
    assert len(labels["io.goldsmith.fingerprint"]) == 64
    assert f"evidence {goldsmith.home}/builds/{built['build']}: compliance.json, manifest.json, provenance" in shown

    assert ": verified\n" in goldsmith.ask("attest", "verify", built["build"], "--key", tmp_path / "key.pub").stdout
    sbom = Path(noted["sbom"].file)
    sbom.write_text(sbom.read_text().replace("flask", "glass"))
    shown = goldsmith.ask("attest", "verify", built["build"], "--key", tmp_path / "key.pub", code=1).stdout
    assert "sbom.cdx.json    BAD" in shown


def test_a_signing_key_that_cannot_be_used_is_told_before_anything_is_built(
    goldsmith: Cli, write_spec: SpecWriter, tmp_path: Path
) -> None:
    goldsmith.environ["GOLDSMITH_SIGNING_KEY"] = str(tmp_path / "missing")
    done = goldsmith.ask("build", write_spec(), code=2)
    assert "the signing key" in done.stderr and "goldsmith attest key PATH makes a pair of keys" in done.stderr
    assert not list((goldsmith.home / "builds").glob("*"))
