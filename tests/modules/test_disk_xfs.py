"""An XFS file system that is written into a disk's file at its place, looked at by xfsprogs' own programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _disk_xfs
from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import MIB, Partition, lay_out
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import Part, measure
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files their owners")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    for name in ("", "mail", "mail/below", "tmp"):
        (top / name).mkdir()
    (top / "file").write_bytes(bytes(range(256)) * 4096)
    os.chown(top / "file", 33, 44)
    (top / "file").chmod(0o6750)
    (top / "mail").chmod(0o2775)
    os.chown(top / "mail", 0, 8)
    os.chown(top / "mail/below", 7, 9)
    (top / "mail/below").chmod(0o750)
    (top / "tmp").chmod(0o1777)
    (top / "link").symlink_to("../nowhere")
    os.mknod(top / "null", 0o020640, os.makedev(1, 3))
    top.chmod(0o755)
    return top


def partition(size: int = 300 * MIB) -> Partition:
    wanted = {"mount": "/var/tmp", "size": size, "filesystem": "xfs"}
    return lay_out(1024 * MIB, ["bios"], "ext4", [wanted], "web").partitions[1]


def test_it_is_without_fault_at_its_place_and_holds_the_tree_with_modes_and_owners(tree: Path, tmp_path: Path) -> None:
    tree.chmod(0o1777)
    place, disk, alone = partition(), tmp_path / "disk.raw", tmp_path / "alone"
    with disk.open("wb") as file:
        file.write(b"before")
        file.truncate(1024 * MIB)
    _disk_xfs.write_xfs(disk, Part(place, tree), tmp_path)
    with disk.open("rb") as file:
        assert file.read(6) == b"before"
    assert disk.stat().st_size == 1024 * MIB
    assert disk.stat().st_blocks * 512 < 8 * MIB, "it is sparse"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk.raw", "tree"]

    copy = ["dd", f"if={disk}", f"of={alone}", "bs=1M", f"skip={place.start // MIB}", "count=300", "conv=sparse"]
    subprocess.run(copy, check=True, capture_output=True)
    assert subprocess.run(["xfs_repair", "-n", "-f", alone], capture_output=True).returncode == 0

    def of(where: str, *fields: str) -> list[str]:
        printed = subprocess.run(
            ["xfs_db", "-r", "-f", alone, "-c", where, "-c", f"print {' '.join(fields)}"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return [line.partition(" = ")[2] for line in printed.splitlines()]

    assert of("sb 0", "uuid") == [place.filesystem_uuid]
    assert of("sb 0", "fname")[0].startswith('"var-tmp\\000')
    inode = ("core.mode", "core.uid", "core.gid")
    assert of("path /", *inode) == ["041777", "0", "0"]
    assert of("path /tmp", *inode) == ["041777", "0", "0"]
    assert of("path /mail", *inode) == ["042775", "0", "8"]
    assert of("path /mail/below", *inode) == ["040750", "7", "9"]
    assert of("path /file", *inode, "core.size") == ["0106750", "33", "44", str(MIB)]
    assert of("path /null", "core.mode", "u3.dev") == ["020640", "0x40003"]
    assert of("path /link", "u3.symlink") == ['"../nowhere"']
    block = int(of("path /file", "u3.bmx[0].startblock")[0].split()[0])
    content = subprocess.run(
        ["xfs_db", "-r", "-f", alone, "-c", f"convert fsblock {block} byte"], check=True, capture_output=True, text=True
    ).stdout
    start = int(content.partition("(")[2].partition(")")[0])
    with alone.open("rb") as file:
        file.seek(start)
        assert file.read(MIB) == (tree / "file").read_bytes()


def test_a_tree_that_does_not_fit_is_refused_with_what_it_takes(tree: Path, tmp_path: Path) -> None:
    with (tree / "file").open("ab") as file:
        file.truncate(280 * MIB)
    with pytest.raises(Fault, match=r"/var/tmp of 300 MiB is too small .* Give it 3\d\d MiB at least"):
        _disk_xfs.write_xfs(tmp_path / "none", Part(partition(), tree), tmp_path)


def test_what_no_xfs_can_be_filled_with_is_refused_with_what_to_do(tree: Path, tmp_path: Path) -> None:
    os.link(tree / "file", tree / "hard")
    with pytest.raises(Fault, match=r"/hard: it is a hard link to /file. Take it out of /var/tmp .* or have ext4"):
        _disk_xfs.write_xfs(tmp_path / "none", Part(partition(), tree), tmp_path)


def test_a_file_that_mkfs_would_write_over_others_is_refused(tree: Path, tmp_path: Path) -> None:
    with (tree / "large").open("wb") as file:
        file.truncate(100 * MIB)
    with pytest.raises(Fault, match=r"/var/tmp is too full for /large of 100 MiB, .* Give it more"):
        _disk_xfs.write_xfs(tmp_path / "none", Part(partition(), tree), tmp_path)


def test_what_is_said_to_fit_does(tree: Path, tmp_path: Path) -> None:
    room = 300 * MIB - _disk_xfs.needed(measure(tree), 300 * MIB)
    for number in range(int(room * 0.97) // (4 * MIB)):
        with (tree / f"part-{number}").open("wb") as file:
            file.truncate(4 * MIB)
    assert 0 <= 300 * MIB - _disk_xfs.needed(measure(tree), 300 * MIB) < 16 * MIB
    (tmp_path / "disk.raw").touch()
    _disk_xfs.write_xfs(tmp_path / "disk.raw", Part(partition(), tree), tmp_path)
