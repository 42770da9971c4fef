"""A lab as its user has it: started, asked, told, and closed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from goldsmith.errors import EnvironmentFault
from goldsmith.home import is_held
from goldsmith.lab.faults import Fault

REGION = "eu-west-1"
"""Region that the lab's environment names; there are all the other ones, too."""

STATE = "lab.json"
"""File in the lab's directory that says where it answers, as long as something of it is there."""

LOG = "lab.log"

DELAYS = {"run": 1.0, "stop": 1.0, "terminate": 1.0, "image": 2.0, "copy": 2.0, "status": 2.0}
"""Seconds that states take beyond what Docker needs, as a user of the lab meets them: until an instance is running,
stopped or terminated, an image or snapshot is made or copied, the status checks of an instance have passed."""

_CLOSE_TIMEOUT = 30.0


class Lab:
    """A running lab.

    Attributes:
        directory: Where it keeps its state and its log.
        endpoint: URL of all of its services.
        id: Its id, by which it is known in the engine.
        pid: Process of its server.
    """

    def __init__(self, directory: Path, identifier: str, pid: int, endpoint: str) -> None:
        self.directory = directory
        self.endpoint = endpoint
        self.id = identifier
        self.pid = pid
        self._bond: IO[bytes] | None = None

    @classmethod
    def start(
        cls, directory: Path, *, delays: Mapping[str, float] | None = None, port: int = 0, bound: bool = False
    ) -> Lab:
        """Start a lab, and wait until it answers.

        Args:
            directory: Where it keeps its state and its log; made if need be. One lab at a time has a directory.
            delays: Seconds that states take beyond what Docker needs, by what takes time; none by default.
            port: Port that it answers at; 0 for any.
            bound: It ends with this process, however that ends.

        Returns:
            The lab.

        Raises:
            EnvironmentFault: There is no Docker engine, the extra ``lab`` is not installed, or a lab runs there.
        """
        directory = directory.absolute()
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        if is_held(directory):
            raise EnvironmentFault(f"a lab runs in {directory} already", "End it first: goldsmith lab down")
        clean(directory)
        options = json.dumps({"delays": dict(delays or {}), "port": port, "bound": bound})
        pid, said, bond = _spawn(directory, options, bound=bound)
        if "fault" in said:
            os.waitpid(pid, 0)
            raise EnvironmentFault(said["fault"], said["hint"])
        lab = cls(directory, said["id"], pid, said["endpoint"])
        lab._bond = bond
        return lab

    @classmethod
    def attach(cls, directory: Path) -> Lab:
        """Return the lab that runs in a directory.

        Raises:
            EnvironmentFault: None does.
        """
        directory = directory.absolute()
        state = _state(directory)
        if not is_held(directory) or "endpoint" not in state:
            raise EnvironmentFault(f"no lab runs in {directory}", "Start one: goldsmith lab up")
        return cls(directory, state["id"], state["pid"], state["endpoint"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point any AWS client at the lab."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "goldsmithlab",
            "AWS_SECRET_ACCESS_KEY": "goldsmithlab",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls of the API since the start, or since they were last cleared.

        Each has its ``service``, ``action``, ``region``, ``parameters``, the answer's ``status``, AWS's ``error`` code,
        and the kind of the ``fault`` that happened to it; these are empty where there is none.
        """
        found: list[dict[str, Any]] = self._ask("GET", "calls")
        return found

    def clear_calls(self) -> None:
        """Forget the calls so far."""
        self._ask("DELETE", "calls")

    def order(self, fault: Fault) -> None:
        """Let a fault happen from now on."""
        self._ask("POST", "faults", fault.document())

    def clear_faults(self) -> None:
        """Let no fault happen any more, and send the answers that are held."""
        self._ask("DELETE", "faults")

    def wait_held(self, timeout: float = 30.0) -> bool:
        """Wait until the answer of a call is held; see the fault ``hold``.

        Args:
            timeout: Seconds.

        Returns:
            Whether one is.
        """
        return bool(self._ask("GET", f"held?timeout={timeout}", timeout=timeout + 10))

    def set_delays(self, **delays: float) -> None:
        """Change the seconds that states take, by what takes time."""
        self._ask("PUT", "delays", delays)

    def status(self) -> dict[str, Any]:
        """Return what the lab has: its ``instances`` that are not terminated, and the ``images`` made in it."""
        found: dict[str, Any] = self._ask("GET", "status")
        return found

    def close(self) -> None:
        """End the lab; nothing is left of it in the engine.

        Raises:
            EnvironmentFault: It had to be killed, and no Docker engine answers that what it left can be removed from.
        """
        deadline = time.monotonic() + _CLOSE_TIMEOUT
        number: signal.Signals | None = signal.SIGTERM
        while is_held(self.directory):
            if number is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, number)
            number = signal.SIGKILL if time.monotonic() > deadline else None
            time.sleep(0.01)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        if self._bond is not None:
            self._bond.close()
        clean(self.directory)

    def _ask(self, method: str, path: str, document: Any = None, timeout: float = 30.0) -> Any:
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.endpoint}/goldsmith-lab/{path}", data, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310  it is this machine
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.load(error)["error"]) from error
        except (urllib.error.URLError, OSError) as error:
            raise EnvironmentFault(f"the lab at {self.endpoint} does not answer: {error}", f"See {LOG}") from error


def _spawn(directory: Path, options: str, *, bound: bool) -> tuple[int, dict[str, Any], IO[bytes] | None]:
    """Start a server, which outlives whoever starts it.

    Returns:
        Its process, what it says when it is ready or cannot be, and what is to be kept open as long as it is to run.
    """
    command = [sys.executable, "-m", "goldsmith.lab.server", str(directory), options]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    inner, outer = os.pipe()
    hearing, saying = os.pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, inner, 0) if bound else (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, saying, 1),
        (os.POSIX_SPAWN_OPEN, 2, str(directory / LOG), flags, 0o600),
    ]
    pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions, setsid=True)
    os.close(inner)
    os.close(saying)
    bond = os.fdopen(outer, "wb")
    if not bound:
        bond.close()
    with os.fdopen(hearing) as said:
        line = said.readline()
    answer = json.loads(line) if line else {"fault": "the lab did not start", "hint": f"See {directory / LOG}"}
    if "fault" in answer:
        bond.close()
    return pid, answer, bond if bound else None


def down(directory: Path) -> bool:
    """End the lab of a directory, and remove what is left of it in the engine.

    Returns:
        Whether there was one.

    Raises:
        EnvironmentFault: No Docker engine answers.
    """
    directory = directory.absolute()
    state = _state(directory)
    if not state:
        return False
    Lab(directory, state["id"], state["pid"], state.get("endpoint", "")).close()
    return True


def running(directory: Path, port: int = 0) -> Lab:
    """Return the lab that runs in a directory; it is started, with the delays that a user expects, if none does.

    Args:
        directory: Where it keeps its state and its log.
        port: Port that it answers at when it is started; 0 for any.

    Raises:
        EnvironmentFault: It cannot be started.
    """
    try:
        return Lab.attach(directory)
    except EnvironmentFault:
        return Lab.start(directory, delays=DELAYS, port=port)


def clean(directory: Path) -> list[str]:
    """Remove what a lab that was killed left in the engine, and return what it was.

    Raises:
        EnvironmentFault: No Docker engine answers.
    """
    state = _state(directory)
    if not state:
        return []
    from goldsmith.lab.engine import Engine, connect  # noqa: PLC0415  loads Docker

    client = connect()
    try:
        removed = Engine(client, state["id"]).remove_all()
    finally:
        client.close()
    (directory / STATE).unlink(missing_ok=True)
    return removed


def _state(directory: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((directory / STATE).read_text())
    except (OSError, ValueError):
        return {}
    return found
