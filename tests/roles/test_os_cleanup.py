"""os_cleanup, on machines littered as a build litters them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import pytest
from tests.conftest import call_module

from goldsmith.lab import bases

if TYPE_CHECKING:
    from tests.roles.conftest import Machine, Machines, Play

ROLE = Path(__file__).parents[2] / "collections/ansible_collections/goldsmith/images/roles/os_cleanup"
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
echo x | tee /etc/issue.dpkg-dist /etc/issue~ >/dev/null
echo settings >/etc/profile.d/own.sh
echo 'Acquire::http::Proxy "http://proxy.build:3128/";' >/etc/apt/apt.conf.d/90proxy
printf 'LANG=C\nhttps_proxy=http://proxy.build:3128/\n' >/etc/environment
mkdir -p /var/lib/cloud/instances/i-1 /var/lib/cloud/seed/nocloud /root/.ssh /home/gil/.ssh
echo x | tee /var/lib/cloud/instances/i-1/user-data.txt /var/lib/cloud/seed/nocloud/user-data >/dev/null
printf 'ssh-ed25519 AAAA goldsmith-1\nssh-ed25519 BBBB gil\n' | tee /root/.ssh/authorized_keys >/home/gil/.ssh/authorized_keys
apt-get update
"""
AREAS = [
    "packages",
    "documentation",
    "logs",
    "histories",
    "temporary",
    "backups",
    "proxies",
    "identity",
    "cloud",
    "access",
]
TITLES = {
    "nothing leads to the proxies of the build",
    "no key of the build is let in",
    "no documentation but licences",
    "cloud-init knows of no machine",
    "no histories",
    "no host keys, random seeds and leases",
    "no logs, mails and core dumps",
    "no old versions of accounts, packages and settings",
    "no package lists, packages and caches",
    "no temporary files and caches",
    "the machine-id is empty",
}
GIVEN = {"os_cleanup_proxies": ["proxy.build:3128"], "os_cleanup_authorized_keys": [" goldsmith-1$"]}
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
    "/etc/issue.dpkg-dist",
    "/etc/issue~",
]


@pytest.fixture(scope="session")
def goss() -> bytes:
    """The program; the user's cache keeps it between runs."""
    return Path(str(call_module("goss_binary")["path"])).read_bytes()


class Proof:
    """Runs the role's goss file in machines."""

    def __init__(self, goss: bytes) -> None:
        self._goss = goss

    def __call__(self, machine: Machine, variables: dict[str, Any]) -> dict[str, str]:
        """Return what was found that should not be there, by the title of the test."""
        files = {"goss": self._goss, "vars.json": json.dumps(variables).encode()}
        files["goss.yaml"] = (ROLE / "files/hygiene.goss.yaml").read_bytes()
        parcel = io.BytesIO()
        with tarfile.open(fileobj=parcel, mode="w") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(f".goldsmith-goss/{name}")
                info.size, info.mode = len(content), 0o700
                tar.addfile(info, io.BytesIO(content))
        machine.container.put_archive("/", parcel.getvalue())
        run = "./goss --gossfile goss.yaml --vars vars.json validate --format json || [ $? = 1 ]"
        report = json.loads(machine.sh(f"cd /.goldsmith-goss; {run}").splitlines()[-1])
        machine.sh("rm -r /.goldsmith-goss")
        rows = [row for row in report["results"] if row["property"] == "stdout"]
        assert len(rows) >= 2, report
        title = "hygiene: "
        assert all(row["resource-id"].startswith(title) for row in rows)
        return {
            row["resource-id"].removeprefix(title): str(row["matcher-result"]["actual"])
            for row in rows
            if not row["successful"]
        }

    def of(self, machine: Machine, play: Play) -> dict[str, str]:
        """Run what a play says proves it."""
        hygiene = play.facts["os_cleanup_hygiene"]
        assert hygiene["goss"] == str(ROLE / "files/hygiene.goss.yaml")
        return self(machine, hygiene["vars"])


@pytest.fixture
def proof(goss: bytes) -> Proof:
    return Proof(goss)


@pytest.fixture
def littered(machine: Machine) -> Machine:
    machine.sh(
        "rm -f /etc/apt/sources.list; mkdir /archive; touch /archive/Packages; mkdir -p /var/log; touch /var/log/dpkg.log"
    )
    machine.sh("echo 'deb [trusted=yes] file:/archive ./' >/etc/apt/sources.list")
    machine.sh(LITTER)
    return machine


def test_the_traces_of_the_build_are_gone_as_check_mode_said(littered: Machine, proof: Proof) -> None:
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
    assert (report["kind"], report["put_off"]) == ("container", [])
    assert proof.of(littered, first) == {}
    second = littered.play("os_cleanup")
    assert (second.ok, second.changed) == (True, 0), second


@on_one_debian
def test_the_proof_tells_of_each_area_what_is_left_and_nothing_once_it_is_clean(
    littered: Machine, proof: Proof
) -> None:
    wanted = {
        "live": False,
        "since": 0,
        "skip": [],
        "proxies": ["proxy.build:3128"],
        "authorized_keys": ["goldsmith-1"],
    }
    found = proof(littered, {"os_cleanup": {"areas": AREAS, "kind": "disk", **wanted}})
    assert found.keys() == TITLES
    assert (
        "/root/.bash_history\n" in found["no histories"]
        and "/etc/ssh/ssh_host" in found["no host keys, random seeds and leases"]
    )
    assert sorted(found["nothing leads to the proxies of the build"].split()) == [
        "/etc/apt/apt.conf.d/90proxy",
        "/etc/environment",
    ]
    play = littered.play("os_cleanup", os_cleanup_kind="disk", os_cleanup_documentation_enabled=True, **GIVEN)
    assert play.facts["os_cleanup_report"]["areas"] == [*AREAS, "own"]
    assert proof.of(littered, play) == {}
    assert littered.sh("cat /root/.ssh/authorized_keys /home/gil/.ssh/authorized_keys").split() == 2 * [
        "ssh-ed25519",
        "BBBB",
        "gil",
    ]
    assert littered.sh("cat /etc/environment /etc/profile.d/own.sh") == "LANG=C\nsettings"
    littered.sh("ls /var/lib/cloud/seed/nocloud/user-data /usr/share/doc/dpkg/copyright")
    again = littered.play("os_cleanup", os_cleanup_kind="disk", os_cleanup_documentation_enabled=True, **GIVEN)
    assert (again.ok, again.changed) == (True, 0), again


@on_one_debian
def test_what_a_login_needs_goes_when_the_machine_is_sealed(littered: Machine, proof: Proof) -> None:
    seal = {"name": "goldsmith.images.os_cleanup", "tasks_from": "seal"}
    keys = {"os_cleanup_authorized_keys": [" goldsmith-1$"]}
    tasks: list[dict[str, Any]] = [
        {"name": "x : before", "ansible.builtin.shell": "cat /etc/ssh/ssh_host_*_key /etc/machine-id /root/.ssh/auth*"},
        {"name": "x : log", "ansible.builtin.shell": "echo entry >/var/log/syslog"},
        {"ansible.builtin.include_role": seal, "vars": keys},
    ]
    play = littered.play("os_cleanup", tasks=tasks, os_cleanup_kind="ami", os_cleanup_seal=False)
    assert play.ok, play
    report = play.facts["os_cleanup_report"]
    assert (report["kind"], report["put_off"]) == ("ami", ["identity", "cloud"])
    before = play.tasks["before"]["stdout"]
    assert "secret" in before and "0123456789abcdef" in before and "goldsmith-1" in before
    assert proof.of(littered, play) == {}
    assert {"identity", "cloud", "access", "logs"} <= {*play.facts["os_cleanup_hygiene"]["vars"]["os_cleanup"]["areas"]}


@on_one_debian
def test_the_entry_point_that_seals_does_little_where_the_role_was_not_applied(littered: Machine) -> None:
    littered.sh("echo x | tee /var/log/wtmp >/var/log/btmp")
    seal = {"name": "goldsmith.images.os_cleanup", "tasks_from": "seal"}
    tasks = [{"ansible.builtin.include_role": seal, "vars": {"os_cleanup_authorized_keys": [" goldsmith-1$"]}}]
    play = littered.play("os_cleanup", tasks=tasks, os_cleanup_kind="none")
    assert play.ok and play.facts["os_cleanup_hygiene"] == {}, play
    assert littered.sh("find /var/log/wtmp /var/log/btmp -size +0; grep -c . /root/.ssh/authorized_keys") == "1"
    littered.sh("test -s /etc/machine-id; ls /root/.bash_history /etc/ssh/ssh_host_rsa_key /tmp/file")


@on_one_debian
def test_a_root_file_system_that_is_entered_by_chroot_is_a_disks(machines: Machines, image: str) -> None:
    """debian_chroot is how a shell in a chroot says so, and what Ansible believes first."""
    machine = machines.start(image, environment={"debian_chroot": "disk"})
    report = machine.play("os_cleanup", check=True).facts["os_cleanup_report"]
    assert (report["kind"], "cloud" in report["areas"]) == ("disk", True)


def test_running_services_write_no_more_into_the_image(
    machines: Machines, docker_client: docker.DockerClient, proof: Proof
) -> None:
    base = bases.BASES[0]
    bases.make(docker_client, base, base.reference)
    system: dict[str, Any] = {"tmpfs": {"/run": "", "/run/lock": ""}, "stop_signal": "SIGRTMIN+3", "init": False}
    cgroup = {"/sys/fs/cgroup": {"bind": "/sys/fs/cgroup", "mode": "ro"}}
    machine = machines.start(base.reference, command=["/sbin/init"], volumes=cgroup, **system)
    machine.sh("until [ -S /run/dbus/system_bus_socket ]; do :; done; systemctl is-system-running --wait || true")
    machine.sh(
        "journalctl --flush; logger early; journalctl --sync; mkdir -p /tmp/systemd-private-1/tmp; "
        "echo early | tee /var/log/left.log >/var/log/app.log"
    )
    assert machine.sh("find /var/log/journal -type f") != ""
    log = {"ansible.builtin.shell": "logger late; journalctl --sync; echo late >>/var/log/app.log", "name": "x : late"}
    play = machine.play("os_cleanup", tasks=[log], os_cleanup_kind="ami")
    assert play.ok, play
    assert machine.sh("find /var/log/journal -type f; cat /var/log/app.log") == "late"
    assert "late" in machine.sh("journalctl -n 20 --no-pager --quiet -o cat")
    machine.sh("ls -d /tmp/systemd-private-1/tmp")
    assert proof.of(machine, play) == {}
    machine.sh(
        "touch -d 2020-01-01 /var/log/app.log; mkdir -p /var/log/journal/x; echo x >/var/log/journal/x/system.journal"
    )
    assert sorted(proof.of(machine, play)["no logs, mails and core dumps"].split()) == [
        "/var/log/app.log",
        "/var/log/journal/x/system.journal",
    ]


@on_one_debian
def test_what_the_machine_needs_stays(littered: Machine) -> None:
    assert littered.play("os_cleanup").ok
    assert littered.sh("stat -c '%U %G %a %s' /var/log/nginx/error.log") == "gil adm 640 0"
    assert littered.sh("readlink /var/log/nginx/access.log") == "/dev/stdout"
    assert littered.sh("cat /etc/ssh/sshd_config /home/gil/.bashrc") == "settings\nrc"
    assert littered.sh("stat -c %a /tmp /var/tmp") == "1777\n1777"
    littered.sh("apt-get update && dpkg --audit && id gil")


@on_one_debian
def test_areas_can_be_switched_off_and_patterns_added(littered: Machine, proof: Proof) -> None:
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
    assert "identity" not in play.facts["os_cleanup_report"]["areas"]
    assert proof.of(littered, play) == {}


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
