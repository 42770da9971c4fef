"""A machine: the container behind an instance, with systemd as its init."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from goldsmith.lab.boot import INIT, SEED, Boot, write_seed
from goldsmith.lab.engine import LABEL, UNREACHABLE, Engine
from goldsmith.lab.inside import connect

STOP_TIMEOUT = 15
"""Seconds that a machine has to shut down before its power is cut."""

REBOOT = 129
"""Exit status of a container whose init called ``reboot``: the kernel ends a PID namespace by SIGHUP then, and by
SIGINT for ``halt`` (https://man7.org/linux/man-pages/man2/reboot.2.html)."""


@dataclass
class _Run:
    """One time that the machine runs.

    Attributes:
        meant: The lab ends it, so that its end is no news.
    """

    meant: bool = False


class Machine:
    """The container of an instance. What is asked of it is done in that order, in the background.

    Args:
        engine: The lab's share of the engine.
        name: Id of the instance.
        seed: Directory for what the machine is given at boot.
        reachable: Whether it is connected to the network.

    Attributes:
        address: Its IP address.
        ended: Called with the exit status of its init when it ends by itself.
    """

    def __init__(self, engine: Engine, name: str, seed: Path, *, reachable: bool = True) -> None:
        self.address = engine.address() if reachable else UNREACHABLE
        self.ended: Callable[[int], None] = lambda _status: None
        self._engine = engine
        self._api = engine.api
        self._container = f"{engine.network}-{name}"
        self._seed = seed
        self._reachable = reachable
        self._jobs = ThreadPoolExecutor(1, f"machine {name}")
        self._run = _Run()

    def start(self, boot: Boot, image: Callable[[], str] | None = None) -> Future[None]:
        """Start the machine.

        Args:
            boot: What the machine is given.
            image: Returns the file system to start from; for a machine that does not exist yet.
        """

        def work() -> None:
            write_seed(self._seed, boot)
            if image is not None:
                self._create(image(), boot)
            run = self._run = _Run()
            self._api.start(self._container)
            threading.Thread(target=self._watch, args=(run,), name=f"watch {self._container}", daemon=True).start()
            if self._reachable:
                connect(self._api.inspect_container(self._container)["State"]["Pid"], self._engine.metadata)
            (self._seed / "ready").touch()

        return self._jobs.submit(work)

    def stop(self) -> Future[None]:
        """Shut the machine down."""

        def work() -> None:
            self._run.meant = True
            with contextlib.suppress(NotFound):
                self._api.stop(self._container, timeout=STOP_TIMEOUT)

        return self._jobs.submit(work)

    def remove(self) -> Future[None]:
        """Cut the power and throw the machine away. Nothing can be asked of it afterwards."""

        def work() -> None:
            self._run.meant = True
            with contextlib.suppress(NotFound):
                self._api.remove_container(self._container, force=True, v=True)
            self._engine.release(self.address)

        job = self._jobs.submit(work)
        self._jobs.shutdown(wait=False)
        return job

    def cancel(self) -> None:
        """Do nothing more of what was asked."""
        self._run.meant = True
        self._jobs.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for what is being done."""
        self._jobs.shutdown(wait=True)

    def capture(self, repository: str, tag: str) -> Future[None]:
        """Make an image of the machine's file system."""
        return self._jobs.submit(self._api.commit, self._container, repository=repository, tag=tag)

    def console(self) -> bytes:
        """Return what the machine wrote to its console."""
        try:
            return bytes(self._api.logs(self._container, stdout=True, stderr=True, tail=1000))
        except APIError:
            return b""

    def _create(self, image: str, boot: Boot) -> None:
        network: dict[str, Any] = {}
        if self._reachable:
            endpoint = self._api.create_endpoint_config(ipv4_address=self.address)
            network = {"networking_config": self._api.create_networking_config({self._engine.network: endpoint})}
        # systemd needs a control group to put its services in: in version 1 Docker makes one for each container that it
        # may write to, in version 2 there is but the one tree of the kernel.
        cgroups = "/sys/fs/cgroup:/sys/fs/cgroup:" + ("rw" if self._engine.unified_cgroups else "ro")
        host = self._api.create_host_config(
            binds=[cgroups, f"{self._seed}:{SEED}:ro"],
            cgroupns="host" if self._engine.unified_cgroups else None,
            tmpfs={"/run": "exec,mode=755", "/run/lock": "mode=1777"},
            # Without it, systemd's reboot is an exit like any other.
            cap_add=["SYS_BOOT"],
            network_mode=self._engine.network if self._reachable else "none",
        )
        self._api.create_container(
            image,
            command=[INIT],
            entrypoint=[],
            user="0",
            name=self._container,
            hostname=boot.hostname,
            tty=True,
            labels={LABEL: self._engine.lab},
            stop_signal="SIGRTMIN+3",
            host_config=host,
            **network,
        )

    def _watch(self, run: _Run) -> None:
        try:
            status = self._api.wait(self._container)["StatusCode"]
        except (DockerException, RequestException):
            return
        if not run.meant:
            self.ended(int(status))
