"""A machine: the container behind an instance, with systemd as its init."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

from goldsmith.lab.boot import INIT, SEED, Boot, write_seed
from goldsmith.lab.engine import LABEL, Engine

STOP_TIMEOUT = 15
"""Seconds that a machine has to shut down before its power is cut."""

REBOOT, POWER_OFF = 129, 130
"""Exit status of a container whose init called ``reboot`` or ``halt``: the kernel ends a PID namespace by SIGHUP or
SIGINT then (https://man7.org/linux/man-pages/man2/reboot.2.html)."""


class Machine:
    """The container of an instance. Its methods wait for one another.

    Args:
        engine: The lab's share of the engine.
        name: Id of the instance.
        address: Its IP address.
        seed: Directory for what the machine is given at boot.
        reachable: Whether it is connected to the network.
    """

    def __init__(self, engine: Engine, name: str, address: str, seed: Path, *, reachable: bool = True) -> None:
        self.name = name
        self.address = address
        self._engine = engine
        self._api = engine.api
        self._container = f"{engine.network}-{name}"
        self._seed = seed
        self._reachable = reachable
        self._busy = threading.RLock()
        self._exists = False
        self._meant = False
        self._gone = False

    @property
    def container(self) -> str:
        """Name of the container."""
        return self._container

    @property
    def meant(self) -> bool:
        """Whether the lab itself ends the machine, so that its end is no news."""
        return self._meant

    def start(self, image: str, boot: Boot) -> bool:
        """Start the machine.

        Args:
            image: File system to start from, where the machine does not exist yet.
            boot: What the machine is given.

        Returns:
            Whether it runs; it does not when it was removed meanwhile.
        """
        with self._busy:
            if self._gone:
                return False
            write_seed(self._seed, boot)
            if not self._exists:
                self._create(image, boot)
            self._meant = False
            self._api.start(self._container)
            self._let_boot()
            return True

    def stop(self) -> None:
        """Shut the machine down."""
        with self._busy:
            self._meant = True
            with contextlib.suppress(NotFound):
                self._api.stop(self._container, timeout=STOP_TIMEOUT)

    def remove(self) -> None:
        """Cut the power and throw the machine away; one that is still being started is not."""
        with self._busy:
            self._meant = self._gone = True
            with contextlib.suppress(NotFound):
                self._api.remove_container(self._container, force=True, v=True)

    def capture(self, repository: str, tag: str) -> str:
        """Make an image of the machine's file system.

        Returns:
            Id of the image.
        """
        with self._busy:
            return str(self._api.commit(self._container, repository=repository, tag=tag)["Id"])

    def console(self) -> bytes:
        """Return what the machine wrote to its console."""
        try:
            return bytes(self._api.logs(self._container, stdout=True, stderr=True, tail=1000))
        except (NotFound, APIError):
            return b""

    def _create(self, image: str, boot: Boot) -> None:
        network: dict[str, Any] = {"network_disabled": True}
        if self._reachable:
            endpoint = self._api.create_endpoint_config(ipv4_address=self.address)
            network = {"networking_config": self._api.create_networking_config({self._engine.network: endpoint})}
        host = self._api.create_host_config(
            binds=["/sys/fs/cgroup:/sys/fs/cgroup:ro", f"{self._seed}:{SEED}:ro"],
            tmpfs={"/run": "exec,mode=755", "/run/lock": "mode=1777"},
            # Without it systemd's reboot is an exit like any other.
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
        self._exists = True

    def _let_boot(self) -> None:
        """Let the machine, which waits for it, boot."""
        (self._seed / "ready").touch()
