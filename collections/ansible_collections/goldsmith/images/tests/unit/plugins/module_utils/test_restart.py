# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._restart import (
    by_needrestart,
    flagged,
    of_init,
    outdated,
    services,
)

GONE = "7f1-7f2 r-xp 00000000 08:01 1234   /usr/lib/x86_64-linux-gnu/libc.so.6 (deleted)\n"
MAPS = (
    "7f0-7f1 r--p 00000000 08:01 1233   /usr/lib/x86_64-linux-gnu/libdata.so (deleted)\n"
    "7f2-7f3 r-xp 00000000 08:01 99     /usr/sbin/nginx\n"
    "7f3-7f4 rwxs 00000000 00:05 77     /dev/zero (deleted)\n"
    "7f4-7f5 r-xp 00000000 00:01 55     /memfd:jit (deleted)\n"
)


@pytest.fixture
def process(tmp_path):
    def make(number, maps, group=""):
        place = tmp_path / "proc" / str(number)
        place.mkdir(parents=True)
        (place / "maps").write_text(maps)
        (place / "cgroup").write_text(group)

    return make


def test_processes_that_execute_what_is_gone_are_found_and_data_does_not_count(process, tmp_path):
    process(1, GONE)
    process(20, MAPS)
    (tmp_path / "proc/self").mkdir()
    assert outdated(tmp_path) == {1: ["/usr/lib/x86_64-linux-gnu/libc.so.6"]}


def test_a_process_that_ends_meanwhile_is_passed_over(process, tmp_path):
    process(20, GONE)
    (tmp_path / "proc/20/maps").unlink()
    assert outdated(tmp_path) == {}


def test_processes_are_named_by_their_units_and_logins_are_not(process, tmp_path):
    process(20, "", "0::/system.slice/nginx.service\n")
    process(21, "", "0::/system.slice/system-getty.slice/getty@tty1.service\n")
    process(22, "", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n")
    process(23, "", "0::/user.slice/user-1000.slice/session-2.scope\n")
    process(24, "", "5:cpu:/y.service\n1:name=systemd:/system.slice/old.service\n")
    assert services([20, 21, 22, 23, 24, 99], tmp_path) == ["getty@tty1.service", "nginx.service", "old.service"]


def test_the_first_process_is_a_reason_to_start_anew():
    assert of_init({20: ["/usr/lib/libc.so.6"]}) == ""
    assert of_init({1: ["/usr/lib/libc.so.6"]}) == "the first process runs what was replaced: /usr/lib/libc.so.6"


def test_packages_ask_for_a_restart_by_a_file(tmp_path):
    assert flagged(tmp_path) == ""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/reboot-required").touch()
    assert flagged(tmp_path) == "a package asked for it (/run/reboot-required)"
    (tmp_path / "run/reboot-required.pkgs").write_text("libc6\nlinux-image-amd64\nlibc6\n")
    assert flagged(tmp_path) == "libc6, linux-image-amd64 asked for it (/run/reboot-required)"


def test_needrestart_is_believed_about_kernel_and_microcode():
    output = "NEEDRESTART-VER: 3.6\nNEEDRESTART-KCUR: 6.1.0-17\nNEEDRESTART-KEXP: 6.1.0-18\nNEEDRESTART-KSTA: {}\nNEEDRESTART-UCSTA: {}\n"
    assert by_needrestart(output.format(1, 1)) == []
    assert by_needrestart(output.format(3, 2)) == [
        "needrestart: the kernel 6.1.0-18 is installed, and 6.1.0-17 runs",
        "needrestart: the processor's microcode is outdated",
    ]
