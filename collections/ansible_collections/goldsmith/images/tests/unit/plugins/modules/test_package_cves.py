# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the data on vulnerabilities comes from, and how long it is kept."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.modules.package_cves import Store

URL = "https://mirror.example/tracker.json"


def tracker(*names):
    state = {"releases": {"bookworm": {"status": "open"}}}
    return json.dumps({"gold": dict.fromkeys(names, state)}).encode()


def never(address):
    raise AssertionError(f"{address} was asked")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache", max_age=3600)


def names(found):
    return [one.cve for one in found]


def test_a_file_is_read_again_when_it_has_changed_and_only_then(store, tmp_path):
    data = tmp_path / "tracker.json"
    data.write_bytes(tracker("CVE-1"))
    assert names(store.vulnerabilities(str(data), "bookworm", never)) == ["CVE-1"]
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_text(kept.read_text().replace("CVE-1", "CVE-KEPT"))
    assert names(store.vulnerabilities(str(data), "bookworm", never)) == ["CVE-KEPT"]
    data.write_bytes(tracker("CVE-1", "CVE-2"))
    assert names(store.vulnerabilities(str(data), "bookworm", never)) == ["CVE-1", "CVE-2"]


def test_what_is_kept_is_as_what_was_read(store, tmp_path):
    data = tmp_path / "tracker.json"
    data.write_bytes(tracker("CVE-1"))
    read = store.vulnerabilities(str(data), "bookworm", never)
    assert store.vulnerabilities(str(data), "bookworm", never) == read


def test_an_address_is_asked_once_until_what_it_gave_is_too_old(store, tmp_path):
    assert names(store.vulnerabilities(URL, "bookworm", lambda _address: tracker("CVE-1"))) == ["CVE-1"]
    assert names(store.vulnerabilities(URL, "bookworm", never)) == ["CVE-1"]
    (kept,) = (tmp_path / "cache").iterdir()
    os.utime(kept, (0, 0))
    assert names(store.vulnerabilities(URL, "bookworm", lambda _address: tracker("CVE-2"))) == ["CVE-2"]


def test_what_cannot_be_had_is_named_with_what_to_do(store, tmp_path):
    def fails(_address):
        raise OSError("no route to host")

    with pytest.raises(Fault, match=r"mirror\.example/tracker\.json cannot be had: no route to host\. Give `data`"):
        store.vulnerabilities(URL, "bookworm", fails)
    with pytest.raises(Fault, match="missing cannot be read: No such file"):
        store.vulnerabilities(str(tmp_path / "missing"), "bookworm", never)
    assert list((tmp_path / "cache").glob("*.json")) == []


def test_what_is_something_else_is_named(store):
    with pytest.raises(Fault, match=r"tracker\.json cannot be read: it is neither the security tracker's JSON"):
        store.vulnerabilities(URL, "bookworm", lambda _address: b"<html>Log in</html>")
