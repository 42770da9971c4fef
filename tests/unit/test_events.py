from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from goldsmith.events import Event, Translator


def happened(event: str, created: str = "2026-01-01T00:00:00+00:00", **data: Any) -> dict[str, Any]:
    return {"event": event, "created": created, "event_data": data}


def progress(phase: str, second: int, layer: dict[str, Any] | None = None) -> dict[str, Any]:
    facts = {"goldsmith_progress": {"phase": phase} | ({"layer": layer} if layer else {})}
    return happened("runner_on_ok", f"2026-01-01T00:00:{second:02}+00:00", res={"ansible_facts": facts})


def follow(*events: dict[str, Any]) -> tuple[Translator, list[Event]]:
    translator = Translator("web/debian-12/docker")
    return translator, [step for event in events for step in translator.translate(event)]


def test_phases_and_layers_are_told_once_each() -> None:
    nginx = {"number": 1, "name": "nginx"}
    _, steps = follow(
        progress("acquire", 0),
        progress("provision", 1),
        progress("provision", 2, nginx),
        progress("provision", 3, nginx),
    )
    assert [(step.kind, step.name) for step in steps] == [
        ("phase", "acquire"),
        ("phase", "provision"),
        ("layer", "nginx"),
    ]


def test_the_seconds_of_a_phase_end_where_the_next_begins() -> None:
    translator, _ = follow(progress("acquire", 0), progress("provision", 4), progress("release", 10))
    translator.end(datetime.fromisoformat("2026-01-01T00:00:11+00:00"))
    assert translator.seconds == {"acquire": 4, "provision": 6, "release": 1}


def test_a_failure_names_phase_layer_task_and_reason() -> None:
    translator, steps = follow(
        progress("provision", 0, {"number": 2, "name": "nginx"}),
        happened("playbook_on_task_start", task="Install"),
        happened("runner_on_failed", res={"msg": "no package nginx-lite"}),
    )
    assert translator.failure == {
        "phase": "provision",
        "layer": "nginx",
        "task": "Install",
        "message": "no package nginx-lite",
    }
    assert steps[-1].kind == "failure"


def test_only_the_first_failure_counts() -> None:
    translator, steps = follow(
        happened("runner_on_failed", res={"msg": "first"}), happened("runner_on_failed", res={"msg": "second"})
    )
    assert translator.failure and translator.failure["message"] == "first"
    assert len(steps) == 1


def test_an_ignored_failure_is_none() -> None:
    translator, steps = follow(happened("runner_on_failed", res={"msg": "x"}, ignore_errors=True))
    assert translator.failure is None and steps == []


def test_a_pause_is_told_by_its_name() -> None:
    _, steps = follow(happened("runner_on_ok", res={"ansible_facts": {"goldsmith_pause": "layer-1"}}))
    assert [(step.kind, step.name) for step in steps] == [("pause", "layer-1")]


@pytest.mark.parametrize("event", ["verbose", "runner_on_skipped", "playbook_on_no_hosts_matched", "runner_on_start"])
def test_other_events_mean_nothing(event: str) -> None:
    assert follow({"event": event})[1] == []
