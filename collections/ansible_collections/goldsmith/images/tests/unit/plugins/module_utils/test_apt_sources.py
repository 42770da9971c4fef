# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._apt_sources import (
    Source,
    as_of,
    described,
    index_url,
    is_distributions,
    list_name,
    mirrored,
    point_in_time,
    read_sources,
    snapshot_url,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

LINES = """
# deb http://deb.debian.org/debian sid main
deb http://deb.debian.org/debian bookworm main contrib # the usual
deb-src http://deb.debian.org/debian bookworm main
deb [ arch=amd64,i386 signed-by=/etc/apt/keyrings/docker.asc ] https://download.docker.com/linux/debian bookworm stable
deb [trusted=yes] file:/srv/packages ./
"""
PARAGRAPHS = """
Types: deb deb-src
URIs: http://deb.debian.org/debian-security http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEZ
 -----END PGP PUBLIC KEY BLOCK-----

# switched off
Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm-backports
Components: main
Enabled: no

Types: deb-src
URIs: http://deb.debian.org/debian
Suites: bookworm
Components: main
"""
DEBIAN = Source("http://deb.debian.org/debian", "bookworm", ("main",))
UPDATES = Source("http://deb.debian.org/debian", "bookworm-updates", ("main",))
SECURITY = Source("http://deb.debian.org/debian-security", "bookworm-security", ("main",))
DOCKER = Source("https://download.docker.com/linux/debian", "bookworm", ("stable",))


def test_lines_are_read_with_their_options_and_without_comments_and_source_packages():
    assert read_sources({"sources.list": LINES}) == [
        Source("http://deb.debian.org/debian", "bookworm", ("main", "contrib")),
        Source(
            "https://download.docker.com/linux/debian",
            "bookworm",
            ("stable",),
            (("Architectures", "amd64 i386"), ("signed-by", "/etc/apt/keyrings/docker.asc")),
        ),
        Source("file:/srv/packages", "./", (), (("trusted", "yes"),)),
    ]


def test_paragraphs_are_read_for_every_address_unless_switched_off():
    found = read_sources({"debian.sources": PARAGRAPHS})
    assert [(one.uri, one.suite) for one in found] == [
        ("http://deb.debian.org/debian-security", "bookworm-security"),
        ("http://mirror.example/debian-security", "bookworm-security"),
    ]
    assert found[0].option("signed-by").count("\n") == 4


def test_what_is_written_is_read_as_the_same():
    sources = read_sources({"sources.list": LINES, "debian.sources": PARAGRAPHS})
    assert read_sources({"x.sources": "\n".join(source.render() for source in sources)}) == sources


@pytest.mark.parametrize(
    ("uri", "suite", "component", "signed_by", "own"),
    [
        ("http://deb.debian.org/debian", "bookworm", "main", "", True),
        ("http://deb.debian.org/debian", "stable-updates", "main", "", True),
        ("http://mirror.example/pub/debian/", "bookworm-backports", "contrib", "", True),
        (
            "mirror+file:/etc/apt/mirrors/debian.list",
            "bookworm",
            "main",
            "/usr/share/keyrings/debian-archive-keyring.gpg",
            True,
        ),
        (
            "https://proxy.example/repository/apt",
            "bookworm",
            "main",
            "/usr/share/keyrings/debian-archive-keyring.pgp",
            True,
        ),
        ("https://mirror.example/debian", "bookworm", "main", "/etc/apt/keyrings/house.gpg", True),
        ("http://archive.ubuntu.com/ubuntu", "bookworm", "universe", "", True),
        ("https://download.docker.com/linux/debian", "bookworm", "stable", "/etc/apt/keyrings/docker.asc", False),
        ("https://repo.zabbix.com/zabbix/7.0/debian", "bookworm", "main", "/etc/apt/keyrings/zabbix.gpg", False),
        ("https://apt.releases.hashicorp.com", "bookworm", "main", "/etc/apt/keyrings/hashicorp.gpg", False),
        ("https://apt.postgresql.org/pub/repos/apt", "bookworm-pgdg", "main", "", False),
        ("http://deb.debian.org/debian", "trixie", "main", "", False),
        ("https://deb.nodesource.com/node_20.x", "nodistro", "main", "", False),
    ],
)
def test_the_distributions_own_archive_is_told_from_others(uri, suite, component, signed_by, own):
    options = (("Signed-By", signed_by),) if signed_by else ()
    assert is_distributions(Source(uri, suite, (component,), options), "bookworm") is own


def test_a_mirror_takes_the_place_of_the_distributions_archive_alone():
    given = [DEBIAN, UPDATES, SECURITY, DOCKER]
    assert [source.uri for source in mirrored(given, "bookworm", "http://m.example/debian", "")] == [
        *("http://m.example/debian", "http://m.example/debian"),
        *(SECURITY.uri, DOCKER.uri),
    ]
    assert mirrored(given, "bookworm", "", "http://m.example/sec")[2].uri == "http://m.example/sec"


def test_two_mirrors_of_one_suite_become_one():
    twice = [DEBIAN, Source("http://ftp.debian.org/debian", "bookworm", ("main",))]
    assert len(mirrored(twice, "bookworm", "http://m.example/debian", "")) == 1


def test_a_snapshot_is_of_the_distributions_suites_and_may_have_run_out():
    past, others = as_of(
        [DEBIAN, SECURITY, DOCKER], "bookworm", "https://s.example/{archive}/{date}", point_in_time("2026-01-31")
    )
    assert [source.uri for source in past] == [
        "https://s.example/debian/20260131T000000Z",
        "https://s.example/debian-security/20260131T000000Z",
    ]
    assert all("Check-Valid-Until: no" in source.render() for source in past)
    assert others == [DOCKER]


def test_a_snapshot_of_nothing_is_refused():
    with pytest.raises(Fault, match="none of the 1 sources in /etc/apt is an archive of bookworm"):
        as_of([DOCKER], "bookworm", "https://s.example/{archive}/{date}", point_in_time("2026-01-31"))


def test_a_snapshots_address_takes_the_day_and_the_suite_too():
    day = point_in_time("20260131T120000Z")
    assert snapshot_url("http://aptly.example/{day}/{suite}/", SECURITY, day) == (
        "http://aptly.example/2026-01-31/bookworm-security/"
    )
    ubuntu = Source("http://archive.ubuntu.com/ubuntu", "noble-security", ("main",))
    assert snapshot_url("{archive}", ubuntu, day) == "ubuntu"


def test_what_cannot_be_filled_in_is_named():
    with pytest.raises(Fault, match=r"holds \{arch\}, which means nothing here"):
        snapshot_url("http://s.example/{arch}", DEBIAN, point_in_time("20260131"))


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "20260131T120000Z", "2026-01-31 12:00", "202601311200"])
def test_points_in_time_are_read_as_people_write_them(text):
    assert point_in_time(text).isoformat() == "2026-01-31T12:00:00+00:00"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-1-1", "31.01.2026"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(Fault, match=r"is not a date\. Write it as 2026-01-31"):
        point_in_time(text)


def test_sources_are_described_without_what_is_secret_in_their_addresses() -> None:
    files = {
        "sources.list": "deb [check-valid-until=no] https://me:secret@a.example/debian bookworm main contrib\n",
        "sources.list.d/b.sources": "Types: deb\nURIs: http://b.example/debian\nSuites: bookworm\nComponents: main\n",
        "sources.list.d/old.list.save": "deb http://c.example/debian bookworm main\n",
    }
    assert described(files) == [
        {
            "uri": "https://a.example/debian",
            "suite": "bookworm",
            "components": ["main", "contrib"],
            "check_valid_until": False,
        },
        {"uri": "http://b.example/debian", "suite": "bookworm", "components": ["main"], "check_valid_until": True},
    ]


@pytest.mark.parametrize(
    ("source", "url", "name"),
    [
        (
            Source("http://a.example/debian/", "bookworm-updates"),
            "http://a.example/debian/dists/bookworm-updates/InRelease",
            "a.example_debian_dists_bookworm-updates_InRelease",
        ),
        (
            Source("https://me:secret@b.example:8080/my_repo", "./"),
            "https://b.example:8080/my_repo/./InRelease",
            "b.example:8080_my%5frepo_._InRelease",
        ),
        (
            Source("file:/srv/archive", "stable"),
            "file:/srv/archive/dists/stable/InRelease",
            "_srv_archive_dists_stable_InRelease",
        ),
    ],
)
def test_indexes_are_found_under_the_names_that_apt_gives_them(source, url, name) -> None:
    assert (index_url(source), list_name(url)) == (url, name)
