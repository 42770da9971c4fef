"""`disk_machine` and `disk_machine_sweep` with real QEMU, and disks that hold a boot sector: all that they do is to speak."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _disk_machine, _qemu

RunModule = Callable[..., dict[str, Any]]

# xor ax,ax; mov ds,ax; mov si,0x7c16; 1: lodsb; test al,al; jz 2f; mov dx,0x3f8; out dx,al; jmp 1b; 2: cli; 3: hlt; jmp 3b
CODE = bytes.fromhex("31c0 8ed8 be167c ac 84c0 7406 baf803 ee ebf5 fa f4 ebfd")
LOGIN = "Debian GNU/Linux 12 web ttyS0\r\n\r\nweb login: "


def disk(path: Path, said: str) -> str:
    """Write a disk whose boot sector writes a text to the serial console and does nothing more."""
    path.write_bytes((CODE + said.encode() + b"\0").ljust(510, b"\0") + b"\x55\xaa" + bytes(1024 * 1024))
    return str(path)


@pytest.fixture
def build(unique: str, run_module: RunModule) -> Iterator[str]:
    yield unique
    run_module("disk_machine_sweep", build_ids=[unique], expired=False)
    assert _disk_machine.machines([unique]) == []


def test_a_machine_runs_until_it_is_ended_and_leaves_the_image_as_it_is(
    run_module: RunModule, build: str, tmp_path: Path
) -> None:
    image = disk(tmp_path / "web, the first.raw", LOGIN)
    before = Path(image).read_bytes()
    wanted = {"build_id": build, "image": image, "format": "raw", "enter": False}
    assert run_module("disk_machine", check=True, **wanted)["changed"]
    assert _disk_machine.machines([build]) == []
    first = run_module("disk_machine", **wanted)
    assert (first["changed"], first["ssh"]) == (True, None), first
    assert "web login:" in Path(first["machine"]["console"]).read_text()
    directory = Path(first["machine"]["console"]).parent
    assert (directory.stat().st_mode & 0o777, (directory / "key").stat().st_mode & 0o777) == (0o700, 0o600)
    again = run_module("disk_machine", **wanted)
    assert (again["changed"], again["machine"]) == (False, first["machine"])
    gone = run_module("disk_machine", state="absent", build_id=build, shutdown_timeout=0)
    assert gone["ended"] == [{"id": first["machine"]["id"], "clean": False}]
    assert not directory.exists()
    assert _qemu.processes().get(first["machine"]["id"]) is None
    assert not run_module("disk_machine", state="absent", build_id=build)["changed"]
    assert Path(image).read_bytes() == before


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "[ 1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n",
            "the kernel panics",
        ),
        ("error: no such device: 6a1b.\r\nEntering rescue mode...\r\ngrub rescue> ", "the boot loader does not find"),
        ("Loading Linux 6.1.0 ...\r\n", "has not come to a login on its serial console (console=ttyS0), after 3 s"),
    ],
)
def test_a_boot_that_hangs_is_told_with_the_end_of_the_console(
    run_module: RunModule, build: str, tmp_path: Path, said: str, why: str
) -> None:
    console = tmp_path / "console.log"
    image = disk(tmp_path / "web.raw", said)
    result = run_module(
        "disk_machine", build_id=build, image=image, format="raw", enter=False, console=str(console), timeout=3
    )
    assert result["failed"]
    assert why in result["msg"]
    assert said.strip().splitlines()[-1] in result["msg"].splitlines()[-1]
    assert said.split("\r\n", maxsplit=1)[0] in console.read_text()
    assert _disk_machine.machines([build]) == []


@pytest.mark.parametrize(("firmware", "why"), [("bios", "nothing to boot"), ("uefi", "no boot loader for UEFI")])
def test_an_empty_disk_is_told_by_what_the_firmware_says(
    run_module: RunModule, build: str, tmp_path: Path, firmware: str, why: str
) -> None:
    image = tmp_path / "empty.raw"
    image.write_bytes(bytes(1024 * 1024))
    result = run_module(
        "disk_machine", build_id=build, image=str(image), format="raw", firmware=firmware, enter=False, timeout=60
    )
    assert why in result["msg"]
    assert "The end of its console:" in result["msg"]


def test_an_image_of_another_format_is_told_by_what_qemu_says(
    run_module: RunModule, build: str, tmp_path: Path
) -> None:
    result = run_module(
        "disk_machine", build_id=build, image=disk(tmp_path / "web", LOGIN), format="qcow2", enter=False
    )
    assert "ended before it had booted. QEMU says:" in result["msg"]
    assert "qcow2" in result["msg"]
    missing = run_module("disk_machine", build_id=build, image=str(tmp_path / "none"), format="raw")
    assert missing["msg"] == f"there is no disk image {tmp_path / 'none'}: build it first."


def test_a_machine_ends_by_itself_in_time(run_module: RunModule, build: str, tmp_path: Path) -> None:
    image = disk(tmp_path / "web.raw", "Loading Linux ...\r\n")
    result = run_module("disk_machine", build_id=build, image=image, format="raw", enter=False, expires_in=1)
    assert "ended before it had booted" in result["msg"]


def test_a_module_that_is_killed_leaves_what_a_sweep_finds(
    start_module: Callable[..., subprocess.Popen[str]], run_module: RunModule, build: str, tmp_path: Path
) -> None:
    console = tmp_path / "console.log"
    image = disk(tmp_path / "web.raw", "Loading Linux ...\r\n")
    options = {"build_id": build, "image": image, "format": "raw", "enter": False, "console": str(console)}
    with start_module("disk_machine", options) as module:
        while not (console.exists() and "Loading" in console.read_text()):
            assert module.poll() is None
        os.killpg(module.pid, signal.SIGKILL)
    name = f"goldsmith-{build}-verify-bios"
    assert _qemu.processes()[name]
    assert [one["id"] for one in run_module("disk_machine_sweep", build_ids=["other"], expired=False)["found"]] == []
    listed = run_module("disk_machine_sweep", check=True, build_ids=[build], expired=False)
    assert [one["id"] for one in listed["found"]] == [name]
    assert _qemu.processes()[name]
    assert [one["id"] for one in run_module("disk_machine_sweep", build_ids=[build], expired=False)["removed"]] == [
        name
    ]
    assert name not in _qemu.processes()
