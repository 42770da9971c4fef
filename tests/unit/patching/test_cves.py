"""Debian's data of vulnerabilities, from a server, a file, or what was kept of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.roles.archive import Server, serve

from goldsmith.errors import EnvironmentFault
from goldsmith.patching.cves import NONE, vulnerabilities

DEBSECAN = "VERSION 1\nCVE-2026-0001,,A flaw\n\ngold,0,SH F,1.1,\n\n"
TRACKER = {"gold": {"CVE-2026-0002": {"releases": {"trixie": {"status": "open", "urgency": "low"}}}}}


def names(data: str, cache: Path, release: str = "bookworm", *, offline: bool = False) -> list[str]:
    return [one.cve for one in vulnerabilities(release, data, cache, offline=offline)]


@pytest.fixture
def server(tmp_path: Path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www/bookworm").write_text(DEBSECAN)
    with serve("127.0.0.1", tmp_path / "www") as server:
        yield server


def test_a_file_in_either_format_is_read(tmp_path: Path) -> None:
    (tmp_path / "bookworm").write_text(DEBSECAN)
    (tmp_path / "tracker.json").write_text(json.dumps(TRACKER))
    assert names(f"{tmp_path}/{{release}}", tmp_path / "cache") == ["CVE-2026-0001"]
    assert names(str(tmp_path / "tracker.json"), tmp_path / "cache", "trixie") == ["CVE-2026-0002"]


def test_an_address_is_asked_once_an_hour_and_not_at_all_offline(server: Server, tmp_path: Path) -> None:
    data = f"{server.url}/{{release}}"
    with pytest.raises(EnvironmentFault, match="--offline forbids to ask"):
        names(data, tmp_path / "cache", offline=True)
    assert names(data, tmp_path / "cache") == names(data, tmp_path / "cache") == ["CVE-2026-0001"]
    assert server.asked == ["/bookworm"]
    shutil.rmtree(tmp_path / "www")
    assert names(data, tmp_path / "cache", offline=True) == ["CVE-2026-0001"]


@pytest.mark.parametrize("data", ["{url}/missing", "http://127.0.0.1:9/x", "/nonexistent/file"])
def test_data_that_cannot_be_had_is_named_with_what_to_do(server: Server, tmp_path: Path, data: str) -> None:
    with pytest.raises(EnvironmentFault, match=r"GOLDSMITH_CVE_DATA or --cve-data \(\{release\}"):
        names(data.replace("{url}", server.url), tmp_path / "cache")


def test_one_may_do_without(tmp_path: Path) -> None:
    assert names(NONE, tmp_path / "cache") == []
