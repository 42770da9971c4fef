"""Snapshots that are written block by block come back as they were, and machines start from them."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.lab.conftest import Account, refused, until

from goldsmith.lab.bases import BASES

pytestmark = pytest.mark.docker

BLOCK = 512 * 1024


def checked(data: bytes) -> dict[str, Any]:
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return {"BlockData": data, "DataLength": len(data), "Checksum": checksum, "ChecksumAlgorithm": "SHA256"}


def block(text: bytes) -> bytes:
    return text.ljust(BLOCK, b"\0")


def written(account: Account, blocks: dict[int, bytes], **options: Any) -> str:
    ebs = account.client("ebs")
    snapshot = str(ebs.start_snapshot(VolumeSize=options.pop("size", 1), **options)["SnapshotId"])
    assert state(account, snapshot) == "pending"
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(ebs.put_snapshot_block, SnapshotId=snapshot, BlockIndex=index, **checked(data))
            for index, data in blocks.items()
        ]
    assert [job.result()["ResponseMetadata"]["HTTPStatusCode"] for job in jobs] == [201] * len(blocks)
    ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=len(blocks))
    until(lambda: state(account, snapshot) == "completed")
    return snapshot


def state(account: Account, snapshot: str) -> str:
    return str(account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"])


def read(account: Account, snapshot: str) -> dict[int, bytes]:
    ebs = account.client("ebs")
    found = {}
    for one in ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]:
        data = ebs.get_snapshot_block(SnapshotId=snapshot, **one)["BlockData"].read()
        found[int(one["BlockIndex"])] = data
    return found


def test_blocks_come_back_as_they_were_written(account: Account) -> None:
    blocks = {0: os.urandom(BLOCK), 7: block(b"seven"), 2047: os.urandom(BLOCK)}
    tags = [{"Key": "build", "Value": "b3"}]
    snapshot = written(account, blocks, Tags=tags, Description="blocks")
    assert read(account, snapshot) == blocks
    described = account.ec2.describe_snapshots(Filters=[{"Name": "tag:build", "Values": ["b3"]}])["Snapshots"]
    assert [(one["SnapshotId"], one["VolumeSize"], one["Description"]) for one in described] == [
        (snapshot, 1, "blocks")
    ]


def test_a_snapshot_begins_with_the_blocks_of_its_parent(account: Account) -> None:
    first = written(account, {0: block(b"a"), 1: block(b"b")}, Encrypted=True)
    second = written(account, {1: block(b"c"), 2: block(b"d")}, ParentSnapshotId=first)
    assert read(account, second) == {0: block(b"a"), 1: block(b"c"), 2: block(b"d")}
    assert account.ec2.describe_snapshots(SnapshotIds=[second])["Snapshots"][0]["Encrypted"]
    changed = account.client("ebs").list_changed_blocks(FirstSnapshotId=first, SecondSnapshotId=second)
    assert [one["BlockIndex"] for one in changed["ChangedBlocks"]] == [1, 2]
    account.ec2.delete_snapshot(SnapshotId=first)
    assert read(account, second)[0] == block(b"a")


def test_what_ebs_would_refuse_is_refused(account: Account) -> None:
    ebs = account.client("ebs")
    snapshot = str(ebs.start_snapshot(VolumeSize=1)["SnapshotId"])
    good = checked(block(b"x"))
    put: dict[str, Any] = {"SnapshotId": snapshot, "BlockIndex": 0}
    wrong = {**good, "Checksum": checked(block(b"y"))["Checksum"]}
    refused("ValidationException", ebs.put_snapshot_block, **put, **wrong)
    refused("ValidationException", ebs.put_snapshot_block, **put, **checked(b"short"))
    refused("ValidationException", ebs.put_snapshot_block, **{**put, "BlockIndex": 2048}, **good)
    refused("ResourceNotFoundException", ebs.put_snapshot_block, **{**put, "SnapshotId": "snap-0"}, **good)
    refused("ValidationException", ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=snapshot)
    refused("ValidationException", ebs.list_snapshot_blocks, SnapshotId=snapshot)
    parent = written(account, {0: block(b"x")})
    refused("ValidationException", ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=parent, Encrypted=True)
    refused("ValidationException", ebs.put_snapshot_block, **{**put, "SnapshotId": parent}, **good)
    devices = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": parent}}]
    said = refused(
        "InvalidBlockDeviceMapping",
        account.ec2.register_image,
        Name="nothing",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=devices,
    )
    assert "holds no file system to boot" in said


def test_a_client_token_starts_one_snapshot_only(account: Account) -> None:
    ebs = account.client("ebs")
    one, two = (ebs.start_snapshot(VolumeSize=1, ClientToken="one")["SnapshotId"] for _ in range(2))
    assert one == two
    refused("ConflictException", ebs.start_snapshot, VolumeSize=2, ClientToken="one")


@pytest.fixture(scope="module")
def disk(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with the system of the lab's base in its third partition, and the user that its cloud-init makes."""
    account.run().wait("running").terminate()  # the base is made when it is first needed
    place = tmp_path_factory.mktemp("disk")
    tree, path = place / "tree", place / "disk.raw"
    tree.mkdir()
    made = subprocess.run(["docker", "create", BASES[0].reference, "true"], capture_output=True, text=True, check=True)
    try:
        with subprocess.Popen(["docker", "export", made.stdout.strip()], stdout=subprocess.PIPE) as export:
            subprocess.run(["tar", "-C", tree, "-xf", "-", "--numeric-owner"], stdin=export.stdout, check=True)
    finally:
        subprocess.run(["docker", "rm", made.stdout.strip()], capture_output=True, check=True)
    (tree / "etc/cloud").mkdir()
    (tree / "etc/cloud/cloud.cfg").write_text("system_info:\n  distro: debian\n  default_user:\n    name: smith\n")
    (tree / "root/mark").write_text("from the disk\n")
    (tree / "root/mark").chmod(0o640)
    shutil.chown(tree / "root/mark", "www-data", "adm")
    path.touch()
    os.truncate(path, 1024**3)
    layout = "label: gpt\nstart=2048, size=2048\nstart=4096, size=2048\nstart=6144\n"
    subprocess.run(["/usr/sbin/sfdisk", "-q", path], input=layout, text=True, check=True)
    blocks = str((1024**3 - 6144 * 512 - 1024**2) // 1024)
    command = [
        "/usr/sbin/mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        "-d",
        tree,
        "-E",
        f"offset={6144 * 512}",
        path,
        f"{blocks}k",
    ]
    subprocess.run(command, check=True)
    return path


def test_a_machine_starts_from_a_disk_that_was_written_block_by_block(account: Account, disk: Path) -> None:
    blocks = {}
    with disk.open("rb") as file:
        for index in range(1024**3 // BLOCK):
            if (data := file.read(BLOCK)) != bytes(BLOCK):
                blocks[index] = data
    snapshot = written(account, blocks)
    devices = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    image = account.ec2.register_image(
        Name="disk",
        Architecture="x86_64",
        VirtualizationType="hvm",
        EnaSupport=True,
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=devices,
    )["ImageId"]
    account.wait_image(image)
    machine = account.run(image)
    # The lab has to take the files out of the disk first.
    until(lambda: machine.state == "running", timeout=120)
    until(lambda: machine.ssh("true", user="smith").returncode == 0)
    asked = machine.ssh("sudo stat -c '%U %G %a' /root/mark; sudo cat /root/mark; ls -l /usr/bin/sudo", user="smith")
    lines = asked.stdout.splitlines()
    assert lines[:2] == ["www-data adm 640", "from the disk"]
    assert lines[2].startswith("-rwsr-xr-x")
    machine.terminate()
