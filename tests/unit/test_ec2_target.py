"""What a spec may say of AMIs, and what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from goldsmith.errors import EnvironmentFault, InputError
from goldsmith.plan import dump
from goldsmith.spec import builds, load
from goldsmith.targets.ec2 import Ec2Options, Ec2Source, target


@pytest.mark.parametrize(
    "source",
    [
        {"ami": {"owner": "136693071363", "name": "debian-12-amd64-*"}},
        {"ami": {"owner": 136693071363, "filters": {"tag:team": "os"}}},
        {"id": "ami-0123456789abcdef0"},
        {"ssm": "/aws/service/debian/release/12/latest/amd64"},
        {"from": "base"},
        {"debootstrap": {"suite": "bookworm"}, "kernel": "linux-image-amd64"},
        {"image": "debian:12"},
    ],
)
def test_each_kind_of_source_is_taken(source: dict[str, Any]) -> None:
    assert Ec2Source(**source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({}, "exactly one of"),
        ({"id": "ami-0123456789abcdef0", "from": "base"}, "exactly one of"),
        ({"id": "i-0123456789abcdef0"}, "String should match"),
        ({"ami": {"name": "debian-12-*"}}, "owner"),
        ({"ami": {"owner": "amazon"}}, "give a name or filters"),
    ],
)
def test_a_source_that_would_be_anybodys_guess_is_refused(source: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Ec2Source(**source)


def test_with_nothing_said_the_machine_is_closed_and_its_volume_encrypted() -> None:
    options = Ec2Options()
    assert options.root_volume.encrypted
    assert options.machine.connection == "ssh"
    assert not options.machine.security_group.cidrs, "the caller's address is found when it is needed"
    assert not options.share_with.anybody


def test_one_instance_type_or_region_may_stand_without_a_list() -> None:
    options = Ec2Options(instance_type="t3.small", copy_to=["eu-central-1", {"region": "us-east-1", "kms_key": "k"}])
    assert options.instance_type == ["t3.small"]
    assert [(copy.region, copy.kms_key) for copy in options.copy_to] == [("eu-central-1", None), ("us-east-1", "k")]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"share_with": {"accounts": ["111122223333"]}}, "root_volume.kms_key"),
        ({"share_with": {"accounts": ["1111"]}}, "String should match"),
        ({"region": "eu-west-1", "copy_to": ["eu-west-1"]}, "the region that the image is made in"),
        ({"region": "Ireland"}, "String should match"),
        ({"tags": {"goldsmith:build": "x"}}, "not yours to set"),
        ({"machine": {"connection": "ssm"}}, "ssm: {bucket"),
        ({"machine": {"connection": "ssm", "ssm": {"bucket": "b"}}}, "instance_profile"),
        ({"machine": {"instance_profile": "p", "instance_policy": {}}}, "not both"),
        ({"machine": {"subnet": {"ids": ["subnet-1"], "filters": {"vpc-id": "vpc-1"}}}}, "not both"),
        ({"image": {"name": "a"}}, "String should match"),
        ({"image": {"tpm": "v2.0"}}, "boot_mode: uefi"),
        ({"machine": {"spot": {}}, "image": {"ena": True}}, "spot machine cannot be stopped"),
        ({"retire": {"keep": 0}}, "greater than or equal to 1"),
        ({"instance_type": []}, "at least 1"),
    ],
)
def test_what_aws_would_refuse_in_an_hour_is_refused_now(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Ec2Options(**options)


def test_an_image_may_be_shared_when_its_key_can_be() -> None:
    for volume in ({"encrypted": False}, {"kms_key": "arn:aws:kms:eu-west-1:111122223333:key/1"}):
        assert Ec2Options(share_with={"accounts": ["111122223333"]}, root_volume=volume).share_with.anybody


def test_the_playbook_is_given_what_was_said_and_no_empty_groups() -> None:
    given = dump(Ec2Options(region="eu-west-1", deprecate_after="180d", copy_to=["eu-central-1"]))
    assert given["copy_to"] == [{"region": "eu-central-1"}]
    assert given["deprecate_after"] == 180 * 86400
    assert "machine" not in given
    assert "share_with" not in given


@pytest.fixture
def unnamed_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of a configuration of AWS that names no region, and nor does the environment."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path / "config"


def test_a_sweep_looks_in_every_region_that_a_build_uses(unnamed_region: Path) -> None:
    assert target.regions(Ec2Options(region="eu-west-1", copy_to=["us-east-1"])) == ["eu-west-1", "us-east-1"]
    assert target.regions(Ec2Options()) == []


def test_a_region_that_only_the_environment_names_is_known_to_a_sweep(
    unnamed_region: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Ec2Options(copy_to=["us-east-1"])
    unnamed_region.write_text("[profile work]\nregion = eu-north-1\n")
    assert target.regions(options) == ["us-east-1"]
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert target.regions(options) == ["eu-north-1", "us-east-1"]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert target.regions(options) == ["eu-west-3", "us-east-1"]
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert target.regions(options) == ["eu-west-1", "us-east-1"]
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_PROFILE", "nobody's")
    assert target.regions(options) == ["us-east-1"], "the build itself will tell of the profile"


def test_without_credentials_the_environment_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(EnvironmentFault, match=r"AWS_PROFILE, or AWS_ACCESS_KEY_ID.*\n?.*--lab"):
        target.require()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"disk": {"size": "4GiB"}}, "disk is of strategy: direct"),
        ({"strategy": "direct", "image": {"block_devices": [{"device": "/dev/sdf", "size": 1}]}}, "imports one disk"),
        ({"strategy": "direct", "image": {"stop": False}}, "nothing is stopped for an import"),
        ({"strategy": "direct", "root_volume": {"kms_key": "alias/mine"}}, "needs root_volume.kms_key as an ARN"),
        ({"strategy": "direct", "disk": {"size": "1MiB"}}, "greater than or equal"),
    ],
)
def test_what_a_strategy_does_not_have_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Ec2Options(**options)


SPEC = """
name: web
platforms:
  debian-12:
    ec2: {source}
targets:
  ec2: {options}
"""


@pytest.mark.parametrize(
    ("source", "options", "playbook"),
    [
        ("{id: ami-0123456789abcdef0}", "{}", "goldsmith.images.ec2"),
        ("{from: base}", "{}", "goldsmith.images.ec2"),
        ("{debootstrap: {suite: bookworm}}", "{strategy: direct}", "goldsmith.images.ec2_direct"),
        ("{from: base}", "{strategy: direct}", "goldsmith.images.ec2_direct"),
    ],
)
def test_the_strategy_decides_how_it_is_built(tmp_path: Path, source: str, options: str, playbook: str) -> None:
    (tmp_path / "web.yml").write_text(SPEC.format(source=source, options=options))
    (build,) = builds(load(tmp_path / "web.yml", targets={"ec2": target}))
    assert (build.target.playbook, build.target.name) == (playbook, "ec2")
    assert build.target.checkpoints == (playbook == "goldsmith.images.ec2")
    assert build.target.parent_target == ("ec2" if options == "{}" else "docker")


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        ("{image: 'debian:12'}", "{}", "image is what a disk is made of: it needs targets.ec2.strategy: direct"),
        ("{id: ami-0123456789abcdef0, kernel: linux-image-amd64}", "{}", "kernel is what a disk is made of"),
        ("{ssm: /aws/x}", "{strategy: direct}", "ssm is what an instance is started from"),
    ],
)
def test_a_source_of_the_other_strategy_is_refused_at_its_place(
    tmp_path: Path, source: str, options: str, reason: str
) -> None:
    (tmp_path / "web.yml").write_text(SPEC.format(source=source, options=options))
    with pytest.raises(InputError) as caught:
        builds(load(tmp_path / "web.yml", targets={"ec2": target}))
    (problem,) = caught.value.problems
    assert reason in problem.message
    assert problem.line == 5
