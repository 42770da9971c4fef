"""os_hardening: audited, applied and applied again, then looked at from inside the machine."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.roles.conftest import Machine, Machines, Play

pytestmark = pytest.mark.docker
on_one_debian = pytest.mark.parametrize("debian", ["12"], indirect=True)

KEYS = {"id", "title", "area", "level", "cis", "status", "message"}
TASKS = 25
"""Tasks that the role may take at most in a container, those that are skipped among them."""


def rows(play: Play) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in play.facts["os_hardening_report"]}


def statuses(play: Play) -> dict[str, str]:
    return {name: row["status"] for name, row in rows(play).items()}


@dataclass(frozen=True)
class Hardened:
    """A machine that was audited, then hardened twice."""

    machine: Machine
    audit: Play
    first: Play
    second: Play
    file: Path


@pytest.fixture(scope="module")
def hardened(image: str, module_machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Hardened:
    machine = module_machines.start(image)
    machine.sh("useradd --create-home --groups sudo gil && useradd --create-home ann")
    file = tmp_path_factory.mktemp("report") / "report.json"
    audit = machine.play("os_hardening", check=True, os_hardening_report_file=str(file))
    assert json.loads(file.read_text())["controls"] == audit.facts["os_hardening_report"]
    runs = [audit, *(machine.play("os_hardening") for _ in range(2))]
    assert all(run.ok for run in runs), runs
    return Hardened(machine, *runs, file)


def test_a_second_run_changes_nothing(hardened: Hardened) -> None:
    assert hardened.first.changed > 0
    assert hardened.second.changed == 0, hardened.second
    assert set(statuses(hardened.second).values()) == {"compliant", "not_applicable", "disabled"}


def test_check_mode_predicts_exactly_what_becomes_of_each_control(hardened: Hardened) -> None:
    assert hardened.machine.sh("true") == ""
    assert statuses(hardened.audit) == statuses(hardened.first)


def test_few_tasks_are_enough(hardened: Hardened) -> None:
    for play in (hardened.first, hardened.second):
        assert len(play.tasks) <= TASKS, play


def test_every_control_is_reported_with_what_became_of_it_and_why(hardened: Hardened) -> None:
    found = rows(hardened.first)
    assert all(set(row) == KEYS for row in found.values())
    assert all(row["message"] for row in found.values() if row["status"] in {"not_applicable", "disabled", "failed"})
    assert found["aslr"]["message"] == "there is no kernel of its own: it is the host's that counts"
    assert found["aslr"]["cis"] == "1.5.1"
    assert found["sshd_root"]["status"] == "not_applicable"
    assert found["pwhistory_remember"]["status"] == "changed"
    assert found["password_min_days"] | {"message": ""} == {
        "id": "password_min_days",
        "title": "A new password stays for a day",
        "area": "accounts",
        "level": 2,
        "cis": "5.4.1.2",
        "status": "disabled",
        "message": "",
    }


def test_new_accounts_get_what_login_defs_says(hardened: Hardened) -> None:
    hardened.machine.sh("useradd --create-home eve && echo eve:Gold-smith.4711x | chpasswd")
    assert hardened.machine.sh("getent shadow eve | cut -d: -f5") == "365"
    assert hardened.machine.sh("getent shadow eve | cut -d: -f2").startswith("$y$")
    assert hardened.machine.sh("stat -c %a /home/eve /root") == "700\n700"


def test_weak_passwords_and_those_of_old_are_refused_and_good_ones_are_taken(hardened: Hardened) -> None:
    machine, change = hardened.machine, "printf '{}\n{}\n{}\n' | runuser -u tim -- passwd"
    machine.sh("useradd --create-home tim && echo tim:Gold-smith.4711x | chpasswd")
    assert machine.fails("echo tim:short | chpasswd")
    assert machine.fails("echo tim:abcdefghijklmnop | chpasswd")
    machine.sh(change.format("Gold-smith.4711x", "Iron-smith.9911y", "Iron-smith.9911y"))
    assert machine.fails(change.format("Iron-smith.9911y", "Gold-smith.4711x", "Gold-smith.4711x"))


def test_three_wrong_passwords_lock_an_account_for_a_while(hardened: Hardened) -> None:
    machine, login = hardened.machine, "echo {} | runuser -u jim -- su jim -c true"
    machine.sh("groupadd --force sugroup; useradd --create-home --groups sugroup jim")
    machine.sh("echo jim:Gold-smith.4711x | chpasswd")
    machine.sh(login.format("Gold-smith.4711x"))
    at_once = f"for attempt in 1 2 3; do ({login.format('wrong')} 2>/dev/null || echo refused) & done; wait"
    assert machine.sh(at_once) == "refused\nrefused\nrefused"  # as each of them is made to wait
    assert machine.fails(login.format("Gold-smith.4711x"))
    machine.sh("faillock --user jim --reset")
    machine.sh(login.format("Gold-smith.4711x"))


def test_login_shells_have_the_umask_and_the_timeout_and_nobody_can_lift_it(hardened: Hardened) -> None:
    assert hardened.machine.sh("su - ann -c 'umask; echo $TMOUT'") == "0027\n900"
    assert hardened.machine.fails("bash -lc 'set -e; TMOUT=0'")
    twice = "bash -lc '. /etc/profile; echo fine' 2>&1; sh -lc '. /etc/profile; echo fine' 2>&1"
    assert hardened.machine.sh(twice) == "fine\nfine"


def test_the_banners_do_not_name_the_system(hardened: Hardened) -> None:
    banners = hardened.machine.sh("cat /etc/issue /etc/issue.net /etc/motd")
    assert "authorised users only" in banners and "Debian" not in banners


def test_programs_have_lost_their_suid_bits_for_good_but_passwd_and_su_have_not(hardened: Hardened) -> None:
    assert hardened.machine.sh("find /usr -perm /6000 -name 'ch*' -o -perm /6000 -name gpasswd") == ""
    assert hardened.machine.sh("stat -c %a /usr/bin/passwd /usr/bin/su") == "4755\n4755"
    assert "755 /usr/bin/chsh" in hardened.machine.sh("dpkg-statoverride --list")


def test_su_is_for_nobody_but_root(hardened: Hardened) -> None:
    machine = hardened.machine
    machine.sh("echo root:Crown-smith.4712x | chpasswd")
    assert machine.fails("echo Crown-smith.4712x | runuser -u gil -- su -c id")
    assert "(ann)" in machine.sh("su ann -c id")


def test_no_program_dumps_core(hardened: Hardened) -> None:
    assert hardened.machine.sh("su ann -c 'ulimit -Hc'") == "0"


def test_the_machine_can_still_install_packages_and_manage_accounts(hardened: Hardened) -> None:
    hardened.machine.sh("dpkg --audit && pwck -qr && grpck -qr && useradd tom && passwd --lock tom && userdel tom")
    hardened.machine.sh("pam-auth-update --package")
    assert hardened.machine.sh("grep -c 'pam_pwhistory.so.* remember=24' /etc/pam.d/common-password") == "1"


@on_one_debian
def test_areas_and_controls_are_switched_off_and_left_alone(machine: Machine) -> None:
    look = "sha1sum /etc/issue /etc/login.defs /etc/pam.d/*; stat -c %a /etc/cron.daily"
    before = machine.sh(look)
    off = {"banners", "cron", "pam", "privilege", "accounts"}
    play = machine.play(
        "os_hardening",
        os_hardening_exclude=["root_home", "suid"],
        os_hardening_banners_enabled="false",
        **{f"os_hardening_{area}_enabled": False for area in off - {"banners"}},
    )
    assert play.ok, play
    found = rows(play)
    assert {row["area"] for row in found.values() if "_enabled is false" in row["message"]} == off
    assert found["suid"]["message"] == "it is in os_hardening_exclude"
    assert machine.sh(look) == before


@on_one_debian
@pytest.mark.parametrize(
    "variable", ["os_hardening_exclude", pytest.param("os_hardening_include", marks=pytest.mark.exhaustive)]
)
def test_a_control_that_does_not_exist_is_refused(machine: Machine, variable: str) -> None:
    play = machine.play("os_hardening", **{variable: ["isue"]})
    assert (play.ok, play.changed) == (False, 0)
    assert f"{variable} names controls that do not exist: isue" in play.message and "issue" in play.message


@on_one_debian
def test_a_tag_picks_controls_and_leaves_all_others_alone(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_RUN_TAGS", "cis_1_6_2,os_hardening_root_home")
    machine.sh("chmod 755 /root")
    play = machine.play("os_hardening")
    assert {name for name, status in statuses(play).items() if status == "changed"} == {"issue", "root_home"}
    assert rows(play)["motd"]["message"] == "the tags of this run leave it out"
    monkeypatch.setenv("ANSIBLE_RUN_TAGS", "something_else")
    assert "os_hardening_report" not in machine.play("os_hardening").facts
    monkeypatch.delenv("ANSIBLE_RUN_TAGS")
    monkeypatch.setenv("ANSIBLE_SKIP_TAGS", "level1")
    assert set(statuses(machine.play("os_hardening")).values()) <= {"disabled", "not_applicable"}


@on_one_debian
def test_what_was_altered_in_a_container_shows(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_RUN_TAGS", "os_hardening_aide_alone")
    play = machine.play("os_hardening", os_hardening_profile="level2")
    assert rows(play)["aide_alone"]["status"] == "changed", play
    aide = "aide --config /etc/aide/aide.conf"
    machine.sh(f"{aide} --init && mv /var/lib/aide/aide.db.new /var/lib/aide/aide.db")
    machine.sh("echo more >>/etc/issue; touch /etc/evil")
    found = re.findall(r"(?m)^f[^:]*: (\S+)$", machine.sh(f"{aide} --check || true"))
    assert found == ["/etc/evil", "/etc/issue"]


@on_one_debian
def test_a_users_values_are_merged_over_the_roles(machine: Machine) -> None:
    play = machine.play(
        "os_hardening",
        os_hardening_pam_enabled=False,
        os_hardening_login_defs={"PASS_MAX_DAYS": None, "LOGIN_RETRIES": 2, "TTYPERM": "0620"},
        os_hardening_umask="077",
        os_hardening_shell_timeout=0,
        os_hardening_banner="Keep out",
        os_hardening_suid_remove=["/usr/bin/newgrp"],
        os_hardening_suid_allow=["/usr/bin/*", "/usr/sbin/*"],
    )
    assert play.ok, play
    values = machine.sh(
        "grep -E '^(UMASK|PASS_MAX_DAYS|LOGIN_RETRIES|TTYPERM)' /etc/login.defs | tr -s ' \\t' ' ' | sort"
    )
    assert values == "LOGIN_RETRIES 2\nPASS_MAX_DAYS 99999\nTTYPERM 0620\nUMASK 077"
    assert machine.sh("bash -lc 'umask; echo ${TMOUT-none}'; cat /etc/issue") == "0077\nnone\nKeep out"
    assert machine.sh("stat -c %a /usr/bin/newgrp /usr/bin/chsh") == "755\n4755"
    assert statuses(play)["suid"] == "changed"


@on_one_debian
def test_a_machine_to_be_gets_the_kernels_controls_in_its_files(machine: Machine) -> None:
    given = {
        "os_hardening_own_kernel": True,
        "os_hardening_profile": "level2",
        "os_hardening_sysctl": {"vm.swappiness": 10, "kernel.kptr_restrict": None},
        "os_hardening_modules_blocked": ["ksmbd"],
        # What has to be installed is tried on the machine with systemd.
        **{
            f"os_hardening_{area}_enabled": False
            for area in ("apparmor", "audit", "firewall", "integrity", "pam", "software")
        },
        "os_hardening_exclude": ["time_daemon", "sudo_installed"],
    }
    play = machine.play("os_hardening", **given)
    assert play.ok, play
    found = statuses(play)
    assert {
        found[name] for name in ("aslr", "ip_forward", "module_cramfs", "module_own", "sysctl_own", "mount_tmp")
    } == {"changed"}
    assert found["kernel_pointers"] == "disabled" and found["mount_home"] == "failed"
    settings = machine.sh("cat /etc/sysctl.d/90-goldsmith.conf")
    assert "vm.swappiness = 10" in settings and "kptr" not in settings and "fs.suid_dumpable = 0" in settings
    assert "install rds /bin/false" in machine.sh("cat /etc/modprobe.d/90-goldsmith.conf")
    assert "tmpfs /tmp tmpfs mode=1777,strictatime,size=50%,nodev,nosuid,noexec 0 0" in machine.sh("cat /etc/fstab")
    assert machine.play("os_hardening", **given).changed == 0


@on_one_debian
def test_the_role_can_fail_when_a_control_does(machine: Machine) -> None:
    machine.sh("install -m 4755 /usr/bin/id /usr/local/bin/id")
    play = machine.play("os_hardening", os_hardening_strict=True, os_hardening_pam_enabled=False)
    assert not play.ok and play.message.startswith("suid failed")
    assert "/usr/local/bin/id" in rows(play)["suid"]["message"]


@pytest.mark.network
@on_one_debian
def test_servers_that_are_installed_are_hardened_or_asked_about(machine: Machine) -> None:
    machine.sh(
        "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends"
        " openssh-server sudo cron at telnet nginx-light"
    )
    others = ("accounts", "audit", "files", "firewall", "integrity", "logging", "pam", "privilege", "time")
    off = {f"os_hardening_{area}_enabled": False for area in others}
    refused = machine.play("os_hardening", os_hardening_sshd={"PermitRootLogon": "no"}, **off)
    assert refused.ok and statuses(refused)["sshd_own"] == statuses(refused)["sshd_tries"] == "failed"
    assert "PermitRootLogon" in rows(refused)["sshd_own"]["message"]
    assert machine.fails("ls /etc/ssh/sshd_config.d/00-goldsmith.conf")
    assert statuses(refused)["at_users"] == "changed" and machine.fails("command -v telnet")
    assert "may be what this machine is for" in rows(refused)["service_web"]["message"]
    machine.sh("command -v nginx")
    given = off | {
        "os_hardening_profile": "level2",
        "os_hardening_sshd": {"MaxAuthTries": 2, "Banner": None},
        "os_hardening_include": ["service_web"],
        "os_hardening_software_enabled": False,
    }
    play = machine.play("os_hardening", **given)
    assert play.ok, play
    assert {statuses(play)[name] for name in ("sshd_tries", "sshd_grace", "sshd_forwarding")} == {"changed"}
    assert statuses(play)["sshd_banner"] == "disabled" and machine.fails("command -v nginx")
    server = machine.sh("mkdir -p /run/sshd; sshd -T").splitlines()
    for setting in ("maxauthtries 2", "permitemptypasswords no", "banner none", "disableforwarding yes"):
        assert setting in server
    machine.sh("visudo -c && useradd ann; crontab -l || test $? = 1; echo true | at now + 1 hour")
    assert "not allowed" in machine.sh("su ann -c 'crontab -l' 2>&1 || true")
    assert machine.fails("su ann -c 'echo true | at now'")
    again = machine.play("os_hardening", **given)
    assert (again.ok, again.changed) == (True, 0), again
