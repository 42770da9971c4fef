# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._apt_needs import Package, read_packages, unneeded

STATUS = """ii \tapt\tapt\t, libc6 (>= 2.34), gpgv | gpgv2 (>= 1.4), keyring:any\tca-certificates\tapt-transport-https (= 2)
ii \tlibc6:amd64\tlibc6\t, \t\t
rc \tgone\tgone\t, \t\t
iU \tunpacked\tunpacked\t, \t\t
auto
Package: python3
Architecture: amd64
Auto-Installed: 1

Package: bash
Architecture: amd64
Auto-Installed: 0
"""


def package(name: str, depends: str = "", recommends: str = "", provides: str = "") -> Package:
    """Describe a package; groups are separated by commas, alternatives by bars."""

    def groups(text: str) -> tuple[frozenset[str], ...]:
        return tuple(frozenset(group.split("|")) for group in text.split(",") if group)

    return Package(name, frozenset({name.partition(":")[0], *provides.split()}), groups(depends), groups(recommends))


BASE = (package("base"), package("dpkg"))
OURS = [
    package("python3", depends="python3.11,libpython"),
    package("python3.11", depends="libssl3"),
    package("libpython:amd64"),
    package("libssl3:amd64", provides="libssl-abi"),
    package("python3-apt", depends="python3"),
]
NAMES = {one.name for one in OURS}
AUTOMATIC = frozenset(one.name.partition(":")[0] for one in OURS)


def removed(*layer: Package, base: Sequence[Package] = BASE, automatic: Collection[str] = AUTOMATIC) -> set[str]:
    return unneeded([*base, *OURS, *layer], NAMES, {one.name for one in base}, set(automatic))


def test_fields_of_dpkg_are_read_without_versions_and_architectures() -> None:
    packages, automatic = read_packages(STATUS)

    assert [one.name for one in packages] == ["apt", "libc6:amd64"]
    assert packages[0].depends == (
        frozenset({"libc6"}),
        frozenset({"gpgv", "gpgv2"}),
        frozenset({"keyring"}),
    )
    assert packages[0].recommends == (frozenset({"ca-certificates"}),)
    assert packages[0].provides == {"apt", "apt-transport-https"}
    assert packages[1].provides == {"libc6"}
    assert automatic == {"python3"}


def test_all_of_it_goes_when_nothing_came_to_need_it() -> None:
    assert removed() == NAMES
    assert removed(package("nginx", depends="dpkg")) == NAMES


def test_what_a_layer_depends_on_stays_with_all_that_this_depends_on() -> None:
    assert removed(package("certbot", depends="python3")) == {"python3-apt"}
    assert removed(package("curl", depends="libssl3")) == NAMES - {"libssl3:amd64"}


def test_what_a_layer_asks_for_through_another_name_stays() -> None:
    assert removed(package("curl", depends="libssl-abi")) == NAMES - {"libssl3:amd64"}


def test_alternative_that_stays_anyway_is_enough() -> None:
    assert removed(package("tool", depends="base|python3")) == NAMES
    assert removed(package("tool", depends="absent|libssl3")) == NAMES - {"libssl3:amd64"}


def test_what_was_asked_for_by_name_meanwhile_stays() -> None:
    assert removed(automatic=AUTOMATIC - {"python3"}) == {"python3-apt"}


def test_recommendation_of_a_layer_counts_and_one_of_the_base_does_not() -> None:
    recommending = package("tool", recommends="libssl3")

    assert removed(recommending) == NAMES - {"libssl3:amd64"}
    assert removed(base=[*BASE, recommending]) == NAMES


@pytest.mark.parametrize("gone", ["python3-apt", "python3"])
def test_package_that_a_layer_has_removed_is_not_removed_again(gone: str) -> None:
    left = [one for one in OURS if one.name != gone]

    assert gone not in unneeded([*BASE, *left], NAMES, {one.name for one in BASE}, set(AUTOMATIC))
