"""What the lab keeps of the calls that reach it, and the faults that are to happen to them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from goldsmith.lab.faults import Fault


@dataclass
class Call:
    """A call of the API, as it came in, and what was answered.

    Attributes:
        service: Service's name in its signature, such as ``ec2``.
        action: Action, such as ``RunInstances``; method and path for a service without actions.
        region: Region.
        parameters: The request's parameters, as its protocol writes them.
        status: HTTP status of the answer; 0 as long as there is none.
        error: AWS's error code; empty for a call that was done.
        fault: Kind of the fault that happened to it, or empty.
    """

    service: str
    action: str
    region: str
    parameters: Mapping[str, str]
    status: int = 0
    error: str = ""
    fault: str = ""

    def document(self) -> dict[str, Any]:
        """Return the call as JSON has it."""
        return {name: getattr(self, name) for name in Call.__dataclass_fields__}


class _Ordered:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.count = 0
        self.cleared = threading.Event()


class Recorder:
    """The calls since the start, or since they were last cleared, and the faults in force."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: list[Call] = []
        self._faults: list[_Ordered] = []
        self._held = 0

    def record(self, call: Call) -> tuple[Fault | None, threading.Event]:
        """Keep a call.

        Returns:
            The fault that happens to it, or None, and an event that is set when the fault is cleared.
        """
        with self._changed:
            self._calls.append(call)
            found = None
            for ordered in self._faults:
                if ordered.fault.call is None and not ordered.fault.fits(call.action, call.parameters):
                    continue
                ordered.count += 1
                if found is None and ordered.fault.happens(ordered.count):
                    found = ordered
        if found is None:
            return None, threading.Event()
        call.fault = found.fault.kind
        return found.fault, found.cleared

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls, in the order in which they came."""
        with self._changed:
            return [call.document() for call in self._calls]

    def clear_calls(self) -> None:
        """Forget the calls so far."""
        with self._changed:
            self._calls.clear()

    def order(self, fault: Fault) -> None:
        """Let a fault happen from now on."""
        with self._changed:
            self._faults.append(_Ordered(fault))

    def clear_faults(self) -> None:
        """Let no ordered fault happen any more, and send the answers that are held."""
        with self._changed:
            for ordered in self._faults:
                ordered.cleared.set()
            self._faults.clear()

    def hold(self, cleared: threading.Event) -> None:
        """Wait until a fault is cleared; meanwhile `wait_held` knows."""
        with self._changed:
            self._held += 1
            self._changed.notify_all()
        cleared.wait()
        with self._changed:
            self._held -= 1

    def wait_held(self, timeout: float) -> bool:
        """Wait until an answer is held.

        Args:
            timeout: Seconds.

        Returns:
            Whether one is.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._held > 0, timeout)
