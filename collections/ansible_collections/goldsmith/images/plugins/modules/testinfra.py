#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: testinfra
short_description: Validate a machine with pytest-testinfra
version_added: "0.1.0"
author:
  - Goldsmith contributors (@goldsmith)
description:
  - Runs tests in Python from the controller against a machine, over a connection of testinfra's, and returns each
    test's result. A failed test fails the task.
  - The tests see a configuration of the module's own. A C(pytest.ini) around them, installed plugins and the
    environment variables of pytest have no effect, and neither a cache nor compiled files are left beside them.
    A C(conftest.py) beside or below them is used.
attributes:
  check_mode:
    support: full
    description: The tests are run in check mode, too.
  diff_mode:
    support: none
    description: There is no change to show.
  idempotent:
    support: full
    description: Never reports a change.
options:
  paths:
    description:
      - Files or directories of tests on the controller. A relative path begins at the playbook's directory.
    type: list
    elements: path
    required: true
  connection:
    description:
      - The machine, as testinfra names it, such as V(docker://CONTAINER), V(ssh://USER@HOST), V(podman://CONTAINER)
        or V(local://).
    type: str
    required: true
  sudo:
    description:
      - Whether the tests' commands run by sudo in the machine.
    type: bool
    default: false
  ssh_config:
    description:
      - An OpenSSH configuration for V(ssh://).
    type: path
  ssh_identity_file:
    description:
      - A private key for V(ssh://).
    type: path
  python:
    description:
      - The Python that has pytest and pytest-testinfra. By default the one that runs the module, so set
        C(ansible_python_interpreter) to C(ansible_playbook_python) or this option.
    type: path
  timeout:
    description:
      - Seconds after which the tests are stopped.
    type: int
    default: 600
requirements:
  - pytest >= 8
  - pytest-testinfra >= 10
notes:
  - The module runs on the controller, so it needs C(delegate_to) or a play on localhost.
  - The connections of testinfra use programs of the controller, C(docker) for V(docker://). They see the task's
    C(environment), such as E(DOCKER_HOST).
seealso:
  - module: goldsmith.images.goss
  - name: Testinfra
    description: What tests can ask a machine.
    link: https://testinfra.readthedocs.io/en/stable/modules.html
"""

EXAMPLES = r"""
- name: Validate a container
  goldsmith.images.testinfra:
    paths:
      - "{{ playbook_dir }}/tests/test_web.py"
    connection: docker://web-builder
  delegate_to: localhost
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"

- name: Validate a virtual machine
  goldsmith.images.testinfra:
    paths:
      - "{{ playbook_dir }}/tests"
    connection: ssh://admin@192.0.2.7
    ssh_identity_file: ~/.ssh/build
    sudo: true
  delegate_to: localhost
"""

RETURN = r"""
results:
  description: What each test said, in the order of the tests.
  returned: when the tests ran, whether any failed or not
  type: list
  elements: dict
  contains:
    framework:
      description: V(testinfra).
      type: str
    name:
      description: File and test.
      type: str
      sample: test_web.py::test_nginx_is_installed
    outcome:
      description: V(passed), V(failed) or V(skipped).
      type: str
    expected:
      description: The value expected; null where the assertion does not tell it.
      type: raw
    found:
      description: The value found; null where the assertion does not tell it.
      type: raw
    message:
      description: One line on why it failed or was skipped; empty when it passed.
      type: str
      sample: 'assert host.package("nginx").is_installed: expected true, found false'
    duration:
      description: Seconds.
      type: float
summary:
  description: The number of tests by outcome, and the seconds they took.
  returned: when the tests ran, whether any failed or not
  type: dict
  sample: {total: 12, passed: 11, failed: 1, skipped: 0, duration: 1.3}
msg:
  description: The failed tests, each with expected and found values; or how many passed.
  returned: always
  type: str
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, NamedTuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._junit import Report, read_junit
from ansible_collections.goldsmith.images.plugins.module_utils._test_results import (
    ReportError,
    describe_failures,
    shorten,
    summarize,
)

HIDDEN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
"""Environment variables that would change what is run."""
PASSED, FAILED, NO_TESTS = 0, 1, 5
"""pytest's exit codes."""
MISSING, SILENT = 90, 91
"""The runner's exit codes: a package is missing; the machine does not answer."""

# The connection may hold a password, so it comes by standard input, as other users can read a command line. testinfra
# takes a machine that does not answer for one that has nothing, so it is asked first.
RUNNER = f"""
import json, sys
options = json.load(sys.stdin)
try:
    import pytest, testinfra
except ImportError as error:
    sys.exit(print(error.name) or {MISSING})
try:
    answer = testinfra.get_host(options["connection"], **options["backend"]).run("true")
    said = answer.stderr.strip() or f"exit status {{answer.rc}}"
except Exception as error:
    answer, said = None, f"{{type(error).__name__}}: {{error}}"
if answer is None or answer.rc:
    sys.exit(print(said) or {SILENT})
sys.exit(pytest.main(options["arguments"]))
"""


class TestinfraError(Exception):
    """The tests could not be run, in words for the user."""


class Outcome(NamedTuple):
    """How pytest ended: its exit code, what it printed, and its report in XML (empty: none)."""

    code: int
    output: str
    report: str


class Testinfra:
    """A run of pytest that knows nothing but the tests and the machine."""

    def __init__(self, params: Dict[str, Any]) -> None:
        self.paths = [Path(path).resolve() for path in params["paths"]]
        self.connection: str = params["connection"]
        self.python: str = params["python"] or sys.executable
        self.timeout: int = params["timeout"]
        self.backend = {"sudo": params["sudo"]}
        self.backend.update({key: params[key] for key in ("ssh_config", "ssh_identity_file") if params[key]})

    def result(self) -> Dict[str, Any]:
        """Return the module's result.

        Raises:
            TestinfraError: The tests could not be run.
        """
        missing = [str(path) for path in self.paths if not path.exists()]
        if missing or not self.paths:
            raise TestinfraError(f"there are no tests at {', '.join(missing) or 'no path'}.")
        names = ", ".join(path.name for path in self.paths)
        report = self._report(self._run(), names)
        summary = summarize(report.results, report.duration)
        message = describe_failures(report.results, f"testinfra tests of {names}")
        counted = f"{summary['passed']} of {summary['total']} testinfra tests of {names} passed"
        return {
            "changed": False,
            "failed": bool(message),
            "msg": message or f"{counted}, {summary['skipped']} skipped",
            "results": report.results,
            "summary": summary,
        }

    def _report(self, outcome: Outcome, names: str) -> Report:
        if outcome.code == MISSING:
            package = {"testinfra": "pytest-testinfra"}.get(outcome.output.strip(), outcome.output.strip())
            raise TestinfraError(
                f"{self.python} has no {package}, which testinfra tests need. Install it there "
                f"({self.python} -m pip install {package}), or name another Python by the option python."
            )
        if outcome.code == SILENT:
            raise TestinfraError(f"the machine {self.connection} does not answer: {shorten(outcome.output, 1000)}")
        if outcome.code == NO_TESTS:
            raise TestinfraError(f"there are no tests in {names}: pytest takes functions test_* of files test_*.py.")
        if not outcome.report:
            raise TestinfraError(f"pytest did not run (exit status {outcome.code}): {shorten(outcome.output, 1500)}")
        report = read_junit(outcome.report, "testinfra", self.connection)
        if report.broken:
            raise TestinfraError(f"the tests in {names} cannot be loaded: {'; '.join(report.broken)}")
        if outcome.code not in {PASSED, FAILED}:
            raise TestinfraError(f"pytest broke off (exit status {outcome.code}): {shorten(outcome.output, 1500)}")
        return report

    def _run(self) -> Outcome:
        root = os.path.commonpath([path if path.is_dir() else path.parent for path in self.paths])
        environment = {key: value for key, value in os.environ.items() if key not in HIDDEN}
        environment.update(PYTHONDONTWRITEBYTECODE="1", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        with tempfile.TemporaryDirectory(prefix="goldsmith-testinfra-") as name:
            folder = Path(name)
            report = folder / "report.xml"
            (folder / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n", "utf-8")
            arguments = ["-c", str(folder / "pytest.ini"), "--rootdir", root, "--confcutdir", root]
            arguments += ["-p", "testinfra.plugin", "-p", "no:cacheprovider", "--quiet", "--no-header"]
            arguments += ["--basetemp", str(folder / "tmp"), f"--junit-xml={report}", f"--hosts={self.connection}"]
            arguments += [f"--{key.replace('_', '-')}={value}" for key, value in self.backend.items() if key != "sudo"]
            arguments += [*(["--sudo"] if self.backend["sudo"] else []), "--", *map(str, self.paths)]
            options = {"connection": self.connection, "backend": self.backend, "arguments": arguments}
            try:
                with subprocess.Popen(
                    [self.python, "-c", RUNNER],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=root,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                ) as process:
                    output = self._wait(process, json.dumps(options))
            except OSError as error:
                raise TestinfraError(f"{self.python} cannot be run: {error}") from error
            return Outcome(process.returncode, output, report.read_text("utf-8") if report.is_file() else "")

    def _wait(self, process: subprocess.Popen[str], options: str) -> str:
        try:
            return process.communicate(options, timeout=self.timeout)[0]
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise TestinfraError(
                f"the tests did not end within {self.timeout} seconds and were stopped. Raise the option timeout."
            ) from error


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "required": True},
            "connection": {"type": "str", "required": True},
            "sudo": {"type": "bool", "default": False},
            "ssh_config": {"type": "path"},
            "ssh_identity_file": {"type": "path"},
            "python": {"type": "path"},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    try:
        result = Testinfra(module.params).result()
    except (TestinfraError, ReportError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
