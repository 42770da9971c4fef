"""From ansible-runner's events to what a person or a program wants to know of a build. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ansible_collections.goldsmith.images.plugins.module_utils._reason import reason

PHASES = ("acquire", "provision", "validate", "capture", "verify", "publish", "release")
"""Phases of the lifecycle, in order."""

Kind = Literal["started", "phase", "layer", "task", "failure", "pause", "note", "finished"]


@dataclass(frozen=True)
class Event:
    """One step of a build.

    Attributes:
        kind: What happened: a phase, a layer or a task began; a task failed; the run waits to be told to go on;
            there is something that its user should know.
        build: Label of the build, such as ``web/debian-12/docker``.
        phase: The phase it happened in.
        layer: The layer it happened in, or empty.
        name: What the task, the layer or the pause is called.
        message: The reason of a failure, or what there is to say.
        data: More of it, as plain data.
    """

    kind: Kind
    build: str
    phase: str = ""
    layer: str = ""
    name: str = ""
    message: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


class Translator:
    """Follows one run of a lifecycle playbook.

    Attributes:
        phase: The phase that the run is in.
        layer: The layer that the run is in, or empty.
        task: The task that the run is in.
        failure: The first failure, as ``result.json`` has it, or None.
        seconds: Seconds that each phase took so far.
    """

    def __init__(self, build: str) -> None:
        self.build = build
        self.phase = ""
        self.layer = ""
        self.task = ""
        self.failure: dict[str, Any] | None = None
        self.seconds: dict[str, float] = {}
        self._since: datetime | None = None

    def translate(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """Yield what an ansible-runner event means.

        Args:
            event: The event, as ansible-runner hands it to its ``event_handler``.
        """
        data = event.get("event_data") or {}
        result = data.get("res") or {}
        created = event.get("created")
        match event.get("event"):
            case "playbook_on_task_start" | "playbook_on_handler_task_start":
                self.task = str(data.get("task", ""))
                yield self._event("task", name=self.task)
            case "runner_on_ok":
                facts = result.get("ansible_facts") or {} if isinstance(result, Mapping) else {}
                if progress := facts.get("goldsmith_progress"):
                    yield from self._progress(progress, created)
                if point := facts.get("goldsmith_pause"):
                    yield self._event("pause", name=str(point))
            case "runner_on_failed" if not data.get("ignore_errors"):
                yield from self._failed(reason(result))
            case "runner_on_unreachable":
                yield from self._failed(reason(result) or "the machine does not answer")
            case "playbook_on_stats":
                self._clock(created)

    def end(self, now: datetime) -> None:
        """Stop the clock of the phase that was cut off."""
        self._clock(now.isoformat())

    def _progress(self, progress: Mapping[str, Any], created: str | None) -> Iterator[Event]:
        phase = str(progress.get("phase", ""))
        layer = progress.get("layer") or {}
        if phase != self.phase:
            self._clock(created)
            self.phase, self.layer = phase, ""
            yield self._event("phase", name=phase)
        if layer and layer["name"] != self.layer:
            self.layer = str(layer["name"])
            yield self._event("layer", name=self.layer, data={"number": layer["number"]})

    def _failed(self, message: str) -> Iterator[Event]:
        if self.failure is None:
            self.failure = {
                "phase": self.phase or "acquire",
                "layer": self.layer or None,
                "task": self.task,
                "message": message,
            }
            yield self._event("failure", name=self.task, message=message)

    def _clock(self, created: str | None) -> None:
        now = datetime.fromisoformat(created) if created else None
        if self.phase and self._since and now:
            self.seconds[self.phase] = round(self.seconds.get(self.phase, 0.0) + (now - self._since).total_seconds(), 3)
        self._since = now

    def _event(self, kind: Kind, *, name: str = "", message: str = "", data: Mapping[str, Any] | None = None) -> Event:
        return Event(kind, self.build, self.phase, self.layer, name, message, data or {})
