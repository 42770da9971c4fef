"""Shows how builds get on: live on a terminal, in plain lines elsewhere, as JSON lines for programs."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import IO, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from goldsmith.events import Event


class Reporter(Protocol):
    """Is told what happens in builds, by several threads."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(self, *exception: object) -> None:
        """Stop showing."""
        ...

    def event(self, event: Event) -> None:
        """Show one step of a build."""
        ...

    def output(self, line: str) -> None:
        """Show a line of Ansible's own output."""
        ...

    def ask(self, question: str) -> str:
        """Put a question to the person at the terminal and return the answer."""
        ...


def reporter(*, machine: bool, verbose: bool, stream: IO[str] | None = None) -> Reporter:
    """Return the reporter that fits: JSON lines when a program reads, live on a terminal, plain lines elsewhere.

    Args:
        machine: A program reads the output.
        verbose: Ansible's own output is wanted, too; live display would garble it.
        stream: Where to; by default standard error, or standard output for a program.
    """
    if machine:
        return JsonLines(stream or sys.stdout)
    stream = stream or sys.stderr
    return PlainLines(stream, verbose) if verbose or not stream.isatty() else LiveDisplay(Console(file=stream))


class JsonLines:
    """Writes each event as one JSON object a line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def event(self, event: Event) -> None:
        """Write one event."""
        with self._lock:
            self._stream.write(json.dumps({key: value for key, value in asdict(event).items() if value}) + "\n")
            self._stream.flush()

    def output(self, line: str) -> None:
        """Pass over Ansible's own output, which is in the log."""

    def ask(self, question: str) -> str:  # noqa: ARG002  nobody is there
        """Return an empty answer: nobody is there to ask."""
        return ""


class PlainLines:
    """Writes a line for each phase, layer, failure and end, with the seconds since the build began."""

    def __init__(self, stream: IO[str], verbose: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._verbose = verbose
        self._clock = clock
        self._began: dict[str, float] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def event(self, event: Event) -> None:
        """Write a line, unless the event is too small for one."""
        with self._lock:
            now = self._clock()
            elapsed = now - self._began.setdefault(event.build, now)
            if text := sentence(event):
                self._write(f"[{elapsed:6.1f} s] {event.build}: {text}")

    def output(self, line: str) -> None:
        """Write Ansible's own output when that is wanted."""
        if self._verbose:
            with self._lock:
                self._write(line)

    def ask(self, question: str) -> str:
        """Ask at the terminal; the answer is empty where there is none."""
        with self._lock:
            return _ask(self._stream, question)

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class LiveDisplay:
    """Shows each build that runs as one moving line (phase, layer, task, elapsed), above it what is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._running: dict[str, _Line] = {}
        self._lock = threading.RLock()
        self._live = Live(console=console, refresh_per_second=8, transient=True, get_renderable=self._render)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        """Move the build's line on; say what is done above it."""
        with self._lock:
            line = self._running.setdefault(event.build, _Line(event.build))
            line.event = event
            if event.kind != "task" and (text := sentence(event)):
                style = {"failure": "bold red", "phase": "bold"}.get(event.kind, "")
                self._console.print(
                    Text.assemble((f"{line.elapsed:7.1f} s ", "dim"), (event.build, "cyan"), " ", (text, style))
                )
            if event.kind == "finished":
                del self._running[event.build]

    def output(self, line: str) -> None:
        """Pass over Ansible's own output, which is in the log."""

    def ask(self, question: str) -> str:
        """Stop moving, ask, and go on."""
        with self._lock:
            self._live.stop()
            try:
                return _ask(sys.stderr, question)
            finally:
                self._live.start()

    def _render(self) -> Group:
        with self._lock:
            return Group(*(line.spinner() for line in self._running.values()))


class _Line:
    """The moving line of one build."""

    def __init__(self, build: str) -> None:
        self._spinner = Spinner("dots")
        self._began = time.monotonic()
        self.event = Event("started", build)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def spinner(self) -> Spinner:
        event = self.event
        where = " / ".join(filter(None, (event.phase, event.layer, event.name if event.kind == "task" else "")))
        self._spinner.update(text=Text.assemble((event.build, "cyan"), f" {where} ", (f"{self.elapsed:.0f} s", "dim")))
        return self._spinner


def sentence(event: Event) -> str:
    """Return what a person is told of an event, or nothing when it is too small to mention."""
    match event.kind:
        case "started":
            return f"started, build {event.name}"
        case "phase":
            return event.name
        case "layer":
            return f"layer {event.data.get('number')}: {event.name}"
        case "failure":
            return f"failed in {', '.join(filter(None, (event.phase, event.layer, event.name)))}: {event.message}"
        case "pause" | "note" | "finished":
            return event.message
        case "task":
            return ""


def _ask(stream: IO[str], question: str) -> str:
    if not sys.stdin.isatty():
        return ""
    stream.write(f"{question} ")
    stream.flush()
    return sys.stdin.readline().strip()
