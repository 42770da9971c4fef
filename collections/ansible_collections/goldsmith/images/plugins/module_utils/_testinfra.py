# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of pytest that knows nothing but the tests and the machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

HIDDEN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
"""Environment variables that would change what is run."""
PASSED, FAILED, NO_TESTS = 0, 1, 5
"""pytest's exit codes."""
MISSING, SILENT = 90, 91
"""The runner's exit codes: a package is missing, whose name it prints; the machine does not answer."""

# The connection may hold a password, so it comes by standard input, as other users can read a command line. testinfra
# takes a machine that does not answer for one that has nothing, so it is asked first.
RUNNER = f"""
import json, sys
options = json.load(sys.stdin)
try:
    import pytest, testinfra
except ImportError as error:
    print(error.name)
    sys.exit({MISSING})
try:
    machine = testinfra.get_host(options["connection"], **options["backend"])
    answer = machine.run("true")
    said = answer.stderr.strip() or f"exit status {{answer.rc}}"
except Exception as error:
    answer, said = None, f"{{type(error).__name__}}: {{error}}"
if answer is None or answer.rc:
    print(said)
    sys.exit({SILENT})
# The plugin knows the option --ssh-extra-args and does not pass it on (pytest-testinfra 10.2).
get_hosts, more = testinfra.get_hosts, options["backend"].get("ssh_extra_args")
testinfra.get_hosts = lambda hosts, **known: get_hosts(hosts, ssh_extra_args=more, **known)
with open(options["identity"], "w") as identity:
    identity.write(machine.backend.get_pytest_id())
sys.exit(pytest.main(options["arguments"]))
"""


class TestinfraError(Exception):
    """The tests could not be run, in words for the user."""


class Machine(NamedTuple):
    """A machine in testinfra's words: the URI of a connection, and what belongs to it."""

    connection: str
    sudo: bool = False
    ssh_config: Optional[str] = None
    ssh_identity_file: Optional[str] = None
    ssh_args: Optional[str] = None

    def backend(self) -> Dict[str, Any]:
        """Return the arguments of ``testinfra.get_host`` beside the connection."""
        options = {
            "ssh_config": self.ssh_config,
            "ssh_identity_file": self.ssh_identity_file,
            "ssh_extra_args": self.ssh_args,
        }
        return {"sudo": self.sudo, **{key: value for key, value in options.items() if value}}

    def arguments(self) -> List[str]:
        """Return the arguments of pytest."""
        arguments = [f"--hosts={self.connection}"]
        for key, value in self.backend().items():
            name = key.replace("_", "-")
            arguments += [f"--{name}={value}"] if key != "sudo" else ["--sudo"] if value else []
        return arguments


class Outcome(NamedTuple):
    """How pytest ended.

    ``code`` is its exit code or the runner's, ``output`` what was printed, ``report`` the report in XML (empty: none),
    and ``host`` the word for the machine in the tests' names.
    """

    code: int
    output: str
    report: str
    host: str


def run(python: str, paths: Sequence[Path], machine: Machine, timeout: int) -> Outcome:
    """Run tests in a process of their own.

    Args:
        python: The Python that has pytest and testinfra.
        paths: Files and directories, absolute.
        machine: What is tested.
        timeout: Seconds that the run may take.

    Raises:
        TestinfraError: The Python cannot be run, or the time was over.
    """
    root = os.path.commonpath([path if path.is_dir() else path.parent for path in paths])
    with tempfile.TemporaryDirectory(prefix="goldsmith-testinfra-") as name:
        folder = Path(name)
        report = folder / "report.xml"
        (folder / "pytest.ini").write_text("[pytest]\njunit_family = xunit1\n", encoding="utf-8")
        arguments = ["-c", str(folder / "pytest.ini"), "--rootdir", root, "--confcutdir", root]
        arguments += ["-p", "testinfra.plugin", "-p", "no:cacheprovider", "--quiet", "--no-header"]
        arguments += ["--basetemp", str(folder / "tmp"), f"--junit-xml={report}"]
        arguments += [*machine.arguments(), "--", *map(str, paths)]
        options = {"connection": machine.connection, "backend": machine.backend(), "arguments": arguments}
        options["identity"] = str(folder / "identity")
        code, output = _execute([python, "-c", RUNNER], json.dumps(options), root, timeout)
        texts = [path.read_text("utf-8") if path.is_file() else "" for path in (report, folder / "identity")]
        return Outcome(code, output, *texts)


def _execute(command: List[str], given: str, folder: str, timeout: int) -> tuple[int, str]:
    environment = {key: value for key, value in os.environ.items() if key not in HIDDEN}
    environment.update(PYTHONDONTWRITEBYTECODE="1", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise TestinfraError(f"{command[0]} cannot be run: {error}") from error
    with process:
        try:
            output = process.communicate(given, timeout=timeout)[0]
        except subprocess.TimeoutExpired as error:
            # Its children, too: they hold the pipe open that is read to its end here.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise TestinfraError(
                f"the tests did not end within {timeout} seconds and were stopped. Raise the option timeout."
            ) from error
    return process.returncode, output
