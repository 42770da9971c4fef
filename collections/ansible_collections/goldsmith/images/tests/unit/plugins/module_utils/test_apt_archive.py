# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import (
    Source,
    archives,
    sources_from_mirrors,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


def lines(mirrors: list[str], suite: str = "bookworm", components: tuple[str, ...] = ("main",)) -> list[str]:
    return [source.line for source in sources_from_mirrors(mirrors, suite, components)]


def test_archive_serves_the_suite_and_its_updates_and_a_security_archive_the_security_updates() -> None:
    mirrors = ["http://a.example/debian", "http://a.example/debian-security/20261122T000000Z"]

    assert lines(mirrors, components=("main", "contrib")) == [
        "deb http://a.example/debian bookworm main contrib",
        "deb http://a.example/debian bookworm-updates main contrib",
        "deb http://a.example/debian-security/20261122T000000Z bookworm-security main contrib",
    ]


def test_suite_that_rolls_has_no_updates() -> None:
    assert lines(["http://a.example/debian", "http://a.example/debian-security"], suite="sid") == [
        "deb http://a.example/debian sid main"
    ]


def test_whole_line_stands_for_itself() -> None:
    line = "deb [signed-by=/k.asc] https://a.example/apt stable main extra"

    assert lines([line]) == [line]


def test_updates_may_be_missing_and_nothing_else() -> None:
    sources = sources_from_mirrors(["http://a.example/debian", "http://a.example/debian-security"], "trixie", ["main"])

    assert [source.required for source in sources] == [True, False, True]


@pytest.mark.parametrize(
    ("line", "url"),
    [
        ("deb http://a.example/debian/ bookworm main", "http://a.example/debian/dists/bookworm/InRelease"),
        ("deb [arch=amd64 trusted=yes] https://a.example/x s a b", "https://a.example/x/dists/s/InRelease"),
        ("deb http://a.example/flat ./", "http://a.example/flat/./InRelease"),
        ("deb http://a.example/flat sub/", "http://a.example/flat/sub/InRelease"),
    ],
)
def test_signed_index_is_where_apt_looks_for_it(line: str, url: str) -> None:
    assert Source(line).inrelease == url


@pytest.mark.parametrize("mirror", ["archive.example", "ftp://a.example/debian", "cdrom:[x]/", "deb", "", "deb x"])
def test_what_is_no_archive_over_http_is_refused_by_name(mirror: str) -> None:
    with pytest.raises(Fault, match="not understood") as fault:
        assert [source.inrelease for source in sources_from_mirrors([mirror], "bookworm", ["main"])]

    assert mirror in str(fault.value)


APT = [
    "http://third.example/apt|stable|Third Party|Third",
    "http://a.example/debian/|bookworm-backports|Debian|Debian Backports",
    "http://a.example/debian/|bookworm|Debian|Debian",
    "http://b.example/debian|bookworm-updates|Debian|Debian",
    "http://s.example/debian-security|bookworm-security|Debian|Debian-Security",
]


def test_archives_of_the_host_are_told_by_who_issued_them() -> None:
    assert archives(APT) == ("http://a.example/debian", "http://s.example/debian-security")


def test_archives_of_the_host_are_told_by_their_addresses_before_its_first_update() -> None:
    unknown = ["|".join([*line.split("|")[:2], "$(ORIGIN)", "$(LABEL)"]) for line in APT]

    assert archives(unknown) == ("http://a.example/debian", "http://s.example/debian-security")


@pytest.mark.parametrize(
    "targets", [[], ["http://u.example/ubuntu|noble|Ubuntu|Ubuntu"], ["cdrom:[x]/|bookworm|Debian|Debian"]]
)
def test_host_without_a_debian_archive_names_none(targets: list[str]) -> None:
    assert archives(targets) == ("", "")
