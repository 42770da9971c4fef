"""`ec2_ami_import` on the lab: a disk becomes an image, and of the next version only what has changed is sent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from goldsmith.lab import Fault, Lab

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]
BLOCK = 512 * 1024
MARK = b"block %d"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk that the lab takes for one with a system: a partition with ext4 and a list of users."""
    place = tmp_path_factory.mktemp("system")
    tree, path = place / "tree", place / "disk.raw"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "content").write_bytes(os.urandom(5 * BLOCK))
    path.touch()
    os.truncate(path, 64 * BLOCK)
    subprocess.run(["/usr/sbin/sfdisk", "-q", path], input="label: gpt\nstart=2048\n", text=True, check=True)
    where = ["-E", f"offset={2048 * 512}", path, "16M"]
    subprocess.run(["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, *where], check=True)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def options(unique: str, path: Path, **other: Any) -> dict[str, Any]:
    return {"path": str(path), "build_id": unique, "image_name": unique, "version": "1", "name": unique, **other}


def changed(system: Path, path: Path, *indexes: int) -> Path:
    path.write_bytes(system.read_bytes())
    with path.open("r+b") as file:
        for index in indexes:
            file.seek(index * BLOCK + 100)
            file.write(MARK % index)
    return path


def put(lab: Lab) -> list[str]:
    """Return the errors of the blocks that were sent since the calls were last forgotten."""
    return [call["error"] for call in lab.calls() if call["action"] == "PutSnapshotBlock"]


def content(lab_client: Callable[..., Any], snapshot: str, size: int) -> bytes:
    ebs, found = lab_client("ebs"), bytearray(size)
    for one in ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]:
        at = one["BlockIndex"] * BLOCK
        found[at : at + BLOCK] = ebs.get_snapshot_block(SnapshotId=snapshot, **one)["BlockData"].read()
    return bytes(found[:size])


def test_a_disk_becomes_an_image_and_of_the_next_version_only_what_differs_is_sent(
    lab: Lab,
    run_in_lab: RunModule,
    lab_client: Callable[..., Any],
    unique: str,
    system: Path,
    tmp_path: Path,
    environ: dict[str, str],
) -> None:
    wanted = options(
        unique, system, description="a disk", user="debian", boot_mode="uefi-preferred", tags={"team": "a"}
    )
    checked = run_in_lab("ec2_ami_import", check=True, environ=environ, **wanted)
    assert (checked["changed"], checked["image"]["state"], checked["imported"]) == (True, "absent", None)
    lab.clear_calls()
    first = run_in_lab("ec2_ami_import", environ=environ, **wanted)
    image, imported = first["image"], first["imported"]
    assert (image["state"], image["boot_mode"], image["imds"]) == ("available", "uefi-preferred", "v2.0")
    assert image["snapshots"] == [imported["snapshot"]]
    assert (image["root_device"], image["size"]) == ("/dev/xvda", 2**30)
    assert content(lab_client, imported["snapshot"], system.stat().st_size) == system.read_bytes()
    assert put(lab) == [""] * imported["sent"] == [""] * imported["blocks"]
    snapshot = lab_client().describe_snapshots(SnapshotIds=image["snapshots"])["Snapshots"][0]
    tags = {tag["Key"]: tag["Value"] for tag in snapshot["Tags"]}
    assert snapshot["Encrypted"] is True
    assert {**tags, **image["tags"]} == tags  # the snapshot has the seal of its blocks in addition
    assert (tags["goldsmith:build"], tags["goldsmith:state"], tags["team"]) == (unique, "candidate", "a")
    again = run_in_lab("ec2_ami_import", environ=environ, **wanted)
    assert (again["changed"], again["image"]["id"], again["imported"]) == (False, image["id"], None)

    lab.clear_calls()
    path = changed(system, tmp_path / "second.raw", 3, 50)
    second = run_in_lab("ec2_ami_import", environ=environ, **options(f"{unique}-2", path, image_name=unique))
    assert second["imported"]["parent"] == imported["snapshot"]
    assert (second["imported"]["sent"], len(put(lab))) == (2, 2)
    assert content(lab_client, second["imported"]["snapshot"], path.stat().st_size) == path.read_bytes()

    # A machine that does not know what the earlier snapshots hold sends everything, as one does that is told so.
    whole = run_in_lab(
        "ec2_ami_import",
        **options(f"{unique}-3", path, image_name=unique),
        environ={"XDG_CACHE_HOME": str(tmp_path / "empty")},
    )
    assert (whole["imported"]["parent"], whole["imported"]["sent"]) == (None, whole["imported"]["blocks"])
    plain = options(f"{unique}-4", path, image_name=unique, root_volume={"encrypted": False})
    assert run_in_lab("ec2_ami_import", environ=environ, **plain)["imported"]["parent"] is None


def test_a_note_that_was_changed_is_not_believed(
    run_in_lab: RunModule, unique: str, system: Path, environ: dict[str, str]
) -> None:
    first = run_in_lab("ec2_ami_import", environ=environ, **options(unique, system))
    note = Path(environ["XDG_CACHE_HOME"]) / "goldsmith/ebs" / f"{first['imported']['snapshot']}.json"
    digests = json.loads(note.read_text())
    note.write_text(json.dumps({**digests, "0": "0" * 64}))
    second = run_in_lab("ec2_ami_import", environ=environ, **options(f"{unique}-2", system, image_name=unique))
    assert second["imported"]["parent"] is None


@pytest.mark.parametrize("code", ["ValidationException", "RequestThrottledException", "InternalServerException"])
def test_a_block_that_is_refused_once_is_sent_again(
    lab: Lab,
    run_in_lab: RunModule,
    lab_client: Callable[..., Any],
    unique: str,
    system: Path,
    environ: dict[str, str],
    code: str,
) -> None:
    lab.clear_calls()
    status = 500 if code == "InternalServerException" else 400
    lab.order(Fault("PutSnapshotBlock", code=code, status=status, first=2, last=2))
    done = run_in_lab("ec2_ami_import", environ=environ, **options(unique, system))
    lab.clear_faults()
    assert sorted(put(lab)) == ["", *[""] * (done["imported"]["blocks"] - 1), code]
    assert content(lab_client, done["imported"]["snapshot"], system.stat().st_size) == system.read_bytes()


def test_of_an_import_that_fails_nothing_is_left(
    lab: Lab, run_in_lab: RunModule, lab_client: Callable[..., Any], unique: str, system: Path, environ: dict[str, str]
) -> None:
    said = "User: arn:aws:iam::123456789012:user/lab is not authorized to perform: ebs:PutSnapshotBlock on resource: *"
    lab.order(Fault("PutSnapshotBlock", code="AccessDeniedException", message=said, status=403, first=3))
    failed = run_in_lab("ec2_ami_import", environ=environ, **options(unique, system))
    lab.clear_faults()
    assert "cannot write a block of the snapshot: the permission ebs:PutSnapshotBlock is missing" in failed["msg"]
    assert mine(lab_client, unique) == []
    gone = run_in_lab("ec2_ami_import", **options(unique, Path("/nowhere.raw")))
    assert gone["msg"] == "the disk image /nowhere.raw cannot be read: No such file or directory"
    named = options(unique, system, root_volume={"kms_key": "alias/mine"})
    assert "by its ARN only" in run_in_lab("ec2_ami_import", **named)["msg"]


def mine(lab_client: Callable[..., Any], build: str) -> list[str]:
    filters = [{"Name": "tag:goldsmith:build", "Values": [build]}]
    found = lab_client().describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"]
    return [str(one["SnapshotId"]) for one in found]


def test_what_a_killed_import_leaves_is_found_by_a_sweep_and_begun_anew_by_the_build(
    lab: Lab,
    run_in_lab: RunModule,
    lab_client: Callable[..., Any],
    start_module: Callable[..., subprocess.Popen[str]],
    unique: str,
    system: Path,
    environ: dict[str, str],
) -> None:
    def kill(build: str) -> list[str]:
        lab.order(Fault("PutSnapshotBlock", "hold", first=2))
        with start_module("ec2_ami_import", options(build, system), environ={**lab.environment, **environ}) as module:
            assert lab.wait_held()
            os.killpg(module.pid, signal.SIGKILL)
        lab.clear_faults()
        return mine(lab_client, build)

    left = kill(unique)
    assert len(left) == 1
    swept = run_in_lab("ec2_sweep", build_ids=[unique], expired=False)
    assert [one["id"] for one in swept["removed"]] == left
    assert mine(lab_client, unique) == []
    again = f"{unique}-2"
    left = kill(again)
    done = run_in_lab("ec2_ami_import", environ=environ, **options(again, system))
    assert mine(lab_client, again) == [done["imported"]["snapshot"]] != left
