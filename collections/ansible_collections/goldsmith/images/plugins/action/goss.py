# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of the module goss: it runs on the controller and needs nothing in the machine but a shell."""

from __future__ import annotations

import re
import secrets
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional

from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.goldsmith.images.plugins.module_utils import _goss
from ansible_collections.goldsmith.images.plugins.module_utils._test_results import (
    ReportError,
    describe_failures,
    goss_duration,
    goss_results,
    read_goss_report,
    shorten,
    summarize,
)

OPTIONS: Dict[str, Any] = {
    "src": {"type": "path", "required": True},
    "also": {"type": "list", "elements": "path", "default": []},
    "binary": {"type": "path", "required": True},
    "vars": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 300},
    "retry_timeout": {"type": "int", "default": 0},
}
STOPPED = frozenset({124, 137, 143})
"""Exit codes of a program that timeout(1) ended."""


class ActionModule(ActionBase):  # type: ignore[misc] # ansible-core has no types
    """Run goss in the machine from a temporary directory, and leave nothing there."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Return the task's result; whatever goes wrong is a failed task, never an unreachable host."""
        result: Dict[str, Any] = super().run(tmp, task_vars)
        result["changed"] = False
        options = self.validate_argument_spec(OPTIONS)[1]
        try:
            result.update(self._validate(options, result.setdefault("warnings", [])))
        except _goss.GossError as fault:
            result.update(failed=True, msg=str(fault))
        except AnsibleConnectionFailure as error:
            result.update(failed=True, msg=f"the connection to the machine broke while goss was to run: {error}")
        except AnsibleError as error:
            result.update(failed=True, msg=f"goss could not be run in the machine: {error}")
        return result

    def _validate(self, options: Dict[str, Any], warnings: list[str]) -> Dict[str, Any]:
        sources = [self._find_needle("files", path) for path in [options["src"], *options["also"]]]
        files = [_goss.collect(Path(source)) for source in sources]
        program = _goss.inspect_program(options["binary"])
        for source, one in zip(sources, files):
            if one.unknown_keys:
                unknown = ", ".join(one.unknown_keys)
                warnings.append(f"goss ignores in {source}, as it knows no such resource: {unknown}")
        mark = f"goldsmith-{secrets.token_hex(8)}"
        directory = self._prepare(program, mark, options["binary"])
        answer = None
        try:
            with tempfile.NamedTemporaryFile(dir=constants.DEFAULT_LOCAL_TMP, prefix="goss-") as parcel:
                limit = options["timeout"] + options["retry_timeout"]
                _goss.write_parcel(
                    parcel,
                    binary=options["binary"],
                    files=files,
                    variables=options["vars"],
                    mark=mark,
                    timeout=limit,
                    retry_timeout=options["retry_timeout"],
                )
                parcel.flush()
                self._connection.put_file(parcel.name, f"{directory}/parcel")
            if self._is_become_unprivileged():
                # The directory's name is the secret that keeps others out.
                self._remote_chmod([f"{directory}/parcel"], "a+r")
            environment = self._compute_environment_string()
            ran = self._low_level_execute_command(f"{environment} /bin/sh {directory}/parcel".strip())
            answer = _goss.read_answer(ran["stdout"].replace("\r\n", "\n"), mark)
        finally:
            if answer is None or not answer.removed:
                self._low_level_execute_command(f"rm -rf {directory}", sudoable=False)
        if answer.noexec:
            raise _goss.GossError(
                "no directory for temporary files in the machine allows programs to run (all are mounted noexec): "
                "/tmp, /var/tmp, /dev/shm, /run and the home directory were tried. "
                "Name another by TMPDIR in the task's environment."
            )
        if answer.code is None:
            said = shorten(f"{ran['stderr']} {ran['stdout']}", 1000)
            raise _goss.GossError(f"goss was not run to its end in the machine (exit status {ran['rc']}): {said}")
        return self._report(answer, sources, [one.root for one in files], limit)

    def _prepare(self, program: _goss.Program, mark: str, binary: str) -> str:
        """Return a new directory in the machine, which belongs to the connection's user."""
        directories = [*self.get_shell_option("system_tmpdirs"), "/dev/shm"]  # noqa: S108 - mktemp makes one within
        shared = bool(self._is_become_unprivileged())
        command = _goss.preparation(program, directories, mark, shared=shared)
        ran = self._low_level_execute_command(command, sudoable=False)
        said = [line.split(None, 2)[1:] for line in ran["stdout"].splitlines() if line.startswith(mark)]
        if not said:
            raise _goss.GossError(
                "the machine does not answer, so goss could not be run in it "
                f"(exit status {ran['rc']}): {shorten(ran['stderr'] + ran['stdout'], 1000)}"
            )
        word, value = said[0][0], said[0][1] if len(said[0]) > 1 else ""
        if word == "machine":
            raise _goss.GossError(
                f"{binary} is made for {program.architecture}, but the machine is {value}. "
                "Ask goldsmith.images.goss_binary for that architecture."
            )
        if word == "loader":
            raise _goss.GossError(
                f"{binary} is dynamically linked, and the machine has no {program.loader} (Alpine has not, "
                "for example). Use goss' own release, which is static: goldsmith.images.goss_binary, origins=[release]."
            )
        if word == "directory":
            raise _goss.GossError(
                f"no temporary directory could be made in the machine: {', '.join(directories)} are missing, full or "
                "read-only, or there is no mktemp."
            )
        return value

    @staticmethod
    def _report(answer: _goss.Answer, sources: List[str], roots: List[Path], limit: int) -> Dict[str, Any]:
        name = " and ".join(Path(source).name for source in sources)
        source = " and ".join(sources)
        if answer.code in STOPPED:
            raise _goss.GossError(
                f"goss did not end within {limit} seconds and was stopped ({source}). Raise the option timeout."
            )
        try:
            report = read_goss_report(answer.stdout)
        except ReportError as error:
            # goss names its files as they are called in the machine for these few seconds.
            there = r"[^\s\"]*/\.goldsmith-goss\.\w+/(\d+)/"
            said = re.sub(there, lambda match: f"{roots[int(match[1])]}/", f"{answer.stderr} {answer.stdout}")
            said = shorten(said, 1000)
            raise _goss.GossError(f"goss could not use {source} (exit status {answer.code}): {said}") from error
        results = goss_results(report)
        summary = summarize(results, goss_duration(report))
        message = describe_failures(results, f"goss tests of {name}")
        counted = f"{summary['passed']} of {summary['total']} goss tests of {name} passed, {summary['skipped']} skipped"
        return {"results": results, "summary": summary, "failed": bool(message), "msg": message or counted}
