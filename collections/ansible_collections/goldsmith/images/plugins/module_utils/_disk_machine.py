# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual machine that a disk image is tested in: started, waited for, and ended without a trace."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Collection, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._console import dead_end, has_booted, last_words
from ansible_collections.goldsmith.images.plugins.module_utils._container import last_lines
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._keepsakes import Keepsakes, private_directory
from ansible_collections.goldsmith.images.plugins.module_utils._qemu import Guest, power_button, processes
from ansible_collections.goldsmith.images.plugins.module_utils._ssh_probe import Answer, Door, attempt
from ansible_collections.goldsmith.images.plugins.module_utils._time import moment, stamp

USER = "goldsmith"
"""User of the virtual machine where root is not let in."""

PATTERN = "goldsmith-*-verify-*"

_CONNECT_TIMEOUT = 60
"""Seconds for sshd to answer: an emulated processor is slow."""

_PAUSE = 1.0
_BETWEEN_ATTEMPTS = 5.0
"""Seconds between two attempts to enter before the console asks for a login."""

# https://cloudinit.readthedocs.io/en/22.4.2/topics/datasources/nocloud.html
# What takes an emulated processor long is left out: host keys that are there already, a locale.
_USER_DATA = """\
#cloud-config
preserve_hostname: true
disable_root: false
ssh_pwauth: false
ssh_deletekeys: false
locale: false
users:
- default
- name: root
  ssh_authorized_keys: ["{key}"]
- name: {user}
  lock_passwd: true
  shell: /bin/sh
  sudo: "ALL=(ALL) NOPASSWD:ALL"
  ssh_authorized_keys: ["{key}"]
"""


@dataclass(frozen=True)
class Note:
    """What is kept of a virtual machine beside its key, so that another process can enter it and end it.

    Attributes:
        name: Its name.
        build: The build that it belongs to.
        expires: When it ends by itself.
        firmware: ``bios`` or ``uefi``.
        accelerator: ``kvm`` or ``tcg``.
        console: File with what it wrote to its serial console.
        port: TCP port of the loopback that leads to its SSH.
        user: Who enters; empty where nobody has.
        python: Path of Python in it, or None.
        cloud_init: Exit status of cloud-init in it, or None.
    """

    name: str
    build: str
    expires: str
    firmware: str
    accelerator: str
    console: str
    port: int
    user: str = ""
    python: str | None = None
    cloud_init: int | None = None


@dataclass
class Machine:
    """A virtual machine and its private directory, which may be gone.

    Attributes:
        directory: The directory.
        note: What is kept of it.
        pid: Its process; None when it does not run.
    """

    directory: Path
    note: Note
    pid: int | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def door(self, user: str) -> Door:
        """Return how it is entered."""
        key = str(self.directory / "key")
        args = f"-o ConnectTimeout={_CONNECT_TIMEOUT}"
        return Door(user, "127.0.0.1", self.note.port, key, f"{key}.known_hosts", self.note.name, args)

    def console(self) -> str:
        """Return what it has written to its serial console."""
        with suppress(OSError):
            return Path(self.note.console).read_text("utf-8", "replace")
        return ""

    def runs(self) -> bool:
        """Return whether its process is there."""
        if self.process:
            return self.process.poll() is None
        return self.pid is not None and processes().get(self.note.name) == self.pid


def name_of(build_id: str, firmware: str) -> str:
    """Return the name of a build's virtual machine.

    Raises:
        Fault: The build's id cannot be part of a name.
    """
    Keepsakes(build_id)
    return f"goldsmith-{build_id}-verify-{firmware}"


def machines(build_ids: Collection[str] | None = None) -> list[Machine]:
    """Return virtual machines of this user that run here or have left something.

    Args:
        build_ids: Of these builds only; None for all.
    """
    running = processes()
    found = []
    for parent in _parents():
        for path in sorted(parent.glob(PATTERN)):
            with suppress(OSError, ValueError, TypeError):
                # A directory of somebody else's tells nothing.
                if path.lstat().st_uid == os.geteuid() and not path.is_symlink():
                    note = Note(**json.loads((path / "machine.json").read_text()))
                    found.append(Machine(path, note, running.pop(note.name, None)))
    for name, pid in running.items():
        build, mark, firmware = name.partition("-verify-")
        if mark and name.startswith("goldsmith-"):
            build = build[len("goldsmith-") :]
            found.append(Machine(Path("/nonexistent"), Note(name, build, "", firmware, "", "", 0), pid))
    return [one for one in found if build_ids is None or one.note.build in build_ids]


def _parents() -> Iterable[Path]:
    named = (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm", tempfile.gettempdir())  # noqa: S108  only looked into
    return dict.fromkeys(Path(name) for name in named if name)


def prepare(name: str) -> tuple[Path, str]:
    """Make the private directory of a virtual machine, with a key of its own and what cloud-init reads.

    Returns:
        The directory, and the public key in OpenSSH's form.

    Raises:
        Fault: It cannot be made.
    """
    directory = private_directory() / name
    try:
        directory.mkdir(mode=0o700)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(directory / "key")]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        public = (directory / "key.pub").read_text().strip()
        seed = directory / "seed"
        seed.mkdir()
        # No host name: the image's own is part of what is tested.
        (seed / "meta-data").write_text(f"instance-id: {name}\n")
        (seed / "user-data").write_text(_USER_DATA.format(key=public, user=USER))
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise Fault(
            f"{directory} cannot be made with a key in it: {error}. It needs OpenSSH's client, and a directory that "
            "can be written to, which XDG_RUNTIME_DIR or TMPDIR may name."
        ) from error
    return directory, public


def start(guest: Guest, directory: Path, note: Note, expires_in: int, now: datetime) -> Machine:
    """Start a virtual machine, which ends by itself in time whatever becomes of this process.

    Args:
        guest: What is to be.
        directory: Its private directory.
        note: What is kept of it.
        expires_in: Seconds until it is ended.
        now: The present time.

    Raises:
        Fault: There is no timeout(1) on this machine.
    """
    note = replace(note, expires=stamp(now + timedelta(seconds=expires_in)))
    keep(directory, note)
    command = ["timeout", "--kill-after=10", str(expires_in), *guest.command()]
    try:
        with (directory / "qemu.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except FileNotFoundError as error:
        raise Fault("there is no timeout on this machine: install GNU coreutils.") from error
    return Machine(directory, note, process.pid, process)


def keep(directory: Path, note: Note) -> None:
    """Write what is kept of a virtual machine into its directory."""
    (directory / "machine.json").write_text(json.dumps(asdict(note)))


def boot(machine: Machine, timeout: float, *, enter: bool) -> Machine:
    """Wait until a virtual machine has booted, and can be entered where that is wanted.

    Args:
        machine: The machine, just started.
        timeout: Seconds.
        enter: Whether it must let somebody in by SSH; else it must ask for a login on its serial console.

    Returns:
        The machine, with what is known of it now.

    Raises:
        Fault: It has not; with the end of its console.
    """
    begun = time.monotonic()
    deadline, next_attempt, users = begun + timeout, begun + _BETWEEN_ATTEMPTS, ["root", USER]
    answer, asked = Answer("nothing was said"), False
    while True:
        if not machine.runs():
            raise Fault(f"{_what(machine)} ended before it had booted.{_said(machine)}{_shown(machine)}")
        console = machine.console()
        if why := dead_end(console):
            raise Fault(f"{_what(machine)} does not boot: {why}.{last_words(console)}")
        booted = has_booted(console)
        if booted and not enter:
            return machine
        now = time.monotonic()
        if enter and (now >= next_attempt or (booted and not asked)):
            asked = booted
            answer = attempt(machine.door(users[0]), max(deadline - now, 1))
            if answer.ready:
                note = replace(machine.note, user=users[0], python=answer.python, cloud_init=answer.cloud_init)
                keep(machine.directory, note)
                return replace(machine, note=note)
            if answer.denied:
                users.reverse()
            next_attempt = time.monotonic() + (_PAUSE if answer.denied else _BETWEEN_ATTEMPTS)
        if time.monotonic() >= deadline:
            raise Fault(_late(machine, answer, timeout, booted=booted))
        time.sleep(_PAUSE)


def _late(machine: Machine, answer: Answer, timeout: float, *, booted: bool) -> str:
    if answer.entered:
        did = "can be entered but has not finished to boot: cloud-init still works"
    elif answer.denied:
        did = (
            f"lets neither root nor {USER} in by SSH: {answer.said}. The key comes by cloud-init's data source "
            "NoCloud, or to root by systemd from version 252 on; does the image have one of them, and does sshd "
            "allow it"
        )
    elif booted:
        did = f"asks for a login on its console but not for SSH: {answer.said}. Has the image an SSH server and DHCP"
    else:
        did = "has not come to a login on its serial console (console=ttyS0)"
    return f"{_what(machine)} {did}, after {timeout:.0f} s.{_shown(machine)}"


def _what(machine: Machine) -> str:
    how = "KVM" if machine.note.accelerator == "kvm" else "software emulation"
    return f"the virtual machine of the image ({machine.note.firmware.upper()}, {how})"


def _shown(machine: Machine) -> str:
    return last_words(machine.console())


def _said(machine: Machine) -> str:
    with suppress(OSError):
        said = last_lines((machine.directory / "qemu.log").read_text("utf-8", "replace"))
        return f" QEMU says: {said}" if said else ""
    return ""


def stop(machine: Machine, patience: float) -> bool:
    """End a virtual machine and remove what was made for it; its console stays where it was named.

    Args:
        machine: The machine.
        patience: Seconds that it may take to shut down by itself; 0 to end it at once.

    Returns:
        Whether it shut down by itself, or had ended before.
    """
    clean = not machine.runs()
    if not clean and patience > 0:
        _shut_down(machine)
        clean = _ends(machine, patience)
    if not clean:
        for pid in {processes().get(machine.note.name), machine.pid} - {None}:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)  # type: ignore[arg-type]
        _ends(machine, 10)
    shutil.rmtree(machine.directory, ignore_errors=True)
    return clean


def _shut_down(machine: Machine) -> None:
    if not machine.note.user:
        power_button(machine.directory / "qmp")
        return
    door = machine.door(machine.note.user)
    sudo = [] if machine.note.user == "root" else ["sudo", "-n"]
    command = [*door.command()[:-1], *sudo, "systemctl", "poweroff"]
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_CONNECT_TIMEOUT)


def _ends(machine: Machine, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while machine.runs():
        if time.monotonic() >= deadline:
            return False
        time.sleep(min(_PAUSE, timeout / 20))
    return True


def expired(machine: Machine, now: datetime) -> bool:
    """Return whether a virtual machine's time has come."""
    expires = moment(machine.note.expires)
    return expires is not None and expires <= now


def as_result(machine: Machine) -> Mapping[str, Any]:
    """Return a virtual machine as the module returns it: ``machine`` and ``ssh``."""
    note, door = machine.note, machine.door(machine.note.user)
    return {
        "machine": {
            "id": note.name,
            "firmware": note.firmware,
            "accelerator": note.accelerator,
            "console": note.console,
            "python": note.python,
        },
        "ssh": {
            "user": door.user,
            "port": door.port,
            "address": door.address,
            "key_file": door.key_file,
            "known_hosts": door.known_hosts,
            "args": door.common_args,
        }
        if note.user
        else None,
    }
