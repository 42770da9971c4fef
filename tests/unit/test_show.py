from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldsmith.build import Done
from goldsmith.plan import Plan
from goldsmith.result import Artifact, BuildResult, Failure, TestResult
from goldsmith.show import (
    age,
    document,
    done_document,
    done_text,
    images_table,
    plan_document,
    plan_text,
    size,
    sweep_text,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RESULT = BuildResult(
    build="20260101T000000-00000000",
    name="web",
    version="3",
    platform="debian-12",
    target="docker",
    status="built",
    started=NOW,
    finished=NOW,
    artifact=Artifact(
        type="docker", id="sha256:abc", size=165_000_000, tags=("web:3",), digests={"host:5000/web:3": "sha256:def"}
    ),
    tests=(TestResult("goss", "a", "passed"), TestResult("goss", "b", "failed")),
    phases={"acquire": 1.25, "provision": 2.0},
)
DONE = Done("web/debian-12/docker", RESULT, Path("/srv/builds/one"), 0)


def test_a_built_image_is_told_with_tag_digest_size_times_and_record() -> None:
    assert done_text(DONE).splitlines() == [
        "web/debian-12/docker is built",
        "  image    web:3",
        "  digest   sha256:abc",
        "  pushed   host:5000/web@sha256:def",
        "  size     165 MB",
        "  tests    2, 1 failed",
        "  seconds  3.2 (acquire 1.2, provision 2.0)",
        "  record   /srv/builds/one/manifest.json",
    ]


def test_a_failed_build_ends_with_its_reason_and_names_the_log() -> None:
    failure = Failure("provision", "nginx", "Install", "no such package")
    told = done_text(replace(DONE, result=replace(RESULT, status="failed", artifact=None, failure=failure, kept=True)))
    assert told.splitlines()[-1] == "  failure  phase provision, layer nginx, task 'Install': no such package"
    assert "/srv/builds/one/ansible.log" in told
    assert "goldsmith shell 20260101T000000-00000000" in told, "a kept machine can be entered"


def test_a_record_below_home_is_written_as_its_owner_would_type_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv")
    assert "  record   ~/builds/one/manifest.json" in done_text(DONE)


def test_programs_get_the_result_without_the_long_inventory() -> None:
    plain = done_document(DONE)
    assert (plain["kind"], plain["packages"], plain["artifact"]["id"]) == ("result", 0, "sha256:abc")
    json.dumps(plain)


def test_a_plan_tells_layers_tests_and_names(web_plan: Plan, spec_directory: Path) -> None:
    told = plan_text(web_plan)
    assert "source   image sha256:abc" in told
    assert f"layer 2  nginx  ({spec_directory}/roles/nginx)" in told
    assert f"test     goss after capture: {spec_directory}/boot/web.goss.yaml" in told
    assert told.endswith("tagged as example/web:7, example/web:latest")
    json.dumps(plan_document(web_plan))


def test_records_become_plain_data() -> None:
    assert document({"at": NOW, "path": Path("/a"), "many": (1, RESULT.artifact)})["many"][1]["id"] == "sha256:abc"


def test_nothing_recorded_says_what_to_do() -> None:
    assert "goldsmith build SPEC" in images_table([])


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (165_000_000, "165 MB"), (2_500_000_000, "2.5 GB")]
)
def test_sizes_are_for_people(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (200_000, "2 days ago")]
)
def test_ages_are_for_people(seconds: int, text: str) -> None:
    assert age(NOW, NOW + timedelta(seconds=seconds)) == text


def test_a_sweep_tells_what_went_what_stayed_and_where_it_could_not_look() -> None:
    thing = {"kind": "container", "id": "1", "name": "goldsmith-x", "build": "x", "reason": "it is in use"}
    nothing = {"found": [], "removed": [], "failed": [], "unsearched": []}
    gone = nothing | {"found": [thing], "removed": [thing]}
    assert sweep_text(gone, check=False) == "removed container goldsmith-x of build x"
    assert sweep_text(gone, check=True).startswith("would remove")
    assert "it is in use" in sweep_text(nothing | {"failed": [thing]}, check=False)
    assert sweep_text(nothing, check=False) == "Nothing is left behind."
    assert sweep_text(nothing | {"unsearched": ["no credentials"]}, check=False).endswith(
        "look everywhere: no credentials"
    )
