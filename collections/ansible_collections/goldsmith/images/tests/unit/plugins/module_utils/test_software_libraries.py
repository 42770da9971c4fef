# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What libraries say of themselves."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._software_libraries import (
    go_modules,
    integrity,
    jar_libraries,
    node_package,
    python_distribution,
    python_origin,
)

SENTINEL = b"0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6"


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def go_program(version: str, lines: str, flags: int = 2) -> bytes:
    """A program as Go 1.18 and later write it: debug/buildinfo's header, then version and modules with their lengths."""
    said = SENTINEL + lines.encode() + SENTINEL[::-1]
    header = (b"\xff Go buildinf:" + bytes([8, flags])).ljust(32, b"\0")
    account = header + varint(len(version)) + version.encode() + varint(len(said)) + said
    return b"\x7fELF" + bytes(2000) + account + bytes(100)


def jar(*parts: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (entry for part in parts for entry in part.items()):
            archive.writestr(name.replace("__", "/"), content)
    return target.getvalue()


def pom(group: str, name: str, version: str) -> dict[str, bytes]:
    text = f"#Created by Maven\ngroupId={group}\nartifactId={name}\nversion={version}\n"
    return {f"META-INF__maven__{group}__{name}__pom.properties": text.encode()}


def short(libraries) -> list[tuple[str, str, list[str]]]:
    return [(one["name"], one["version"], one["licenses"]) for one in libraries]


@pytest.mark.parametrize(
    ("fields", "licenses"),
    [
        (
            "License-Expression: MIT OR Apache-2.0\nClassifier: License :: OSI Approved :: BSD License\n",
            ["MIT OR Apache-2.0"],
        ),
        ("License: BSD-3-Clause\n", ["BSD-3-Clause"]),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n", ["MIT License"]),
        ("License: " + "a licence's text " * 20 + "\n", []),
        ("Classifier: License :: OSI Approved\n", []),
        ("Classifier: Topic :: Internet\n", []),
    ],
)
def test_python_s_licences_are_named_by_the_most_exact_field(fields: str, licenses: list[str]) -> None:
    text = f"Metadata-Version: 2.1\nName: Flask\nVersion: 3.1.0\n{fields}\nThe description.\nLicense: none of it\n"

    assert short(python_distribution("/x/METADATA", text.encode())) == [("Flask", "3.1.0", licenses)]


def test_hashes_of_a_python_archive_are_those_that_pip_recorded() -> None:
    now = {"url": "file:///a.whl", "archive_info": {"hash": "sha256=ab", "hashes": {"sha256": "ab", "blake2b": "cd"}}}
    old = {"url": "file:///a.whl", "archive_info": {"hash": "sha256=ab"}}

    assert python_origin(json.dumps(now).encode()) == python_origin(json.dumps(old).encode()) == {"sha256": "ab"}
    assert python_origin(b'{"url": "https://x", "vcs_info": {"commit_id": "1"}}') == {}


@pytest.mark.parametrize(
    ("said", "licenses"),
    [
        ({"license": "MIT"}, ["MIT"]),
        ({"license": {"type": "ISC", "url": "x"}}, ["ISC"]),
        ({"licenses": [{"type": "MIT"}, {"type": "BSD"}]}, ["MIT", "BSD"]),
        ({"license": 7}, []),
        ({}, []),
    ],
)
def test_node_s_licences_are_read_in_the_old_forms_too(said: dict[str, object], licenses: list[str]) -> None:
    content = json.dumps({"name": "@types/node", "version": "20.1.0", **said}).encode()

    assert short(node_package("/x/package.json", content)) == [("@types/node", "20.1.0", licenses)]


def test_a_node_package_without_a_version_is_none() -> None:
    assert list(node_package("/x/package.json", b'{"name": "fixture"}')) == []


def test_npm_s_own_hashes_belong_to_the_folders_of_the_packages() -> None:
    digest = hashlib.sha512(b"a").digest()
    lock = {
        "packages": {
            "node_modules/a": {"integrity": "sha512-" + base64.b64encode(digest).decode()},
            "node_modules/b": {"integrity": "sha512-???"},
            "node_modules/c": {"link": True},
        }
    }

    assert dict(integrity("/opt/app", json.dumps(lock).encode())) == {
        "/opt/app/node_modules/a": {"sha512": digest.hex()}
    }


def test_a_jar_that_is_one_library_is_known_by_its_own_hash() -> None:
    content = jar(pom("org.example", "tool", "1.2"))

    assert list(jar_libraries("/opt/tool.jar", content)) == [
        {
            "type": "maven",
            "name": "org.example/tool",
            "version": "1.2",
            "path": "/opt/tool.jar",
            "licenses": [],
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
        }
    ]


def test_a_jar_that_others_were_poured_into_has_no_hash_that_is_theirs() -> None:
    content = jar(pom("g", "a", "1"), pom("g", "b", "2"))

    assert [(one["name"], one["hashes"]) for one in jar_libraries("/opt/all.jar", content)] == [
        ("g/a", {}),
        ("g/b", {}),
    ]


def test_jars_in_a_jar_are_looked_into() -> None:
    inner = jar(pom("g", "inner", "2"))
    content = jar(pom("g", "outer", "1"), {"BOOT-INF__lib__inner.jar": inner})

    found = [(one["name"], one["path"]) for one in jar_libraries("/opt/app.jar", content)]

    assert found == [("g/outer", "/opt/app.jar"), ("g/inner", "/opt/app.jar!/BOOT-INF/lib/inner.jar")]


def test_a_go_program_tells_its_modules_and_what_replaced_them() -> None:
    lines = (
        "path\texample.org/cmd/tool\nmod\texample.org/tool\tv1.4.0\th1:c3Vt\n"
        "dep\tgithub.com/a/b\tv0.1.0\th1:eA==\ndep\tgithub.com/c/d\tv2.0.0\n=>\tgithub.com/fork/d\tv2.0.1\th1:eQ==\n"
        "build\t-compiler=gc\n"
    )

    found = [
        (one["name"], one["version"], one["hashes"]) for one in go_modules("/bin/t", go_program("go1.22.1", lines))
    ]

    assert found == [
        ("stdlib", "1.22.1", {}),
        ("example.org/tool", "v1.4.0", {"h1": "c3Vt"}),
        ("github.com/a/b", "v0.1.0", {"h1": "eA=="}),
        ("github.com/fork/d", "v2.0.1", {"h1": "eQ=="}),
    ]


def test_a_program_that_only_mentions_go_s_mark_is_passed_over_for_the_real_one() -> None:
    content = b"\xff Go buildinf:" + bytes(64) + go_program("go1.21.0", "mod\ta.b/c\tv1.0.0\n")

    assert [one["name"] for one in go_modules("/bin/t", content)] == ["stdlib", "a.b/c"]


def test_a_program_of_an_older_go_tells_nothing() -> None:
    assert list(go_modules("/bin/t", go_program("go1.16", "mod\ta.b/c\tv1.0.0\n", flags=0))) == []


@given(st.binary(max_size=300), st.integers(0, 400))
def test_broken_metadata_give_nothing_and_no_error(noise: bytes, cut: int) -> None:
    whole = go_program("go1.22.1", "mod\ta.b/c\tv1.0.0\n")
    for content in (noise, whole[:cut], whole[2000 : 2000 + cut] + noise, jar(pom("g", "a", "1"))[:cut] + noise):
        for read in (python_distribution, node_package, jar_libraries, go_modules):
            assert isinstance(list(read("/x", content)), list)
        assert isinstance(dict(integrity("/x", content)), dict)
        assert isinstance(python_origin(content), dict)
