# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gzip
import json
import lzma
import zlib

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._debian_cves import (
    Vulnerability,
    affecting,
    compared,
    read_vulnerabilities,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


def state(status, fixed="", **more):
    return {"status": status, "repositories": {"bookworm": "1"}, **({"fixed_version": fixed} if fixed else {}), **more}


TRACKER = {
    "gold": {
        "CVE-2026-0001": {
            "scope": "remote",
            "releases": {"bookworm": state("resolved", "1.0-1+deb12u2", urgency="high**")},
        },
        "CVE-2026-0002": {"releases": {"bookworm": state("open", urgency="low", nodsa="Minor issue")}},
        "CVE-2026-0003": {"releases": {"bookworm": state("resolved", "0"), "trixie": state("open")}},
        "CVE-2026-0004": {"releases": {"bookworm": state("undetermined")}},
    },
    "silver": {"CVE-2026-0001": {"releases": {"bookworm": state("open")}}},
}
# As debsecan 0.4 reads it: names; package,number,flags,fixed in unstable,other fixed versions; source,binaries.
DEBSECAN = """VERSION 1
CVE-2026-0001,,An overflow, a bad one
CVE-2026-0002,,A leak
CVE-2026-0005,,A binary's own

gold,0,SHRF,1.2-1,1.0-1+deb12u2 1.0-1+deb12u3
gold,1,S ? ,,
goldtool,2,BL  ,1.5,

gold,goldbar goldcoin
"""


def package(name, version, source="", source_version=""):
    entry = {"name": name, "version": version, "arch": "amd64", "source": source or name}
    return {**entry, "source_version": source_version or version, "type": "deb"}


OLD = [package("goldbar", "1.0-1+deb12u1", "gold"), package("goldcoin", "1.0-1+deb12u1", "gold"), package("tin", "1")]
NEW = [package("goldbar", "1.0-1+deb12u2", "gold"), package("goldcoin", "1.0-1+deb12u2", "gold"), package("tin", "1")]


def tracker(release="bookworm"):
    return read_vulnerabilities(json.dumps(TRACKER).encode(), release)


def test_the_tracker_tells_what_an_upgrade_fixed_and_what_no_version_fixes_yet():
    fixed, remaining = compared(OLD, NEW, tracker())
    assert fixed == [
        {
            "cve": "CVE-2026-0001",
            "source": "gold",
            "version": "1.0-1+deb12u1",
            "packages": ["goldbar", "goldcoin"],
            "fixed_in": "1.0-1+deb12u2",
            "urgency": "high",
            "note": "",
        }
    ]
    assert [(row["cve"], row["fixed_in"], row["urgency"], row["note"]) for row in remaining] == [
        ("CVE-2026-0002", "", "low", "Minor issue")
    ]


def test_the_tracker_is_asked_about_the_machines_own_release():
    assert [row["cve"] for row in affecting(NEW, tracker("trixie")).values()] == ["CVE-2026-0003"]


def test_a_release_that_the_tracker_does_not_know_is_refused():
    with pytest.raises(Fault, match=r"knows nothing of the release 'jammy'\. Those it knows: bookworm, trixie"):
        tracker("jammy")


def test_debsecans_data_tells_the_same():
    known = read_vulnerabilities(zlib.compress(DEBSECAN.encode()), "bookworm")
    fixed, remaining = compared(OLD, NEW, known)
    assert [(row["cve"], row["fixed_in"], row["urgency"]) for row in fixed] == [
        ("CVE-2026-0001", "1.0-1+deb12u2", "high")
    ]
    assert [(row["cve"], row["fixed_in"]) for row in remaining] == [("CVE-2026-0002", "")]


def test_a_version_between_those_that_are_fixed_is_still_affected_by_debsecans_data():
    known = read_vulnerabilities(DEBSECAN.encode(), "bookworm")
    rebuilt = [package("goldbar", "1.0-1+deb12u2~bpo", "gold")]
    assert affecting(rebuilt, known)["CVE-2026-0001", "gold"]["fixed_in"] == "1.0-1+deb12u2"
    assert affecting([package("goldbar", "1.3-1", "gold")], known).keys() == {("CVE-2026-0002", "gold")}


def test_a_binary_package_may_have_a_vulnerability_that_its_source_has_not():
    known = read_vulnerabilities(DEBSECAN.encode(), "bookworm")
    assert affecting([package("goldtool", "1.4", "other", "9")], known).keys() == {("CVE-2026-0005", "other")}
    assert affecting([package("goldtool", "1.5", "other", "9")], known) == {}


def test_several_versions_of_a_source_are_all_looked_at():
    kernels = [package("linux-image-1", "6.1-1", "linux"), package("linux-image-2", "6.1-2", "linux")]
    known = [Vulnerability("CVE-1", "linux", "6.1-2", (), urgency="", fixable=True, note="")]
    assert affecting(kernels, known)["CVE-1", "linux"]["packages"] == ["linux-image-1"]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zlib.compress, bytes])
def test_data_may_be_compressed(pack):
    assert read_vulnerabilities(pack(json.dumps(TRACKER).encode()), "bookworm") == tracker()


@pytest.mark.parametrize(
    "data", [b"", b"<html>Log in</html>", b'{"gold": []}', b"\x1f\x8bdamaged", b"VERSION 1\na\n\nb\n\n"]
)
def test_something_else_is_refused(data):
    with pytest.raises(Fault, match="neither the security tracker's JSON nor debsecan's data"):
        read_vulnerabilities(data, "bookworm")
