"""The real goss in real containers, which have no Python, through a real playbook."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.docker

COLLECTIONS = Path(__file__).parents[2] / "collections"
NOEXEC = "rw,noexec,mode=1777"
Container = Any


@pytest.fixture(scope="session")
def binary(run_module: Callable[..., dict[str, Any]]) -> str:
    """Path of a goss binary; the user's cache keeps it between runs."""
    result = run_module("goss_binary")
    assert "path" in result, result
    return str(result["path"])


class Play:
    """A playbook that validates a container with goss and then goes on."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.folder = folder
        self.binary = binary
        (folder / "home").mkdir()
        (folder / "ansible.cfg").write_text("")

    def start(self, container: Container, tests: str, *, task: dict[str, Any], **options: Any) -> subprocess.Popen[str]:
        """Begin to run tests, the text of a goss file; ``task`` holds the task's keywords."""
        (self.folder / "web.yaml").write_text(tests)
        given = {"src": "web.yaml", "binary": self.binary} | options
        tasks = [
            {"goldsmith.images.goss": given, "ignore_errors": True} | task,
            {"ansible.builtin.debug": {"msg": "went on"}},
        ]
        play = [{"hosts": "machine", "gather_facts": False, "tasks": tasks}]
        machine = {"ansible_connection": "community.docker.docker", "ansible_host": container.name}
        inventory = {"all": {"hosts": {"machine": machine}}}
        (self.folder / "play.yml").write_text(json.dumps(play))
        (self.folder / "inventory.json").write_text(json.dumps(inventory))
        environment = os.environ | {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [program, "--inventory", "inventory.json", "play.yml"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    def end(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        """Return the task's result; the play must have gone on after it, whatever it was."""
        stdout, stderr = process.communicate(timeout=120)
        assert stdout, stderr
        first, *rest = (task["hosts"]["machine"] for task in json.loads(stdout)["plays"][0]["tasks"])
        assert "unreachable" not in first
        assert [result["msg"] for result in rest] == ["went on"]
        return dict(first)

    def __call__(
        self, container: Container, tests: str, *, task: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        return self.end(self.start(container, tests, task=task or {}, **options))


@pytest.fixture
def goss(tmp_path: Path, binary: str) -> Play:
    return Play(tmp_path, binary)


def named(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in result["results"]}


def test_a_machine_without_python_is_validated_and_left_as_it_was(
    goss: Play, start_container: Callable[..., Container]
) -> None:
    container = start_container()
    assert container.exec_run(["/bin/sh", "-c", "command -v python3"]).exit_code != 0
    result = goss(container, "package: {bash: {installed: true}}\nfile: {/etc/passwd: {exists: true, mode: '0644'}}\n")
    assert not result.get("failed") and not result["changed"]
    assert named(result).keys() == {"package/bash installed", "file/etc/passwd exists", "file/etc/passwd mode"}
    assert {row["outcome"] for row in result["results"]} == {"passed"}
    assert result["summary"]["failed"] == 0
    # A directory's time may have changed, but no file is new, changed or gone.
    assert {change["Path"] for change in container.diff() or []} <= {"/tmp", "/var", "/var/tmp"}


def test_a_failed_test_fails_the_task_with_what_was_expected_and_found(
    goss: Play, start_container: Callable[..., Container]
) -> None:
    tests = """
package:
  nginx: {installed: true}
  bash: {installed: true}
file:
  /etc/passwd: {exists: true, contents: [root, nobody-at-all]}
command:
  "echo out; exit 3": {exit-status: 0, stdout: [other]}
"""
    result = goss(start_container(), tests)
    assert result["failed"]
    assert result["msg"].splitlines() == [
        "4 of 6 goss tests of web.yaml failed:",
        "- command/echo out; exit 3 exit-status: expected 0, found 3",
        '- command/echo out; exit 3 stdout: expected ["other"], found [], missing ["other"]',
        '- file/etc/passwd contents: expected ["root", "nobody-at-all"], found ["root"], missing ["nobody-at-all"]',
        "- package/nginx installed: expected true, found false",
    ]
    nginx = named(result)["package/nginx installed"]
    assert [nginx[key] for key in ("framework", "outcome", "expected", "found")] == ["goss", "failed", True, False]
    assert [result["summary"][key] for key in ("total", "passed", "failed", "skipped")] == [6, 2, 4, 0]


def test_included_files_and_variables_reach_the_machine(goss: Play, start_container: Callable[..., Container]) -> None:
    (goss.folder / "parts").mkdir()
    (goss.folder / "parts" / "a.yaml").write_text('user: {"{{ .Vars.name }}": {exists: true}}\n')
    variables = {"name": "daemon", "words": 'it\'s $(id) "quoted"\n'}
    tests = """
gossfile: {"parts/*.yaml": {}}
matching: {words: {content: {{ .Vars.words | toJson }}, matches: {{ "it's $(id) \\"quoted\\"\\n" | toJson }}}}
"""
    result = goss(start_container(), tests, vars=variables)
    assert not result.get("failed"), result["msg"]
    assert named(result).keys() == {"user/daemon exists", "matching/words matches"}


def test_files_of_several_places_are_run_in_one_pass(goss: Play, start_container: Callable[..., Container]) -> None:
    """Each has an included file of its own, with the same name, and one has a name that is a pattern of goss."""
    for folder in ("", "own", "own/[x]"):
        (goss.folder / folder / "parts").mkdir(parents=True)
        (goss.folder / folder / "parts/a.yaml").write_text(f'command: {{"echo {folder}": {{exit-status: 0}}}}\n')
    for name in ("own/tests[1].yaml", "own/[x]/more.yaml"):
        (goss.folder / name).write_text("gossfile: {parts/*.yaml: {}}\nuser: {'{{ .Vars.name }}': {exists: true}}\n")
    result = goss(
        start_container(),
        "gossfile: {parts/a.yaml: {}}\nuser: {nobody-at-all: {exists: true}}\n",
        also=["own/tests[1].yaml", "own/[x]/more.yaml"],
        vars={"name": "daemon"},
    )
    assert result["msg"].splitlines() == [
        "1 of 5 goss tests of web.yaml and tests[1].yaml and more.yaml failed:",
        "- user/nobody-at-all exists: expected true, found false",
    ]
    assert {"command/echo own/[x] exit-status", "user/daemon exists"} <= named(result).keys()


def test_a_wrong_file_among_several_is_named(goss: Play, start_container: Callable[..., Container]) -> None:
    (goss.folder / "own").mkdir()
    (goss.folder / "own/wrong.yaml").write_text("gossfile: {missing.yaml: {}}")
    result = goss(start_container(), "user: {root: {exists: true}}\n", also=["own/wrong.yaml"])
    assert f"{goss.folder}/own/wrong.yaml (exit status 78)" in result["msg"]
    assert "no matched files were found" in result["msg"] and ".goldsmith" not in result["msg"]


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ("package: {", "did not find expected"),
        ("gossfile: {missing.yaml: {}}", "no matched files were found"),
    ],
)
def test_a_goss_file_that_is_wrong_is_named_with_what_goss_says(
    goss: Play, start_container: Callable[..., Container], tests: str, message: str
) -> None:
    result = goss(start_container(), tests)
    assert result["failed"] and "results" not in result
    assert result["msg"].startswith(f"goss could not use {goss.folder}/web.yaml (exit status 78): ")
    assert message in result["msg"]
    assert ".goldsmith" not in result["msg"]


def test_keys_that_goss_passes_over_are_warned_of(goss: Play, start_container: Callable[..., Container]) -> None:
    result = goss(start_container(), "pakage: {nginx: {installed: true}}\nuser: {root: {exists: true}}\n")
    assert not result.get("failed")
    assert any("pakage" in warning for warning in result["warnings"])


def test_directories_that_allow_no_programs_are_passed_over(
    goss: Play, start_container: Callable[..., Container]
) -> None:
    tests = "user: {root: {exists: true}}\n"
    usual = {"/tmp": NOEXEC, "/var/tmp": NOEXEC}
    assert not goss(start_container(tmpfs=usual), tests).get("failed")


def test_a_machine_that_allows_no_programs_anywhere_says_so(
    goss: Play, start_container: Callable[..., Container]
) -> None:
    everywhere = dict.fromkeys(("/tmp", "/var/tmp", "/run", "/root", "/dev/shm"), NOEXEC)
    container = start_container(tmpfs=everywhere)
    result = goss(container, "user: {root: {exists: true}}\n")
    assert result["failed"]
    assert "noexec" in result["msg"] and "TMPDIR" in result["msg"]
    left = container.exec_run(["find", *everywhere, "-mindepth", "1"]).output
    assert left == b""


def test_the_task_s_user_and_environment_are_respected(goss: Play, start_container: Callable[..., Container]) -> None:
    tests = "command:\n  id -un: {exit-status: 0, stdout: [nobody]}\n  echo $WORD: {exit-status: 0, stdout: [hello]}\n"
    task = {
        "become": True,
        "become_method": "ansible.builtin.su",
        "become_user": "nobody",
        "become_flags": "-s /bin/sh",
        "environment": {"WORD": "hello"},
    }
    container = start_container()
    result = goss(container, tests, task=task)
    assert not result.get("failed"), result["msg"]
    assert container.exec_run(["find", "/tmp", "/var/tmp", "/dev/shm", "-mindepth", "1"]).output == b""


def test_tests_run_in_check_mode_too(goss: Play, start_container: Callable[..., Container]) -> None:
    result = goss(start_container(), "user: {nobody-at-all: {exists: true}}\n", task={"check_mode": True})
    assert result["failed"] and not result["changed"]
    assert result["summary"]["failed"] == 1


def test_failing_tests_are_tried_again_until_they_pass(goss: Play, start_container: Callable[..., Container]) -> None:
    tests = "command: {'test -e /run/ready || { touch /run/ready; exit 1; }': {exit-status: 0}}\n"
    result = goss(start_container(), tests, retry_timeout=60)
    assert not result.get("failed"), result["msg"]
    assert result["summary"] == result["summary"] | {"total": 1, "passed": 1}


def test_tests_that_never_pass_are_reported_as_they_were_last(
    goss: Play, start_container: Callable[..., Container]
) -> None:
    result = goss(start_container(), "file: {/missing: {exists: true}}\n", retry_timeout=1)
    assert result["msg"].splitlines()[1:] == ["- file/missing exists: expected true, found false"]


def test_goss_is_stopped_when_its_time_is_over(goss: Play, start_container: Callable[..., Container]) -> None:
    container = start_container()
    result = goss(container, "command: {exec sleep 299: {exit-status: 0, timeout: 300000}}\n", timeout=1)
    assert "goss did not end within 1 seconds" in result["msg"]
    assert b"sleep 299" not in b" ".join(" ".join(row).encode() for row in container.top()["Processes"])


def test_a_binary_of_another_architecture_is_told_before_it_is_brought(
    goss: Play, tmp_path: Path, start_container: Callable[..., Container]
) -> None:
    real = Path(goss.binary).read_bytes()
    other = 183 if real[18] == 62 else 62
    goss.binary = str(tmp_path / "goss")
    Path(goss.binary).write_bytes(real[:18] + struct.pack("<H", other) + real[20:])
    container = start_container()
    result = goss(container, "user: {root: {exists: true}}\n")
    assert result["failed"] and f"but the machine is {os.uname().machine}" in result["msg"]
    assert not container.diff()


def test_a_machine_that_is_gone_fails_the_task_and_the_play_goes_on(
    goss: Play, start_container: Callable[..., Container]
) -> None:
    container = start_container()
    container.remove(force=True)
    result = goss(container, "user: {root: {exists: true}}\n")
    assert result["failed"]
    assert "the machine does not answer" in result["msg"] and container.name in result["msg"]


def test_a_machine_that_is_lost_while_goss_runs_fails_the_task_and_the_play_goes_on(
    goss: Play, start_container: Callable[..., Container]
) -> None:
    container = start_container()
    with goss.start(container, "command: {sleep 299: {exit-status: 0, timeout: 300000}}\n", task={}) as process:
        deadline = time.monotonic() + 60
        while not any("sleep 299" in row[-1] for row in container.top()["Processes"]):
            assert process.poll() is None and time.monotonic() < deadline
        container.remove(force=True)
        result = goss.end(process)
    assert result["failed"] and "goss was not run to its end" in result["msg"]


def test_a_missing_goss_file_is_named(goss: Play, start_container: Callable[..., Container]) -> None:
    result = goss(start_container(), "{}", src="missing.yaml")
    assert result["failed"] and "missing.yaml" in result["msg"]
