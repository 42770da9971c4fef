"""An instance and its machine: what the API begins, carried out in the background."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.instances import InstanceState, StateReason

from goldsmith.lab.boot import Boot
from goldsmith.lab.cloud import Cloud
from goldsmith.lab.machine import REBOOT, Machine

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

Reason = tuple[str, str]
BY_USER: Reason = ("Client.UserInitiatedShutdown", "User initiated shutdown")
BY_GUEST: Reason = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")


@dataclass
class Guest:
    """An instance and its machine. Who calls its methods holds the cloud's lock.

    Attributes:
        cloud: The lab's resources.
        instance: moto's instance.
        machine: Its machine.
        snapshot: Id of the snapshot that it starts from.
        boot: What it is given at its first boot.
        public: Whether it has a public address.
        reachable: Whether it is connected to the network.
        running_since: Moment of the monotonic clock at which it last began to run; None when it does not.
    """

    cloud: Cloud
    instance: Any
    machine: Machine
    snapshot: str
    boot: Boot
    public: bool
    reachable: bool = True
    running_since: float | None = None

    def __post_init__(self) -> None:
        """Follow the machine when it ends by itself."""
        self.machine.ended = self._ended

    def launch(self) -> None:
        """Start the machine for the first time."""
        nic = self.instance.nics[0]
        nic.private_ip_address = self.machine.address
        nic.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": self.machine.address}]
        nic.private_dns_name = self.instance.private_dns_name
        nic.public_ip_auto_assign = False
        self._begin(self.machine.start(self.boot, lambda: self.cloud.image_of(self.snapshot)))

    def start(self) -> None:
        """Start the machine that was stopped."""
        self._begin(self.machine.start(replace(self.boot, first=False)))

    def stop(self, reason: Reason = BY_USER) -> None:
        """Shut the machine down."""
        self._show("stopping", reason)
        self._follow("stop", self.machine.stop(), "stopping", lambda: self._stopped(reason))

    def reboot(self) -> None:
        """Shut the machine down and start it again."""
        self.machine.stop()
        self.again()

    def again(self) -> None:
        """Start the machine again, of which the API does not tell that it was stopped."""
        self.machine.start(replace(self.boot, first=False))

    def terminate(self, reason: Reason = BY_USER) -> None:
        """Throw the machine away."""
        self._show("shutting-down", reason)
        self._follow("terminate", self.machine.remove(), "shutting-down", lambda: self._terminated(reason))

    def checked(self) -> str:
        """Return the result of the status checks."""
        if self.running_since is None:
            return "not-applicable"
        if time.monotonic() - self.running_since < self.cloud.delays.get("status", 0):
            return "initializing"
        return "ok" if self.reachable else "impaired"

    def _begin(self, started: Future[None]) -> None:
        self._show("pending")
        self.instance.nics[0].public_ip = self.machine.address if self.public else None
        pause = self.cloud.pause("run")

        def follow() -> None:
            try:
                started.result()
            except Exception:
                with self.cloud.lock:
                    if self.instance.state == "pending":
                        self.terminate(("Server.InternalError", "Internal error on launch"))
                raise
            pause()
            with self.cloud.lock:
                if self.instance.state == "pending":
                    self._show("running")
                    self.running_since = time.monotonic()

        self.cloud.later(f"run {self.instance.id}", follow)

    def _follow(self, what: str, job: Future[None], state: str, then: Callable[[], None]) -> None:
        """Wait in the background for the machine and the time it takes, then go on, if the state is still the same."""
        pause = self.cloud.pause(what)

        def follow() -> None:
            try:
                job.result()
            finally:
                # What the engine could not do is logged, and done when the lab ends.
                pause()
                with self.cloud.lock:
                    if self.instance.state == state:
                        then()

        self.cloud.later(f"{what} {self.instance.id}", follow)

    def _ended(self, status: int) -> None:
        """Follow the machine, which ended by itself: it reboots, or was shut down from within."""
        with self.cloud.lock:
            if self.instance.state not in ("pending", "running"):
                return
            if status == REBOOT:
                self.again()
            elif self.instance.instance_initiated_shutdown_behavior == "terminate":
                self.terminate(BY_GUEST)
            else:
                self.stop(BY_GUEST)

    def _stopped(self, reason: Reason) -> None:
        self._show("stopped", reason)
        # An address that is not an Elastic IP goes when the instance stops.
        self.instance.nics[0].public_ip = None

    def _terminated(self, reason: Reason) -> None:
        request = self.instance.ec2_backend.spot_instance_requests.get(
            getattr(self.instance, "spot_instance_request_id", None)
        )
        if request is not None:
            request.end("closed", "instance-terminated-by-user")
        self.instance.terminate()
        self._show("terminated", reason)

    def _show(self, state: str, reason: Reason | None = None) -> None:
        """Give the instance a state, with the reason for it."""
        self.running_since = None
        self.instance._state = InstanceState(state, CODES[state])
        self.instance.state_reason = self.instance._reason = None
        if reason is not None:
            code, message = reason
            moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S GMT")
            self.instance.state_reason = StateReason(f"{code}: {message}", code)
            self.instance._reason = f"User initiated ({moment})" if reason == BY_USER else f"{code}: {message}"
