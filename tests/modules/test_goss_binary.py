"""goss fetched for real, and the ways to it that are closed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

RunModule = Callable[..., dict[str, Any]]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory, and the URL of a web server that has its files."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.network
@pytest.mark.skipif(not shutil.which("apt-get"), reason="the way by Debian's package needs apt on this machine")
def test_two_builds_at_once_fetch_debian_s_package_once_and_install_nothing(
    start_module: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    before = subprocess.run(["dpkg-query", "--show"], capture_output=True, text=True, check=True).stdout
    lists = sorted(os.listdir("/var/lib/apt/lists"))
    options = {"origins": ["debian"], "cache": str(tmp_path)}
    both = [start_module("goss_binary", options) for _ in range(2)]
    results = [json.loads(process.communicate()[0]) for process in both]
    assert sorted(result.get("changed", result) for result in results) == [False, True], results
    paths = {result["path"] for result in results}
    assert len(paths) == 1
    assert {(result["origin"], result["version"]) for result in results} == {("debian", "0.4.9")}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([Path(*paths).name, "goss.lock"])
    used = subprocess.run([*paths, "-g", "-", "validate"], input="user: {root: {exists: true}}", text=True)
    assert used.returncode == 0
    assert subprocess.run(["dpkg-query", "--show"], capture_output=True, text=True, check=True).stdout == before
    assert sorted(os.listdir("/var/lib/apt/lists")) == lists


def test_closed_ways_are_all_named_soon_and_leave_nothing(run_module: RunModule, tmp_path: Path) -> None:
    closed = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "TMPDIR": str(tmp_path)}
    result = run_module("goss_binary", environ=closed, origins=["release", "debian"], cache=str(tmp_path / "cache"))
    assert result["failed"]
    lines = result["msg"].splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["- release", "- debian"]
    assert "Connection refused" in lines[1]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["goss.lock"]
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_program_from_elsewhere_must_be_goss(run_module: RunModule, serve: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = serve
    shutil.copy("/bin/true", folder / "goss")
    sha256 = hashlib.sha256((folder / "goss").read_bytes()).hexdigest()
    result = run_module("goss_binary", url=f"{url}/goss", sha256=sha256, cache=str(tmp_path / "cache"))
    assert result["failed"]
    assert "is not goss" in result["msg"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["goss.lock"]


def test_a_url_needs_its_checksum(run_module: RunModule) -> None:
    result = run_module("goss_binary", url="https://files.example.com/goss")
    assert result["failed"] and "sha256" in result["msg"]
