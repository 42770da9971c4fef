# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One attempt to enter a machine by SSH: the real ``ssh``, as Ansible will call it, and what its answer means."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from typing import NamedTuple

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

CONNECT_TIMEOUT = 5
"""Seconds in which a machine answers, or does not."""

# One line, as the user's shell may be any. cloud-init would still be installing packages, and its lock on them be held.
_SCRIPT = (
    "echo goldsmith entered; "
    "if command -v cloud-init >/dev/null 2>&1; then cloud-init status --wait >/dev/null 2>&1; "
    "echo goldsmith cloud-init $?; fi; "
    "echo goldsmith python $(command -v python3 || command -v /usr/libexec/platform-python)"
)


@dataclass(frozen=True)
class Door:
    """How a machine is entered.

    Attributes:
        user: User.
        address: Host name or address.
        port: TCP port.
        key_file: File of the private key.
        known_hosts: File that the machine's host key is written to when it is first seen.
        alias: The name that the host key is known by; addresses may be another machine's tomorrow.
        args: Further arguments of ssh, as in a shell. They go first, and so prevail.
    """

    user: str
    address: str
    port: int
    key_file: str
    known_hosts: str
    alias: str
    args: str = ""

    @property
    def options(self) -> list[str]:
        """All arguments that a connection needs, but for address, port, user and key.

        Raises:
            Fault: `args` cannot be split into words.
        """
        try:
            own = shlex.split(self.args)
        except ValueError as error:
            raise Fault(f"ssh.args {self.args!r} cannot be split into words: {error}.") from error
        options = {
            "UserKnownHostsFile": _quoted(self.known_hosts),
            "StrictHostKeyChecking": "accept-new",
            "HostKeyAlias": self.alias,
            "IdentitiesOnly": "yes",
            "ServerAliveInterval": "15",
        }
        return own + [word for key, value in options.items() for word in ("-o", f"{key}={value}")]

    @property
    def common_args(self) -> str:
        """The same as one string, for ``ansible_ssh_common_args``."""
        return shlex.join(self.options)

    def command(self) -> list[str]:
        """Return the command that enters the machine once, waits until it has booted and looks for Python."""
        once = {
            "BatchMode": "yes",
            "ControlMaster": "no",
            "ControlPath": "none",
            "ConnectTimeout": str(CONNECT_TIMEOUT),
            "LogLevel": "ERROR",
        }
        return [
            "ssh",
            *self.options,
            *(word for key, value in once.items() for word in ("-o", f"{key}={value}")),
            *("-i", self.key_file, "-p", str(self.port), "-l", self.user, "-T", self.address),
            shlex.join(["/bin/sh", "-c", _SCRIPT]),
        ]


def _quoted(path: str) -> str:
    # ssh splits the value at spaces and replaces %-tokens in it.
    text = path.replace("%", "%%")
    return f'"{text}"' if " " in text else text


class Answer(NamedTuple):
    """What came of an attempt.

    Attributes:
        said: ssh's last line of complaint.
        entered: Whether the user was let in.
        ready: Whether the machine has booted.
        python: Path of Python there, or None.
        cloud_init: Exit status of ``cloud-init status``, or None.
    """

    said: str
    entered: bool = False
    ready: bool = False
    python: str | None = None
    cloud_init: int | None = None

    @property
    def denied(self) -> bool:
        """Whether the machine answers, but does not let the user in with the key."""
        return not self.entered and "Permission denied" in self.said


_TURNED_AWAY = re.compile(r'Please login as the user "?([^\s"]+)"? rather than')
_WRONG_HERE = re.compile(
    r"Bad configuration option|unknown option|illegal option|no argument after keyword|missing argument"
    r"|Bad owner or permissions|UNPROTECTED PRIVATE KEY|invalid format|error in libcrypto|^usage: ssh|Bad port"
)


def attempt(door: Door, timeout: float) -> Answer:
    """Try to enter once.

    Args:
        door: How.
        timeout: Seconds for all of it, the wait for the end of the boot included.

    Raises:
        Fault: It will not work the next time either.
    """
    try:
        done = subprocess.run(
            door.command(), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=timeout
        )
    except FileNotFoundError as error:
        raise Fault("there is no ssh on this machine: install OpenSSH's client.") from error
    except subprocess.TimeoutExpired as error:
        return understand((error.stdout or b"").decode(errors="replace"), "it did not answer in time", door)
    return understand(done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), door)


def understand(stdout: str, stderr: str, door: Door) -> Answer:
    """Return what an attempt's output means. Pure.

    Raises:
        Fault: It will not work the next time either.
    """
    told = dict(re.findall(r"^goldsmith (entered|cloud-init|python) ?(.*)$", stdout, re.MULTILINE))
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = lines[-1] if lines else ""
    if "entered" in told:
        status = told.get("cloud-init", "")
        return Answer(
            said,
            entered=True,
            ready="python" in told,
            python=told.get("python") or None,
            cloud_init=int(status) if status.isdigit() else None,
        )
    other = _TURNED_AWAY.search(stdout)
    if other:
        raise Fault(
            f"the machine lets in the user {other[1]}, not {door.user}: set ssh.user to {other[1]} "
            "(the option `user`; in a spec, targets.ec2.machine.user)."
        )
    wrong = next((line for line in lines if _WRONG_HERE.search(line)), None)
    if wrong:
        raise Fault(f"ssh cannot be used like this: {wrong}. Look at ssh.args, ~/.ssh/config and key_file.")
    if "HOST IDENTIFICATION HAS CHANGED" in stderr or said.startswith("Host key verification failed"):
        raise Fault(
            f"the machine at {door.address} shows another host key than the first time, or one that ssh.args or "
            "~/.ssh/config refuse. Somebody may be in between; release the build, and begin again."
        )
    return Answer(said)
