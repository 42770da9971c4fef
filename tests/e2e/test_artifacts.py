"""Recorded images are looked for, retired and removed where they really are: in a Docker engine, in regions of EC2.

They are made and recorded here as a build leaves them; `test_build` and `test_ec2_build` show that builds do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import docker
import pytest

from goldsmith.home import build_directory
from goldsmith.lab import Lab
from goldsmith.places import Place, note
from goldsmith.registry import Registry
from goldsmith.result import Artifact, BuildResult

from .account import client
from .conftest import Cli

pytestmark = pytest.mark.docker

REGIONS = ("eu-west-1", "eu-central-1")


@pytest.fixture
def registry(goldsmith: Cli) -> Iterator[Registry]:
    with Registry.open(environ={"GOLDSMITH_HOME": str(goldsmith.home)}) as registry:
        yield registry


@pytest.fixture
def record(registry: Registry, goldsmith: Cli) -> Callable[[Artifact], str]:
    """Records a build of an artifact."""

    def made(artifact: Artifact) -> str:
        version = registry.new_version(goldsmith.name, "f")
        build, now = f"20261122T07000{version.sequence}-0a1b2c3d", datetime.now(UTC)
        registry.start_build(version, build, platform="debian-12", target=artifact.type, spec="web.yml")
        result = BuildResult(
            build, goldsmith.name, version.label, "debian-12", artifact.type, "built", now, now, artifact=artifact
        )
        registry.finish_build(build, result)
        return build

    return made


def states(goldsmith: Cli, *arguments: str, code: int = 0) -> dict[str, str]:
    found = json.loads(goldsmith("images", "verify", *arguments, "--json", code=code).stdout)
    return {f"@{one['artifact']['version']['sequence']}": one["state"] for one in found}


def test_docker_images_are_looked_for_and_removed_when_nobody_needs_them(
    goldsmith: Cli, docker_client: docker.DockerClient, base_image: str, record: Callable[[Artifact], str]
) -> None:
    ids = []
    for number in range(1, 5):
        labels = {"io.goldsmith.name": goldsmith.name, "io.goldsmith.role": "artifact", "n": str(number)}
        container = docker_client.containers.create(base_image, ["true"], labels={"io.goldsmith.name": goldsmith.name})
        image = container.commit(goldsmith.name, str(number), conf={"Labels": labels})
        container.remove()
        ids.append(str(image.id))
        record(Artifact(type="docker", id=ids[-1], tags=(f"{goldsmith.name}:{number}",)))
    goldsmith("images", "promote", f"{goldsmith.name}@1", "production")

    told = goldsmith("images", "prune", "--keep", "1", "--check").stdout
    assert [line.split()[0] for line in sorted(told.splitlines())] == ["keeps", "keeps", "would", "would"]
    docker_client.images.get(ids[2]).tag(goldsmith.name, "mine")
    told = goldsmith("images", "prune", "--keep", "1").stdout
    assert f"removed {goldsmith.name}@2 debian-12/docker" in told
    assert f"{goldsmith.name}:mine point to it" in told
    assert f"{goldsmith.name}:production points at it" in told
    left = {str(image.id) for image in docker_client.images.list(goldsmith.name)}
    assert left == {ids[0], ids[2], ids[3]}

    docker_client.images.remove(f"{goldsmith.name}:4")
    assert states(goldsmith, "--mark", code=1) == {"@1": "there", "@3": "there", "@4": "missing"}
    assert "(deleted)" in goldsmith("images", "show", f"{goldsmith.name}@4").stdout


def test_an_image_in_another_machines_engine_is_left_alone(
    goldsmith: Cli, registry: Registry, record: Callable[[Artifact], str]
) -> None:
    for number in (1, 2):
        version = registry.new_version(goldsmith.name, "f")
        build, now = f"b-{number}", datetime.now(UTC)
        registry.start_build(version, build, platform="p", target="docker", spec="s", host="builder-7")
        made = Artifact(type="docker", id=f"sha256:{number}")
        registry.finish_build(
            build, BuildResult(build, goldsmith.name, "1", "p", "docker", "built", now, now, artifact=made)
        )
    assert states(goldsmith) == {"@1": "unknown", "@2": "unknown"}
    told = goldsmith("images", "prune", "--keep", "1").stdout
    assert "keeps" in told and "it is in the Docker engine of builder-7" in told


@pytest.fixture
def amis(goldsmith: Cli, account: Lab, record: Callable[[Artifact], str]) -> list[dict[str, str]]:
    """Three versions of an AMI in two regions; of each the id by region."""
    made = []
    versions = [
        {region: _ami(account, region, f"{goldsmith.name}-{number}") for region in REGIONS} for number in range(1, 4)
    ]
    for region in REGIONS:
        images = [ids[region] for ids in versions]
        waiter = client(account.environment, region=region).get_waiter("image_available")
        waiter.wait(ImageIds=images, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    for ids in versions:
        copies: Any = {region: {"id": ami} for region, ami in ids.items()}
        home = REGIONS[0]
        build = record(Artifact(type="ec2", id=ids[home], region=home, details={"images": copies}))
        note(Place("ec2", REGIONS, account.endpoint), build_directory(goldsmith.home, build))
        made.append(ids)
    return made


def _ami(account: Lab, region: str, name: str) -> str:
    """Begin to make an AMI with a snapshot of its own."""
    debian = client(account.environment).describe_images(Filters=[{"Name": "name", "Values": ["debian-12-*"]}])
    ec2 = client(account.environment, region=region)
    made = ec2.copy_image(SourceImageId=debian["Images"][0]["ImageId"], SourceRegion=REGIONS[0], Name=name)
    return str(made["ImageId"])


def described(account: Lab, ids: dict[str, str]) -> list[dict[str, Any]]:
    """Return an AMI as each region knows it; nothing of a region that does not."""
    return [
        image
        for region, ami in ids.items()
        for image in client(account.environment, region=region).describe_images(
            IncludeDisabled=True, Filters=[{"Name": "image-id", "Values": [ami]}]
        )["Images"]
    ]


def test_amis_are_disabled_when_they_are_revoked_and_go_with_their_snapshots_in_all_regions(
    goldsmith: Cli, account: Lab, amis: list[dict[str, str]]
) -> None:
    name = goldsmith.name
    told = goldsmith("images", "revoke", f"{name}@3", "--reason", "backdoor", "--amis", "disable").stdout
    assert [f"{ami} in {region}: disabled" in told for region, ami in amis[2].items()] == [True, True]
    assert [image["State"] for image in described(account, amis[2])] == ["disabled", "disabled"]
    assert [image["State"] for image in described(account, amis[1])] == ["available", "available"]
    refused = goldsmith("images", "resolve", f"{name}@3", code=1)
    assert "backdoor" in refused.stderr
    assert goldsmith("images", "resolve", name, "--region", REGIONS[1]).stdout.strip() == amis[1][REGIONS[1]]

    snapshots = [image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] for image in described(account, amis[0])]
    told = goldsmith("images", "prune", name, "--keep", "1").stdout
    assert f"removed {name}@1 debian-12/ec2" in told
    assert described(account, amis[0]) == []
    for region, snapshot in zip(REGIONS, snapshots, strict=True):
        left = client(account.environment, region=region).describe_snapshots(OwnerIds=["self"])["Snapshots"]
        assert snapshot not in {one["SnapshotId"] for one in left}
    assert len(described(account, amis[1])) == 2

    client(account.environment, region=REGIONS[1]).deregister_image(ImageId=amis[1][REGIONS[1]])
    told = goldsmith("images", "verify", code=1).stdout
    assert f"missing  {name}@2" in told and f"there    {name}@3" in told
    assert f"EC2 does not have {amis[1][REGIONS[1]]} in {REGIONS[1]} any more" in told
