from __future__ import annotations

import io
import json
import threading

from rich.console import Console

from goldsmith.events import Event
from goldsmith.progress import JsonLines, LiveDisplay, PlainLines, reporter, sentence

FAILURE = Event("failure", "web/debian-12/docker", "provision", "nginx", "Install", "no such package")
STEPS = [
    Event("started", "web/debian-12/docker", name="20260101T000000-00000000"),
    Event("phase", "web/debian-12/docker", "provision", name="provision"),
    Event("layer", "web/debian-12/docker", "provision", "nginx", name="nginx", data={"number": 1}),
    Event("task", "web/debian-12/docker", "provision", "nginx", name="Install"),
    FAILURE,
    Event("finished", "web/debian-12/docker", name="20260101T000000-00000000", message="failed"),
]


def test_plain_lines_tell_phases_layers_and_failures_with_the_time_since_the_build_began() -> None:
    stream = io.StringIO()
    ticks = iter(float(number) for number in range(100))
    with PlainLines(stream, clock=lambda: next(ticks)) as lines:
        for step in STEPS:
            lines.event(step)
    told = stream.getvalue().splitlines()
    assert [line.split(": ", 1)[1] for line in told] == [
        "started, build 20260101T000000-00000000",
        "provision",
        "layer 1: nginx",
        "failed in provision, nginx, Install: no such package",
        "failed",
    ]
    assert told[-1].startswith("[") and " s] web/debian-12/docker" in told[-1]


def test_ansibles_own_output_is_shown_only_when_wanted() -> None:
    for verbose, expected in ((True, "TASK [x]\n"), (False, "")):
        stream = io.StringIO()
        PlainLines(stream, verbose).output("TASK [x]")
        assert stream.getvalue() == expected


def test_programs_get_one_json_object_a_line() -> None:
    stream = io.StringIO()
    with JsonLines(stream) as lines:
        for step in STEPS:
            lines.event(step)
        lines.output("not json")
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [one["kind"] for one in told] == [step.kind for step in STEPS]
    assert told[4]["message"] == "no such package"


def test_lines_of_parallel_builds_are_never_torn() -> None:
    stream = io.StringIO()
    lines = JsonLines(stream)
    threads = [threading.Thread(target=lambda: [lines.event(step) for step in STEPS * 50]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([json.loads(line) for line in stream.getvalue().splitlines()]) == 4 * 50 * len(STEPS)


def test_the_live_display_shows_what_runs_and_leaves_what_is_done() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120, color_system=None)
    with LiveDisplay(console) as display:
        for step in STEPS[:4]:
            display.event(step)
        with console.capture() as captured:
            console.print(display._render())
        assert "web/debian-12/docker provision / nginx / Install" in captured.get()
        for step in STEPS[4:]:
            display.event(step)
        with console.capture() as captured:
            console.print(display._render())
        assert "web" not in captured.get(), "a finished build does not move any more"
    assert "no such package" in stream.getvalue()


def test_a_question_without_a_terminal_has_no_answer(monkeypatch: object) -> None:
    assert JsonLines(io.StringIO()).ask("Keep it?") == ""


def test_the_reporter_fits_its_reader() -> None:
    assert isinstance(reporter(machine=True, verbose=False, stream=io.StringIO()), JsonLines)
    assert isinstance(reporter(machine=False, verbose=False, stream=io.StringIO()), PlainLines)


def test_tasks_are_too_small_for_a_line_of_their_own() -> None:
    assert sentence(STEPS[3]) == ""
