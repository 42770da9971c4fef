from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldsmith.errors import GoldsmithError
from goldsmith.registry import Registry
from goldsmith.result import Artifact, BuildResult, Failure, LayerResult, Package, Source, Status, TestResult

from .conftest import of_both

DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "build": "20261122T120000-0a0a0a0a",
    "name": "web",
    "version": "1.2",
    "platform": "debian-12",
    "target": "docker",
    "status": "built",
    "started": "2026-11-22T12:00:00Z",
    "finished": "2026-11-22T13:00:06.5+01:00",
    "source": {
        "id": "sha256:base",
        "digest": None,
        "reference": "goldsmith/base:bookworm-0123456789ab",
        "kind": "debootstrap",
        "key": "0123",
        "inrelease": {"http://archive.example/dists/bookworm/InRelease": "ab"},
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["A=b"]},
        "layers": ["sha256:l"],
        "size": 1,
        "created": "2026-11-22T12:00:00Z",
    },
    "artifact": {
        "type": "docker",
        "id": "sha256:web",
        "size": 100,
        "tags": ["web:1.2"],
        "digests": {"localhost:5000/web:1.2": "sha256:pushed"},
        "published": True,
        "layers": ["sha256:l", "sha256:m"],
        "config": {"User": "www-data"},
    },
    "packages": [
        {"name": "bash", "version": "5.2", "arch": "amd64", "source": "bash", "source_version": "5.2", "type": "deb"}
    ],
    "software": {
        "os": {"ID": "debian", "VERSION_ID": "12"},
        "databases": ["dpkg"],
        "licenses": {"deb bash": ["GPL-3+"]},
        "libraries": [
            {
                "type": "maven",
                "name": "org.example/tool",
                "version": "1.2",
                "path": "/opt/tool.jar",
                "licenses": [],
                "hashes": {"sha256": "ab"},
            }
        ],
    },
    "patching": {"mode": "security", "upgraded": [{"name": "bash", "before": "5.1", "after": "5.2"}], "cves": None},
    "tests": [
        {
            "framework": "goss",
            "name": "Port: tcp:80: listening",
            "outcome": "passed",
            "expected": ["true"],
            "found": ["true"],
            "message": "",
            "duration": 1,
        }
    ],
    "compliance": [
        {"id": "aslr", "status": "compliant", "title": "x", "message": "", "area": "kernel", "level": 1, "cis": "1.5.1"}
    ],
    "layers": [{"number": 1, "name": "goldsmith.images.os_patching", "status": "ok"}],
    "failure": None,
    "bootstrap": {"packages": ["python3"], "policy_rc_d": True, "interpreter": "/usr/bin/python3"},
    "kept": False,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "result.json"


def read(path: Path, **changed: Any) -> BuildResult:
    path.write_text(json.dumps(DOCUMENT | changed))
    return BuildResult.read(path)


def test_what_a_playbook_writes_is_read(path: Path) -> None:
    result = read(path)
    assert result.built
    assert (result.build, result.name, result.version) == ("20261122T120000-0a0a0a0a", "web", "1.2")
    assert result.finished - result.started == timedelta(seconds=6.5)
    assert result.finished.tzinfo is UTC
    assert result.source is not None
    assert (result.source.id, result.source.kind, result.source.details["os"]) == (
        "sha256:base",
        "debootstrap",
        "linux",
    )
    assert result.artifact is not None
    assert (result.artifact.tags, result.artifact.details["layers"]) == (("web:1.2",), ["sha256:l", "sha256:m"])
    assert result.packages == (Package("deb", "bash", "5.2", "amd64", "bash", "5.2"),)
    assert result.layers == (LayerResult(1, "goldsmith.images.os_patching", "ok"),)
    assert result.phases == {}


def test_a_result_is_written_in_the_form_it_is_read(path: Path) -> None:
    document = read(path).document()
    expected = DOCUMENT | {"finished": "2026-11-22T12:00:06.500000Z", "phases": {}}
    expected["artifact"] = DOCUMENT["artifact"] | {"region": None, "account": None}
    assert document == expected


def test_a_failed_build_tells_where_and_why(path: Path) -> None:
    failure = {"phase": "provision", "layer": 2, "task": "Install nginx", "message": "no such package"}
    result = read(path, status="failed", artifact=None, failure=failure)
    assert not result.built
    assert str(result.failure) == "phase provision, layer 2, task 'Install nginx': no such package"


def test_a_failure_outside_of_all_layers_needs_no_more_than_a_message(path: Path) -> None:
    failure = {"phase": None, "layer": None, "task": None, "message": "unreachable"}
    assert str(read(path, status="failed", artifact=None, failure=failure).failure) == "unreachable"


def test_keys_that_a_newer_collection_adds_are_passed_over(path: Path) -> None:
    assert read(path, new={"key": 1}, layers=[{"number": 1, "name": "n", "status": "ok", "cached": True}]).built


def test_a_result_cannot_be_changed(path: Path) -> None:
    result = read(path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.status = "failed"  # type: ignore[misc]  # that it is refused is the point
    assert dataclasses.replace(result, phases={"acquire": 1.5}).phases == {"acquire": 1.5}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"status": "perhaps"}, "status: Input should be 'built' or 'failed'"),
        ({"artifact": None}, "status is built, but there is no artifact"),
        ({"failure": {"message": "why"}}, "status is built, but failure is there"),
        ({"status": "failed"}, "status is failed, but failure is missing"),
        ({"started": "yesterday"}, "started: "),
        ({"started": "2026-11-22T12:00:00"}, "started: Input should have timezone info"),
        ({"started": "0001-01-01T00:00:00+14:00"}, "started: lies outside the calendar"),
        ({"artifact": {"type": "docker"}}, "artifact.id: Field required"),
        ({"artifact": {"type": "docker", "id": "x", "size": -1}}, "artifact.size: "),
        ({"artifact": {"type": "docker", "id": "x", "size": 2**63}}, "artifact.size: "),
        ({"artifact": {"type": "docker", "id": "x", "tags": "web"}}, "artifact.tags: "),
        ({"artifact": []}, "artifact: "),
        (
            {"packages": [{"type": "deb", "name": "a", "version": 1}]},
            "packages.0.version: Input should be a valid string",
        ),
        ({"tests": [{"framework": "goss", "name": "a", "outcome": "error"}]}, "tests.0.outcome: "),
        ({"build": 5}, "build: Input should be a valid string"),
        ({"name": None, "version": None, "platform": None, "target": None}, "; and 1 more"),
    ],
    ids=str,
)
def test_a_result_that_is_not_right_is_refused_naming_what(path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(GoldsmithError, match=r"result\.json is damaged: ") as caught:
        read(path, **changed)
    assert message in str(caught.value)
    assert "Ansible's log" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"name": NaN}', b'{"build": "\\ud800"}', b"\0" * 100],
    ids=["empty", "cut off", "list", "null", "not UTF-8", "nested", "NaN", "lone surrogate", "zeroes"],
)
def test_a_file_that_is_no_result_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(GoldsmithError, match="is damaged"):
        BuildResult.read(path)


def test_a_result_of_another_schema_says_that_versions_differ(path: Path) -> None:
    with pytest.raises(GoldsmithError, match=r"has schema 2, this runner reads 1: .* different versions"):
        read(path, schema=2, status="perhaps")


def test_a_result_that_is_missing_is_said(path: Path) -> None:
    with pytest.raises(GoldsmithError, match=r"result\.json cannot be read: No such file"):
        BuildResult.read(path)


def test_a_build_that_left_no_result_is_told_of_by_what_is_known() -> None:
    started = datetime.now(UTC)
    failed = BuildResult.failed(
        build="b-1",
        name="web",
        version="1",
        platform="debian-12",
        target="docker",
        failure=Failure(phase="acquire", message="the engine is gone"),
        started=started,
        phases={"acquire": 0.5},
    )
    assert (failed.status, failed.artifact, failed.packages) == ("failed", None, ())
    assert failed.started <= failed.finished
    assert str(failed.failure) == "phase acquire: the engine is gone"


def test_output_that_is_no_text_is_kept_escaped(path: Path) -> None:
    assert Failure(message="\0a\udcff").message == "\\x00a\\udcff"
    test = {"framework": "goss", "name": "a\0", "outcome": "passed", "expected": [{"\0": "\0"}], "found": "\0"}
    [read_back] = read(path, tests=[test]).tests
    assert (read_back.name, read_back.expected, read_back.found) == ("a\\x00", [{"\\x00": "\\x00"}], "\\x00")


def test_results_and_manifests_are_read_without_the_price_of_a_database() -> None:
    code = "import sys, goldsmith.result, goldsmith.evidence.manifest; sys.exit('sqlalchemy' in sys.modules)"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environ, check=False).returncode == 0


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
seconds = st.floats(min_value=0, max_value=1e9)
moments = st.datetimes(timezones=st.just(UTC))


def details(kind: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    known = {field.name for field in dataclasses.fields(kind)}
    return st.dictionaries(text.filter(lambda key: key not in known), plain, max_size=3)


def artifacts() -> st.SearchStrategy[Artifact]:
    return st.builds(
        Artifact,
        type=text,
        id=text,
        size=st.none() | st.integers(0, 2**63 - 1),
        tags=st.lists(text, max_size=3).map(tuple),
        digests=st.dictionaries(text, text, max_size=2),
        published=st.booleans(),
        region=st.none() | text,
        account=st.none() | text,
        details=details(Artifact),
    )


@st.composite
def results(draw: st.DrawFn) -> BuildResult:
    statuses: tuple[Status, ...] = ("built", "failed")
    status = draw(st.sampled_from(statuses))
    failures = st.builds(Failure, phase=text, layer=text, task=text, message=text)
    return BuildResult(
        build=draw(text),
        name=draw(text),
        version=draw(text),
        platform=draw(text),
        target=draw(text),
        status=status,
        started=draw(moments),
        finished=draw(moments),
        source=draw(
            st.none()
            | st.builds(Source, id=text, reference=text, digest=st.none() | text, kind=text, details=details(Source))
        ),
        artifact=draw(artifacts() if status == "built" else st.none() | artifacts()),
        packages=tuple(draw(st.lists(st.builds(Package, text, text, text, text, text, text), max_size=4, unique=True))),
        tests=tuple(
            draw(
                st.lists(
                    st.builds(
                        TestResult,
                        framework=text,
                        name=text,
                        outcome=st.sampled_from(["passed", "failed", "skipped"]),
                        expected=plain,
                        found=plain,
                        message=text,
                        duration=seconds,
                    ),
                    max_size=3,
                )
            )
        ),
        layers=tuple(draw(st.lists(st.builds(LayerResult, number=st.integers(), name=text, status=text), max_size=3))),
        failure=None if status == "built" else draw(failures),
        bootstrap=draw(st.none() | st.dictionaries(text, plain, max_size=2)),
        phases=draw(st.dictionaries(text, seconds, max_size=3)),
    )


@given(result=results())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_any_result_survives_being_written_and_read(path: Path, result: BuildResult) -> None:
    path.write_text(json.dumps(result.document()))
    assert BuildResult.read(path) == result


@of_both
@given(result=results())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=40
)
def test_any_result_survives_being_recorded(registry: Registry, result: BuildResult) -> None:
    build = f"{registry.next_sequence('web')}"
    result = dataclasses.replace(result, build=build)
    version = registry.new_version("web", "f")
    registry.start_build(version, build, platform=result.platform, target=result.target, spec="web.yml")
    record = registry.finish_build(build, result)
    assert (record.state, record.finished, record.failure) == (result.status, result.finished, result.failure)
    assert list(record.phases.items()) == list(result.phases.items())
    assert record.source == result.document()["source"]
    assert registry.packages(build) == tuple(sorted(result.packages))
    assert registry.tests(build) == result.tests
    assert [artifact.details for artifact in record.artifacts] == ([result.artifact.details] if result.artifact else [])
    [shown] = registry.image(str(version)).versions
    assert shown.builds == (record,)
