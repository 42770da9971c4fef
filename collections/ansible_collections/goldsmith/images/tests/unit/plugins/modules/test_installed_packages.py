# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package databases below a directory."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.goldsmith.images.plugins.modules.installed_packages import packages

DISTROLESS = "Package: libssl3\nSource: openssl\nVersion: 3.0.15-1~deb12u1\nArchitecture: amd64\n"
RPM = "bash|1:|5.2-3.fc40|x86_64|bash-5.2-3.fc40.src.rpm\n"


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def no_rpm() -> str:
    raise AssertionError("rpm is not asked where it has no database")


def test_databases_of_all_package_managers_are_read_together(tmp_path):
    put(tmp_path, "var/lib/dpkg/status", "Package: b\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n")
    put(tmp_path, "var/lib/dpkg/status.d/libssl3", DISTROLESS)
    put(tmp_path, "var/lib/dpkg/status.d/libssl3.md5sums", "0 x\n")
    put(tmp_path, "lib/apk/db/installed", "P:a\nV:1.2-r0\nA:x86_64\no:origin\n")
    put(tmp_path, "usr/lib/sysimage/rpm/rpmdb.sqlite", "")

    found = packages(tmp_path, lambda: RPM)

    assert [(entry["name"], entry["type"], entry["source"], entry["version"]) for entry in found] == [
        ("a", "apk", "origin", "1.2-r0"),
        ("b", "deb", "b", "1"),
        ("bash", "rpm", "bash", "1:5.2-3.fc40"),
        ("libssl3", "deb", "openssl", "3.0.15-1~deb12u1"),
    ]


def test_machine_without_a_database_has_no_packages(tmp_path):
    assert packages(tmp_path, no_rpm) == []


def test_bytes_that_are_no_text_do_not_hide_a_package(tmp_path):
    put(tmp_path, "var/lib/dpkg/status", "")
    (tmp_path / "var/lib/dpkg/status").write_bytes(
        b"Package: a\nStatus: install ok installed\nMaintainer: \xe4\nArchitecture: all\nVersion: 1\n"
    )

    assert [entry["name"] for entry in packages(tmp_path, no_rpm)] == ["a"]
