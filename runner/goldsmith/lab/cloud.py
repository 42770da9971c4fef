"""What all regions of a lab share: the machines, the file systems of snapshots, time and its work in the background."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker.errors import ImageNotFound

from goldsmith.lab import disks
from goldsmith.lab.bases import Base, is_made, make
from goldsmith.lab.engine import CONTENT, LABEL, Engine
from goldsmith.lab.machine import Machine

if TYPE_CHECKING:
    from goldsmith.lab.ec2.guest import Guest

log = logging.getLogger("goldsmith.lab")


@dataclass(frozen=True)
class Content:
    """The file system of a snapshot.

    Attributes:
        reference: Image in the engine.
        user: User that EC2's key pair is given to.
        base: The public image that it is, which is made when it is first needed; None for a lab's own.
        system: Where it is on the snapshot's disk, which was written block by block; it is taken out when it is first
            needed. None for all others.
    """

    reference: str
    user: str
    base: Base | None = None
    system: disks.System | None = None


class Cloud:
    """One lab's resources beyond moto's.

    Args:
        client: Client of the Docker engine.
        engine: The lab's share of it.
        directory: The lab's directory.
        delays: Seconds by what takes time; see `goldsmith.lab.client.DELAYS`.

    Attributes:
        lock: Held by whoever reads or changes resources.
        disks: Disks of snapshots that were written block by block.
    """

    def __init__(self, client: Any, engine: Engine, directory: Path, delays: Mapping[str, float]) -> None:
        self.engine = engine
        self.directory = directory
        self.delays = dict(delays)
        self.lock = threading.RLock()
        self.guests: dict[str, Guest] = {}
        self.contents: dict[str, Content] = {}
        self.disks: dict[str, disks.Disk] = {}
        self.tokens: dict[tuple[str, ...], tuple[str, Any]] = {}
        self._client = client
        self._closing = threading.Event()

    def new_machine(self, name: str, *, reachable: bool) -> Machine:
        """Return a new machine, which has an address and does not exist yet."""
        return Machine(self.engine, name, self.directory / "machines" / name, reachable=reachable)

    def image_of(self, snapshot: str) -> str:
        """Return the image in the engine that holds a snapshot's file system; a public one is made if need be."""
        content = self.contents[snapshot]
        if content.base is not None and not is_made(self.engine.api, content.reference):
            log.info("making %s", content.reference)
            make(self._client, content.base, content.reference)
        if content.system is not None and not is_made(self.engine.api, content.reference):
            log.info("making %s", content.reference)
            label, disk = f"{LABEL}={self.engine.lab}", self.disks[snapshot].path
            disks.import_system(self.engine.api, disk, content.system, content.reference, label)
        return content.reference

    def disk_path(self, snapshot: str) -> Path:
        """Return the file of a snapshot's disk."""
        return self.directory / "disks" / f"{snapshot}.raw"

    def find_system(self, snapshot: str) -> None:
        """Note the system on a snapshot's disk, if there is one, as what machines can be started from."""
        found = disks.system(self.disks[snapshot].path)
        if found is not None:
            with self.lock:
                self.contents[snapshot] = Content(f"{CONTENT}:{snapshot}", found.user, system=found)

    def capture(self, machine: Machine, snapshot: str, user: str) -> Callable[[], None]:
        """Begin to keep the file system of a machine as that of a snapshot, and return what waits for it."""
        job = machine.capture(CONTENT, snapshot)

        def finish() -> None:
            job.result()
            with self.lock:
                self.contents[snapshot] = Content(f"{CONTENT}:{snapshot}", user)

        return finish

    def copy(self, source: str, target: str) -> None:
        """Keep the file system of one snapshot as that of another one, too."""
        if source in self.disks:
            self.disks[target] = self.disks[source].copy(self.disk_path(target))
        content = self.contents[source]
        if content.system is not None:
            content = Content(f"{CONTENT}:{target}", content.user, system=content.system)
        elif content.base is None:
            self.engine.api.tag(content.reference, CONTENT, target, force=True)
            content = Content(f"{CONTENT}:{target}", content.user)
        with self.lock:
            self.contents[target] = content

    def forget(self, snapshot: str) -> None:
        """Throw away the file system of a snapshot."""
        with self.lock:
            content = self.contents.pop(snapshot, None)
            disk = self.disks.pop(snapshot, None)
        if disk is not None:
            disk.discard()
        if content is not None and content.base is None:
            # One that was never needed was not made.
            with contextlib.suppress(ImageNotFound):
                self.engine.api.remove_image(content.reference, force=True)

    def later(self, what: str, work: Callable[..., Any], *arguments: Any) -> None:
        """Do something in the background; what goes wrong is logged."""

        def run() -> None:
            try:
                work(*arguments)
            except Exception:
                if not self._closing.is_set():
                    log.exception("%s failed", what)

        threading.Thread(target=run, name=what, daemon=True).start()

    def pause(self, delay: str) -> Callable[[], object]:
        """Return what lets the time pass that something takes, which is what is set now."""
        return functools.partial(self._closing.wait, self.delays.get(delay, 0))

    def close(self) -> list[str]:
        """End all machines, and return what was removed from the engine. Nothing can be begun afterwards."""
        self._closing.set()
        with self.lock:
            machines = [guest.machine for guest in self.guests.values()]
        for machine in machines:
            machine.cancel()
        removed = self.engine.remove_all()
        for disk in self.disks.values():
            disk.discard()
        for machine in machines:
            machine.join()
        return removed
