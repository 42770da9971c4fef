"""What is done to a machine from outside while its init waits: a boot id of its own, and the way to its metadata.

A container shares the boot id of the machine that it runs on, by which Ansible tells that a reboot is over; and in none
is anything at 169.254.169.254. Both take root; without it, the machine does without.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import subprocess
import threading

from goldsmith.lab.boot import BOOT_ID

log = logging.getLogger("goldsmith.lab")

METADATA = "169.254.169.254"

_CLONE_FS = 0x00000200
_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_MS_BIND = 4096


def connect(pid: int, metadata: tuple[str, int] | None) -> None:
    """Give a machine a boot id, and the way to its metadata.

    Args:
        pid: Process of its init, on this machine.
        metadata: Address and port at which its metadata is served; None for no metadata.
    """
    if os.geteuid() != 0:
        return
    # A thread can change its namespaces, but not change them back: this one ends in them.
    thread = threading.Thread(target=_connect, args=(pid, metadata), name=f"inside {pid}")
    thread.start()
    thread.join()


def _connect(pid: int, metadata: tuple[str, int] | None) -> None:
    try:
        if metadata is not None:
            _enter(pid, "net", _CLONE_NEWNET)
            _redirect(*metadata)
        # Who shares his root directory with others may not enter where another one is in force.
        _call("unshare", _CLONE_FS)
        _enter(pid, "mnt", _CLONE_NEWNS)
        _call("mount", BOOT_ID.encode(), b"/proc/sys/kernel/random/boot_id", None, _MS_BIND, None)
    except (OSError, subprocess.CalledProcessError) as error:
        log.warning("machine of process %d: %s", pid, error)


def _enter(pid: int, kind: str, flag: int) -> None:
    descriptor = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", descriptor, flag)
    finally:
        os.close(descriptor)


def _redirect(address: str, port: int) -> None:
    rule = ["-d", METADATA, "-p", "tcp", "--dport", "80", "-j", "DNAT", "--to-destination", f"{address}:{port}"]
    iptables = shutil.which("iptables", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if iptables is None:
        raise FileNotFoundError("iptables is not installed: no metadata")
    subprocess.run([iptables, "-w", "-t", "nat", "-A", "OUTPUT", *rule], check=True, capture_output=True)


def _call(function: str, *arguments: int | bytes | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
