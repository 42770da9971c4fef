# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines by QEMU: how one is called, and what of it this machine can do."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

PROGRAM = "qemu-system-x86_64"

# One file that holds code and variables, or a pair of them; the first that is there.
_UEFI = (
    ("/usr/share/ovmf/OVMF.fd",),
    ("/usr/share/qemu/OVMF.fd",),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
)

# mov dx,0xf4; mov al,0x10; out dx,al; hlt: QEMU's isa-debug-exit ends with (value << 1) | 1.
_PROBE = bytes.fromhex("baf400b010eef4").ljust(510, b"\0") + b"\x55\xaa"
_PROBE_STATUS = 0x10 << 1 | 1
_PROBE_TIMEOUT = 10

_KVM = ("-accel", "kvm", "-cpu", "host")
_EMULATED = ("-accel", "tcg,thread=multi", "-cpu", "max")


@dataclass(frozen=True)
class Guest:
    """A virtual machine that is to be.

    Attributes:
        name: Its name, by which its process is found.
        image: The disk image, which is not changed.
        format: Its format, as QEMU calls it.
        uefi: Files of the UEFI firmware; none for BIOS.
        accelerator: ``kvm`` or ``tcg``.
        cpus: How many.
        memory: MiB.
        port: TCP port of this machine's loopback that leads to its SSH.
        public_key: Who may enter, in OpenSSH's form.
        seed: Directory that it sees as a disk labelled ``cidata``.
        console: File that takes what it writes to its serial console.
        control: Socket by which it is told things (QMP).
    """

    name: str
    image: str
    format: str
    uefi: tuple[str, ...]
    accelerator: str
    cpus: int
    memory: int
    port: int
    public_key: str
    seed: Path
    console: Path
    control: Path

    def command(self) -> list[str]:
        """Return the command that starts it.

        Writes go to a temporary file that has no name. The network leads nowhere but to its SSH: what is in the image
        shall not reach what listens on this machine.
        """
        net = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22"
        disk = f"id=disk,if=none,snapshot=on,format={self.format},file={_escaped(self.image)}"
        credential = f"io.systemd.credential:ssh.authorized_keys.root={self.public_key}"
        return [
            *(PROGRAM, "-name", f"guest={self.name}"),
            *("-nodefaults", "-no-user-config", "-no-reboot", "-nographic", "-monitor", "none"),
            *("-machine", "q35", *(_KVM if self.accelerator == "kvm" else _EMULATED)),
            *("-smp", str(self.cpus), "-m", str(self.memory)),
            *_firmware(self.uefi),
            *("-serial", f"file:{_escaped(str(self.console))}"),
            *("-qmp", f"unix:{_escaped(str(self.control))},server=on,wait=off"),
            *("-drive", disk, "-device", "virtio-blk-pci,drive=disk,bootindex=1"),
            *("-blockdev", f"driver=vvfat,node-name=seed,read-only=on,label=cidata,dir={_escaped(str(self.seed))}"),
            *("-device", "virtio-blk-pci,drive=seed"),
            # Without a boot ROM of its own it does not try to boot from the network.
            *("-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-rng-pci"),
            *("-smbios", f"type=11,value={_escaped(credential)}"),
        ]


def _firmware(files: tuple[str, ...]) -> list[str]:
    if len(files) == 1:
        return ["-bios", files[0]]
    kinds = ("readonly=on", "snapshot=on")
    drives = [f"if=pflash,format=raw,{kind},file={_escaped(file)}" for kind, file in zip(kinds, files)]
    return [word for drive in drives for word in ("-drive", drive)]


def _escaped(text: str) -> str:
    return text.replace(",", ",,")


def need_qemu() -> None:
    """See that QEMU is on this machine.

    Raises:
        Fault: It is not.
    """
    if shutil.which(PROGRAM) is None:
        raise Fault(
            f"a disk image cannot be started on this machine without {PROGRAM}. "
            "On Debian and Ubuntu: apt-get install --no-install-recommends qemu-system-x86"
        )


def uefi_firmware() -> tuple[str, ...]:
    """Return the files of the UEFI firmware for virtual machines.

    Raises:
        Fault: There is none.
    """
    for files in _UEFI:
        if all(Path(file).exists() for file in files):
            return files
    raise Fault(
        "a disk image cannot be started by UEFI on this machine, as there is no OVMF. "
        "On Debian and Ubuntu: apt-get install ovmf"
    )


def kvm_works() -> bool:
    """Return whether a virtual machine really runs with KVM: a device that can be opened does not prove it."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with tempfile.NamedTemporaryFile(prefix="goldsmith-kvm-") as disk:
        disk.write(_PROBE)
        disk.flush()
        command = [PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-m", "16", *_KVM]
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        command += ["-drive", f"if=ide,format=raw,snapshot=on,file={_escaped(disk.name)}"]
        try:
            done = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_PROBE_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == _PROBE_STATUS


def free_port() -> int:
    """Return a TCP port of the loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def power_button(control: Path) -> None:
    """Press a virtual machine's power button, if it still listens to its control socket (QMP's system_powerdown)."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(str(control))
        with line.makefile("rw", encoding="utf-8") as talk:
            talk.readline()
            for command in ("qmp_capabilities", "system_powerdown"):
                talk.write(json.dumps({"execute": command}) + "\n")
                talk.flush()
                talk.readline()


def processes() -> dict[str, int]:
    """Return the virtual machines that run here: process ids by name."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_text("utf-8", "replace").split("\0")
            if Path(words[0]).name == PROGRAM and "-name" in words:
                found[words[words.index("-name") + 1][len("guest=") :]] = int(path.parent.name)
    return found
