# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a disk says of its software, beside the list of packages."""

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._inventory import inventory
from ansible_collections.goldsmith.images.plugins.module_utils._software import (
    Findings,
    assignments,
    copyright_licenses,
)
from ansible_collections.goldsmith.images.plugins.module_utils._software_search import is_elsewhere, is_metadata

DEP5 = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Source: https://example.org

Files: *
Copyright: 2026 Someone
License: GPL-2+
 This program is free software;
 License: of no field

Files: debian/*
License: Expat or Artistic

License: GPL-2+
 The whole text.
"""
STATUS = "Package: dash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
METADATA = b"Name: flask\nVersion: 3.1.0\n"


class Given:
    """A disk of which is told what it has."""

    def __init__(self, texts: dict[str, str], walk: dict[str, object] | None = None, rpm: dict[str, str] | None = None):
        self.texts, self.found, self.answers, self.asked = texts, walk or {}, rpm or {}, []

    def files(self, path):
        yield from ((name.rpartition("/")[2], text) for name, text in self.texts.items() if name.startswith(path))

    def rpm(self, query):
        self.asked.append(query)
        return self.answers["files" if "FILENAMES" in query else "packages"]

    def walk(self, findings):
        for path, content in self.found.items():
            if isinstance(content, str):
                findings.link(path, content)
            else:
                findings.read(path, content)


def names(report) -> list[str]:
    return [one["name"] for one in report["software"]["libraries"]]


def test_licences_are_read_from_machine_readable_copyright_files_alone() -> None:
    assert copyright_licenses(DEP5) == ["Expat or Artistic", "GPL-2+"]
    assert copyright_licenses("This package was debianized by hand.\nLicense: GPL-2+\n") == []


def test_copyright_files_are_found_behind_the_links_between_packages() -> None:
    findings = Findings()
    findings.link("/usr/share/doc/libgcc-s1", "gcc-12-base")
    findings.link("/usr/share/doc/libfoo/copyright", "../gcc-12-base/copyright")
    findings.link("/usr/share/doc/loop", "loop")
    findings.read("/usr/share/doc/gcc-12-base/copyright", DEP5.encode())

    assert {name for name, _licenses in findings.licenses()} == {"libgcc-s1", "libfoo", "gcc-12-base"}


def test_os_release_is_read_with_and_without_quotes() -> None:
    text = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='Debian GNU/Linux 12'\n# a remark\nbroken\n"

    assert assignments(text) == {"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12"}


def test_a_library_that_came_in_a_package_is_told_of_as_that_package() -> None:
    disk = Given(
        {"/var/lib/dpkg/status": STATUS},
        {
            "/var/lib/dpkg/info/python3-flask.list": b"/.\n/lib/python3/dist-packages/flask-3.egg-info\n",
            "/usr/lib/python3/dist-packages/flask-3.egg-info": METADATA,
            "/opt/app/flask-3.1.0.dist-info/METADATA": METADATA,
        },
    )

    assert [one["path"] for one in inventory(disk)["software"]["libraries"]] == [
        "/opt/app/flask-3.1.0.dist-info/METADATA"
    ]


def test_files_of_packages_are_known_from_apk_and_rpm_and_images_without_a_package_manager() -> None:
    path = "usr/lib/python3.12/site-packages/a.dist-info/METADATA"
    folder, file = path.rsplit("/", 1)
    databases = {
        "/lib/apk/db/installed": f"P:py3-a\nV:1\nL:MIT\nF:{folder}\nR:{file}\n",
        "/var/lib/dpkg/status.d/a.md5sums": f"0123  {path}\n",
        "/var/lib/rpm/rpmdb.sqlite": "",
    }
    rpm = {"packages": "py3-a||1|noarch|a-1-1.src.rpm|MIT\n", "files": f"/{path}\n"}
    for place, text in databases.items():
        assert names(inventory(Given({place: text}, {f"/{path}": METADATA}, rpm))) == []
    assert names(inventory(Given({}, {f"/{path}": METADATA}))) == ["flask"]


def test_rpm_is_not_asked_for_all_files_where_there_is_no_library() -> None:
    disk = Given(
        {"/var/lib/rpm/rpmdb.sqlite": ""},
        rpm={"packages": "bash|1:|5.2-3|x86_64|bash-5.2-3.src.rpm|GPL-3.0-or-later\n"},
    )

    found = inventory(disk)

    assert found["software"]["licenses"] == {"rpm bash": ["GPL-3.0-or-later"]}
    assert [package["version"] for package in found["packages"]] == ["1:5.2-3"]
    assert len(disk.asked) == 1


def test_what_is_left_for_later_is_read_only_when_it_came_in_no_package() -> None:
    findings, opened = Findings(), []

    def reader(path):
        return lambda: opened.append(path) or METADATA

    findings.later("/var/lib/dpkg/info/a.list", lambda: b"/usr/share/a.egg-info\n")
    for path in ("/usr/share/a.egg-info", "/opt/b.egg-info"):
        findings.later(path, reader(path))

    assert [one["path"] for one in findings.libraries(list)] == ["/opt/b.egg-info"] == opened


def test_an_empty_disk_has_nothing_and_says_so() -> None:
    assert inventory(Given({})) == {
        "packages": [],
        "sources": [],
        "software": {"os": {}, "databases": [], "licenses": {}, "libraries": []},
    }


def test_what_is_worth_reading_is_known_by_its_path() -> None:
    assert is_metadata("/srv/node_modules/@scope/name/package.json")
    assert is_metadata("/srv/node_modules/a/node_modules/b/package.json")
    assert not is_metadata("/srv/node_modules/a/test/fixture/package.json")
    assert not is_metadata("/srv/package.json")
    assert not is_metadata("/opt/x.dist-info/RECORD")
    assert is_elsewhere("/proc/1/root/opt/a.jar")
    assert not is_elsewhere("/processed/a.jar")


def test_databases_of_all_package_managers_are_read_together() -> None:
    disk = Given(
        {
            "/var/lib/dpkg/status": "Package: b\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n",
            "/var/lib/dpkg/status.d/libssl3": "Package: libssl3\nSource: openssl\nVersion: 3.0.15\nArchitecture: amd64\n",
            "/lib/apk/db/installed": "P:a\nV:1.2-r0\nA:x86_64\no:origin\n",
            "/usr/lib/sysimage/rpm/rpmdb.sqlite": "",
        },
        rpm={"packages": "bash|1:|5.2-3.fc40|x86_64|bash-5.2-3.fc40.src.rpm|GPL-3.0-or-later\n"},
    )

    found = inventory(disk)

    assert [(entry["name"], entry["type"], entry["source"], entry["version"]) for entry in found["packages"]] == [
        ("a", "apk", "origin", "1.2-r0"),
        ("b", "deb", "b", "1"),
        ("bash", "rpm", "bash", "1:5.2-3.fc40"),
        ("libssl3", "deb", "openssl", "3.0.15"),
    ]
    assert found["software"]["databases"] == ["apk", "dpkg", "rpm"]
