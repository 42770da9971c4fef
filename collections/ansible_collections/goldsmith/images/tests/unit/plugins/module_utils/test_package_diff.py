# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._package_diff import difference


def package(name, version, arch="amd64", kind="deb"):
    return {"name": name, "version": version, "arch": arch, "source": name, "source_version": version, "type": kind}


def test_every_package_is_told_by_what_became_of_it():
    before = [package("a", "1.9"), package("b", "1"), package("c", "2"), package("same", "1")]
    after = [package("a", "1.10"), package("c", "2~rc1"), package("d", "1"), package("same", "1")]
    found = difference(before, after)
    assert found.as_dict() == {
        "upgraded": [{"name": "a", "arch": "amd64", "from": "1.9", "to": "1.10"}],
        "downgraded": [{"name": "c", "arch": "amd64", "from": "2", "to": "2~rc1"}],
        "installed": [{"name": "d", "arch": "amd64", "version": "1"}],
        "removed": [{"name": "b", "arch": "amd64", "version": "1"}],
    }
    assert found.sides() == ("a:amd64 1.9\nb:amd64 1\nc:amd64 2\n", "a:amd64 1.10\nc:amd64 2~rc1\nd:amd64 1\n")


def test_architectures_are_packages_of_their_own():
    found = difference([package("a", "1"), package("a", "1", "i386")], [package("a", "2"), package("a", "1", "i386")])
    assert [one["arch"] for one in found.upgraded] == ["amd64"]


def test_kernels_side_by_side_come_and_go():
    one, two, three = (package("kernel", version, "x86_64", "rpm") for version in ("5.14-1", "5.14-2", "5.14-3"))
    found = difference([one, two], [two, three])
    assert [row["version"] for row in found.installed] == ["5.14-3"]
    assert [row["version"] for row in found.removed] == ["5.14-1"]


def test_nothing_changed_is_no_difference():
    assert not difference([package("a", "1")], [package("a", "1")])
