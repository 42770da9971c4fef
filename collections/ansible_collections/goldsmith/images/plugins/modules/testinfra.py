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
  ssh_args:
    description:
      - More arguments of C(ssh) for V(ssh://), such as V(-o ProxyJump=bastion.example.com).
    type: str
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

import sys
from pathlib import Path
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _testinfra
from ansible_collections.goldsmith.images.plugins.module_utils._junit import Report, read_junit
from ansible_collections.goldsmith.images.plugins.module_utils._test_results import (
    ReportError,
    describe_failures,
    shorten,
    summarize,
)


class Testinfra:
    """A run of tests against one machine."""

    def __init__(self, params: Dict[str, Any]) -> None:
        self.python: str = params["python"] or sys.executable
        self.timeout: int = params["timeout"]
        self.machine = _testinfra.Machine(**{key: params[key] for key in _testinfra.Machine._fields})
        self.paths = [Path(path).resolve() for path in params["paths"]]
        self.names = ", ".join(path.name for path in self.paths)

    def result(self) -> Dict[str, Any]:
        """Return the module's result.

        Raises:
            TestinfraError: The tests could not be run.
            ReportError: pytest's report cannot be read.
        """
        missing = [str(path) for path in self.paths if not path.exists()]
        if missing or not self.paths:
            raise _testinfra.TestinfraError(f"there are no tests at {', '.join(missing) or 'no path'}.")
        report = self._report(_testinfra.run(self.python, self.paths, self.machine, self.timeout))
        summary = summarize(report.results, report.duration)
        message = describe_failures(report.results, f"testinfra tests of {self.names}")
        counted = f"{summary['passed']} of {summary['total']} testinfra tests of {self.names} passed"
        return {
            "changed": False,
            "failed": bool(message),
            "msg": message or f"{counted}, {summary['skipped']} skipped",
            "results": report.results,
            "summary": summary,
        }

    def _report(self, outcome: _testinfra.Outcome) -> Report:
        said = shorten(outcome.output, 1500)
        if outcome.code == _testinfra.MISSING:
            package = {"testinfra": "pytest-testinfra"}.get(said, said)
            reason = (
                f"{self.python} has no {package}, which testinfra tests need. Install it there "
                f"({self.python} -m pip install {package}), or name another Python by the option python."
            )
        elif outcome.code == _testinfra.SILENT:
            reason = f"the machine {self.machine.connection} does not answer: {said}"
        elif outcome.code == _testinfra.NO_TESTS:
            reason = f"there are no tests in {self.names}: pytest takes functions test_* of files test_*.py."
        elif not outcome.report:
            reason = f"pytest did not run (exit status {outcome.code}): {said}"
        else:
            report = read_junit(outcome.report, "testinfra", outcome.host)
            if not report.broken and outcome.code in {_testinfra.PASSED, _testinfra.FAILED}:
                return report
            broken = "; ".join(report.broken) or f"pytest broke off (exit status {outcome.code}): {said}"
            reason = f"the tests in {self.names} cannot be run: {broken}"
        raise _testinfra.TestinfraError(reason)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "required": True},
            "connection": {"type": "str", "required": True},
            "sudo": {"type": "bool", "default": False},
            "ssh_config": {"type": "path"},
            "ssh_identity_file": {"type": "path"},
            "ssh_args": {"type": "str"},
            "python": {"type": "path"},
            "timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    try:
        result = Testinfra(module.params).result()
    except (_testinfra.TestinfraError, ReportError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
