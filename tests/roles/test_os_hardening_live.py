"""os_hardening on a server that runs: a machine with systemd, entered by SSH, which must go on working."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from goldsmith.lab import bases

if TYPE_CHECKING:
    from pathlib import Path

    import docker
    from tests.roles.conftest import Machine, Machines, Play

pytestmark = [pytest.mark.docker, pytest.mark.network]

PASSWORD = "Gold-smith.4711x"
OPTIONS = ["-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oControlMaster=no"]


@dataclass(frozen=True)
class Server:
    """A machine with systemd and its way in."""

    machine: Machine
    address: str
    key: Path

    def ssh(self, command: str, user: str = "admin") -> subprocess.CompletedProcess[str]:
        """Log in anew and run a command."""
        line = ["ssh", *OPTIONS, f"-i{self.key}", f"{user}@{self.address}", command]
        return subprocess.run(line, capture_output=True, text=True, timeout=60)

    def harden(self, *, check: bool = False, user: str = "admin", **variables: object) -> Play:
        """Run the role over SSH, as an administrator who becomes root by sudo."""
        return self.machine.play(
            "os_hardening",
            check=check,
            ansible_connection="ssh",
            ansible_host=self.address,
            ansible_user=user,
            ansible_become=user != "root",
            ansible_ssh_private_key_file=str(self.key),
            ansible_ssh_common_args=" ".join(OPTIONS[1:3]),
            **variables,
        )


@pytest.fixture(params=["trixie"])  # what runs in containers is Debian 12
def server(
    request: pytest.FixtureRequest, docker_client: docker.DockerClient, machines: Machines, tmp_path: Path
) -> Server:
    base = next(base for base in bases.BASES if base.suite == request.param)
    bases.make(docker_client, base, base.reference)
    unified = docker_client.info()["CgroupVersion"] == "2"
    machine = machines.start(
        base.reference,
        command=["/sbin/init"],
        init=False,
        tmpfs={"/run": "exec,mode=755", "/run/lock": "mode=1777"},
        volumes={"/sys/fs/cgroup": {"bind": "/sys/fs/cgroup", "mode": "rw" if unified else "ro"}},
        stop_signal="SIGRTMIN+3",
        **({"cgroupns": "host"} if unified else {}),
    )
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    machine.sh(
        f"""for user in root admin; do
            home=$(getent passwd $user | cut -d: -f6); mkdir -p -m 700 $home/.ssh
            echo '{public}' >$home/.ssh/authorized_keys; chown -R $user: $home/.ssh
        done
        ssh-keygen -A >/dev/null; until [ -S /run/systemd/private ]; do sleep 0.05; done
        systemctl is-system-running --wait >/dev/null || true
        systemctl reset-failed; systemctl restart ssh; rm -f /usr/bin/cloud-init"""
    )
    machine.container.reload()
    return Server(machine, machine.container.attrs["NetworkSettings"]["IPAddress"], key)


def statuses(play: Play) -> dict[str, str]:
    return {row["id"]: row["status"] for row in play.facts["os_hardening_report"]}


@pytest.mark.parametrize("server", ["trixie", pytest.param("bookworm", marks=pytest.mark.exhaustive)], indirect=True)
def test_a_server_goes_on_working_and_its_administrator_still_gets_in(server: Server) -> None:
    """Everything that one does on a server afterwards: log in, sudo, su, passwd, and restart a service."""
    server.machine.sh(f"echo 'admin:{PASSWORD}' | chpasswd")
    play = server.harden()
    assert play.ok, play
    found = statuses(play)
    assert {found[name] for name in ("sshd_root", "sshd_tries", "sudo_log", "su", "pam_faillock")} == {"changed"}
    assert server.ssh("id -un").stdout == "admin\n"
    assert "authorised users" in server.ssh("true").stderr
    assert server.ssh("true", user="root").returncode == 255
    assert server.ssh("sudo -n id -un").stdout == "root\n"
    assert "COMMAND=/usr/bin/id -un" in server.machine.sh("cat /var/log/sudo.log")
    changed = server.ssh(f"printf '{PASSWORD}\\nIron-smith.9911y\\nIron-smith.9911y\\n' | passwd")
    assert changed.returncode == 0, changed.stderr
    assert server.ssh("sudo -n su -s /bin/sh nobody -c id").stdout.startswith("uid=65534(nobody)")
    assert server.ssh("sudo -n systemctl restart ssh && sudo -n systemctl is-active ssh").stdout == "active\n"
    assert server.ssh("id -un").stdout == "admin\n"
    again = server.harden()
    assert (again.ok, again.changed) == (True, 0), again


def test_nobody_is_locked_out_of_a_server_that_only_root_can_enter(server: Server) -> None:
    server.machine.sh("rm -r /home/admin/.ssh")
    only = ["os_hardening_pam_enabled", "os_hardening_software_enabled", "os_hardening_time_enabled"]
    play = server.harden(user="root", **dict.fromkeys(only, False), os_hardening_exclude=["sudo_installed"])
    assert play.ok, play
    found = {row["id"]: row for row in play.facts["os_hardening_report"]}
    assert (found["sshd_root"]["status"], found["sshd_access"]["status"]) == ("failed", "failed")
    assert "root is the only account" in found["sshd_root"]["message"]
    assert found["sshd_tries"]["status"] == "changed"
    assert server.ssh("true", user="root").returncode == 0


def test_sudo_without_a_password_stays_while_there_is_no_password(server: Server) -> None:
    server.machine.sh("passwd --lock admin")
    areas = ["accounts", "audit", "files", "integrity", "kernel", "pam", "software", "time"]
    off = {f"os_hardening_{area}_enabled": False for area in areas}
    play = server.harden(os_hardening_profile="level2", **off)
    assert play.ok, play
    found = {row["id"]: row for row in play.facts["os_hardening_report"]}
    assert found["sudo_password"]["status"] == "failed" and "admin" in found["sudo_password"]["message"]
    assert found["sshd_passwords"]["status"] == "changed"
    assert server.ssh("sudo -n id -un").stdout == "root\n"
