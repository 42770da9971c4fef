# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""_kernel_arguments, with a made-up grubby: no system that has it can be had here."""

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._kernel_arguments import hold, started_with

INFO = """index=0
kernel="/boot/vmlinuz-5.14.0-503.el9.x86_64"
args="ro crashkernel=1G audit=1 audit_backlog_limit=64 $tuned_params"
root="/dev/mapper/root"
index=1
kernel="/boot/vmlinuz-0-rescue"
args="ro crashkernel=1G"
"""


class Grubby:
    """Answers as grubby does, and keeps what it was told."""

    def __init__(self, info: str = INFO, status: int = 0) -> None:
        self.info, self.status = info, status
        self.calls: list[list[str]] = []

    def __call__(self, command: list[str]) -> tuple[int, str, str]:
        if command == ["grubby", "--info=ALL"]:
            return (0, self.info, "") if self.info else (1, "", "grubby is not installed")
        self.calls.append(command)
        added = command[-1].removeprefix("--args=")
        self.info = self.info.replace('args="ro', f'args="ro {added}')
        return self.status, "", "no space left" if self.status else ""


def wanted(*arguments: str) -> list[dict[str, str]]:
    return [{"argument": argument, "control": "audit"} for argument in arguments]


def test_what_kernels_start_with_is_read_of_each() -> None:
    assert {kernel: len(arguments) for kernel, arguments in started_with(INFO).items()} == {
        "/boot/vmlinuz-5.14.0-503.el9.x86_64": 5,
        "/boot/vmlinuz-0-rescue": 2,
    }


def test_an_argument_that_a_kernel_lacks_is_added_to_all_and_then_nothing_is_left() -> None:
    grubby = Grubby()
    first = hold(wanted("audit=1", "audit_backlog_limit=8192", "ro"), grubby, check=False)
    assert [(one.status, one.message) for one in first] == [
        ("changed", "was missing for vmlinuz-0-rescue"),
        ("changed", "was missing for vmlinuz-5.14.0-503.el9.x86_64, vmlinuz-0-rescue"),
        ("compliant", ""),
    ]
    assert grubby.calls == [["grubby", "--update-kernel=ALL", "--args=audit=1 audit_backlog_limit=8192"]]
    again = hold(wanted("audit=1", "audit_backlog_limit=8192", "ro"), grubby, check=False)
    assert {one.status for one in again} == {"compliant"} and len(grubby.calls) == 1


def test_check_mode_foretells_and_changes_nothing() -> None:
    grubby = Grubby()
    assert [one.status for one in hold(wanted("audit=1"), grubby, check=True)] == ["changed"]
    assert grubby.calls == []


def test_a_failure_is_told_of_what_was_missing() -> None:
    told = hold(wanted("audit=1", "ro"), Grubby(status=1), check=False)
    assert [one.status for one in told] == ["failed", "compliant"]
    assert told[0].message == "grubby --update-kernel=ALL --args=audit=1 ended with 1: no space left"
    assert hold(wanted("ro"), Grubby(info=""), check=False)[0].message == "grubby is not installed"
