"""The modules for accounts, modes and PAM, on a Debian: what sudo, su, passwd, login, dpkg and sshd then do."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible
import docker
import pytest

from goldsmith.lab.bases import BASES, make

pytestmark = pytest.mark.docker

COLLECTIONS = Path(__file__).parents[2] / "collections/ansible_collections"
MODULES = "ansible_collections.goldsmith.images.plugins.modules"
LIBRARY = "/opt/library"

# Logs in at a terminal, and tells what the shell says.
LOGIN = """
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp("login", ["login", sys.argv[1]])
told, answers = b"", [(b"assword: ", sys.argv[2]), (b"$ ", "id -un; exit")]
while True:
    try:
        part = os.read(terminal, 1000)
    except OSError:
        break
    told += part
    if answers and answers[0][0] in told:
        os.write(terminal, (answers.pop(0)[1] + "\\n").encode())
        told = b""
print(told.decode())
"""


@dataclass(frozen=True)
class Machine:
    """A container of the lab's Debian, in which modules run as they would by ansible, but without its connection."""

    container: Any

    def sh(self, script: str) -> str:
        status, output = self.container.exec_run(["sh", "-ec", script])
        assert status == 0, f"{script}\n{output.decode()}"
        return str(output.decode()).strip()

    def fails(self, script: str) -> bool:
        return bool(self.container.exec_run(["sh", "-ec", script])[0])

    def run(self, module: str, *, check: bool = False, by: str = "", **options: Any) -> dict[str, Any]:
        """Run a module; ``by`` is what the command goes through."""
        given = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check, "_ansible_diff": True}}
        command = f"{by} env PYTHONPATH={LIBRARY} PYTHONDONTWRITEBYTECODE=1 python3 -m {MODULES}.{module}"
        result: dict[str, Any] = json.loads(self.sh(f"echo {shlex.quote(json.dumps(given))} | {command}"))
        assert not result.get("failed"), result
        return result

    def hold(self, module: str, **options: Any) -> dict[str, Any]:
        """Run a module for real; see that check mode foretold it, and that a second run changes nothing."""
        foretold = self.run(module, check=True, **options)
        done = self.run(module, **options)
        assert (foretold["results"], foretold["diff"]) == (done["results"], done["diff"])
        again = self.run(module, **options)
        assert not again["changed"] and "changed" not in {row["status"] for row in again["results"]}
        return done


@pytest.fixture(scope="module")
def machine(docker_client: docker.DockerClient) -> Iterator[Machine]:
    make(docker_client, BASES[0], BASES[0].reference)
    volumes = [
        f"{Path(ansible.__file__).parent}:{LIBRARY}/ansible:ro",
        f"{COLLECTIONS}:{LIBRARY}/ansible_collections:ro",
    ]
    command = ["sleep", "infinity"]
    container = docker_client.containers.create(BASES[0].reference, command, init=True, volumes=volumes)
    container.start()
    started = Machine(container)
    started.sh(
        "for user in ann ben; do useradd -m -s /bin/bash $user; echo $user:Horse-$user-1 | chpasswd; done; "
        "usermod -aG sudo ann"
    )
    yield started
    container.remove(force=True, v=True)


def statuses(result: dict[str, Any]) -> list[str]:
    return [row["status"] for row in result["results"]]


RULES = {
    "r1": "r1 ALL=(ALL) NOPASSWD: ALL",
    "r2": "r2 ALL=(ALL:ALL) ALL",
    "r3": "User_Alias R = r3\nR ALL=(root) NOPASSWD: SETENV: ALL",
    "r4": "r4 ALL=(ALL) NOPASSWD: ALL, !/usr/bin/id",
    "r5": "r5 ALL=(ALL) ALL\nDefaults:r5 !authenticate",
    "r6": "r6 ALL=(ALL) NOPASSWD: ALL\n%r6 ALL=(ALL) ALL",
    "r7": "r7 elsewhere=(ALL) NOPASSWD: ALL : ALL=(www-data) NOPASSWD: ALL",
    "r8": "ALL, !r1, !r2, !r3, !r4, !r5, !r6, !r7, !ann, !ben, !admin ALL=(ALL) NOPASSWD: ALL",
}


def test_who_becomes_root_is_who_sudo_lets_become_root(machine: Machine) -> None:
    files = "".join(f"useradd -m -s /bin/sh {user}; echo '{RULES[user]}' >/etc/sudoers.d/{user};" for user in RULES)
    machine.sh(f"{files} chmod 440 /etc/sudoers.d/r*; visudo -cq")

    found = {user["name"]: user["sudo"] for user in machine.run("access_facts")["users"]}

    free = machine.sh(f"for user in {' '.join(RULES)}; do su $user -c 'sudo -n id -u' 2>/dev/null || echo -; done")
    assert ["0" if found[user] == "nopasswd" else "-" for user in RULES] == free.split()
    assert (found["r2"], found["r6"], found["ann"], found["ben"]) == ("password", "password", "password", "")
    machine.sh(f"for user in {' '.join(RULES)}; do rm /etc/sudoers.d/$user; userdel -r $user 2>/dev/null; done")


def test_who_is_connected_and_by_which_key_shows_over_ssh(machine: Machine) -> None:
    machine.sh(
        "mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; /usr/sbin/sshd -p 2222 -o ListenAddress=127.0.0.1; "
        "ssh-keygen -q -t ed25519 -N '' -f /tmp/key; install -d -m 700 -o admin -g admin /home/admin/.ssh; "
        "install -m 600 -o admin -g admin /tmp/key.pub /home/admin/.ssh/authorized_keys; "
        "install -d -m 777 -o ben -g ben /home/ben/.ssh; install -m 666 /tmp/key.pub /home/ben/.ssh/authorized_keys"
    )
    ssh = "ssh -i /tmp/key -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR"
    look = machine.run("access_facts", by=f"{ssh} admin@127.0.0.1 sudo", paths=["/usr/sbin/sshd", "/boot/vmlinuz-*"])

    users = {user["name"]: user for user in look["users"]}
    assert (look["connected"], look["paths"]) == ("admin", ["/usr/sbin/sshd"])
    assert (users["admin"]["keys"], users["admin"]["password"], users["admin"]["sudo"]) == (True, False, "nopasswd")
    # The server does not read what others may write, and there is no key of root.
    assert machine.fails(f"{ssh} ben@127.0.0.1 true")
    assert (users["ben"]["keys"], users["ben"]["password"], users["root"]["keys"]) == (False, True, False)
    assert look["sshd"]["usepam"] == "yes" and "openssh-server" in look["packages"] and "/" in look["mounts"]
    assert machine.run("access_facts")["connected"] == ""
    machine.sh("rm -r /home/ben/.ssh")


PAM = {
    "profiles": [
        {
            "name": "own-faillock-preauth",
            "priority": 1024,
            "auth": ["requisite pam_faillock.so preauth"],
            "account": ["required pam_faillock.so"],
        },
        {"name": "own-faillock-authfail", "auth": ["[default=die] pam_faillock.so authfail"]},
        {"name": "own-pwhistory", "priority": 512, "password": ["requisite pam_pwhistory.so remember=24"]},
    ],
    "arguments": [
        {"module": "pam_unix.so", "remove": ["nullok"]},
        {"module": "pam_unix.so", "types": ["password"], "services": ["common-password"], "set": {"use_authtok": True}},
    ],
    "rules": [
        {
            "service": "su",
            "type": "auth",
            "flag": "required",
            "module": "pam_wheel.so",
            "arguments": ["use_uid", "group=sudo"],
            "after": "pam_rootok.so",
        }
    ],
}


@pytest.fixture(scope="module")
def pam(machine: Machine) -> dict[str, Any]:
    return machine.hold("pam_settings", **PAM)


def test_pam_is_held_and_its_own_tool_keeps_it(machine: Machine, pam: dict[str, Any]) -> None:
    # Once pam_pwhistory.so is the first, pam_unix.so takes the password from it by its own profile.
    assert statuses(pam) == ["changed", "changed", "changed", "changed", "compliant", "changed"]
    stacks = "cat /etc/pam.d/common-auth /etc/pam.d/common-account /etc/pam.d/common-password"
    before = machine.sh(stacks)
    machine.sh("DEBIAN_FRONTEND=noninteractive pam-auth-update --package --enable mkhomedir")
    assert machine.sh(stacks) == before and "pam_mkhomedir.so" in machine.sh("cat /etc/pam.d/common-session")


@pytest.mark.usefixtures("pam")
def test_su_sudo_login_and_passwd_work_as_they_are_to(machine: Machine) -> None:
    machine.sh("echo 'deny = 1' >/etc/security/faillock.conf")
    assert machine.sh("su ann -c 'echo Horse-ben-1 | su ben -c \"id -un\" 2>/dev/null'") == "ben"
    assert machine.fails("su ben -c 'echo Horse-ann-1 | su ann -c id'"), "ben is not in the group"
    assert machine.sh("su ann -c 'echo Horse-ann-1 | sudo -S id -un 2>/dev/null'") == "root"
    change = "su ben -c 'printf \"%s\\n\" {0} {1} {1} | passwd'"
    machine.sh(change.format("Horse-ben-1", "Staple-ben-2"))
    assert machine.fails(change.format("Staple-ben-2", "Horse-ben-1")), "that password was used before"
    machine.sh(f"cat >/tmp/login.py <<'END'\n{LOGIN}END")
    login = "python3 /tmp/login.py ben Staple-ben-2"
    assert "\r\nben\r\n" in machine.sh(f"timeout 60 {login}")
    # One wrong password closes the account, whatever comes then, until somebody opens it.
    assert machine.fails("su ann -c 'echo wrong | su ben -c id'")
    assert machine.fails("su ann -c 'echo Staple-ben-2 | su ben -c id'")
    machine.sh("faillock --user ben --reset")
    assert machine.sh("su ann -c 'echo Staple-ben-2 | su ben -c \"id -un\" 2>/dev/null'") == "ben"


def test_stacks_that_were_changed_by_hand_stay_as_they_are(machine: Machine) -> None:
    machine.sh(
        "cp -a /etc/pam.d/common-session /tmp; sed -i '/Primary/a session optional pam_x.so' /etc/pam.d/common-session"
    )
    before = machine.sh("cat /etc/pam.d/common-*")
    profile = {"name": "own-umask", "block": "additional", "session": ["optional pam_umask.so"]}
    result = machine.run("pam_settings", profiles=[profile])
    machine.sh("cat /etc/pam.d/common-* >/tmp/after; cp -a /tmp/common-session /etc/pam.d")
    assert statuses(result) == ["failed"] and "put there by hand" in result["results"][0]["message"]
    assert machine.sh("cat /tmp/after") == before and machine.fails("test -e /usr/share/pam-configs/own-umask")


def test_accounts_are_held_as_their_own_tools_see_it(machine: Machine) -> None:
    machine.sh(
        "useradd -r -s /bin/sh daemon2; useradd -m old; echo old:Horse-old-1 | chpasswd; chage -d 2020-01-01 old; "
        "chage -d 2020-01-01 ann; useradd none; passwd -dq none; gpasswd -a none shadow >/dev/null; chmod 777 /home/old"
    )
    policy = [
        {"check": check} for check in ("shadow_group", "system_shells", "empty_passwords", "unique_uids", "homes")
    ]
    policy += [{"check": "max_days", "days": 365}, {"check": "inactive_days", "days": 45}]

    result = machine.hold("account_policy", policy=policy, keep_access=["ann"])

    assert statuses(result) == ["changed", "changed", "changed", "compliant", "changed", "failed", "changed"]
    assert "ann is needed to get in" in result["results"][5]["message"]
    assert "Horse" not in str(result) and "$y$" not in str(result)
    told = machine.sh(
        "passwd -S none; passwd -S old; passwd -S ann; getent passwd daemon2; getent group shadow"
    ).splitlines()
    assert told[0].startswith("none L ") and told[1].split()[4:] == ["365", "7", "45"]
    assert told[2].split()[4] == "99999" and told[3].endswith(":/usr/sbin/nologin") and told[4].endswith(":")
    assert machine.sh("stat -c '%a %U' /home/old /home/none").split() == ["750", "old", "700", "none"]
    machine.sh("grpck -qr && sort -c -n -t: -k3,3 /dev/null && passwd -aS >/dev/null")
    assert machine.sh("su ann -c 'echo Horse-ann-1 | sudo -S id -un 2>/dev/null'") == "root"


PACKAGE = """mkdir -p /tmp/pkg/DEBIAN /tmp/pkg/usr/bin; touch /tmp/pkg/usr/bin/tool; chmod 4755 /tmp/pkg/usr/bin/tool
printf 'Package: tool\\nVersion: %s\\nArchitecture: all\\nMaintainer: x <x@example.com>\\nDescription: x\\n' {version} \
  >/tmp/pkg/DEBIAN/control
dpkg-deb --build --root-owner-group /tmp/pkg /tmp/tool.deb >/dev/null; dpkg -i /tmp/tool.deb >/dev/null"""


def test_bits_that_were_taken_away_stay_away_when_the_package_is_upgraded(machine: Machine) -> None:
    machine.sh(PACKAGE.format(version=1))
    machine.sh("touch /srv/open /srv/foreign; chmod 666 /srv/open; chown 4711 /srv/foreign")
    allowed = machine.sh("find / -xdev -type f -perm /6000 -not -path '/tmp/*' -not -name tool").splitlines()
    review = {
        "suid": {"allow": [*allowed, "/tmp"], "action": "remove"},
        "world_writable": {"action": "remove"},
        "unowned": {"action": "report"},
        "one_file_system": True,
    }
    items = [{"path": "/etc/shadow", "mode": "0600"}, {"path": "/etc/cron.*", "kind": "dir", "at_most": "0700"}]

    result = machine.hold("file_modes", items=items, review=review)

    assert statuses(result) == ["changed", "changed", "changed", "changed", "failed"]
    assert result["review"] == {
        "suid": ["/usr/bin/tool"],
        "world_writable": ["/srv/open"],
        "unowned": ["/srv/foreign"],
    }
    machine.sh(PACKAGE.format(version=2))
    assert machine.sh("stat -c %a /usr/bin/tool /etc/shadow /srv/open").split() == ["755", "600", "664"]
    assert machine.sh("find / -xdev -type f -perm -0002 -not -path '/proc/*'") == ""
