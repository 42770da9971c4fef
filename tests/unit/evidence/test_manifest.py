from __future__ import annotations

import hashlib
import json
import os
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldsmith.errors import EnvironmentFault
from goldsmith.evidence.manifest import digests, manifest, write
from goldsmith.result import Artifact, BuildResult, ControlResult, Failure, LayerResult, Package, Source, TestResult

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PACKAGES = (Package("deb", "zlib1g", "1.2", "amd64", "zlib", "1.2"), Package("deb", "bash", "5.2", "amd64"))


def built(packages: tuple[Package, ...] = PACKAGES) -> BuildResult:
    return BuildResult(
        build="20261122T120000-0a0a0a0a",
        name="web",
        version="1.2",
        platform="debian-12",
        target="docker",
        status="built",
        started=NOON,
        finished=NOON.replace(second=6),
        source=Source(id="sha256:base", reference="debian:12", details={"architecture": "amd64"}),
        artifact=Artifact(type="docker", id="sha256:web", size=100, tags=("web:1.2",)),
        packages=packages,
        tests=(
            TestResult("goss", "Port: tcp:80", "passed", expected=["true"], found=["true"], duration=0.5),
            TestResult("goss", "File: /x", "skipped"),
        ),
        compliance=(
            ControlResult("sshd_root", "changed", "Nobody logs in as root", details={"area": "ssh", "cis": "5.1.20"}),
            ControlResult("aslr", "not_applicable", message="there is no kernel of its own"),
        ),
        layers=(LayerResult(1, "os_patching", "ok"),),
        phases={"acquire": 1.0, "provision": 4.0},
    )


def test_a_manifest_tells_what_was_built_from_what_by_what_and_what_is_inside() -> None:
    document = manifest(
        built(),
        parameters={"port": 80, "debug": False},
        secrets=["token", "password"],
        tools={"goldsmith": "0.1.0", "ansible-core": "2.19.1"},
        sources={"web.yml": "b" * 64, "bases/hardened.yml": "a" * 64},
    )
    assert document["schema"] == 1
    assert {key: document[key] for key in ("build", "name", "version", "platform", "target", "status", "failure")} == {
        "build": "20261122T120000-0a0a0a0a",
        "name": "web",
        "version": "1.2",
        "platform": "debian-12",
        "target": "docker",
        "status": "built",
        "failure": None,
    }
    assert (document["started"], document["finished"]) == ("2026-11-22T12:00:00Z", "2026-11-22T12:00:06Z")
    assert document["source"] == {
        "id": "sha256:base",
        "reference": "debian:12",
        "digest": None,
        "kind": "",
        "architecture": "amd64",
    }
    assert document["artifact"]["id"] == "sha256:web"
    assert document["phases"] == {"acquire": 1.0, "provision": 4.0}
    assert document["layers"] == [{"number": 1, "name": "os_patching", "status": "ok"}]
    counts = {key: document["tests"][key] for key in ("total", "passed", "failed", "skipped")}
    assert counts == {"total": 2, "passed": 1, "failed": 0, "skipped": 1}
    assert [test["name"] for test in document["tests"]["results"]] == ["Port: tcp:80", "File: /x"]
    assert (document["compliance"]["changed"], document["compliance"]["not_applicable"]) == (1, 1)
    assert document["compliance"]["controls"][0] == {
        "id": "sshd_root",
        "status": "changed",
        "title": "Nobody logs in as root",
        "message": "",
        "area": "ssh",
        "cis": "5.1.20",
    }
    assert document["spec"] == {
        "files": [
            {"name": "bases/hardened.yml", "sha256": "a" * 64},
            {"name": "web.yml", "sha256": "b" * 64},
        ],
        "parameters": {"debug": False, "port": 80},
        "secrets": ["password", "token"],
    }
    assert document["tools"] == {"ansible-core": "2.19.1", "goldsmith": "0.1.0"}
    assert [package["name"] for package in document["packages"]] == ["bash", "zlib1g"]


def test_a_manifest_of_a_failed_build_tells_why() -> None:
    failed = BuildResult.failed(
        build="b",
        name="web",
        version="1",
        platform="p",
        target="docker",
        failure=Failure("acquire", message="no engine"),
        started=NOON,
        finished=NOON,
    )
    document = manifest(failed)
    assert (document["status"], document["artifact"], document["packages"]) == ("failed", None, [])
    assert document["failure"] == {"phase": "acquire", "layer": "", "task": "", "message": "no engine"}
    assert document["tests"]["total"] == 0


def test_the_same_build_gives_the_same_bytes_in_whatever_order_it_is_told(tmp_path: Path) -> None:
    forth, back = tmp_path / "forth.json", tmp_path / "back.json"
    write(forth, manifest(built(), parameters={"a": 1, "b": 2}, secrets=["x", "y"], tools={"g": "1", "h": "2"}))
    write(
        back,
        manifest(built(PACKAGES[::-1]), parameters={"b": 2, "a": 1}, secrets=["y", "x"], tools={"h": "2", "g": "1"}),
    )
    assert forth.read_bytes() == back.read_bytes()


def test_a_manifest_is_readable_by_all_in_a_folder_that_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "builds" / "b-1" / "manifest.json"
    before = os.umask(0o077)
    try:
        write(path, manifest(built()))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(path.read_text()) == manifest(built())


def test_a_manifest_that_cannot_be_written_leaves_the_old_one_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write(path, {"old": True})
    with pytest.raises(TypeError):
        write(path, {"new": object()})
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        EnvironmentFault, match="folder, a part of the build's record, cannot be written: Is a directory"
    ):
        write(tmp_path / "folder", {"new": True})
    assert sorted(item.name for item in tmp_path.iterdir()) == ["folder", "manifest.json"]
    assert json.loads(path.read_text()) == {"old": True}


def test_a_disk_that_takes_no_more_is_said_and_the_old_manifest_stays(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write(path, {"old": True})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(EnvironmentFault, match="cannot be written: File too large") as caught:
            write(path, {"new": "x" * 10_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "Make room" in caught.value.hint
    assert [item.name for item in tmp_path.iterdir()] == ["manifest.json"]
    assert json.loads(path.read_text()) == {"old": True}


def test_text_of_all_languages_stays_readable_and_what_is_no_text_stays_json(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write(path, {"name": "Grüße", "odd": os.fsdecode(b"\xff")})
    assert "Grüße" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8"))["odd"] == "\udcff"


def test_files_are_named_from_the_specs_folder_on(tmp_path: Path) -> None:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "web.yml").write_text("name: web\n")
    (tmp_path / "base.yml").write_text("name: base\n")
    assert digests([specs / "web.yml", tmp_path / "base.yml"], specs) == {
        "web.yml": hashlib.sha256(b"name: web\n").hexdigest(),
        "../base.yml": hashlib.sha256(b"name: base\n").hexdigest(),
    }


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"web\.yml cannot be read for the manifest: No such file"):
        digests([tmp_path / "web.yml"], tmp_path)
