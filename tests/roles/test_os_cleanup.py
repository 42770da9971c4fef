"""os_cleanup, on machines littered as a build litters them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.roles.conftest import Machine, Machines

pytestmark = pytest.mark.docker
on_one_debian = pytest.mark.parametrize("debian", ["12"], indirect=True)

LITTER = """
mkdir -p /home/gil/.cache/pip /var/log/nginx /etc/ssh /var/lib/systemd /var/tmp/deep/er /var/lib/dhcp
useradd --home-dir /home/gil gil
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
for key in rsa ed25519; do echo secret >/etc/ssh/ssh_host_${key}_key; echo public >/etc/ssh/ssh_host_${key}_key.pub; done
echo settings >/etc/ssh/sshd_config
echo command | tee /root/.bash_history /home/gil/.bash_history /home/gil/.python_history >/dev/null
echo rc >/home/gil/.bashrc
echo x | tee /tmp/file /tmp/.hidden /var/tmp/deep/er/file /home/gil/.cache/pip/wheel /var/lib/dhcp/eth0.leases >/dev/null
echo seed >/var/lib/systemd/random-seed
echo entry | tee /var/log/syslog /var/log/syslog.1 /var/log/syslog.2.gz /var/log/app-20260101 >/dev/null
echo entry >/var/log/nginx/error.log
chown gil:adm /var/log/nginx/error.log; chmod 0640 /var/log/nginx/error.log
ln -sf /dev/stdout /var/log/nginx/access.log
echo x >/var/lib/dpkg/status-old
apt-get update
"""
GONE = [
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_rsa_key.pub",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_ed25519_key.pub",
    "/root/.bash_history",
    "/home/gil/.bash_history",
    "/home/gil/.python_history",
    "/home/gil/.cache",
    "/tmp/file",
    "/tmp/.hidden",
    "/var/tmp/deep",
    "/var/lib/systemd/random-seed",
    "/var/lib/dhcp/eth0.leases",
    "/var/log/syslog.1",
    "/var/log/syslog.2.gz",
    "/var/log/app-20260101",
    "/var/log/dpkg.log",
    "/var/lib/dpkg/status-old",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/group-",
    "/etc/gshadow-",
]


@pytest.fixture
def littered(machine: Machine) -> Machine:
    machine.sh(
        "rm -f /etc/apt/sources.list; mkdir /archive; touch /archive/Packages; mkdir -p /var/log; touch /var/log/dpkg.log"
    )
    machine.sh("echo 'deb [trusted=yes] file:/archive ./' >/etc/apt/sources.list")
    machine.sh(LITTER)
    return machine


def test_the_traces_of_the_build_are_gone_as_check_mode_said(littered: Machine) -> None:
    check = littered.play("os_cleanup", check=True)
    assert check.ok and littered.sh(f"ls -d {' '.join(GONE)}").split(), check
    first = littered.play("os_cleanup")
    assert first.ok and first.changed == 2, first
    task = "Remove what an image must not hold"
    assert check.tasks[task]["removed"] == first.tasks[task]["removed"]
    assert check.tasks[task]["emptied"] == first.tasks[task]["emptied"]
    assert littered.sh(f"ls -d {' '.join(GONE)} 2>/dev/null || true") == ""
    assert littered.sh("find /var/lib/apt/lists /var/cache/apt/archives -type f ! -name lock") == ""
    assert littered.sh("find /var/log -type f -size +0") == ""
    assert littered.sh("stat -c '%s %a' /etc/machine-id") == "0 444"
    report = first.facts["os_cleanup_report"]
    assert report["removed"] >= len(GONE) and report["emptied"] == 2 and report["freed"] > 0
    second = littered.play("os_cleanup")
    assert (second.ok, second.changed) == (True, 0), second


@on_one_debian
def test_what_the_machine_needs_stays(littered: Machine) -> None:
    assert littered.play("os_cleanup").ok
    assert littered.sh("stat -c '%U %G %a %s' /var/log/nginx/error.log") == "gil adm 640 0"
    assert littered.sh("readlink /var/log/nginx/access.log") == "/dev/stdout"
    assert littered.sh("cat /etc/ssh/sshd_config /home/gil/.bashrc") == "settings\nrc"
    assert littered.sh("stat -c %a /tmp /var/tmp") == "1777\n1777"
    littered.sh("apt-get update && dpkg --audit && id gil")


@on_one_debian
def test_areas_can_be_switched_off_and_patterns_added(littered: Machine) -> None:
    littered.sh("mkdir -p /opt/build && echo x >/opt/build/log && echo x >/opt/notes && mkdir -p /tmp/kept/deep")
    play = littered.play(
        "os_cleanup",
        os_cleanup_identity_enabled="false",
        os_cleanup_histories_enabled=False,
        os_cleanup_remove=["/opt/build"],
        os_cleanup_empty=["/opt/n*"],
        os_cleanup_keep=["/tmp/kept", "/var/log/syslog"],
    )
    assert play.ok, play
    littered.sh("ls /etc/ssh/ssh_host_rsa_key /root/.bash_history; test -s /etc/machine-id; test -s /var/log/syslog")
    assert littered.sh("ls -d /opt/* /tmp/*").split() == ["/opt/notes", "/tmp/kept"]
    assert littered.sh("stat -c %s /opt/notes") == "0"


@on_one_debian
def test_a_machine_without_a_machine_id_is_given_an_empty_one(machine: Machine) -> None:
    machine.sh("rm -f /etc/machine-id")
    assert machine.play("os_cleanup").ok
    assert machine.sh("stat -c '%s %a' /etc/machine-id") == "0 444"


@on_one_debian
def test_what_is_mounted_into_a_container_is_left_alone(
    machines: Machines, image: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mine = tmp_path_factory.mktemp("mine")
    (mine / "precious").write_text("do not touch")
    mounts = {str(mine): {"bind": "/var/log/mine", "mode": "rw"}, str(mine / "precious"): {"bind": "/tmp/precious"}}
    machine = machines.start(image, volumes=mounts)
    assert machine.play("os_cleanup").ok
    assert (mine / "precious").read_text() == "do not touch"


@on_one_debian
def test_the_last_task_of_a_play_can_be_the_cleanup_without_pipelining(
    littered: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pipelining the module lies in the very directory that is cleaned."""
    monkeypatch.setenv("ANSIBLE_REMOTE_TEMP", "/tmp/remote")
    play = littered.play("os_cleanup", pipelining=False)
    assert play.ok and not [
        path for path in play.tasks["Remove what an image must not hold"]["removed"] if "AnsiballZ" in path
    ]
    assert littered.sh("find /tmp -type f") == ""
