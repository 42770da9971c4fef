from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from goldsmith import home, processes
from goldsmith.errors import EnvironmentFault


def test_home_is_what_the_environment_names() -> None:
    assert home.home({"GOLDSMITH_HOME": "/srv/goldsmith"}) == Path("/srv/goldsmith")
    assert home.home({"XDG_DATA_HOME": "/data"}) == Path("/data/goldsmith")


def test_a_lock_is_held_as_long_as_its_holder_lives(tmp_path: Path) -> None:
    directory = tmp_path / "builds" / "one"
    assert not home.is_held(directory)
    with home.held(directory):
        assert home.is_held(directory)
    assert not home.is_held(directory)


def test_a_lock_dies_with_a_killed_holder(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\nfrom goldsmith.home import held\n"
        f"with held(pathlib.Path({str(tmp_path)!r})):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        assert home.is_held(tmp_path)
        holder.kill()
    assert not home.is_held(tmp_path)


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot be written"), home.held(tmp_path / "file" / "build"):
        pass


def test_a_private_directory_is_private_in_memory_and_gone_afterwards() -> None:
    with home.private_directory("b1", secret=True) as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert directory.is_relative_to("/dev/shm")
        (directory / "file").write_text("x")
    assert not directory.exists()


def test_secrets_are_refused_where_there_is_no_memory_file_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(home, "_MEMORY", tmp_path / "missing")
    with pytest.raises(EnvironmentFault, match="in memory"), home.private_directory("b1", secret=True):
        pass
    with home.private_directory("b1", secret=False) as directory:
        assert directory.exists()


def test_the_directories_of_a_killed_run_are_found_by_its_build() -> None:
    with (
        home.private_directory("killed-1", secret=False) as left,
        home.private_directory("alive-1", secret=False) as other,
    ):
        assert home.remove_private_directories("killed-1") == [left]
        assert not left.exists() and other.exists()


def test_only_the_processes_of_the_build_are_ended() -> None:
    def start(build: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sleep", "60"], env=os.environ | {processes.MARK: build})

    with start("one") as mine, start("two") as other:
        assert processes.end("one") == [mine.pid]
        assert mine.wait(5) == -9
        assert other.poll() is None
        other.kill()
