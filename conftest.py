"""What holds for every test of this repository: whether it may do without a Docker engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--require-docker`."""
    parser.addoption(
        "--require-docker",
        action="store_true",
        help="a test marked `docker` that is skipped, for whatever reason, fails (CI and `make test`)",
    )


def _engine_fault() -> str:
    """Say why no Docker engine answers; empty when one does.

    A process of its own asks: where nothing listens, the SDK leaves its socket open, and a warning is an error.
    """
    ask = [sys.executable, "-c", "import docker; docker.from_env(timeout=10).ping()"]
    asked = subprocess.run(ask, capture_output=True, text=True, check=False)
    if asked.returncode == 0:
        return ""
    return f"no Docker engine answers, `make setup` starts one ({asked.stderr.strip().rpartition(chr(10))[2]})"


def pytest_configure(config: pytest.Config) -> None:
    """Stop before the first test when an engine is required and none answers.

    Raises:
        pytest.UsageError: there is no engine.
    """
    if config.getoption("--require-docker") and (fault := _engine_fault()):
        raise pytest.UsageError(fault)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the tests that need an engine where none answers."""
    tests = [item for item in items if item.get_closest_marker("docker")]
    if tests and not config.getoption("--require-docker") and (fault := _engine_fault()):
        for item in tests:
            item.add_marker(pytest.mark.skip(reason=fault))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a skipped Docker test as failed when an engine is required."""
    report = yield
    required = item.config.getoption("--require-docker") and item.get_closest_marker("docker")
    if required and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and --require-docker was given: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Count a file that skips itself while it is read as failed when an engine is required.

    The markers of the tests inside are not known then.
    """
    report = yield
    if collector.config.getoption("--require-docker") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, and --require-docker was given: {report.longrepr}"
    return report
