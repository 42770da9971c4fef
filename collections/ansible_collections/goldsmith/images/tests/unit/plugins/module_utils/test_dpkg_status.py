# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._dpkg_status import (
    Selection,
    selections,
    unfinished,
    with_holds,
)

STATUS = """Package: goldbar
Status: install ok installed
Architecture: all
Version: 1.0
Description: not a field
 Status: hold ok installed

Package: libc6
Status: hold ok half-configured
Architecture: amd64
Version: 2.36

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


def test_packages_are_read_with_what_is_wanted_of_them():
    assert selections(STATUS) == [
        Selection("goldbar", "all", "install", "installed"),
        Selection("libc6", "amd64", "hold", "half-configured"),
        Selection("gone", "amd64", "deinstall", "config-files"),
    ]
    assert [one.full_name for one in selections(STATUS)] == ["goldbar", "libc6:amd64", "gone:amd64"]


def test_what_dpkg_was_interrupted_at_is_found():
    assert unfinished(selections(STATUS)) == ["libc6"]


def test_a_hold_in_thought_changes_that_package_alone():
    thought = with_holds(STATUS, {"goldbar"})
    assert [one.wanted for one in selections(thought)] == ["hold", "hold", "deinstall"]
    assert thought.replace("hold", "install", 1) == STATUS
