"""The commands that ask the registry and decide of versions, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from goldsmith import cli
from goldsmith.registry import BuildRecord, Registry
from goldsmith.result import Artifact, Source

Build = Callable[..., BuildRecord]
Goldsmith = Callable[..., Result]


@pytest.fixture
def registry(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("GOLDSMITH_HOME", str(home))
    monkeypatch.setenv("LOGNAME", "ann")
    with Registry.open() as registry:
        yield registry


@pytest.fixture
def goldsmith(registry: Registry) -> Goldsmith:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli.main, ["images", *arguments])

    return run


@pytest.fixture
def said(goldsmith: Goldsmith) -> Callable[..., Any]:
    """Runs a command that must succeed and returns its JSON."""

    def run(*arguments: str) -> Any:
        done = goldsmith(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    return run


@pytest.fixture
def line(registry: Registry, build: Build) -> None:
    """base@1, and on it web@1; web@2 stands alone."""
    base = build("b-1", image="base").artifacts[0]
    build("b-2", source=Source(id=base.identity, reference="base:1"))
    build("b-3")


@pytest.mark.usefixtures("line")
def test_the_list_shows_channels_and_takes_filters(goldsmith: Goldsmith, said: Callable[..., Any]) -> None:
    goldsmith("promote", "web@1", "production")
    goldsmith("revoke", "base@1", "--reason", "backdoor")
    lines = goldsmith().output.splitlines()
    assert [line.split()[:3] for line in lines[2:]] == [["base", "1", "revoked"], ["web", "2", "built"]]
    assert lines[3].endswith("production 1")
    for filters, names in (
        (["--name", "w*"], ["web"]),
        (["--state", "revoked"], ["base"]),
        (["--channel", "production"], ["web"]),
        (["--target", "ec2"], []),
        (["--platform", "debian-12"], ["base", "web"]),
    ):
        assert [image["name"] for image in said(*filters)] == names
    assert goldsmith("--target", "ec2").output == "No image matches.\n"


@pytest.mark.usefixtures("line")
def test_a_channel_is_filled_shown_resolved_and_emptied(goldsmith: Goldsmith, said: Callable[..., Any]) -> None:
    assert (
        goldsmith("promote", "web@1", "production", "--reason", "first").output
        == "web:production points at web@1 now.\n"
    )
    assert goldsmith("promote", "web@1", "production").output == "web:production points at web@1 already.\n"
    assert "points at web@2 now, and pointed at web@1 before" in goldsmith("promote", "web@2", "production").output
    assert goldsmith("resolve", "web:production").output == "sha256:b-3\n"
    assert "version 2: built, production" in goldsmith("show", "web:production").output
    assert "pointed at web@2 before" in goldsmith("promote", "web", "production", "--demote", "--reason", "bad").output
    empty = goldsmith("resolve", "web:production")
    assert (empty.exit_code, "the channel web:production is empty" in empty.output) == (2, True)
    log = said("log", "web")
    assert [entry["what"] for entry in log[:3]] == [
        "production emptied",
        "promoted to production",
        "promoted to production",
    ]
    assert log[0]["reason"] == "bad" and log[0]["by"].startswith("ann@")
    assert [entry["what"] for entry in said("log", "web@1")] == [
        "production emptied",
        "promoted to production",
        "debian-12/docker built",
    ]


@pytest.mark.usefixtures("line")
def test_a_version_is_revoked_with_what_was_built_on_it_and_restored(
    goldsmith: Goldsmith, said: Callable[..., Any]
) -> None:
    goldsmith("promote", "web@1", "production")
    told = goldsmith("revoke", "base@1", "--reason", "backdoor", "--descendants").output
    assert "base@1 was revoked on" in told and "backdoor" in told
    assert "revoked with it: web@1" in told
    assert "web:production points at web@1: promote another version" in told
    refused = goldsmith("resolve", "web:production")
    assert refused.exit_code == 1
    assert "web@1 was built on base@1, and base@1 was revoked on" in refused.output
    assert "still there: web@1 web:1, digest sha256:b-2" in told
    assert said("log", "web")[0]["what"] == "revoked with base@1"
    assert "REVOKED  web@1 was built on base@1" in goldsmith("show", "web@1").output
    assert said("restore", "base@1", "--reason", "false alarm")["restored_reason"] == "false alarm"
    assert goldsmith("resolve", "web:production").exit_code == 0
    assert [entry["what"] for entry in said("log", "base")][:2] == ["restored", "revoked with all built on it"]


@pytest.mark.usefixtures("line")
def test_a_revocation_may_be_announced(goldsmith: Goldsmith, said: Callable[..., Any]) -> None:
    assert (
        "will be revoked on 2100-01-31 12:00 UTC"
        in goldsmith("revoke", "web@1", "--reason", "end of life", "--at", "2100-01-31T12:00Z").output
    )
    assert goldsmith("resolve", "web@1").exit_code == 0
    assert "revoked from 2100-01-31 12:00 on" in goldsmith("log", "web").output
    wrong = goldsmith("revoke", "web@2", "--reason", "x", "--at", "soon")
    assert (wrong.exit_code, "--at soon is no time" in wrong.output) == (2, True)


@pytest.mark.usefixtures("line")
def test_an_ancestry_is_drawn_from_the_top(goldsmith: Goldsmith, said: Callable[..., Any]) -> None:
    goldsmith("promote", "web@1", "production")
    assert goldsmith("ancestry", "web@1").output.splitlines() == [
        "debian:12",
        "└── base@1 debian-12/docker",
        "    └── web@1 debian-12/docker (production) <-",
    ]
    assert goldsmith("ancestry", "base").output.splitlines()[1:] == [
        "└── base@1 debian-12/docker <-",
        "    └── web@1 debian-12/docker (production)",
    ]
    [tree] = said("ancestry", "base@1")
    assert tree["children"][0]["children"][0]["artifact"]["build"] == "b-2"


@pytest.mark.usefixtures("line")
def test_two_versions_are_compared(goldsmith: Goldsmith, said: Callable[..., Any]) -> None:
    assert goldsmith("diff", "web@1", "web@2").output.startswith("web@1 -> web@2\n\ndebian-12/docker\n")
    [found] = said("diff", "web@1", "web")
    assert (found["before"], found["after"]) == ("b-2", "b-3")


def test_an_address_is_that_of_the_registry_or_the_region(goldsmith: Goldsmith, build: Build) -> None:
    build("b-1", artifact=Artifact(type="docker", id="sha256:1", digests={"localhost:5000/web:1": "sha256:pushed"}))
    copies = {"images": {"eu-west-1": {"id": "ami-1"}, "us-east-1": {"id": "ami-2"}}}
    build(
        "b-2", image="ami", target="ec2", artifact=Artifact(type="ec2", id="ami-1", region="eu-west-1", details=copies)
    )
    assert goldsmith("resolve", "web").output == "localhost:5000/web@sha256:pushed\n"
    assert goldsmith("resolve", "ami", "--target", "ec2").output == "ami-1\n"
    assert goldsmith("resolve", "ami", "--region", "us-east-1").output == "ami-2\n"
    away = goldsmith("resolve", "ami", "--region", "eu-north-1")
    assert (away.exit_code, "It has one in eu-west-1, us-east-1." in away.output) == (2, True)
    assert "has no region" in goldsmith("resolve", "web", "--region", "eu-west-1").output
    none = goldsmith("resolve", "web", "--target", "ec2", "--platform", "debian-12")
    assert (none.exit_code, "no artifact of web for platform debian-12 and target ec2" in none.output) == (2, True)


def test_several_platforms_must_be_told_apart(goldsmith: Goldsmith, registry: Registry, build: Build) -> None:
    version = registry.new_version("web", "f")
    build("b-1", version)
    build("b-2", version, platform="debian-13")
    both = goldsmith("resolve", "web@1")
    assert (both.exit_code, "several platforms: debian-12, debian-13" in both.output) == (2, True)
    assert goldsmith("resolve", "web@1", "--platform", "debian-13").output == "sha256:b-2\n"
