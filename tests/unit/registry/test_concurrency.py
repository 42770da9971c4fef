"""Several processes, and one that is killed, on the same registry."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest

from goldsmith.registry import Registry
from goldsmith.result import BuildResult

from .conftest import of_both

pytestmark = pytest.mark.slow

WORKER = Path(__file__).with_name("worker.py")


@contextmanager
def workers(url: str, images: Sequence[str], count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Start a process for each image, which records ``count`` builds; let them go at the same time."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with ExitStack() as stack:
        processes = []
        for number, image in enumerate(images):
            command = [sys.executable, "-W", "error", str(WORKER), url, image, str(count), f"w{number}"]
            process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, env=environ)
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        yield processes


def finish(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")


def check(url: str) -> None:
    """Let SQLite check its file; PostgreSQL has no such command, and needs none."""
    if not url.startswith("sqlite"):
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@of_both
def test_processes_that_record_side_by_side_get_versions_without_gap_or_double(url: str) -> None:
    with workers(url, ["web"] * 4, 8) as processes:
        finish(processes)
    check(url)
    with Registry.open(url) as registry:
        versions = registry.image("web").versions
        assert [version.version.sequence for version in versions] == [*range(32, 0, -1)]
        assert {version.state for version in versions} == {"built"}
        assert all(len(version.builds) == 1 and version.builds[0].packages == 50 for version in versions)
        assert registry.running_builds() == ()


@of_both
@pytest.mark.parametrize("round_", [0, *(pytest.param(one, marks=pytest.mark.exhaustive) for one in (1, 2))])
def test_a_process_killed_while_it_records_leaves_whole_records_and_no_lock(
    url: str, round_: int, result: Callable[..., BuildResult]
) -> None:
    with workers(url, ["web"], 10_000) as [process]:
        assert process.stdout is not None
        done = [process.stdout.readline().strip() for _ in range(3 + round_)]
        process.kill()
        done += process.stdout.read().split()
        process.wait()
    check(url)
    with Registry.open(url, timeout=5) as registry:
        versions = registry.image("web").versions
        assert [version.version.sequence for version in versions] == [*range(len(versions), 0, -1)]
        recorded = {build.id: build for version in versions for build in version.builds}
        assert all(recorded[build].state == "built" for build in done)
        whole = [build for build in recorded.values() if build.state == "built"]
        assert all(build.packages == 50 and len(build.artifacts) == 1 and build.finished for build in whole)
        for build in registry.running_builds():
            assert (build.packages, build.artifacts, build.finished) == (0, (), None)
            registry.interrupt(build.id)
        assert registry.new_version("web", "f").sequence == len(versions) + 1


def test_a_registry_that_many_processes_open_first_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    with workers(f"sqlite:///{file}", ["a", "b", "c", "d"], 1) as processes:
        finish(processes)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@of_both
def test_threads_of_one_process_share_a_registry(registry: Registry, result: Callable[..., BuildResult]) -> None:
    version = registry.new_version("web", "f")

    def record(number: int) -> str:
        build = f"b-{number}"
        registry.start_build(version, build, platform=f"p{number}", target="docker", spec="web.yml")
        registry.images()
        return registry.finish_build(build, result(build, platform=f"p{number}")).state

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert set(pool.map(record, range(16))) == {"built"}
    [shown] = registry.image("web").versions
    assert (shown.state, len(shown.builds)) == ("built", 16)


def test_what_is_read_while_another_writes_is_the_state_before(home: Path) -> None:
    registry = Registry.open(environ={"GOLDSMITH_HOME": str(home)})
    registry.new_version("web", "f")
    with closing(registry), closing(sqlite3.connect(home / "registry.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE image SET name = 'changed'")
        assert [image.name for image in registry.images()] == ["web"]
        other.execute("COMMIT")
    assert [image.name for image in registry.images()] == ["changed"]
