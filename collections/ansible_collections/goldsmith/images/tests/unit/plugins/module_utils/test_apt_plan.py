# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._apt_plan import (
    Install,
    Plan,
    complaints,
    forcing_pins,
    held_back,
    is_fetching,
    is_locked,
    is_untrusted,
    kept_files,
    may_recover,
    read_plan,
    security_pins,
)

SIMULATED = """Reading package lists...
The following packages will be REMOVED:
  goldleaf
The following packages have been kept back:
  goldcoin golddust
  goldvault
The following upgrades have been deferred due to phasing:
  goldmine
The following packages will be upgraded:
  goldbar
1 upgraded, 1 newly installed, 1 to remove and 3 not upgraded.
Inst goldsmelter (1.5 Debian:stable [all])
Remv goldleaf [1.0] [goldbar:amd64 ]
Remv libold:i386 [3]
Inst goldbar [1.0] (2.0 Debian:12.5/stable, Debian-Security:12/stable-security [amd64]) [goldcoin:amd64 on goldbar:amd64]
Inst libgold:i386 [1:2-1] (1:2-1+deb12u1 Debian-Security:12/stable-security [i386])
Conf goldsmelter (1.5 Debian:stable [all])
"""
POLICY = """Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://security.example/debian-security bookworm-security/main amd64 Packages
     release v=12,o=Debian,a=stable-security,n=bookworm-security,l=Debian-Security,c=main,b=amd64
     origin security.example
 100 http://deb.debian.org/debian bookworm-backports/main amd64 Packages
     release o=Debian Backports,a=stable-backports,n=bookworm-backports,l=Debian Backports,c=main,b=amd64
 -10 http://deb.debian.org/debian sid/main amd64 Packages
     release o=Debian,a=unstable,n=sid,l=Debian,c=main,b=amd64
 500 http://deb.debian.org/debian bookworm/main amd64 Packages
     release v=12.5,o=Debian,a=stable,n=bookworm,l=Debian,c=main,b=amd64
     origin deb.debian.org
Pinned packages:
     goldbar -> 1.0 with priority 1001
"""


def package(name, version, arch="all", source="", source_version=""):
    entry = {"name": name, "version": version, "arch": arch, "source": source or name}
    return {**entry, "source_version": source_version or version, "type": "deb"}


def test_a_plan_is_read_with_architectures_and_what_goes():
    assert read_plan(SIMULATED) == Plan(
        (
            Install("goldsmelter", "all", "1.5"),
            Install("goldbar", "amd64", "2.0", "1.0"),
            Install("libgold", "i386", "1:2-1+deb12u1", "1:2-1"),
        ),
        (("goldleaf", ""), ("libold", "i386")),
    )


def test_nothing_to_do_is_an_empty_plan():
    assert not read_plan("0 upgraded, 0 newly installed, 0 to remove and 3 not upgraded.\n")


def test_a_purge_is_a_removal():
    assert read_plan("Purg linux-image-6.1.0-9-amd64 [6.1.27-1]\n").removes == (("linux-image-6.1.0-9-amd64", ""),)


def test_packages_that_are_kept_back_are_named_whatever_the_reason():
    assert held_back(SIMULATED) == ["goldcoin", "golddust", "goldmine", "goldvault"]


def test_a_plan_says_what_will_be_installed_with_the_sources_that_the_lists_name():
    before = [
        package("dpkg", "1.21", "amd64"),
        package("goldleaf", "1.0"),
        package("libold", "3", "i386"),
        package("libold", "3", "amd64"),
        package("goldbar", "1.0", "amd64", "gold"),
        package("libgold", "1:2-1", "i386"),
    ]
    after = read_plan(SIMULATED).applied(before, [package("goldbar", "2.0", "amd64", "gold", "2.0~a")])
    assert {(one["name"], one["arch"], one["version"], one["source"], one["source_version"]) for one in after} == {
        ("dpkg", "amd64", "1.21", "dpkg", "1.21"),
        ("libold", "amd64", "3", "libold", "3"),
        ("goldbar", "amd64", "2.0", "gold", "2.0~a"),
        ("libgold", "i386", "1:2-1+deb12u1", "libgold", "1:2-1+deb12u1"),
        ("goldsmelter", "all", "1.5", "goldsmelter", "1.5"),
    }


def test_configuration_files_that_were_kept_are_named():
    output = """
Configuration file '/etc/goldbar.conf'
 ==> Modified (by you or by a script) since installation.
 ==> Package distributor has shipped an updated version.
 ==> Keeping old config file as default.
Configuration file '/etc/other.conf'
 ==> Using new file as you requested.
"""
    assert kept_files(output) == ["/etc/goldbar.conf"]


def test_complaints_leave_out_what_says_nothing_and_what_is_said_twice():
    output = """Get:1 http://mirror.example/debian bookworm InRelease
W: Target Packages is configured multiple times
E: Failed to fetch http://mirror.example/x  503  Service Unavailable
E: Failed to fetch http://mirror.example/x  503  Service Unavailable
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""
    assert complaints(output) == "Failed to fetch http://mirror.example/x  503  Service Unavailable"
    assert complaints("a\nb\nc\n\nd\n") == "b; c; d"


def test_a_signature_by_an_unknown_key_is_no_hiccup_with_either_verifier():
    gpgv = (
        "W: GPG error: http://m.example bookworm InRelease: The following signatures couldn't be verified: NO_PUBKEY 7E"
    )
    sqv = "Err:1 x\n  Sub-process /usr/bin/sqv returned an error code (1), error message is: Missing key CD92, which is needed"
    for output in (gpgv, sqv, "E: The repository 'http://m.example bookworm InRelease' is not signed."):
        assert is_untrusted(output)
        assert not may_recover(output)


def test_a_mirror_that_answers_nonsense_for_a_while_may_recover():
    for output in (
        "E: Failed to fetch http://m.example/Packages  Hash Sum mismatch",
        "E: Failed to fetch http://m.example/Packages  File has unexpected size (1 != 2). Mirror sync in progress?",
        "E: The repository 'http://m.example bookworm Release' does not have a Release file.",
        "E: Failed to fetch http://m.example/InRelease  Connection failed [IP: 192.0.2.1 80]",
    ):
        assert may_recover(output)
    assert not may_recover("E: Malformed entry 1 in list file /etc/apt/sources.list (Component)")


def test_what_failed_before_anything_changed_is_told_from_what_failed_midway():
    assert is_fetching("E: Failed to fetch http://m.example/x.deb  404  Not Found")
    assert not is_fetching("E: Sub-process /usr/bin/dpkg returned an error code (1)")


def test_a_lock_of_another_program_is_seen():
    assert is_locked("E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)")
    assert is_locked("dpkg: error: dpkg frontend lock was locked by another process with pid 7")
    assert not is_locked("E: Failed to fetch http://m.example/lock-tools.deb")


def test_other_archives_than_those_for_security_fall_below_what_is_installed_in_their_order():
    pins = security_pins(POLICY, ["l=Debian-Security"]).split("\n\n")
    assert pins[0] == "Package: *\nPin: release l=Debian-Security\nPin-Priority: 990"
    assert [pin.splitlines()[1:] for pin in pins[2:4]] == [
        [
            "Pin: release o=Debian Backports,a=stable-backports,n=bookworm-backports,l=Debian Backports,c=main",
            "Pin-Priority: 5",
        ],
        ["Pin: release v=12.5,o=Debian,a=stable,n=bookworm,l=Debian,c=main", "Pin-Priority: 25"],
    ]
    assert "sid" not in "".join(pins)


def test_a_snapshot_may_be_forced_by_pins_on_the_archives_that_are_usually_taken_from():
    pins = forcing_pins(POLICY)
    assert pins.count("Pin-Priority: 1001") == 2
    assert not any(word in pins for word in ("a=now", "n=sid", "n=bookworm-backports"))
