# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modes of packages' files that outlast the packages' upgrades."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.goldsmith.images.plugins.module_utils._stat_overrides import override, packaged


def test_a_packages_program_is_known_by_the_path_the_package_has_for_it(tmp_path: Path) -> None:
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    (info / "util-linux.list").write_text("/.\n/bin/su\n/usr/bin/wall\n/etc/pam.d/su\n")
    (info / "util-linux.conffiles").write_text("/etc/pam.d/su\n")
    paths = ["/usr/bin/su", "/usr/bin/wall", "/etc/pam.d/su", "/usr/local/bin/own", "/usr/bin/s"]
    assert packaged(paths, tmp_path) == ["/bin/su", "/usr/bin/wall"]
    assert packaged([], tmp_path) == packaged(paths, tmp_path / "nowhere") == []


def test_dpkg_is_told_and_what_it_complains_of_is_returned() -> None:
    said: list[list[str]] = []

    def run(command: list[str]) -> tuple[int, str, str]:
        said.append(command)
        return len(said) - 1, "", "no such user\n"

    assert override("/bin/su", "root", "#42", 0o755, run) == ""
    assert override("/bin/su", "root", "#42", 0o755, run) == "no such user"
    assert said[0][0] == "dpkg-statoverride" and said[0][-4:] == ["root", "#42", "0755", "/bin/su"]
