"""The target `disk`: one image that is built once, and all that can be seen of it without starting it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from .conftest import Cli, SpecWriter, leftovers

pytestmark = [
    pytest.mark.docker,
    pytest.mark.network,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files their owners"),
]

TASKS = """\
- ansible.builtin.copy: {dest: /var/lib/golden, content: "golden\\n", owner: daemon, mode: "0640"}
- ansible.builtin.assert:
    that:
      - goldsmith_own_kernel
      - ansible_facts.service_mgr != 'systemd'
"""


@pytest.fixture(scope="module")
def spec(shared_goldsmith: Cli, write_shared_spec: SpecWriter) -> Path:
    only = {
        f"os_hardening_{area}_enabled": False
        for area in (
            *(
                "accounts",
                "apparmor",
                "audit",
                "banners",
                "cron",
                "desktop",
                "files",
                "firewall",
                "integrity",
                "logging",
            ),
            *("network", "pam", "privilege", "services", "software", "ssh", "time"),
        )
    }
    return write_shared_spec(
        TASKS,
        platforms={"debian-12": {"disk": {"debootstrap": {"suite": "bookworm"}, "kernel": "linux-image-cloud-amd64"}}},
        layers=[
            {"tasks": "tasks.yml", "cache": True},
            {
                "role": "goldsmith.images.os_hardening",
                "vars": {"os_hardening_profile": "level2", **only},
                "cache": True,
            },
        ],
        targets={
            "disk": {
                "format": "qcow2",
                "size": "2GiB",
                "directory": str(shared_goldsmith.home.parent / "images"),
                "partitions": [{"mount": "/var", "size": "512MiB"}],
                "kernel_arguments": ["quiet"],
                "verify": False,
            }
        },
    )


@pytest.fixture(scope="module")
def built(shared_goldsmith: Cli, spec: Path) -> dict[str, Any]:
    return shared_goldsmith.build(spec)


class Disk:
    """The raw disk of an image, and its file systems by name."""

    def __init__(self, image: Path, artifact: dict[str, Any], raw: Path) -> None:
        self.raw = raw
        self.start = {one["name"]: one["start"] for one in artifact["partitions"]}
        subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)

    def cat(self, path: str, of: str = "root") -> str:
        return self.debugfs(f"cat {path}", of)

    def debugfs(self, command: str, of: str = "root") -> str:
        at = f"{self.raw}?offset={self.start[of]}"
        return subprocess.run(["debugfs", "-R", command, at], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def disk(built: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    raw = tmp_path_factory.mktemp("disk") / "disk.raw"
    yield Disk(Path(built["artifact"]["tags"][0]), built["artifact"], raw)
    raw.unlink()


def test_the_record_names_a_file_that_is_there_with_its_digest_and_nothing_else_is_left(
    built: dict[str, Any], shared_goldsmith: Cli, docker_client: docker.DockerClient
) -> None:
    artifact = built["artifact"]
    path = Path(artifact["tags"][0])
    assert path == shared_goldsmith.home.parent / f"images/{shared_goldsmith.name}-1-debian-12.qcow2"
    assert artifact["id"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert artifact["size"] == path.stat().st_size
    assert (artifact["type"], artifact["format"], artifact["virtual_size"]) == ("disk", "qcow2", 2 << 30)
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, f"{path.name}.sha256"]
    assert leftovers(docker_client, shared_goldsmith.name) == []
    packages = {one["name"] for one in shared_goldsmith.record(built["build"])["packages"]}
    assert {"systemd-sysv", "grub2-common", "linux-image-cloud-amd64", "cloud-init"} <= packages


def test_the_disk_holds_what_the_layers_made_in_the_partition_where_it_belongs(disk: Disk) -> None:
    assert disk.cat("/lib/golden", "var") == "golden\n"
    assert re.search(r"Mode:  0640 [\s\S]*User:     1 ", disk.debugfs("stat /lib/golden", "var"))
    assert disk.debugfs("ls -p /var").count("\n") <= 3, "only . and .."
    assert 'GOLDSMITH_PLATFORM="debian-12"' in disk.cat("/etc/goldsmith-release")
    subprocess.run(["e2fsck", "-fn", f"{disk.raw}?offset={disk.start['root']}"], check=True, capture_output=True)


def test_the_boot_menu_is_the_distributions_own_with_what_spec_and_hardening_ask_for(disk: Disk) -> None:
    menu = disk.cat("/boot/grub/grub.cfg")
    uuid = next(line for line in disk.cat("/etc/fstab").splitlines() if " / " in line).split()[0]
    started = re.findall(r"^\tlinux\t(.*)$", menu, re.MULTILINE)
    assert started and f"root={uuid}" in started[0]
    assert "console=tty0 console=ttyS0,115200n8 quiet" in started[0]
    assert "init_on_alloc=1" in started[0] and "pti=on" in started[0]
    assert "menuentry 'Debian GNU/Linux'" in menu


def test_hardening_takes_it_for_a_machine_of_its_own_and_leaves_live_values_alone(
    disk: Disk, built: dict[str, Any], shared_goldsmith: Cli
) -> None:
    controls = {one["id"]: one["status"] for one in shared_goldsmith.record(built["build"])["compliance"]["controls"]}
    assert {controls[name] for name in ("aslr", "module_cramfs", "mount_tmp", "boot_cpu_args")} == {"changed"}
    assert controls["mount_var"] == controls["mount_var_nosuid"] == "compliant"
    assert "kernel.randomize_va_space = 2" in disk.cat("/etc/sysctl.d/90-goldsmith.conf")
    fstab = {line.split()[1]: line.split()[3] for line in disk.cat("/etc/fstab").splitlines() if line.strip()}
    assert {"nodev", "nosuid"} <= set(fstab["/var"].split(","))


def test_an_unchanged_spec_is_not_built_again_until_the_image_is_gone(
    built: dict[str, Any], spec: Path, shared_goldsmith: Cli
) -> None:
    path = Path(built["artifact"]["tags"][0])
    done = shared_goldsmith("build", spec)
    assert f"is up to date: version 1, {path}" in done.stdout
    assert f"there    {shared_goldsmith.name}@1" in shared_goldsmith.ask("images", "verify").output
    path.rename(path.with_suffix(".away"))
    try:
        assert f"there is no {path} any more" in shared_goldsmith.ask("images", "verify", code=None).output
        path.write_text("something else")
        assert f"{path} is another file now" in shared_goldsmith.ask("images", "verify", code=None).output
    finally:
        path.with_suffix(".away").rename(path)


def test_a_killed_build_loses_no_good_image_and_is_swept(
    built: dict[str, Any], spec: Path, shared_goldsmith: Cli, docker_client: docker.DockerClient
) -> None:
    path = Path(built["artifact"]["tags"][0])
    process = shared_goldsmith.start("build", spec, "--force", start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not list(path.parent.glob(".goldsmith-*/disk.raw")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    draft = next(iter(path.parent.glob(".goldsmith-*")))
    shared_goldsmith("sweep")
    assert not draft.exists() and leftovers(docker_client, shared_goldsmith.name) == []
    assert f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == built["artifact"]["id"]


def test_a_plan_tells_of_the_disk_and_a_project_is_plain_ansible(
    built: dict[str, Any], spec: Path, shared_goldsmith: Cli, tmp_path: Path
) -> None:
    told = shared_goldsmith.ask("plan", spec).output
    assert "disk     qcow2, 2.1 GB" in told and "apart    /var (537 MB)" in told
    shared_goldsmith("export", spec, tmp_path / "project")
    playbook = (tmp_path / "project/build.yml").read_text()
    assert "ansible.builtin.import_playbook: goldsmith.images.disk" in playbook and "2147483648" in playbook


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ["hit", "hit"]),
        ({"hostname": "elsewhere"}, ["hit", "hit"]),
        ({"kernel_arguments": ["quiet", "nosmt"]}, ["disk kernel_arguments changed", "layer tasks below it runs"]),
        (
            {"partitions": [{"mount": "/srv", "size": "512MiB"}]},
            ["disk fstab changed", "layer tasks below it runs"],
        ),
    ],
    ids=["unchanged", "hostname", "kernel_arguments", "partitions"],
)
def test_a_plan_tells_which_layers_a_build_would_take_from_the_cache(
    options: dict[str, Any], told: list[str], built: dict[str, Any], spec: Path, shared_goldsmith: Cli
) -> None:
    wanted = json.loads(spec.read_text())
    wanted["targets"]["disk"] |= options
    other = spec.with_name("other.yml")
    other.write_text(json.dumps(wanted))
    [plan] = json.loads(shared_goldsmith("plan", other, "--json", "--cve-data", "none").stdout)
    assert [layer["reason"] or layer["cache"] for layer in plan["layers"]] == told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"format": "vdi"}, "format"),
        ({"size": "4 parsecs"}, "such as 4GiB"),
        (
            {"partitions": [{"mount": "/var", "size": "1GiB"}, {"mount": "/var/", "size": "1GiB"}]},
            "/var is there twice",
        ),
        ({"firmware": []}, "firmware"),
    ],
)
def test_a_disk_that_cannot_be_is_refused_before_anything_starts(
    options: dict[str, Any], told: str, spec: Path, shared_goldsmith: Cli, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(json.dumps(json.loads(spec.read_text()) | {"layers": [], "targets": {"disk": options}}))
    done = shared_goldsmith.ask("validate", wrong, code=2)
    assert told in done.output


def tree(image: dict[str, Any], folder: Path) -> dict[str, tuple[object, ...]]:
    """Return what is in the partitions of a disk, but for the build's own stamp: modes, owners, times, contents."""
    folder.mkdir()
    disk = Disk(Path(image["tags"][0]), image, folder / "disk.raw")
    found: dict[str, tuple[object, ...]] = {}
    for name in ("root", "var"):
        (folder / name).mkdir()
        disk.debugfs(f"rdump / {folder / name}", name)
        for path in (folder / name).rglob("*"):
            at, link = path.lstat(), path.is_symlink()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not link else None
            # debugfs makes links anew, so theirs is not the image's time.
            told = (path.readlink(),) if link else (content, int(at.st_mtime))
            found[str(path.relative_to(folder))] = (oct(at.st_mode), at.st_uid, at.st_gid, *told)
    disk.raw.unlink()
    return {path: told for path, told in found.items() if path != "root/etc/goldsmith-release"}


@pytest.mark.exhaustive
def test_two_builds_of_the_same_inputs_give_the_same_files(spec: Path, shared_goldsmith: Cli, tmp_path: Path) -> None:
    fixed = replace(shared_goldsmith, environ=shared_goldsmith.environ | {"SOURCE_DATE_EPOCH": "1700000000"})
    first, second = (tree(fixed.build(spec, "--no-cache")["artifact"], tmp_path / name) for name in ("1", "2"))
    assert {path for path in first.keys() | second.keys() if first.get(path) != second.get(path)} == set()


BOOT = """\
command:
  the system is up:
    exec: systemctl is-system-running --wait || systemctl --failed --plain
    exit-status: 0
  the kernel was started as spec and hardening ask for:
    exec: cat /proc/cmdline
    exit-status: 0
    stdout: [quiet, init_on_alloc=1]
  hardening is in force:
    exec: sysctl -n kernel.kptr_restrict net.ipv4.ip_forward
    exit-status: 0
    stdout: ["/^[12]$/", "/^0$/"]
  it has an identity of its own:
    exec: test -s /etc/machine-id && ls /etc/ssh/ssh_host_ed25519_key && getent hosts $(hostname)
    exit-status: 0
  it asked for an address:
    exec: networkctl --no-legend list
    exit-status: 0
    stdout: [routable]
mount:
  /var: {exists: true, filesystem: ext4, opts: [nodev, nosuid]}
  /boot/efi: {exists: true, filesystem: vfat}
file:
  /var/lib/golden: {exists: true, owner: daemon}
"""


@pytest.mark.slow
def test_the_image_starts_by_bios_and_by_uefi_and_passes_its_tests(spec: Path, shared_goldsmith: Cli) -> None:
    (spec.parent / "boot.goss.yaml").write_text(BOOT)
    wanted = json.loads(spec.read_text())
    wanted["tests"] = [{"boot": {"goss": "boot.goss.yaml"}}]
    wanted["targets"]["disk"] |= {"verify": True, "compress": True}
    booted = spec.with_name("booted.yml")
    booted.write_text(json.dumps(wanted))
    # An emulated processor takes a minute to start it, and several where others want the real one.
    result = replace(shared_goldsmith, patience=1500).build(booted)
    assert len(result["tests"]) >= 10 and {one["outcome"] for one in result["tests"]} == {"passed"}
    folder = shared_goldsmith.home / "builds" / result["build"]
    for firmware in ("bios", "uefi"):
        assert " login:" in (folder / f"console-{firmware}.log").read_text(errors="replace")
    assert Path(result["artifact"]["tags"][0]).name.endswith(".qcow2.zst")
