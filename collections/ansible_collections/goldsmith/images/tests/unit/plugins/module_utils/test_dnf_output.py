# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._dnf_output import (
    Transaction,
    advisories,
    complaints,
    is_fetching,
    is_untrusted,
    kept_files,
    read_transaction,
    repositories,
    restart_reasons,
    upgrades,
)

TABLE = """Last metadata expiration check: 0:00:20 ago on Sun Nov 22 11:35:38 2026.
Dependencies resolved.
================================================================================
 Package       Arch    Version        Repo   Size
================================================================================
Installing:
 kernel        x86_64  5.14.0-503     baseos 2 M
Upgrading:
 goldbar       noarch  1:2.0-1        gold   6.0 k
     replacing  goldleaf.noarch 1.0-1
 goldvault-with-a-very-long-name
               noarch  12.0.123456-1  gold   6.4 k
Installing dependencies:
 goldsmelter   noarch  1.5-1          gold   6.0 k
Removing unused dependencies:
 goldrush      noarch  3-1            @gold  1 k

Transaction Summary
================================================================================
Install  1 Package
Upgrade  3 Packages

Total size: 24 k
Operation aborted.
"""


def package(name, version, arch="noarch"):
    return {"name": name, "version": version, "arch": arch, "source": name, "source_version": version, "type": "rpm"}


def test_a_transaction_is_read_with_replacements_and_names_that_take_a_line_of_their_own():
    assert read_transaction(TABLE) == Transaction(
        (
            ("kernel", "x86_64", "5.14.0-503"),
            ("goldbar", "noarch", "1:2.0-1"),
            ("goldvault-with-a-very-long-name", "noarch", "12.0.123456-1"),
            ("goldsmelter", "noarch", "1.5-1"),
        ),
        (("goldleaf", "noarch", "1.0-1"), ("goldrush", "noarch", "3-1")),
    )
    assert not read_transaction("Dependencies resolved.\nNothing to do.\nComplete!\n")


def test_a_transaction_says_what_will_be_installed_and_kernels_stay_side_by_side():
    before = [package("goldbar", "1:1.0-1"), package("goldleaf", "1.0-1"), package("kernel", "5.14.0-427", "x86_64")]
    after = read_transaction(TABLE).applied(before, ["kernel"])
    assert {(one["name"], one["version"]) for one in after} == {
        *(("kernel", "5.14.0-427"), ("kernel", "5.14.0-503"), ("goldbar", "1:2.0-1"), ("goldsmelter", "1.5-1")),
        ("goldvault-with-a-very-long-name", "12.0.123456-1"),
    }


def test_advisories_are_told_by_the_vulnerabilities_they_fix():
    output = "CVE-2026-0001 Important/Sec. goldcoin-1.1-1.noarch\nRHBA-2026:1 bugfix x-1-1.noarch\nnothing\n"
    assert advisories(output) == [{"cve": "CVE-2026-0001", "urgency": "important", "package": "goldcoin-1.1-1.noarch"}]


def test_the_distributions_repositories_are_told_from_others():
    output = "repo id      repo name\nbaseos       Rocky Linux 9 - BaseOS\nepel         Extra Packages\nrhel-9-for-x86_64-appstream-rpms x\n"
    assert repositories(output) == (["baseos", "rhel-9-for-x86_64-appstream-rpms"], ["epel"])
    assert repositories("") == ([], [])


def test_upgrades_that_are_left_are_named():
    assert upgrades("Available Upgrades\ngold.bar.noarch   2.0-1   gold\n") == ["gold.bar"]


def test_configuration_files_that_were_kept_are_named():
    assert kept_files("warning: /etc/goldbar.conf created as /etc/goldbar.conf.rpmnew\n") == ["/etc/goldbar.conf"]


def test_reasons_to_start_anew_are_named():
    output = (
        "Core libraries or services have been updated since boot-up:\n  * kernel\n  * glibc\n\nReboot is required\n"
    )
    assert restart_reasons(output) == [
        "kernel was upgraded since the machine was started",
        "glibc was upgraded since the machine was started",
    ]


def test_a_repository_that_fails_is_told_from_a_signature_that_is_refused():
    fails = "Error: Failed to download metadata for repo 'gold': Cannot download repomd.xml: All mirrors were tried\n"
    assert is_fetching(fails)
    assert not is_untrusted(fails)
    assert complaints(f"x\n{fails}") == fails.strip().replace("Error: ", "")
    assert is_untrusted("Error: GPG check FAILED\n")
    assert is_untrusted("Public key for goldbar-2.0-1.noarch.rpm is not installed. Failing package is: x")
