"""A layer of an AMI is kept as a checkpoint, and the image of a later build is what it would have been without."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import uuid
from dataclasses import dataclass
from typing import Any

import docker
import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _checkpoint
from goldsmith.lab import Fault, Lab
from goldsmith.lab.cloud import CONTENT

from .account import client, only_new, resources
from .conftest import Cli, SpecWriter, ami_spec_writer

pytestmark = [pytest.mark.docker, pytest.mark.network]

NOTES = "var/lib/goldsmith-layer.json"
FIRST = """
- ansible.builtin.package_facts:
- ansible.builtin.command: apt-get update
- ansible.builtin.command: cat /etc/debian_version
  register: release
- ansible.builtin.set_fact: {answer: "{{ 40 + number }}"}
- ansible.builtin.command: cp -p authorized_keys authorized_keys2
  args: {chdir: /home/admin/.ssh}
"""
SECOND = """
- ansible.builtin.copy: {content: one, dest: /opt/second, mode: "0600"}
  notify: Tell of it
"""
HANDLERS = "- name: Tell of it\n  ansible.builtin.copy: {content: noted, dest: /opt/noted}\n"
THIRD = """
- ansible.builtin.command: systemctl is-active goldsmith-expiry.timer
- ansible.builtin.copy:
    content: "{{ answer }} {{ release.stdout }} {{ 'libc6' in ansible_facts.packages }}"
    dest: /opt/third
"""
LOCKS = "- ansible.builtin.command: rm /home/admin/.ssh/authorized_keys /home/admin/.ssh/authorized_keys2"
LAYERS = [
    {"tasks": "first.yml", "cache": True},
    {"role": "./second", "cache": True, "checkpoint": True},
    {"tasks": "third.yml", "cache": True},
]
FILES = {"first.yml": FIRST, "second/tasks/main.yml": SECOND, "second/handlers/main.yml": HANDLERS, "third.yml": THIRD}
NOT_KEPT = "there is no checkpoint of it, nor of a layer above it"
OF_ONE_MACHINE = (
    *("etc/goldsmith-release", "etc/hostname", "etc/hosts", "etc/machine-id", "etc/resolv.conf", "etc/ssh/ssh_host_"),
    *("var/cache/apt/", "var/log/"),
)
"""Of each machine, layers or not: its names and keys, what it has said, and APT's caches, which hold times."""


@dataclass(frozen=True)
class Built:
    """Three builds: one that failed above its checkpoint, one that started from that, and one without.

    Attributes:
        failed: Result of the first.
        kept: Its checkpoint as EC2 described it, when the build had ended.
        left: What else there was in the account then that was not there before.
        plan: What was planned of the layers after that.
        cached: Result of the second.
        calls: The calls that it made.
        plain: Result of the third.
    """

    failed: dict[str, Any]
    kept: dict[str, Any]
    left: dict[str, Any]
    plan: list[dict[str, Any]]
    cached: dict[str, Any]
    calls: list[dict[str, Any]]
    plain: dict[str, Any]


def told(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(layer["cache"], layer.get("reason", "")) for layer in result["layers"]]


def kept(lab: Lab) -> list[dict[str, Any]]:
    """Return the checkpoints, the oldest first."""
    mine = [{"Name": "tag:goldsmith:role", "Values": ["layer"]}]
    found = client(lab.environment).describe_images(Owners=["self"], Filters=mine)["Images"]
    return sorted(found, key=lambda one: str(one["CreationDate"]))


def tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def planned(goldsmith: Cli, spec: Any, *options: str) -> list[dict[str, Any]]:
    [plan] = json.loads(goldsmith("plan", spec, "--json", "--cve-data", "none", *options).stdout)
    return list(plan["layers"])


@pytest.fixture(scope="module")
def goldsmith(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> Cli:
    """The command, with a home that the tests of this file share."""
    return Cli(tmp_path_factory.mktemp("checkpoints") / "home", f"t-{uuid.uuid4().hex[:8]}", dict(lab.environment))


@pytest.fixture(scope="module")
def write(goldsmith: Cli, tmp_path_factory: pytest.TempPathFactory) -> SpecWriter:
    written = ami_spec_writer(tmp_path_factory.mktemp("spec"), goldsmith.name)

    def write(**keys: Any) -> Any:
        return written(**{"files": FILES, "layers": LAYERS, "parameters": {"number": 2}} | keys)

    return write


@pytest.fixture(scope="module")
def built(goldsmith: Cli, lab: Lab, write: SpecWriter) -> Built:
    before = resources(lab.environment)
    locks = [{"tasks": f"{name}.yml", "cache": True, "checkpoint": True} for name in ("locks", "fails")]
    files = FILES | {"locks.yml": LOCKS, "fails.yml": "- ansible.builtin.fail: {msg: no luck}"}
    failed = goldsmith.build(write(files=files, layers=[*LAYERS[:2], *locks]), code=1)
    client(lab.environment).get_waiter("image_available").wait(
        ImageIds=[kept(lab)[0]["ImageId"]], WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
    )
    [first] = kept(lab)
    left = only_new(before, resources(lab.environment))
    spec = write()
    plan = planned(goldsmith, spec)
    lab.clear_calls()
    cached = goldsmith.build(spec)
    calls = lab.calls()
    return Built(failed, first, left, plan, cached, calls, goldsmith.build(spec, "--no-cache"))


def tree(engine: docker.DockerClient, snapshot: str) -> dict[str, Any]:
    """Return what is in a file system, but for times and what is another thing in every machine."""
    container = engine.containers.create(f"{CONTENT}:{snapshot}", ["none"])
    try:
        data = io.BytesIO(b"".join(container.export()))
    finally:
        container.remove()
    with tarfile.open(fileobj=data) as archive:
        return {
            member.name: (
                oct(member.mode & 0o7777),
                member.uid,
                member.gid,
                member.linkname,
                hashlib.sha256(archive.extractfile(member).read()).hexdigest() if member.isreg() else member.type,
            )
            for member in archive
            if not member.name.startswith(OF_ONE_MACHINE)
        }


def content(engine: docker.DockerClient, snapshot: str, path: str) -> str:
    container = engine.containers.create(f"{CONTENT}:{snapshot}", ["none"])
    try:
        data = io.BytesIO(b"".join(container.get_archive(path)[0]))
    finally:
        container.remove()
    with tarfile.open(fileobj=data) as archive:
        return archive.extractfile(archive.getmembers()[0]).read().decode()


def test_a_checkpoint_is_kept_of_a_layer_that_asks_for_it_also_when_the_build_then_fails(built: Built) -> None:
    assert told(built.failed)[:2] == [("off", NOT_KEPT), ("miss", "layer first below it runs")]
    marks = tags(built.kept)
    assert (marks["goldsmith:layer:name"], marks["goldsmith:layer:build"]) == ("second", built.failed["build"])
    assert not {"goldsmith:name", "goldsmith:build", "goldsmith:state", "goldsmith:expires"} & marks.keys()
    snapshots = [one["Ebs"]["SnapshotId"] for one in built.kept["BlockDeviceMappings"]]
    assert built.left == {"eu-west-1": {"images": [built.kept["ImageId"]], "snapshots": snapshots}}


def test_what_could_not_be_entered_again_is_not_kept(goldsmith: Cli, built: Built) -> None:
    assert told(built.failed)[2] == ("miss", "layer first below it runs")
    log = goldsmith.log(built.failed["build"])
    assert "layer locks is not kept: a new login is not let in any more" in " ".join(log.split())


def test_the_next_build_starts_from_it_and_runs_only_what_is_above(goldsmith: Cli, built: Built) -> None:
    expected = [("hit", ""), ("hit", ""), ("off", NOT_KEPT)]
    assert [(layer["cache"], layer["reason"]) for layer in built.plan] == expected
    assert told(built.cached) == expected
    [asked] = [call["parameters"] for call in built.calls if call["action"] == "RunInstances"]
    assert asked["ImageId"] == built.kept["ImageId"]
    assert [task for task in ("Tell of it", "apt-get update") if task in goldsmith.log(built.cached["build"])] == []
    assert built.cached["source"]["id"] == built.plain["source"]["id"] != built.kept["ImageId"]


def test_the_image_is_as_without_and_no_key_nor_note_of_the_older_build_is_in_it(
    built: Built, lab: Lab, docker_client: docker.DockerClient
) -> None:
    [held] = [one["Ebs"]["SnapshotId"] for one in built.kept["BlockDeviceMappings"]]
    assert f"goldsmith-{built.failed['build']}" in content(docker_client, held, "/home/admin/.ssh/authorized_keys2")
    inside = tree(docker_client, held)
    assert inside[NOTES][:3] == ("0o600", 0, 0)
    cached, plain = (tree(docker_client, one["artifact"]["snapshots"][0]) for one in (built.cached, built.plain))
    assert {path for path in cached.keys() | plain.keys() if cached.get(path) != plain.get(path)} == set()
    assert {"opt/noted", "opt/second", "opt/third"} <= cached.keys()
    assert NOTES not in cached
    for name in ("authorized_keys", "authorized_keys2"):
        text = content(docker_client, built.cached["artifact"]["snapshots"][0], f"/home/admin/.ssh/{name}")
        assert "goldsmith-" not in text


@pytest.mark.parametrize(
    ("keys", "layers"),
    [
        (
            {"parameters": {"number": 3}},
            [("off", "variable number changed"), ("miss", "layer first below it runs")],
        ),
        (
            {"files": FILES | {"second/tasks/main.yml": SECOND + "\n"}},
            [("off", NOT_KEPT), ("miss", "layer first below it runs")],
        ),
        (
            {"targets": {"ec2": {"region": "eu-west-1", "instance_type": "t3.large"}}},
            [("off", "what it stands on changed"), ("miss", "layer first below it runs")],
        ),
    ],
    ids=["variable", "file", "machine"],
)
def test_a_plan_tells_what_differs(
    goldsmith: Cli, built: Built, write: SpecWriter, keys: dict[str, Any], layers: list[tuple[str, str]]
) -> None:
    found = planned(goldsmith, write(**keys))
    assert [(layer["cache"], layer["reason"]) for layer in found[:2]] == layers


def test_a_checkpoint_whose_archives_have_changed_is_not_used(
    goldsmith: Cli, built: Built, write: SpecWriter, lab: Lab
) -> None:
    ec2 = client(lab.environment)

    def set_tags(image: dict[str, Any], marks: dict[str, str]) -> None:
        ec2.create_tags(Resources=[image["ImageId"]], Tags=[{"Key": key, "Value": text} for key, text in marks.items()])

    there = kept(lab)
    read = _checkpoint.checkpoint(there[0]).archives
    other = {line: hashlib.sha256(line.encode()).hexdigest() for line in read}
    older = _checkpoint._cut(_checkpoint.TAG_ARCHIVES, other)
    assert read, "the layer runs apt-get"
    try:
        for one in there:
            set_tags(one, older)
        reasons = [layer["reason"] for layer in planned(goldsmith, write())]
    finally:
        for one in there:
            set_tags(one, {key: text for key, text in tags(one).items() if key in older})
    assert reasons[1].startswith("index http") and reasons[1].endswith("InRelease changed")


def test_checkpoints_are_listed_and_pruned_and_a_sweep_leaves_but_those_that_failed(
    goldsmith: Cli, built: Built, lab: Lab
) -> None:
    ids = [one["ImageId"] for one in kept(lab)]
    shown = json.loads(goldsmith("cache", "ls", "--target", "ec2", "--json").stdout)
    assert sorted(one["id"] for one in shown) == sorted(ids)
    assert {(one["name"], one["image"], one["region"]) for one in shown} == {("second", goldsmith.name, "eu-west-1")}
    assert all(one["size"] == 8 << 30 for one in shown)
    assert not [one for one in ids if one in goldsmith("images", "--json").stdout]

    ec2 = client(lab.environment)
    lab.order(Fault("CopyImage", "fails"))
    bad = ec2.copy_image(
        SourceImageId=ids[0],
        SourceRegion="eu-west-1",
        Name="goldsmith-layer-bad",
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "goldsmith:role", "Value": "layer"}]}],
    )["ImageId"]
    while {one["ImageId"]: one["State"] for one in kept(lab)}[bad] == "pending":
        pass
    lab.clear_faults()
    assert bad not in goldsmith("cache", "ls", "--region", "eu-west-1", "--json").stdout
    goldsmith("sweep", built.failed["build"])
    assert sorted(one["ImageId"] for one in kept(lab)) == sorted(ids)

    assert "would go" in goldsmith("cache", "prune", "--target", "ec2", "--keep", "9GiB", "--check").stdout
    goldsmith("cache", "prune", "--target", "ec2", "--keep", "9GiB")
    assert [one["ImageId"] for one in kept(lab)] == ids[-1:]
    goldsmith("cache", "prune", "--target", "ec2")
    left = resources(lab.environment)["eu-west-1"]
    assert sorted(left["images"]) == sorted(one["artifact"]["id"] for one in (built.cached, built.plain))
    assert len(left["snapshots"]) == 2
