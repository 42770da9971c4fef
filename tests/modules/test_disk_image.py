"""`disk_image`, `disk_image_publish`, `disk_layout` and `disk_sweep`, of a small container that could start as a machine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files their owners"),
]

MIB = 1 << 20
EPOCH = 1700000000
PARTITIONS = [{"mount": "/var", "size": 32 * MIB}, {"mount": "/tmp", "size": 16 * MIB}]
DISK = {"size": 256 * MIB, "partitions": PARTITIONS, "seed": "web", "hostname": "web.example.com"}

RunModule = Callable[..., dict[str, Any]]

# In the place of GRUB's own, which need a hundred packages: what it asks grub-probe for must be in the menu.
MKCONFIG = """\
#!/bin/sh
echo "menu of $(grub-probe --target=fs_uuid /) on $(grub-probe --device x --target=partmap) in $(ls /boot/vmlinuz-*)"
"""
PREPARE = """\
chmod 755 /usr/sbin/grub-mkconfig /usr/sbin/grub-probe
mkdir -p /sbin /srv /tmp /root && chmod 1777 /tmp && ln -s /bin/true /sbin/init
mkdir -p /usr/bin /etc/ssh /var/data /etc/systemd/system /usr/lib/systemd && : >/etc/ssh/ssh_host_rsa_key
printf 'own line\\n' >/etc/ssh/sshd_config
printf '#!/bin/sh\\n' >/usr/bin/ssh-keygen && : >/usr/lib/systemd/systemd-resolved
printf '# by hand\\ntmpfs /run/mine tmpfs nosuid 0 0\\n' >/etc/fstab
echo 0123456789abcdef0123456789abcdef >/etc/machine-id && echo ID=debian >/etc/os-release
echo data >/var/data/file && ln /var/data/file /var/data/hard && ln -s ../nowhere '/var/data/a "strange" name'
chown 33:44 /var/data/file && chmod 4750 /var/data/file && touch -d @1600000000 /var/data/file
mkdir -p /srv/deep/er && chmod 2775 /srv/deep && chown 7:8 /srv/deep
mknod /srv/pipe p
"""


def grub() -> bytes:
    """GRUB of this machine, and the files of a machine, as a tar."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name in ("i386-pc", "x86_64-efi"):
            tar.add(f"/usr/lib/grub/{name}")
        files = {"boot/vmlinuz-6.1.0": "kernel", "boot/initrd.img-6.1.0": "initrd"}
        files |= {"usr/sbin/grub-mkconfig": MKCONFIG, "usr/sbin/grub-probe": "#!/bin/sh\necho its own\n"}
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return target.getvalue()


@pytest.fixture(scope="module")
def small_image(docker_client: docker.DockerClient, base_image: str) -> Iterator[str]:
    """Id of an image of just a shell and coreutils: each disk holds all of it."""
    libraries = (
        "/lib64 /lib/*/libc.so.* /lib/*/ld-linux* /lib/*/libselinux* /lib/*/libpcre2* /lib/*/libacl* /lib/*/libattr*"
    )
    programs = "cat chmod chown ln ls mkdir mknod mv rm sh sleep touch true"
    pack = f"cd /; tar -ch $(for name in {programs}; do echo bin/$name; done) $(ls -d {libraries}) /usr/share/common-licenses"
    container = docker_client.containers.create(base_image, ["sh", "-c", f"{pack} >/root/small.tar 2>/dev/null"])
    try:
        container.start()
        container.wait()
        chunks, _told = container.get_archive("/root/small.tar")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as outer:
            small = outer.extractfile("small.tar")
            assert small
            answer = docker_client.api.import_image_from_data(small.read())
    finally:
        container.remove(force=True, v=True)
    image = str(json.loads(answer.splitlines()[-1])["status"])
    yield image
    docker_client.images.remove(image, force=True, noprune=True)


@pytest.fixture(scope="module")
def machine(docker_client: docker.DockerClient, small_image: str) -> Iterator[Any]:
    container = docker_client.containers.run(
        small_image, ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 900 & wait $!"], detach=True
    )
    try:
        container.put_archive("/", grub())
        done = container.exec_run(["sh", "-ec", PREPARE])
        assert done.exit_code == 0, done.output
        yield container
    finally:
        container.remove(force=True, v=True)


@pytest.fixture(scope="module")
def write(machine: Any, run_module: RunModule) -> Callable[..., dict[str, Any]]:
    """Writes the disk of the machine."""

    def write(directory: Path, name: str = "web-1.raw", **options: Any) -> dict[str, Any]:
        given = {"container": machine.id, "directory": str(directory), "name": name, "build_id": "b1", **DISK}
        return run_module("disk_image", environ={"SOURCE_DATE_EPOCH": str(EPOCH)}, **given | options)

    return write


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Written:
    """A disk that was written: its file, what the module returned, and the trees of its file systems."""

    def __init__(self, image: dict[str, Any], folder: Path) -> None:
        self.image = image
        self.path = Path(image["path"])
        self.tree = folder / "trees"
        self.partitions = {one["name"]: one for one in image["partitions"]}
        for name in ("root", "var", "tmp"):
            (self.tree / name).mkdir(parents=True)
            self.debugfs(name, f"rdump / {self.tree / name}")

    def at(self, name: str) -> str:
        return f"{self.path}?offset={self.partitions[name]['start']}"

    def debugfs(self, name: str, command: str) -> str:
        return subprocess.run(
            ["debugfs", "-R", command, self.at(name)], check=True, capture_output=True, text=True
        ).stdout

    def text(self, path: str) -> str:
        return (self.tree / path).read_text()


@pytest.fixture(scope="module")
def written(write: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("written")
    result = write(folder)
    assert result["changed"], result
    return Written(result["image"], folder)


def test_the_partition_table_is_the_one_that_was_laid_out(written: Written) -> None:
    table = json.loads(
        subprocess.run(["sfdisk", "--json", written.path], check=True, capture_output=True, text=True).stdout
    )["partitiontable"]
    assert table["label"] == "gpt"
    assert [one["name"] for one in table["partitions"]] == ["bios", "esp", "var", "tmp", "root"]
    found = [(one["start"] * 512, one["size"] * 512, one["uuid"]) for one in table["partitions"]]
    assert found == [(one["start"], one["size"], one["uuid"]) for one in written.image["partitions"]]
    verify = subprocess.run(["sfdisk", "--verify", written.path], capture_output=True, text=True)
    assert "No errors detected" in verify.stdout
    assert written.path.stat().st_size == written.image["virtual_size"] == 256 * MIB
    assert written.path.stat().st_blocks * 512 < 120 * MIB, "it is sparse"


@pytest.mark.parametrize("name", ["root", "var", "tmp"])
def test_a_file_system_is_without_fault_and_bears_the_identity_that_fstab_names(written: Written, name: str) -> None:
    checked = subprocess.run(["e2fsck", "-fn", written.at(name)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    stats = subprocess.run(["dumpe2fs", "-h", written.at(name)], check=True, capture_output=True, text=True).stdout
    uuid = written.partitions[name]["filesystem_uuid"]
    assert uuid in stats and f"UUID={uuid}" in written.text("root/etc/fstab")
    assert not {"orphan_file", "metadata_csum_seed"} & set(stats.split()), "GRUB 2.06 cannot read those"


def test_the_content_is_the_containers_with_owners_modes_links_and_times(written: Written, machine: Any) -> None:
    there = written.tree / "var/data/file"
    found = there.stat()
    assert (found.st_uid, found.st_gid) == (33, 44)
    # What copies it out of the disk gives the owner last, which takes the bits away.
    assert "Mode:  04750" in written.debugfs("var", "stat /data/file")
    assert found.st_mtime == 1600000000
    assert (written.tree / 'var/data/a "strange" name').is_symlink()
    links = written.debugfs("var", 'stat "/data/hard"') + written.debugfs("var", "stat /data/file")
    assert len(set(re.findall(r"Inode: (\d+)", links))) == 1 and "Links: 2" in links
    assert "Type: FIFO" in written.debugfs("root", "stat /srv/pipe")
    assert re.search(r"Mode:  02775 [\s\S]*User:     7   Group:     8 ", written.debugfs("root", "stat /srv/deep"))
    assert "Mode:  01777" in written.debugfs("tmp", "stat /")
    # Every file of the container is on the disk.
    listed = machine.exec_run(
        ["sh", "-c", "for path in /bin/* /usr/lib/grub/*/*.mod; do echo $path; done"]
    ).output.decode()
    missing = [path for path in listed.splitlines() if not (written.tree / "root" / path[1:]).is_file()]
    assert len(listed.splitlines()) > 500 and missing == []


def test_the_machine_has_what_the_engine_gives_a_container_and_shares_no_secret(written: Written) -> None:
    assert written.text("root/etc/hostname") == "web.example.com\n"
    assert "127.0.1.1\tweb.example.com web\n" in written.text("root/etc/hosts")
    resolver = (written.tree / "root/etc/resolv.conf").readlink()
    assert resolver == Path("../run/systemd/resolve/stub-resolv.conf")
    assert written.text("root/etc/machine-id") == ""
    assert [path.name for path in (written.tree / "root/etc/ssh").iterdir()] == ["sshd_config"]
    unit = "etc/systemd/system/multi-user.target.wants/goldsmith-host-keys.service"
    assert (written.tree / "root" / unit).is_symlink()
    assert not (written.tree / "root/.dockerenv").exists()
    assert [list((written.tree / "root" / name).iterdir()) for name in ("dev", "proc", "run", "sys", "var", "tmp")] == [
        []
    ] * 6
    fstab = written.text("root/etc/fstab")
    assert fstab.startswith("# by hand\ntmpfs /run/mine tmpfs nosuid 0 0\n")
    assert re.search(r"^UUID=\S+ /tmp ext4 defaults,nodev,nosuid,noexec 0 2$", fstab, re.MULTILINE)


def test_both_firmwares_find_grub_and_grub_its_menu(written: Written, machine: Any) -> None:
    with written.path.open("rb") as file:
        assert file.read(2) == b"\xeb\x63", "the jump of GRUB's boot.img"
        file.seek(0x5C)
        first = int.from_bytes(file.read(8), "little")
        assert first * 512 == written.partitions["bios"]["start"]
        file.seek(510)
        assert file.read(2) == b"\x55\xaa"
        file.seek(first * 512 + 500)
        assert int.from_bytes(file.read(8), "little") == first + 1
    esp = f"{written.path}@@{written.partitions['esp']['start']}"
    listed = subprocess.run(["mdir", "-/", "-b", "-i", esp], check=True, capture_output=True, text=True).stdout
    assert "::/EFI/BOOT/BOOTX64.EFI" in listed
    place = written.partitions["esp"]
    probe = ["blkid", "-p", "-O", str(place["start"]), "-S", str(place["size"]), "-s", "UUID", "-o", "value"]
    found = subprocess.run([*probe, written.path], check=True, capture_output=True, text=True).stdout.strip()
    assert found == place["filesystem_uuid"] and f"UUID={found} /boot/efi vfat" in written.text("root/etc/fstab")
    program = subprocess.run(["mtype", "-i", esp, "::/EFI/BOOT/BOOTX64.EFI"], check=True, capture_output=True).stdout
    root = written.partitions["root"]["filesystem_uuid"]
    assert program.startswith(b"MZ") and root.encode() in program
    assert written.text("root/boot/grub/grub.cfg") == f"menu of {root} on gpt in /boot/vmlinuz-6.1.0\n"
    assert written.text("root/usr/sbin/grub-probe") == "#!/bin/sh\necho its own\n"
    assert (written.tree / "root/boot/grub/i386-pc/normal.mod").is_file()


def test_a_second_write_gives_the_same_file_to_the_bit(
    written: Written, write: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    result = write(tmp_path)
    assert digest(Path(result["image"]["path"])) == digest(written.path)
    qcow2 = write(tmp_path, "web-1.qcow2", format="qcow2")["image"]["path"]
    same = subprocess.run(["qemu-img", "compare", written.path, qcow2], capture_output=True, text=True)
    assert same.returncode == 0, same.stdout
    assert not [one for one in Path(qcow2).parent.iterdir() if one.name.startswith("tree")]


def test_nothing_in_it_is_younger_than_the_time_that_was_given(written: Written) -> None:
    paths = [path for name in ("root", "var") for path in (written.tree / name).rglob("*")]
    assert max(path.stat().st_mtime for path in paths if path.is_file() and not path.is_symlink()) <= EPOCH
    for path in ("/etc/hosts", "/boot/grub/grub.cfg", "/usr"):
        times = re.findall(r"(?:ctime|atime|crtime): 0x([0-9a-f]+)", written.debugfs("root", f"stat {path}"))
        assert [int(one, 16) for one in times] == [EPOCH] * 3, path


def test_a_published_image_is_where_it_should_be_with_a_checksum_that_fits(
    write: Callable[..., dict[str, Any]], run_module: RunModule, tmp_path: Path
) -> None:
    image = write(tmp_path)["image"]
    before = digest(Path(image["path"]))
    check = run_module("disk_image_publish", path=image["path"], check=True)
    assert check["changed"] and check["path"] == str(tmp_path / "web-1.raw") and not Path(check["path"]).exists()
    result = run_module("disk_image_publish", path=image["path"], compress=True)
    assert (result["path"], result["rc"]) == (str(tmp_path / "web-1.raw.zst"), 0)
    assert result["size"] == Path(result["path"]).stat().st_size
    subprocess.run(["sha256sum", "--quiet", "-c", "web-1.raw.zst.sha256"], cwd=tmp_path, check=True)
    plain = subprocess.run(f"zstd -dc {result['path']} | sha256sum", shell=True, capture_output=True, text=True).stdout
    assert plain.split()[0] == before
    again = run_module("disk_image_publish", path=image["path"])
    assert again["rc"] == 1 and "Build again" in again["msg"]
    assert run_module("disk_sweep", directories=[str(tmp_path)], build_ids=["b1"])["changed"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web-1.raw.zst", "web-1.raw.zst.sha256"]


def test_check_mode_writes_nothing(write: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    result = write(tmp_path / "images", check=True)
    assert result["changed"] and result["image"]["virtual_size"] == 256 * MIB
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize(
    "step",
    [
        "tree",
        "disk.raw",
        *(
            pytest.param(name, marks=pytest.mark.exhaustive)
            for name in ("expires", "bios.cfg", "tree-3", "mke2fs.conf")
        ),
    ],
)
def test_what_a_kill_leaves_is_found_and_removed_and_nothing_else(
    step: str, machine: Any, start_module: Callable[..., Any], run_module: RunModule, tmp_path: Path
) -> None:
    (tmp_path / "web-0.raw").write_text("an older one")
    arguments = {"container": machine.id, "directory": str(tmp_path), "name": "web-1.raw", "build_id": "b2", **DISK}
    draft = tmp_path / ".goldsmith-b2"
    process = start_module("disk_image", arguments)
    deadline = time.monotonic() + 60
    while not (draft / step).exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, 9)
    process.communicate()
    assert not run_module("disk_sweep", directories=[str(tmp_path)])["found"], "it has not expired yet"
    listed = run_module("disk_sweep", directories=[str(tmp_path)], build_ids=["b2"], check=True)
    assert [(one["id"], one["build"], one["kind"]) for one in listed["found"]] == [(str(draft), "b2", "disk")]
    swept = run_module("disk_sweep", directories=[str(tmp_path), str(tmp_path / "gone")], build_ids=["b2"])
    assert [one["id"] for one in swept["removed"]] == [str(draft)]
    assert [path.name for path in tmp_path.iterdir()] == ["web-0.raw"]


def test_an_unfinished_disk_goes_when_its_time_is_over(run_module: RunModule, tmp_path: Path) -> None:
    for name, text in {"old": "2026-01-01T00:00:00Z", "new": "2999-01-01T00:00:00Z", "odd": "soon"}.items():
        (tmp_path / f".goldsmith-{name}").mkdir()
        (tmp_path / f".goldsmith-{name}/expires").write_text(text)
    result = run_module("disk_sweep", directories=[str(tmp_path)])
    assert [one["build"] for one in result["removed"]] == ["old"]
    assert not run_module("disk_sweep", directories=[str(tmp_path)])["changed"]


@pytest.mark.parametrize(
    ("remove", "told"),
    [
        ("/boot/vmlinuz-6.1.0", "there is no kernel in the image"),
        ("/usr/lib/grub/x86_64-efi/kernel.img", "the boot loader for UEFI is missing in the image"),
        ("/usr/lib/grub/i386-pc/kernel.img", "the boot loader for BIOS is missing in the image"),
        ("/usr/sbin/grub-mkconfig", "there is no grub-mkconfig"),
        ("/sbin/init", "there is no init in the image"),
    ],
)
def test_what_could_not_start_is_refused_and_leaves_nothing(
    remove: str, told: str, machine: Any, write: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    assert machine.exec_run(["mv", remove, "/srv/away"]).exit_code == 0
    try:
        result = write(tmp_path)
    finally:
        machine.exec_run(["mv", "/srv/away", remove])
    assert result["rc"] == 1 and told in result["msg"], result
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_small_is_refused_with_what_it_takes(
    write: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    result = write(tmp_path, size=132 * MIB)
    assert result["rc"] == 1 and list(tmp_path.iterdir()) == []
    match = re.search(r"the partition / of \d+ MiB is too small .* Give it (\d+) MiB at least", result["msg"])
    assert match, result["msg"]
    enough = (int(match[1]) + 2 + 1 + 64 + 32 + 16) * MIB
    result = write(tmp_path, size=enough)
    assert result["rc"] == 0, result


def test_no_room_on_this_machine_is_told_and_leaves_nothing(
    write: Callable[..., dict[str, Any]], small_disk: Path
) -> None:
    result = write(small_disk)
    assert result["rc"] == 1 and "there is no room on this machine" in result["msg"]
    assert list(small_disk.iterdir()) == []


def test_a_missing_program_is_named_with_its_package(run_module: RunModule, tmp_path: Path) -> None:
    for name in ("sfdisk", "mke2fs", "debugfs", "tar", "mkfs.vfat", "mmd"):
        (tmp_path / name).symlink_to("/bin/true")
    program = (
        "from ansible_collections.goldsmith.images.plugins.module_utils import _disk_tools as tools\n"
        f"tools._PATH = {str(tmp_path)!r}\ntools.need(['sfdisk', 'mcopy', 'grub-mkimage'])"
    )
    done = subprocess.run(["python", "-c", program], capture_output=True, text=True)
    assert "without grub-mkimage, mcopy" in done.stderr and "apt-get install grub-common mtools" in done.stderr
    laid = run_module("disk_layout", seed="web", firmware=[])
    assert laid["rc"] == 1 and "`firmware` is empty" in laid["msg"]


class Again:
    """A disk, and another one that was made from it: the container in between, and what modules returned."""

    def __init__(self, source: dict[str, Any], first: Path, second: Path, image: dict[str, Any]) -> None:
        self.source = source["source"]
        self.first = first
        self.second = second
        self.image = image
        self.root = image["partitions"][-1]

    def debugfs(self, command: str) -> str:
        at = f"{self.second}?offset={self.root['start']}"
        return subprocess.run(["debugfs", "-R", command, at], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def again(
    write: Callable[..., dict[str, Any]],
    run_module: RunModule,
    docker_client: docker.DockerClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Again]:
    folder = tmp_path_factory.mktemp("again")
    made = write(folder, name="cloud.qcow2", format="qcow2", partitions=[], build_id="cloud")["image"]
    original = {"path": made["path"], "sha256": digest(Path(made["path"]))}
    source = run_module("docker_source", disk=original)
    assert source["changed"], source
    base = source["source"]["id"]
    container = docker_client.containers.run(base, ["/bin/sh", "-c", "sleep 900 & wait $!"], detach=True)
    try:
        done = container.exec_run(
            ["sh", "-ec", "test ! -e /boot/grub/grub.cfg; echo golden >/srv/golden; rm -r /var/data"]
        )
        assert done.exit_code == 0, done.output
        given = {**DISK, "container": container.id, "directory": str(folder), "name": "web-2.raw", "build_id": "web"}
        result = run_module(
            "disk_image",
            environ={"SOURCE_DATE_EPOCH": str(EPOCH)},
            **{**given, "partitions": [], "size": 384 * MIB, "original": original},
        )
        assert result.get("changed"), result
        first = folder / "first.raw"
        subprocess.run(["qemu-img", "convert", "-O", "raw", made["path"], first], check=True)
        yield Again(source, first, Path(result["image"]["path"]), result["image"])
    finally:
        container.remove(force=True, v=True)
        docker_client.images.remove(source["source"]["reference"], force=True)


def test_the_root_file_system_of_an_image_is_a_base_that_is_made_once(again: Again, run_module: RunModule) -> None:
    assert again.source["kind"] == "disk"
    assert again.source["config"]["Labels"]["io.goldsmith.role"] == "base"
    found = run_module("docker_source", disk={"path": str(again.first.parent / ".goldsmith-cloud/cloud.qcow2")})
    assert not found["changed"] and found["source"]["id"] == again.source["id"]


def test_a_disk_made_from_another_one_has_its_partitions_and_loaders_and_its_own_files(again: Again) -> None:
    assert [one["name"] for one in again.image["partitions"]] == ["bios", "esp", "root"]
    assert again.image["firmware"] == ["bios", "uefi"]
    before, after = again.first.read_bytes()[: again.root["start"]], again.second.read_bytes()[: again.root["start"]]
    assert before[:440] == after[:440] and before[MIB:] == after[MIB:], "boot code, GRUB's core and the ESP"
    assert again.debugfs("cat /srv/golden") == "golden\n"
    assert "data" not in again.debugfs("ls -p /var")
    assert f"UUID={again.root['filesystem_uuid']} / ext4" in again.debugfs("cat /etc/fstab")
    assert again.root["filesystem_uuid"] in again.debugfs("cat /boot/grub/grub.cfg"), "the menu is written anew"
    assert "Mode:  02775" in again.debugfs("stat /srv/deep") and "Type: FIFO" in again.debugfs("stat /srv/pipe")


def test_a_disk_made_from_another_one_can_be_larger_and_is_without_fault(again: Again) -> None:
    assert again.second.stat().st_size == again.image["virtual_size"] == 384 * MIB
    assert again.root["start"] + again.root["size"] > 382 * MIB
    tables = [
        json.loads(subprocess.run(["sfdisk", "--json", path], check=True, capture_output=True, text=True).stdout)
        for path in (again.first, again.second)
    ]
    before, after = ([one["uuid"] for one in table["partitiontable"]["partitions"]] for table in tables)
    assert before == after, "fstab may name them"
    verify = subprocess.run(["sfdisk", "--verify", again.second], capture_output=True, text=True)
    assert "No errors detected" in verify.stdout
    at = f"{again.second}?offset={again.root['start']}"
    checked = subprocess.run(["e2fsck", "-fn", at], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_a_file_that_is_no_such_image_is_refused_with_the_reason(
    written: Written, run_module: RunModule, tmp_path: Path
) -> None:
    for path, more, said in (
        (written.path, {}, r"file systems of their own for /tmp, /var"),
        (tmp_path / "none.raw", {}, "cannot be read: No such file"),
        (Path(__file__), {}, "no partition table"),
        (written.path, {"sha256": "0" * 64}, "not the one that `sha256` names"),
    ):
        result = run_module("docker_source", disk={"path": str(path), **more})
        assert result.get("failed") and re.search(said, result["msg"]), result
    overlay = tmp_path / "overlay.qcow2"
    made = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", written.path, "-F", "raw", overlay]
    subprocess.run(made, check=True)
    result = run_module("docker_source", disk={"path": str(overlay)})
    assert "only the difference from another file" in result["msg"], result
