# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is decided before anything is done."""

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._package_request import Request
from ansible_collections.goldsmith.images.plugins.modules import package_upgrade
from ansible_collections.goldsmith.images.plugins.modules.package_upgrade import argument_spec, check_snapshot, manager


def test_every_option_but_two_is_a_request():
    assert set(argument_spec()) - {"manager", "inventory"} == set(Request.__dataclass_fields__) - {"check"}


@pytest.mark.parametrize(
    ("asked", "there", "taken"),
    [
        ("auto", ["apt-get"], "apt"),
        ("auto", ["dnf"], "dnf"),
        ("auto", ["apt-get", "dnf"], "apt"),
        ("dnf", ["apt-get", "dnf"], "dnf"),
    ],
)
def test_the_package_tool_is_the_one_that_is_there(monkeypatch, asked, there, taken):
    monkeypatch.setattr(package_upgrade.shutil, "which", lambda name: name if name in there else None)
    assert manager(asked) == taken


@pytest.mark.parametrize(("asked", "told"), [("auto", "neither apt-get nor dnf"), ("dnf", "no dnf")])
def test_a_machine_without_one_is_refused(monkeypatch, asked, told):
    monkeypatch.setattr(package_upgrade.shutil, "which", lambda _name: None)
    with pytest.raises(Fault, match=f"this machine has {told}"):
        manager(asked)


def test_a_snapshot_must_say_of_when_or_of_which_release():
    with pytest.raises(Fault, match="needs `snapshot_date`"):
        check_snapshot(Request("snapshot", release="2023.6"), "apt")
    with pytest.raises(Fault, match="needs `snapshot_url` or `release`"):
        check_snapshot(Request("snapshot", snapshot_date="2026-01-31"), "dnf")
    check_snapshot(Request("snapshot", release="2023.6"), "dnf")
    check_snapshot(Request("snapshot", snapshot_date="2026-01-31"), "apt")
    check_snapshot(Request("full"), "dnf")
