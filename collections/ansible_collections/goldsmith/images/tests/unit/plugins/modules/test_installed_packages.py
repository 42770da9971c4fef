# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk of the machine where the module runs."""

from __future__ import annotations

import shutil

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._software import Findings
from ansible_collections.goldsmith.images.plugins.modules.installed_packages import LocalDisk


class Module:
    """What the disk asks of AnsibleModule; a whole one would read its arguments from this process."""

    def __init__(self, status: int = 0, output: str = "", missing: str = "") -> None:
        self.answer, self.missing = (status, output, "the database is locked"), missing

    def get_bin_path(self, name: str) -> str | None:
        return None if name == self.missing else f"/usr/bin/{name}"

    def run_command(self, command, errors=None):
        return self.answer


def test_bytes_that_are_no_text_do_not_hide_a_package(tmp_path):
    (tmp_path / "status").write_bytes(b"Package: a\nMaintainer: \xe4\n")

    assert list(LocalDisk(Module()).files(str(tmp_path / "status"))) == [("status", "Package: a\nMaintainer: \ufffd\n")]


def test_files_of_a_directory_are_read_in_order_and_what_is_not_there_is_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    disk = LocalDisk(Module())

    assert list(disk.files(str(tmp_path))) == [("a", "a"), ("b", "b")]
    assert list(disk.files(str(tmp_path / "missing"))) == []


def test_an_rpm_that_fails_is_a_fault_and_one_that_is_missing_is_none():
    assert LocalDisk(Module(missing="rpm")).rpm("%{NAME}") == ""
    with pytest.raises(Fault, match="rpm cannot list this machine's packages: the database is locked"):
        LocalDisk(Module(status=1)).rpm("%{NAME}")


def test_a_file_that_is_gone_when_it_is_read_is_passed_over(tmp_path):
    metadata = tmp_path / "x.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Name: x\nVersion: 1\n")
    gone = tmp_path / "gone.dist-info" / "METADATA"
    gone.parent.mkdir()
    gone.write_text("Name: gone\nVersion: 1\n")
    findings = Findings()

    LocalDisk(Module(status=1, output=f"{metadata}\n{gone}\n")).walk(findings)
    shutil.rmtree(gone.parent)

    assert [one["name"] for one in findings.libraries(list)] == ["x"]


def test_a_machine_without_find_has_no_libraries_that_are_known():
    findings = Findings()

    LocalDisk(Module(missing="find")).walk(findings)

    assert findings.libraries(list) == []
