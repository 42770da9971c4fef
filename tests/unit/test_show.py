from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldsmith.build import Done
from goldsmith.plan import Plan, plan
from goldsmith.result import Artifact, BuildResult, Failure, TestResult
from goldsmith.show.builds import done_document, done_text, plan_document, plan_text, sweep_text
from goldsmith.show.records import images_table
from goldsmith.show.text import age, document, size
from goldsmith.spec import builds, load

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


AMI = replace(
    RESULT,
    target="ec2",
    artifact=Artifact(
        type="ec2",
        id="ami-1",
        tags=("web-debian-12-3",),
        region="eu-west-1",
        details={"images": {"eu-west-1": {"id": "ami-1"}, "us-east-1": {"id": "ami-2"}}},
    ),
)


def test_an_ami_is_told_by_its_id_in_each_region() -> None:
    assert done_text(replace(DONE, result=AMI)).splitlines()[1:4] == [
        "  image    web-debian-12-3",
        "  ami      ami-1 in eu-west-1",
        "  copy     ami-2 in us-east-1",
    ]


def test_after_a_publication_that_failed_it_is_told_how_to_go_on() -> None:
    failed = replace(AMI, status="failed", failure=Failure("publish", message="no"))
    assert done_text(replace(DONE, result=failed)).endswith("goldsmith build --resume 20260101T000000-00000000")
    before = replace(failed, failure=Failure("verify", message="no"))
    assert "--resume" not in done_text(replace(DONE, result=before))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "{ami: {owner: amazon, name: al2023-*, filters: {virtualization-type: hvm}}}",
            "ami amazon/al2023-*/virtualization-type=hvm",
        ),
        ("{id: ami-0123456789abcdef0}", "ami ami-0123456789abcdef0"),
        ("{ssm: /aws/service/debian}", "SSM parameter /aws/service/debian"),
        ("{from: base}", "from base"),
    ],
)
def test_the_plan_of_an_ami_tells_its_base_and_where_it_goes(tmp_path: Path, source: str, told: str) -> None:
    (tmp_path / "web.yml").write_text(
        f"name: web\nplatforms: {{debian-12: {{ec2: {source}}}}}\n"
        "targets:\n  ec2:\n    region: eu-west-1\n    instance_type: [t3.small, t3a.small]\n"
        "    machine: {spot: {}}\n    root_volume: {encrypted: false}\n    copy_to: [us-east-1, us-east-2]\n"
        "    share_with: {accounts: ['111122223333'], snapshots: true}\n    ssm_parameter: /web\n"
        "    deprecate_after: 180d\n    retire: {keep: 3}\n    tags: {team: os}\n"
    )
    found = plan(builds(load(tmp_path / "web.yml"))[0], "1", None, lambda _: None, lambda _: None)
    assert plan_text(found).splitlines()[1:] == [
        f"  source   {told}",
        "  region   eu-west-1, copied to us-east-1, us-east-2",
        "  machine  t3.small or t3a.small (spot)",
        "  shared   with 111122223333",
        "  ssm      /web is set to it",
        "  ages     deprecated after 180 days",
        "  retire   deprecate older ones, keep the 3 newest",
    ]


def test_what_was_swept_is_told_with_its_region() -> None:
    thing = {"kind": "security_group", "id": "sg-1", "name": "", "build": "x", "region": "eu-west-1"}
    report = {"found": [thing], "removed": [thing], "failed": [], "unsearched": []}
    assert sweep_text(report, check=False) == "removed security group sg-1 of build x in eu-west-1"


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
