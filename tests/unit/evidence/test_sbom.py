from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from goldsmith.evidence.licenses import licenses, spdx
from goldsmith.evidence.sbom import package_url, sbom
from goldsmith.result import Artifact, BuildResult, Library, Package, Software

from .builds import SOFTWARE, build

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)
TOOLS = {"goldsmith": "0.1.0", "ansible-core": "2.19.1"}


def text(result: BuildResult) -> str:
    assert result.artifact
    return sbom(result, result.artifact, TOOLS)


def document(result: BuildResult) -> dict[str, Any]:
    """The SBOM, which the official schema takes."""
    whole = text(result)
    assert VALIDATOR.validate_str(whole) is None
    return json.loads(whole)


def component(whole: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in whole["components"] if one["name"] == name)


def properties(of: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in of["properties"]}


def test_an_sbom_has_every_package_with_its_url_and_licences() -> None:
    whole = document(build())
    assert (whole["bomFormat"], whole["specVersion"]) == ("CycloneDX", "1.6")
    assert component(whole, "libc6")["purl"] == "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc"
    bash = component(whole, "bash")
    assert bash["purl"] == "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12&upstream=bash%405.2.15-2"
    assert [one["license"]["id"] for one in bash["licenses"]] == ["GPL-3.0-or-later", "MIT"]
    assert "hashes" not in bash
    system = component(whole, "debian")
    assert (system["type"], system["version"]) == ("operating-system", "12")


def test_libraries_are_told_of_with_the_file_that_tells_and_hashes_that_are_known() -> None:
    whole = document(build())
    flask = component(whole, "flask")
    assert flask["purl"] == "pkg:pypi/flask@3.1.0"
    assert flask["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert flask["evidence"]["occurrences"] == [{"location": "/opt/flask.dist-info/METADATA"}]
    module = component(whole, "b")
    assert (module["purl"], module["group"]) == ("pkg:golang/github.com/a/b@v1.0.0", "github.com/a")
    assert "hashes" not in module  # Go's h1 is no hash of a file
    assert properties(module) == {"goldsmith:go-sum": "h1:eA=="}


def test_an_sbom_says_which_image_it_is_of_and_what_made_it() -> None:
    whole = document(build())
    image = whole["metadata"]["component"]
    assert (image["type"], image["name"], image["version"]) == ("container", "web", "1.2")
    assert properties(image)["goldsmith:artifact"] == "sha256:" + "d" * 64
    assert properties(image)["goldsmith:build"] == "20261122T120000-0a0a0a0a"
    assert "purl" not in image
    assert [one["name"] for one in whole["metadata"]["tools"]["components"]] == ["ansible-core", "goldsmith"]
    assert properties(whole["metadata"]) == {"goldsmith:package-databases": "dpkg"}
    depends = next(one["dependsOn"] for one in whole["dependencies"] if one["ref"] == image["bom-ref"])
    assert len(depends) == len(whole["components"])


def test_an_image_that_was_pushed_is_known_by_its_url() -> None:
    pushed = Artifact("docker", "sha256:1", digests={"localhost:5000/team/Web:1.2": "sha256:" + "e" * 64})
    purl = document(build(artifact=pushed))["metadata"]["component"]["purl"]
    assert purl == f"pkg:oci/web@sha256:{'e' * 64}?repository_url=localhost:5000/team/Web&tag=1.2"


def test_an_image_without_a_package_database_says_so() -> None:
    whole = document(build(packages=(), software=Software()))
    assert whole["metadata"]["component"]["name"] == "web"
    assert whole.get("components", []) == []
    said = properties(whole["metadata"])
    assert said["goldsmith:package-databases"] == "none"
    assert "no package database" in said["goldsmith:note"]


def test_the_same_build_gives_the_same_text_and_another_one_another_serial_number() -> None:
    shuffled = build(packages=build().packages[::-1], software=replace(SOFTWARE, libraries=SOFTWARE.libraries[::-1]))
    assert text(build()) == text(shuffled)
    assert document(build())["metadata"]["timestamp"] == "2026-11-22T12:00:06+00:00"
    assert document(build())["serialNumber"] != document(build(build="20261122T120000-0b0b0b0b"))["serialNumber"]


@pytest.mark.parametrize(
    ("package", "os", "url"),
    [
        (
            Package("rpm", "openssl-libs", "1:3.2.1-2.fc40", "x86_64", "openssl", "1:3.2.1-2.fc40"),
            {"ID": "fedora", "VERSION_ID": "40"},
            "pkg:rpm/fedora/openssl-libs@3.2.1-2.fc40?arch=x86_64&distro=fedora-40&epoch=1&upstream=openssl-3.2.1-2.fc40.src.rpm",
        ),
        (
            Package("rpm", "bash", "5.1-9.el9", "x86_64"),
            {"ID": "rhel", "VERSION_ID": "9.4"},
            "pkg:rpm/redhat/bash@5.1-9.el9?arch=x86_64&distro=rhel-9.4",
        ),
        (
            Package("apk", "libcrypto3", "3.3.2-r0", "x86_64", "openssl", "3.3.2-r0"),
            {"ID": "alpine", "VERSION_ID": "3.20.3"},
            "pkg:apk/alpine/libcrypto3@3.3.2-r0?arch=x86_64&distro=alpine-3.20.3&upstream=openssl",
        ),
        (
            Package("deb", "zlib1g", "1:1.3.dfsg+really1.3.1-1", "amd64", "zlib", "1:1.3.dfsg+really1.3.1-1"),
            {"ID": "debian", "VERSION_CODENAME": "sid"},
            "pkg:deb/debian/zlib1g@1:1.3.dfsg%2Breally1.3.1-1?arch=amd64&distro=debian-sid&upstream=zlib",
        ),
        (Package("deb", "base-files", "12"), {}, "pkg:deb/base-files@12"),
    ],
)
def test_package_urls_name_the_distribution(package: Package, os: dict[str, str], url: str) -> None:
    assert package_url(package, os).to_string() == url


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("GPLv2+", "GPL-2.0-or-later"),
        ("Expat", "MIT"),
        ("apache-2.0", "Apache-2.0"),
        ("GPL-2+ or Artistic", "GPL-2.0-or-later OR Artistic-1.0"),
        ("MIT AND (Apache-2.0 OR BSD-2-Clause)", "MIT AND (Apache-2.0 OR BSD-2-Clause)"),
        ("GPL-2+ with OpenSSL exception", ""),
        ("public-domain", ""),
        ("BSD", ""),
    ],
)
def test_licences_are_called_as_spdx_calls_them_where_it_knows_them(said: str, meant: str) -> None:
    assert spdx(said) == meant


def test_an_expression_beside_other_licences_is_given_as_a_name() -> None:
    alone, both = licenses(["GPL-2+ or Expat"]), licenses(["GPL-2+ or Expat", "ISC"])
    assert [one.value for one in alone] == ["GPL-2.0-or-later OR MIT"]
    assert sorted((one.id or "", one.name or "") for one in both) == [("", "GPL-2.0-or-later OR MIT"), ("ISC", "")]


words = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(words, words, words, words, words), max_size=6),
    st.lists(
        st.tuples(st.sampled_from(["pypi", "npm", "maven", "golang"]), words, words, words, st.lists(words)), max_size=6
    ),
    st.lists(words, max_size=3),
)
def test_whatever_metadata_say_the_sbom_is_valid(
    debs: list[tuple[str, ...]], libraries: list[tuple[Any, ...]], said: list[str]
) -> None:
    packages = tuple(Package("deb", name or "x", *rest) for name, *rest in debs)
    software = Software(
        os={"ID": "debian"},
        licenses={f"deb {package.name}": tuple(said) for package in packages},
        libraries=tuple(
            Library(kind, name or "x", version, path, tuple(held)) for kind, name, version, path, held in libraries
        ),
    )
    document(build(packages=packages, software=software))
