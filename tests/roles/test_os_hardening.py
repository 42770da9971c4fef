"""os_hardening: audited, applied and applied again, then looked at from inside the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.roles.conftest import Machine, Machines, Play

pytestmark = pytest.mark.docker
on_one_debian = pytest.mark.parametrize("debian", ["12"], indirect=True)

APPLY = "Hold every file to what the controls want"
NEEDS_A_KERNEL = {"sysctl", "kernel_modules"}
NEEDS_A_PACKAGE = {"at_users", "cron_users", "journald", "sshd", "sshd_modes"}


def statuses(play: Play) -> dict[str, str]:
    return {row["id"]: row["status"] for row in play.facts["os_hardening_report"]}


@dataclass(frozen=True)
class Hardened:
    """A machine that was audited, then hardened twice."""

    machine: Machine
    audit: Play
    first: Play
    second: Play


@pytest.fixture(scope="module")
def hardened(image: str, module_machines: Machines) -> Hardened:
    machine = module_machines.start(image)
    machine.sh("useradd --create-home --groups sudo gil && useradd --create-home ann")
    runs = [machine.play("os_hardening", check=check) for check in (True, False, False)]
    assert all(run.ok for run in runs), runs
    return Hardened(machine, *runs)


def test_a_second_run_changes_nothing(hardened: Hardened) -> None:
    assert hardened.first.changed == 1
    assert hardened.second.changed == 0, hardened.second
    assert set(statuses(hardened.second).values()) == {"compliant", "not_applicable", "disabled"}


def test_check_mode_predicts_exactly_what_is_changed(hardened: Hardened) -> None:
    assert hardened.audit.tasks[APPLY]["paths"] == hardened.first.tasks[APPLY]["paths"] != []
    assert hardened.audit.facts == hardened.first.facts


def test_every_control_is_reported_with_what_became_of_it(hardened: Hardened) -> None:
    found = statuses(hardened.first)
    assert {name for name, status in found.items() if status == "not_applicable"} == NEEDS_A_KERNEL | NEEDS_A_PACKAGE
    assert {name for name, status in found.items() if status == "disabled"} == {"sshd_forwarding"}
    assert {"login_defs", "su", "suid", "banner", "core_dumps"} <= {n for n, s in found.items() if s == "changed"}
    assert all(
        set(row) == {"id", "title", "area", "level", "status"} for row in hardened.first.facts["os_hardening_report"]
    )


def test_new_accounts_get_what_login_defs_says(hardened: Hardened) -> None:
    hardened.machine.sh("useradd --create-home eve && echo eve:secret | chpasswd")
    assert hardened.machine.sh("getent shadow eve | cut -d: -f5") == "365"
    assert hardened.machine.sh("getent shadow eve | cut -d: -f2").startswith("$y$")
    assert hardened.machine.sh("stat -c %a /home/eve /root") == "700\n700"
    settings = hardened.machine.sh(
        "grep -Ec '^(UMASK|HOME_MODE|PASS_MAX_DAYS|PASS_WARN_AGE|ENCRYPT_METHOD)' /etc/login.defs"
    )
    assert settings == "5"


def test_login_shells_have_the_umask_and_the_timeout_and_nobody_can_lift_it(hardened: Hardened) -> None:
    assert hardened.machine.sh("bash -lc 'umask; echo $TMOUT'") == "0027\n900"
    assert hardened.machine.fails("bash -lc 'set -e; TMOUT=0'")
    assert (
        hardened.machine.sh("bash -lc '. /etc/profile; echo fine' 2>&1; sh -lc '. /etc/profile; echo fine' 2>&1")
        == "fine\nfine"
    )


def test_the_banners_do_not_name_the_system(hardened: Hardened) -> None:
    banners = hardened.machine.sh("cat /etc/issue /etc/issue.net /etc/motd")
    assert "Authorised use only" in banners and "Debian" not in banners


def test_programs_have_lost_their_suid_bits_but_passwd_and_su_have_not(hardened: Hardened) -> None:
    assert hardened.machine.sh("find /usr -perm /6000 -name 'ch*' -o -perm /6000 -name gpasswd") == ""
    assert hardened.machine.sh("stat -c %a /usr/bin/passwd /usr/bin/su") == "4755\n4755"


def test_su_is_for_the_administrators_and_root(hardened: Hardened) -> None:
    hardened.machine.sh("echo gil:gold | chpasswd; echo root:crown | chpasswd")
    become = "runuser -u {} -- sh -c 'echo crown | su -c id'"
    assert "uid=0(root)" in hardened.machine.sh(become.format("gil"))
    assert hardened.machine.fails(become.format("ann"))
    assert "(ann)" in hardened.machine.sh("su ann -c id")


def test_no_program_dumps_core(hardened: Hardened) -> None:
    assert hardened.machine.sh("su ann -c 'ulimit -Hc'") == "0"


def test_the_machine_can_still_install_packages_and_manage_accounts(hardened: Hardened) -> None:
    hardened.machine.sh("dpkg --audit && pwck -qr && grpck -qr && useradd tom && passwd --lock tom && userdel tom")


@on_one_debian
def test_areas_and_controls_are_switched_off_and_left_alone(machine: Machine) -> None:
    before = machine.sh("sha1sum /etc/issue /etc/login.defs; stat -c %a /etc/cron.daily")
    play = machine.play(
        "os_hardening",
        os_hardening_banners_enabled="false",
        os_hardening_cron_enabled=False,
        os_hardening_exclude=["login_defs"],
    )
    assert play.ok, play
    off = {name for name, status in statuses(play).items() if status == "disabled"}
    assert off == {"banner", "motd", "cron_modes", "cron_users", "at_users", "login_defs", "sshd_forwarding"}
    assert machine.sh("sha1sum /etc/issue /etc/login.defs; stat -c %a /etc/cron.daily") == before


@on_one_debian
def test_a_control_that_does_not_exist_cannot_be_excluded(machine: Machine) -> None:
    play = machine.play("os_hardening", os_hardening_exclude=["baner"])
    assert (play.ok, play.changed) == (False, 0)
    assert "do not exist: baner" in play.message and "banner" in play.message


@on_one_debian
def test_a_users_values_are_merged_over_the_roles(machine: Machine) -> None:
    machine.sh("printf '\\nPASS_MAX_DAYS 42\\n' >>/etc/login.defs")
    play = machine.play(
        "os_hardening",
        os_hardening_login_defs={"PASS_MAX_DAYS": None, "LOGIN_RETRIES": 3},
        os_hardening_umask="077",
        os_hardening_shell_timeout=0,
        os_hardening_banner="Keep out",
        os_hardening_suid_remove=["/usr/bin/newgrp"],
    )
    assert play.ok, play
    values = machine.sh("grep -E '^(UMASK|PASS_MAX_DAYS|LOGIN_RETRIES)' /etc/login.defs | tr -s ' \\t' ' ' | sort")
    assert values == "LOGIN_RETRIES 3\nPASS_MAX_DAYS 42\nPASS_MAX_DAYS 99999\nUMASK 077"
    assert machine.sh("bash -lc 'umask; echo ${TMOUT-none}'; cat /etc/issue") == "0077\nnone\nKeep out"
    assert machine.sh("stat -c %a /usr/bin/newgrp /usr/bin/chsh") == "755\n4755"


@on_one_debian
def test_a_machine_with_a_kernel_of_its_own_gets_the_kernels_controls(machine: Machine) -> None:
    play = machine.play(
        "os_hardening",
        os_hardening_own_kernel=True,
        os_hardening_sysctl={"vm.mmap_min_addr": 65536, "kernel.kptr_restrict": None},
        os_hardening_modules_blocked=["rds"],
    )
    assert play.ok, play
    assert {statuses(play)[name] for name in NEEDS_A_KERNEL} == {"changed"}
    settings = machine.sh("cat /etc/sysctl.d/90-goldsmith.conf")
    assert "vm.mmap_min_addr = 65536" in settings and "kptr" not in settings and "fs.suid_dumpable = 0" in settings
    assert "install rds /bin/false" in machine.sh("cat /etc/modprobe.d/90-goldsmith.conf")


@pytest.mark.network
@on_one_debian
def test_servers_that_are_installed_are_hardened_too(machine: Machine) -> None:
    machine.sh(
        "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssh-server cron at"
    )
    refused = machine.play("os_hardening", os_hardening_sshd={"PermitRootLogon": "no"})
    assert not refused.ok and "PermitRootLogon" in refused.message
    assert machine.fails("ls /etc/ssh/sshd_config.d/00-goldsmith.conf")
    play = machine.play("os_hardening", os_hardening_level=2, os_hardening_sshd={"MaxAuthTries": 3})
    assert play.ok, play
    assert {statuses(play)[name] for name in ("sshd", "sshd_modes", "sshd_forwarding", "cron_users", "at_users")} == {
        "changed"
    }
    server = machine.sh("mkdir -p /run/sshd; sshd -T")
    for setting in ("maxauthtries 3", "permitemptypasswords no", "banner /etc/issue.net", "disableforwarding yes"):
        assert setting in server.splitlines()
    machine.sh("useradd ann; crontab -l || test $? = 1; echo true | at now + 1 hour")
    assert "not allowed" in machine.sh("su ann -c 'crontab -l' 2>&1 || true")
    assert machine.fails("su ann -c 'echo true | at now'")
    again = machine.play("os_hardening", os_hardening_level=2, os_hardening_sshd={"MaxAuthTries": 3})
    assert (again.ok, again.changed) == (True, 0), again
