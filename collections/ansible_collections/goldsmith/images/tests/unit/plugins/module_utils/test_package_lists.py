# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import apks, debs, rpms


def test_debian_s_sources_are_known_with_their_own_versions() -> None:
    text = (
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9\n"
        "Description: a library\n Version: is not this\n\n"
        "Package: libgcc-s1\nStatus: install ok installed\nArchitecture: amd64\nSource: gcc-12 (12.2.0-14)\n"
        "Version: 1:12.2.0-14+b1\n\n"
        "Package: old\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n"
        "Package: held\nStatus: hold ok installed\nArchitecture: all\nVersion: 2\n"
    )

    found = [(entry["name"], entry["version"], entry["source"], entry["source_version"]) for entry in debs(text)]

    assert found == [
        ("libc6", "2.36-9", "glibc", "2.36-9"),
        ("libgcc-s1", "1:12.2.0-14+b1", "gcc-12", "12.2.0-14"),
        ("held", "2", "held", "2"),
    ]


def test_rpm_s_epochs_are_part_of_the_version_and_keys_are_no_packages() -> None:
    text = (
        "bash||5.2.26-3.fc40|x86_64|bash-5.2.26-3.fc40.src.rpm\n"
        "openssl-libs|1:|3.2.1-2.fc40|x86_64|openssl-3.2.1-2.fc40.src.rpm\n"
        "gpg-pubkey||a15b79cc-63d04c2c|(none)|(none)\n"
    )

    assert list(rpms(text)) == [
        {
            "name": "bash",
            "version": "5.2.26-3.fc40",
            "arch": "x86_64",
            "source": "bash",
            "source_version": "5.2.26-3.fc40",
            "type": "rpm",
        },
        {
            "name": "openssl-libs",
            "version": "1:3.2.1-2.fc40",
            "arch": "x86_64",
            "source": "openssl",
            "source_version": "1:3.2.1-2.fc40",
            "type": "rpm",
        },
    ]


def test_alpine_s_sources_are_known() -> None:
    text = "P:libcrypto3\nV:3.3.2-r0\nA:x86_64\no:openssl\nt:1\nD:so:libc.musl\n\n\nP:busybox\nV:1.36\nA:x86_64\n"

    assert [(entry["name"], entry["source"], entry["source_version"]) for entry in apks(text)] == [
        ("libcrypto3", "openssl", "3.3.2-r0"),
        ("busybox", "busybox", "1.36"),
    ]
