# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import shutil
import subprocess

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._deb_version import version_key

IN_ORDER = [
    *(
        "0~~",
        "0~",
        "0",
        "1~rc1",
        "1",
        "1-0+b1",
        "1-1~deb12u1",
        "1-1",
        "1-1+deb12u1",
        "1-1+deb12u10",
        "1a",
        "1a+1",
        "1+1",
    ),
    *("1.0", "1.0.1", "1.2", "1.10", "6.1.0-9-amd64", "6.1.0-10-amd64", "1:0.1", "1:0.1-2", "2:0~a"),
]


def test_versions_sort_as_debian_sorts_them():
    backwards = IN_ORDER[::-1]
    assert sorted(backwards, key=version_key) == IN_ORDER


@pytest.mark.parametrize(("one", "other"), [("1.0", "1.0-0"), ("1.0", "0:1.0"), ("1a", "1a0"), ("1.00", "1.0")])
def test_versions_that_are_written_otherwise_may_be_the_same(one, other):
    assert version_key(one) == version_key(other)


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is the judge")
def test_dpkg_agrees():
    script = "".join(f"dpkg --compare-versions {a} lt {b} || echo {a} {b};" for a, b in itertools.pairwise(IN_ORDER))
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False).stdout == ""
