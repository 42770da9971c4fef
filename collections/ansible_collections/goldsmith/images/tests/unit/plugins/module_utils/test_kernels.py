# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._kernels import Kernel, kernels, pending, superfluous

PROC = (
    "Linux version 6.1.0-17-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU "
    "Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.69-1 (2023-12-30)\n"
)
UBUNTU = "Linux version 5.15.0-91-generic (buildd@x) (gcc 11.4.0, GNU ld 2.38) #101-Ubuntu SMP Tue Nov 14 2023\n"


def packages(*names):
    """Describe installed packages, written as name=version."""
    pairs = (name.partition("=") for name in names)
    return [{"name": name, "version": version or "1", "arch": "amd64", "type": "deb"} for name, _is, version in pairs]


DEBIAN = packages(
    *("linux-image-amd64=6.1.90-1", "linux-base", "linux-image-6.1.0-9-amd64=6.1.27-1", "linux-libc-dev"),
    *("linux-image-6.1.0-17-amd64=6.1.69-1", "linux-headers-6.1.0-17-amd64", "linux-headers-6.1.0-17-common"),
    *("linux-image-6.1.0-18-amd64=6.1.76-1", "linux-headers-6.1.0-18-amd64", "linux-headers-6.1.0-18-common"),
    *("linux-image-6.1.0-9-cloud-amd64=6.1.27-1", "linux-image-6.1.0-9-amd64-dbg", "linux-kbuild-6.1"),
)


def test_kernels_are_found_newest_first_and_metapackages_are_none():
    assert [kernel.release for kernel in kernels(DEBIAN)] == [
        *("6.1.0-18-amd64", "6.1.0-17-amd64", "6.1.0-9-cloud-amd64", "6.1.0-9-amd64")
    ]


@pytest.mark.parametrize(
    ("release", "flavour"),
    [
        ("6.1.0-17-amd64", "amd64"),
        ("6.1.0-17-cloud-amd64", "cloud-amd64"),
        ("6.12.48+deb13-amd64", "amd64"),
        ("6.5.0-0.deb12.4-rt-amd64", "rt-amd64"),
        ("5.15.0-91-generic", "generic"),
        ("6.18.0", ""),
    ],
)
def test_a_kernels_flavour_is_the_end_of_its_release(release, flavour):
    assert Kernel(release, "1").flavour == flavour


def test_the_newest_kernel_of_the_flavour_should_run():
    assert pending(kernels(DEBIAN), "6.1.0-17-amd64", PROC) == (
        "the kernel 6.1.0-18-amd64 is installed, and 6.1.0-17-amd64 runs"
    )
    assert pending(kernels(DEBIAN), "6.1.0-9-cloud-amd64", "") == ""


def test_a_kernel_that_was_rebuilt_under_the_same_name_should_run():
    installed = kernels(packages("linux-image-6.1.0-17-amd64=6.1.69-2"))
    assert pending(installed, "6.1.0-17-amd64", PROC) == (
        "the kernel 6.1.0-17-amd64 is installed in version 6.1.69-2, and 6.1.69-1 runs"
    )
    assert pending(kernels(packages("linux-image-6.1.0-17-amd64=6.1.69-1")), "6.1.0-17-amd64", PROC) == ""


@pytest.mark.parametrize(
    ("version", "runs"), [("5.15.0-91.101", True), ("5.15.0-91.101~20.04.1", True), ("5.15.0-91.102", False)]
)
def test_ubuntus_kernel_is_told_by_its_build(version, runs):
    installed = kernels(packages(f"linux-image-5.15.0-91-generic={version}"))
    assert (pending(installed, "5.15.0-91-generic", UBUNTU) == "") is runs


def test_of_a_kernel_from_elsewhere_nothing_is_said_and_nothing_is_removed():
    assert pending(kernels(DEBIAN), "6.18.0-custom", "") == ""
    assert superfluous(DEBIAN, "6.18.0-custom", 1) == []


def test_old_kernels_go_with_their_headers_and_shared_headers_too():
    assert superfluous(DEBIAN, "6.1.0-18-amd64", 1) == [
        *("linux-headers-6.1.0-17-amd64", "linux-headers-6.1.0-17-common"),
        *("linux-image-6.1.0-17-amd64", "linux-image-6.1.0-9-amd64"),
    ]
    assert superfluous(DEBIAN, "6.1.0-18-amd64", 2) == ["linux-image-6.1.0-9-amd64"]
    assert superfluous(DEBIAN, "6.1.0-18-amd64", 3) == []


def test_the_kernel_that_runs_and_the_one_that_will_run_always_stay():
    assert superfluous(DEBIAN, "6.1.0-9-amd64", 1) == [
        *("linux-headers-6.1.0-17-amd64", "linux-headers-6.1.0-17-common", "linux-image-6.1.0-17-amd64")
    ]


def test_headers_that_another_flavour_needs_stay():
    both = packages(
        *("linux-image-6.1.0-17-amd64", "linux-image-6.1.0-18-amd64", "linux-image-6.1.0-17-rt-amd64"),
        *("linux-headers-6.1.0-17-common", "linux-headers-6.1.0-17-amd64"),
    )
    assert superfluous(both, "6.1.0-18-amd64", 1) == ["linux-headers-6.1.0-17-amd64", "linux-image-6.1.0-17-amd64"]


def test_ubuntus_headers_without_flavour_go_too():
    ubuntu = packages(
        *("linux-image-5.15.0-90-generic", "linux-modules-5.15.0-90-generic", "linux-headers-5.15.0-90"),
        *("linux-modules-extra-5.15.0-90-generic", "linux-image-5.15.0-91-generic", "linux-headers-5.15.0-91"),
    )
    assert superfluous(ubuntu, "5.15.0-91-generic", 1) == [
        *("linux-headers-5.15.0-90", "linux-image-5.15.0-90-generic"),
        *("linux-modules-5.15.0-90-generic", "linux-modules-extra-5.15.0-90-generic"),
    ]
