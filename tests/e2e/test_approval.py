"""What runs is compared with what was approved: in the engine, in an inventory, in the lab as two accounts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import pytest
from click.testing import CliRunner, Result

from goldsmith import cli
from goldsmith.fleet import hosts
from goldsmith.lab import Lab
from goldsmith.registry import Registry
from goldsmith.result import Artifact, BuildResult, Package

from .account import client
from .conftest import Cli, SpecWriter

NOW = datetime.now(UTC)

INSTALL = """
- name: Install a package
  ansible.builtin.shell: |
    mkdir -p /tmp/p/DEBIAN
    printf 'Package: tool\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: x\\nDescription: x\\n' > /tmp/p/DEBIAN/control
    dpkg-deb -b /tmp/p /tmp/p.deb && dpkg -i /tmp/p.deb && rm -r /tmp/p /tmp/p.deb
"""


def second(first: dict[str, Any], client: docker.DockerClient) -> str:
    """Make the image of a second version, with a newer package, and record it as a build would; return its id."""
    made = BuildResult.read(Path(first["record"]).with_name("result.json"))
    assert made.artifact
    build = "20261122T120000-0000000b"
    stamp = ["sed", "-i", f"s/{made.build}/{build}/", "/etc/goldsmith-release"]
    container = client.containers.run(made.artifact.id, stamp, detach=True)
    assert container.wait()["StatusCode"] == 0
    image = str(container.commit(made.name, "2", conf={"Labels": {"io.goldsmith.build": build}}).id)
    container.remove()
    with Registry.open() as registry:
        version = registry.new_version(made.name, "sha256:x")
        registry.start_build(version, build, platform="debian-12", target="docker", spec="web.yml")
        packages = tuple(replace(one, version="2.0") if one.name == "tool" else one for one in made.packages)
        artifact = replace(made.artifact, id=image)
        registry.finish_build(
            build, replace(made, build=build, version=version.label, artifact=artifact, packages=packages)
        )
    return image


@pytest.mark.docker
@pytest.mark.network
def test_containers_and_hosts_are_judged_by_what_they_run(
    goldsmith: Cli,
    write_spec: SpecWriter,
    docker_client: docker.DockerClient,
    tmp_path: Path,
    python_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOLDSMITH_HOME", str(goldsmith.home))
    first = goldsmith.build(write_spec(INSTALL))
    images = {"old": first["artifact"]["id"], "new": second(first, docker_client), "other": python_image}
    names = {name: f"{goldsmith.name}-{name}" for name in (*images, "derived")}
    inventory = tmp_path / "hosts.ini"
    started = []

    def judged(*places: str, code: int = 4) -> dict[str, dict[str, Any]]:
        done = CliRunner().invoke(cli.main, ["fleet", "--json", "--exit-code", *places])
        assert done.exit_code == code, done.output
        told = json.loads(done.output)
        assert sum(told["counts"].values()) == len(told["findings"])
        short = {name: key for key, name in names.items()}
        found = {short.get(one["running"]["name"], ""): one for one in told["findings"]}
        found["unreached"] = {one["name"]: one["reason"] for one in told["unreached"]}
        return found

    try:
        for name, image in images.items():
            started.append(docker_client.containers.run(image, ["sleep", "600"], name=names[name], detach=True))
        # It bears the labels of what it was made from, as anything that is built FROM it does.
        derived = started[1].commit(goldsmith.name, "derived", conf={"Env": ["EVIL=1"]})
        started.append(docker_client.containers.run(derived.id, ["sleep", "600"], name=names["derived"], detach=True))
        inventory.write_text(
            "".join(f"{name} ansible_connection=community.docker.docker\n" for name in names.values())
            + f"{goldsmith.name}-away ansible_host=127.0.0.1 ansible_port=1 ansible_user=x\n"
        )

        assert {judged()[name]["state"] for name in ("old", "new")} == {"unapproved"}

        with Registry.open() as registry:
            registry.promote(f"{goldsmith.name}@2", "production")
        found = judged()
        assert {name: found[name]["state"] for name in names} == {
            "old": "outdated",
            "new": "approved",
            "other": "unknown",
            "derived": "unknown",
        }
        assert found["old"]["behind"] == {"packages": 1, "cves": None}
        assert found["old"]["known"]["version"]["sequence"] == 1

        engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        done = CliRunner().invoke(cli.main, ["fleet", "--docker", "tcp://127.0.0.1:1", "--docker", engine])
        assert done.exit_code == 3
        assert names["old"] in done.output, "one engine that does not answer keeps nobody from asking the next"

        found = judged("--inventory", str(inventory))
        # A machine can be asked for its stamp only, and that is in what was derived from it as well.
        assert {name: found[name]["state"] for name in names} == {
            "old": "outdated",
            "new": "approved",
            "other": "unknown",
            "derived": "approved",
        }
        assert "Connection refused" in found["unreached"][f"{goldsmith.name}-away"]

        with Registry.open() as registry:
            registry.revoke(f"{goldsmith.name}@1", reason="a key was left in it")
        old = judged()["old"]
        assert old["state"] == "revoked" and old["reason"].endswith("a key was left in it")
        assert "REVOKED" in CliRunner().invoke(cli.main, ["fleet"]).output

        inventory.write_text(f"{names['new']} ansible_connection=community.docker.docker\n")
        assert judged("--inventory", str(inventory), code=0)["new"]["state"] == "approved"
    finally:
        for container in started:
            container.remove(force=True, v=True)


@pytest.fixture
def fleet(tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command in this process, with the lab as two accounts, and a third that nobody has keys of."""
    endpoint = lab.environment["AWS_ENDPOINT_URL"]
    (tmp_path / "config").write_text(
        f"[profile one]\nregion = eu-west-1\nendpoint_url = {endpoint}\n"
        f"[profile two]\nregion = eu-west-1\nendpoint_url = {endpoint}\n"
        f"[profile locked]\nregion = eu-west-1\nendpoint_url = {endpoint}\n"
    )
    (tmp_path / "credentials").write_text(
        "[one]\naws_access_key_id = a\naws_secret_access_key = a\n[two]\naws_access_key_id = b\naws_secret_access_key = b\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path / "home"))
    return lambda *arguments: CliRunner().invoke(cli.main, ["fleet", *arguments])


def record(registry: Registry, number: int, image: str, copies: dict[str, str]) -> None:
    """Record a version of an AMI, as its build would."""
    version = registry.new_version("web", "sha256:x")
    build = f"20261122T120000-{number:08x}"
    registry.start_build(version, build, platform="debian-12", target="ec2", spec="web.yml")
    details = {"images": {region: {"id": copy} for region, copy in copies.items()}}
    artifact = Artifact(type="ec2", id=image, region="eu-west-1", details=details)
    packages = (Package("deb", "openssl", f"3.0.{number}", "amd64"),)
    result = {"build": build, "name": "web", "version": version.label, "platform": "debian-12", "target": "ec2"}
    registry.finish_build(
        build,
        BuildResult(**result, status="built", started=NOW, finished=NOW, artifact=artifact, packages=packages),
    )
    remaining = [{"cve": f"CVE-2026-000{one}"} for one in range(number, 3)]
    registry.attach(build, patching={"mode": "full", "cves": {"fixed": [], "remaining": remaining}})


@pytest.fixture
def machines(lab: Lab) -> Iterator[Callable[..., str]]:
    """Starts machines of the lab, which are ended afterwards."""
    started: list[tuple[Any, str]] = []

    def start(image: str, region: str = "eu-west-1", **tags: str) -> str:
        ec2 = client(lab.environment, region=region)
        marks = [{"Key": key.replace("_", ":"), "Value": value} for key, value in tags.items()]
        given = {"TagSpecifications": [{"ResourceType": "instance", "Tags": marks}]} if marks else {}
        made = ec2.run_instances(ImageId=image, InstanceType="t3.small", MinCount=1, MaxCount=1, **given)
        number = str(made["Instances"][0]["InstanceId"])
        started.append((ec2, number))
        return number

    yield start
    for ec2, number in started:
        ec2.terminate_instances(InstanceIds=[number])


@pytest.mark.docker
def test_instances_of_regions_and_accounts_are_judged_by_their_image(
    fleet: Callable[..., Result], lab: Lab, machines: Callable[..., str], tmp_path: Path
) -> None:
    ec2 = client(lab.environment)
    base = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-12-*"]}])["Images"][0]
    old = ec2.copy_image(Name="web-1", SourceImageId=base["ImageId"], SourceRegion="eu-west-1")["ImageId"]
    new = ec2.copy_image(Name="web-2", SourceImageId=base["ImageId"], SourceRegion="eu-west-1")["ImageId"]
    away = client(lab.environment, region="eu-central-1")
    copy = away.copy_image(Name="web-2", SourceImageId=new, SourceRegion="eu-west-1")["ImageId"]
    for region, image in ((ec2, old), (ec2, new), (away, copy)):
        region.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
    with Registry.open() as registry:
        record(registry, 1, old, {"eu-west-1": old})
        record(registry, 2, new, {"eu-west-1": new, "eu-central-1": copy})
        registry.promote("web@2", "production")
    running = {
        machines(old, Name="web-1"): "outdated",
        machines(new): "approved",
        machines(copy, "eu-central-1"): "approved",
        machines(base["ImageId"]): "unknown",
    }
    machines(base["ImageId"], goldsmith_role="builder")
    ended = machines(old)
    ec2.terminate_instances(InstanceIds=[ended])

    done = fleet("--profile", "one", "--region", "eu-west-1", "--region", "eu-central-1", "--json")

    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    found = {one["running"]["name"].partition(" ")[0]: one for one in told["findings"]}
    assert {name: found[name]["state"] for name in running} == running
    assert ended not in found
    assert told["passed_over"] >= 1
    (outdated,) = [one for one in told["findings"] if one["state"] == "outdated"]
    assert outdated["running"]["name"].endswith(" (web-1)")
    assert outdated["running"]["place"].endswith("/eu-west-1")
    assert outdated["behind"] == {"packages": 1, "cves": 1}
    assert {one["running"]["place"].partition("/")[2] for one in told["findings"]} == {"eu-west-1", "eu-central-1"}

    done = fleet("--profile", "locked", "--profile", "two")
    assert done.exit_code == 3
    assert "not asked: locked/eu-west-1: Unable to locate credentials" in done.output
    assert "1 package and 1 CVE behind" in done.output, "the other account was asked all the same"
    done = fleet("--profile", "nobody")
    assert "not asked: nobody: The config profile (nobody) could not be found" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--docker", "tcp://127.0.0.1:1"], "not asked: tcp://127.0.0.1:1: no engine answers"),
        (["--docker", "nonsense://x"], "not asked: nonsense://x: no engine answers"),
        (["--inventory", "/nowhere"], "not asked: /nowhere: there is no such inventory"),
    ],
)
def test_a_place_that_cannot_be_asked_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], said: str
) -> None:
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path))
    done = CliRunner().invoke(cli.main, ["fleet", *arguments])
    assert (done.exit_code, said in done.output) == (3, True), done.output
    assert CliRunner().invoke(cli.main, ["fleet", "--exit-code", *arguments]).exit_code == 4


def test_an_inventory_that_cannot_be_read_is_told_with_ansibles_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path))
    (tmp_path / "hosts.yml").write_text("all: {hosts: [\n")
    done = CliRunner().invoke(cli.main, ["fleet", "--inventory", str(tmp_path / "hosts.yml")])
    assert (done.exit_code, "hosts.yml" in done.output) == (3, True), done.output


def test_a_machine_that_never_answers_is_told_and_waited_for_no_longer_than_is_patient(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path))
    monkeypatch.setattr(hosts, "PATIENCE", 4)
    (tmp_path / "ssh").write_text("#!/bin/sh\nexec sleep 987\n")
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "hosts.ini").write_text(
        f"here ansible_connection=local\nsilent ansible_host=192.0.2.1 ansible_ssh_executable={tmp_path}/ssh\n"
    )
    found = hosts.hosts(str(tmp_path / "hosts.ini"))
    assert [(one.name, one.reason) for one in found.unreached] == [("silent", "it did not answer within 4 seconds")]
    assert [one.name for one in found.running] == ["here"]
    left = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [line for line in left if b"sleep\x00987" in line]


def test_the_channel_must_be_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path))
    done = CliRunner().invoke(cli.main, ["fleet", "--channel", "Not one"])
    assert (done.exit_code, "cannot be the name of a channel" in done.output) == (2, True)
