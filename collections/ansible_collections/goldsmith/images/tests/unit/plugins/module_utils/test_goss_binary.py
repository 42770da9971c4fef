# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where goss comes from, and what is not taken for it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils import _goss_binary
from ansible_collections.goldsmith.images.plugins.module_utils._goss import GossError
from ansible_collections.goldsmith.images.plugins.module_utils._goss_binary import (
    NATIVE,
    cached,
    custom,
    debian_mirrors,
    default_cache,
    fetch,
    installed,
    release,
    version_of,
)
from ansible_collections.goldsmith.images.plugins.modules.goss_binary import GossBinary

# A program of another machine than this one cannot be asked for its version, so a header is enough.
FOREIGN, OTHER, NUMBER = ("arm64", "amd64", 183) if NATIVE == "amd64" else ("amd64", "arm64", 62)
PROGRAM = b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + bytes([NUMBER, 0]) + bytes(100)
SHA256 = hashlib.sha256(PROGRAM).hexdigest()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """URL of a web server whose /goss is a program for another machine; it counts its answers in the file ``log``."""
    files = tmp_path / "served"
    files.mkdir()
    (files / "goss").write_bytes(PROGRAM)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            with (tmp_path / "log").open("a") as log:
                log.write("answer\n")

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(files))) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


def program(directory: Path, answer: str, code: int = 0) -> str:
    """Return the path of a program that answers whatever it is asked."""
    path = directory / "goss"
    path.write_text(f"#!/bin/sh\ncat <<'E'\n{answer}\nE\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_a_download_is_kept_and_found_again_without_the_network(tmp_path: Path, server: str) -> None:
    source = custom(f"{server}/goss", SHA256.upper(), FOREIGN)
    assert cached(source, tmp_path / "cache") is None
    first = fetch(source, tmp_path / "cache")
    assert first.fetched
    assert Path(first.path).read_bytes() == PROGRAM
    assert os.access(first.path, os.X_OK)
    again = fetch(source, tmp_path / "cache")
    assert (again.path, again.fetched) == (first.path, False)
    assert (tmp_path / "log").read_text() == "answer\n"


@pytest.mark.parametrize(
    ("name", "sha256", "architecture", "message"),
    [
        ("goss", "0" * 64, FOREIGN, f"has the sha256 {SHA256}, not 0000"),
        ("goss", SHA256, OTHER, f"made for {FOREIGN}, not {OTHER}"),
        ("missing", SHA256, FOREIGN, "404"),
    ],
)
def test_what_is_not_what_it_should_be_is_not_kept(
    tmp_path: Path, server: str, name: str, sha256: str, architecture: str, message: str
) -> None:
    with pytest.raises(GossError, match=message):
        fetch(custom(f"{server}/{name}", sha256, architecture), tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["goss.lock"]


def test_a_kept_file_that_was_changed_is_fetched_again(tmp_path: Path, server: str) -> None:
    source = custom(f"{server}/goss", SHA256, FOREIGN)
    path = Path(fetch(source, tmp_path / "cache").path)
    path.write_bytes(PROGRAM + b"!")
    assert cached(source, tmp_path / "cache") is None
    assert fetch(source, tmp_path / "cache").fetched
    assert path.read_bytes() == PROGRAM


def test_two_builds_at_once_download_once(tmp_path: Path, server: str) -> None:
    source = custom(f"{server}/goss", SHA256, FOREIGN)
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(fetch(source, tmp_path / "cache"))) for _number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.fetched for result in results) == [False, False, False, True]
    assert (tmp_path / "log").read_text() == "answer\n"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GossError, match=r"cache directory .*file/goldsmith cannot be written"):
        fetch(release(FOREIGN), tmp_path / "file" / "goldsmith")


def test_the_cache_lies_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache({"XDG_CACHE_HOME": "/var/cache/me"}) == Path("/var/cache/me/goldsmith")
    assert default_cache({"XDG_CACHE_HOME": ""}) == tmp_path / ".cache/goldsmith"


def test_the_pinned_release_is_checked_by_its_checksum() -> None:
    for architecture in ("amd64", "arm64"):
        source = release(architecture)
        assert source.sha256 and len(source.sha256) == 64
        assert architecture in source.name and source.version in source.name


@pytest.mark.parametrize(
    ("answer", "code", "version"),
    [
        ("goss version v0.4.9", 0, "0.4.9"),
        ("goss version v0.3.23", 0, "0.3.23"),
        ("Quick and Easy server validation\n --log-level value, --loglevel value", 1, "0.4"),
        ("Quick and Easy server validation\n --gossfile value", 1, "0.3"),
    ],
)
def test_the_version_is_what_goss_says_or_can_do(tmp_path: Path, answer: str, code: int, version: str) -> None:
    assert version_of(program(tmp_path, answer, code)) == version


def test_another_program_is_not_taken_for_goss(tmp_path: Path) -> None:
    with pytest.raises(GossError, match=r"is not goss: it answers --version with 'ls 9\.1'"):
        version_of(program(tmp_path, "ls 9.1"))
    with pytest.raises(GossError, match="does not run"):
        version_of(str(tmp_path / "missing"))


def test_a_goss_of_another_version_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "goss").write_bytes(PROGRAM)
    (tmp_path / "goss").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed(FOREIGN) == (str(tmp_path / "goss"), "unknown", "installed", False)
    with pytest.raises(GossError, match=f"made for {FOREIGN}, not {OTHER}"):
        installed(OTHER)
    # No earlier version can be had here; that the answer of --version is read is shown above.
    monkeypatch.setattr(_goss_binary, "NATIVE", FOREIGN)
    for version in ("0.3", "0.3.23", "1.0.0"):
        monkeypatch.setattr(_goss_binary, "version_of", lambda path, version=version: version)
        with pytest.raises(GossError, match=f"is version {version}; 0.4 is needed"):
            installed(FOREIGN)


def test_mirrors_are_those_of_debian_the_surest_first() -> None:
    indexes = [
        "http://proxy.example/debian-security/|main|Debian|bookworm-security",
        "https://vendor.example/linux/debian/|stable|Vendor|bookworm",
        "https://vendor.example/node/|main|Node|nodistro",
        "http://unknown.example/repository/|main||bookworm",
        "http://mirror.example/debian/|main||bookworm",
        "http://mirror.example/debian/|main||bookworm-updates",
        "http://known.example/mirrors/|main|Debian|bookworm",
        "http://known.example/mirrors/|contrib|Debian|bookworm",
    ]
    assert debian_mirrors("\n".join(indexes)) == [
        "http://known.example/mirrors/",
        "http://mirror.example/debian/",
        "http://unknown.example/repository/",
    ]
    assert debian_mirrors("") == []


def options(**given: object) -> dict[str, Any]:
    known = dict.fromkeys(("path", "architecture", "url", "sha256", "cache"))
    return known | {"origins": ["installed", "release", "debian"]} | given


def test_the_message_names_every_way_that_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(GossError) as caught:
        GossBinary(options(cache=str(tmp_path), architecture=FOREIGN), check_mode=False).resolve()
    lines = str(caught.value).splitlines()
    assert "url and sha256" in lines[0]
    assert lines[1] == "- installed: no program goss on PATH"
    assert lines[2].startswith("- release: https://") and "Connection refused" in lines[2]
    assert lines[3] == "- debian: this is no Debian system with apt: apt-get, apt-config, dpkg-deb not found"


def test_check_mode_fetches_nothing(tmp_path: Path, server: str) -> None:
    given = options(url=f"{server}/goss", sha256=SHA256, cache=str(tmp_path / "cache"), architecture=FOREIGN)
    told = GossBinary(given, check_mode=True).resolve()
    assert told.fetched and not (tmp_path / "cache").exists()
    assert GossBinary(given, check_mode=False).resolve() == told
    assert not GossBinary(given, check_mode=True).resolve().fetched


def test_a_path_is_taken_before_all_else_and_must_be_goss(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(PROGRAM)
    given = options(path=str(tmp_path / "mine"), architecture=FOREIGN)
    assert GossBinary(given, check_mode=False).resolve() == (str(tmp_path / "mine"), "unknown", "path", False)
    with pytest.raises(GossError, match="no 64-bit Linux binary"):
        GossBinary(options(path=program(tmp_path, "goss version v0.4.9")), check_mode=False).resolve()
