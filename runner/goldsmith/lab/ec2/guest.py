"""An instance and its machine: what the API begins, carried out in the background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.instances import InstanceState, StateReason

from goldsmith.lab.boot import Boot
from goldsmith.lab.cloud import Cloud
from goldsmith.lab.machine import REBOOT, Machine

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

BY_USER = ("Client.UserInitiatedShutdown", "User initiated shutdown")
BY_GUEST = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")


@dataclass
class Guest:
    """An instance and its machine.

    Attributes:
        cloud: The lab's resources; its lock is held by who calls these methods, but for the ones with an underscore.
        instance: moto's instance.
        machine: Its machine.
        snapshot: Id of the snapshot that it starts from.
        boot: What it is given at its first boot.
        public: Whether it has a public address.
    """

    cloud: Cloud
    instance: Any
    machine: Machine
    snapshot: str
    boot: Boot
    public: bool

    def launch(self) -> None:
        """Start the machine for the first time."""
        self._show("pending")
        nic = self.instance.nics[0]
        nic.private_ip_address = self.machine.address
        nic.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": self.machine.address}]
        nic.public_ip_auto_assign = False
        nic.public_ip = self.machine.address if self.public else None
        self.cloud.later(f"launch {self.instance.id}", self._start, self.boot)

    def start(self) -> None:
        """Start the machine that was stopped."""
        self._show("pending")
        self.instance.nics[0].public_ip = self.machine.address if self.public else None
        self.cloud.later(f"start {self.instance.id}", self._start, replace(self.boot, first=False))

    def stop(self) -> None:
        """Shut the machine down."""
        self._show("stopping", *BY_USER)
        self.cloud.later(f"stop {self.instance.id}", self._stop)

    def reboot(self) -> None:
        """Shut the machine down and start it again."""
        self.cloud.later(f"reboot {self.instance.id}", self._reboot)

    def terminate(self) -> None:
        """Throw the machine away."""
        self._show("shutting-down", *BY_USER)
        self.cloud.later(f"terminate {self.instance.id}", self._terminate, BY_USER)

    def ended(self, status: int) -> None:
        """Follow the machine, which ended by itself: it reboots, or was shut down from within. Takes the lock.

        Args:
            status: Exit status of its init.
        """
        with self.cloud.lock:
            if self.instance.state not in ("pending", "running"):
                return
            if status == REBOOT:
                self.cloud.later(f"reboot {self.instance.id}", self._again)
            elif self.instance.instance_initiated_shutdown_behavior == "terminate":
                self._show("shutting-down", *BY_GUEST)
                self.cloud.later(f"terminate {self.instance.id}", self._terminate, BY_GUEST)
            else:
                self._show("stopping", *BY_GUEST)
                self.cloud.later(f"stop {self.instance.id}", self._stopped, BY_GUEST)

    def _start(self, boot: Boot) -> None:
        try:
            runs = self.machine.start(self.cloud.image_of(self.snapshot) if boot.first else "", boot)
        except Exception:
            self.machine.remove()
            with self.cloud.lock:
                self._end("Server.InternalError", "Internal error on launch")
            raise
        self.cloud.wait("run")
        with self.cloud.lock:
            if runs and self.instance.state == "pending":
                self._show("running")

    def _again(self) -> None:
        self.machine.start("", replace(self.boot, first=False))

    def _reboot(self) -> None:
        self.machine.stop()
        with self.cloud.lock:
            boots = self.instance.state == "running"
        if boots:
            self._again()

    def _stop(self) -> None:
        self.machine.stop()
        self._stopped(BY_USER)

    def _stopped(self, reason: tuple[str, str]) -> None:
        self.cloud.wait("stop")
        with self.cloud.lock:
            if self.instance.state == "stopping":
                self._show("stopped", *reason)
                # An address that is not an Elastic IP goes when the instance stops.
                self.instance.nics[0].public_ip = None

    def _terminate(self, reason: tuple[str, str]) -> None:
        self.machine.remove()
        self.cloud.wait("terminate")
        with self.cloud.lock:
            self._end(*reason)

    def _end(self, code: str, message: str) -> None:
        if self.instance.state == "terminated":
            return
        self.instance.terminate()
        self._show("terminated", code, message)

    def _show(self, state: str, code: str = "", message: str = "") -> None:
        """Give the instance a state, with the reason for it."""
        self.instance._state = InstanceState(state, CODES[state])
        self.instance.state_reason = StateReason(f"{code}: {message}" if code else "", code)
        moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S GMT")
        self.instance._reason = f"User initiated ({moment})" if (code, message) == BY_USER else f"{code}: {message}"
        if not code:
            self.instance._reason = ""
