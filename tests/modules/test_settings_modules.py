"""The modules that hold settings, on a Debian: what the programs themselves then say they are set to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from goldsmith.lab.bases import BASES, make

pytestmark = pytest.mark.docker

COLLECTIONS = Path(__file__).parents[2] / "collections"
SSHD = "/etc/ssh/sshd_config.d"
SUDO = "/etc/sudoers.d"
JOURNALD = "/etc/systemd/journald.conf.d"

# What others have left on the machine, and contradicts what is wanted wherever it could win.
CLUTTER = {
    f"{SSHD}/00-a.conf": "X11Forwarding yes\nBanner none\nMatch User backup\nX11Forwarding yes\n",
    f"{SSHD}/50-cloud-init.conf": "PasswordAuthentication yes\n",
    f"{SUDO}/95-others": "Defaults !use_pty, insults, \\\n  timestamp_timeout=60\nDefaults:games !use_pty\n",
    f"{JOURNALD}/99-others.conf": "[Journal]\nStorage=volatile\nSeal=no\n",
    "/usr/lib/systemd/journald.conf.d/95-vendor.conf": "[Journal]\nCompress=no\nSplitMode=none\n",
    "/etc/security/limits.d/others.conf": "* - core unlimited\n* soft nofile 999\n",
    "/etc/sysctl.d/99-others.conf": "kernel/kptr_restrict=0\nvm.swappiness = 7\n",
}


def entry(path: str, form: str, *settings: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"path": path, "format": form, "settings": list(settings), **options}


FILES = [
    entry("/etc/login.defs", "space", {"key": "HOME_MODE", "value": "0700"}),
    entry("/etc/default/useradd", "equals", {"key": "INACTIVE", "value": 45}, separator="="),
    entry("/etc/security/limits.conf", "limits", {"key": "* hard core", "value": 0}),
    entry(
        "/etc/systemd/journald.conf",
        "ini",
        {"section": "Journal", "key": "Storage", "value": "persistent"},
        {"section": "Journal", "key": "Compress", "value": True},
        drop_in=f"{JOURNALD}/90-goldsmith.conf",
    ),
    entry(
        "/etc/sudoers",
        "sudoers",
        {"key": "use_pty", "value": True},
        {"key": "timestamp_timeout", "value": 5},
        {"key": "logfile", "value": "/var/log/sudo.log"},
        {"key": "NOPASSWD", "absent": True},
        drop_in=f"{SUDO}/90-goldsmith",
        validate="visudo -cf %s",
    ),
    entry(
        "/etc/ssh/sshd_config",
        "directive",
        {"key": "X11Forwarding", "value": False},
        {"key": "PasswordAuthentication", "value": False},
        {"key": "PermitRootLogin", "value": "no"},
        {"key": "Banner", "value": "/etc/issue.net"},
        {"key": "AllowTcpForwarding", "value": "local", "match": "User tunnel"},
        drop_in=f"{SSHD}/00-goldsmith.conf",
        validate="/usr/sbin/sshd -t -f %s",
        mode="0600",
    ),
]


@dataclass(frozen=True)
class Machine:
    """A container of the lab's Debian, its init not running."""

    container: Any
    folder: Path

    def sh(self, script: str) -> str:
        status, output = self.container.exec_run(["sh", "-ec", script])
        assert status == 0, f"{script}\n{output.decode()}"
        return str(output.decode())

    def run(self, module: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        """Run a module of the collection as ansible does."""
        tree = self.folder / "tree"
        command = [
            "all",
            "-i",
            f"{self.container.name},",
            "-m",
            f"goldsmith.images.{module}",
            "-a",
            json.dumps(options),
        ]
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible")),
                *command,
                "-t",
                str(tree),
                "-D",
                *(["-C"] if check else []),
            ],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=os.environ
            | {
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_TRANSPORT": "community.docker.docker",
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
                "ANSIBLE_PIPELINING": "true",
            },
        )
        assert done.returncode == 0, done.stdout + done.stderr
        result: dict[str, Any] = json.loads((tree / str(self.container.name)).read_text())
        return result


@pytest.fixture(scope="module")
def machine(docker_client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    make(docker_client, BASES[0], BASES[0].reference)
    container = docker_client.containers.create(BASES[0].reference, ["sleep", "infinity"], init=True)
    container.start()
    started = Machine(container, tmp_path_factory.mktemp("machine"))
    for path, text in CLUTTER.items():
        started.sh(f"mkdir -p {Path(path).parent}; printf %s '{text}' >{path}; chmod 0440 {path}")
    started.sh("mkdir -p /run/sshd; ssh-keygen -A >/dev/null; sed -i '1i PermitRootLogin yes' /etc/ssh/sshd_config")
    yield started
    container.remove(force=True, v=True)


@pytest.fixture
def networked(docker_client: docker.DockerClient, tmp_path: Path) -> Iterator[Machine]:
    """A container that may set the parameters of its own network, as a machine does."""
    make(docker_client, BASES[0], BASES[0].reference)
    options = [
        "--cap-add",
        "NET_ADMIN",
        "--security-opt",
        "systempaths=unconfined",
        "--init",
    ]  # the SDK has no such option
    command = ["docker", "run", "--detach", *options, BASES[0].reference, "sleep", "600"]
    started = subprocess.run(command, capture_output=True, text=True)
    assert started.returncode == 0, started.stderr
    container = docker_client.containers.get(started.stdout.strip())
    yield Machine(container, tmp_path)
    container.remove(force=True, v=True)


@pytest.fixture(scope="module")
def foretold(machine: Machine) -> dict[str, Any]:
    before = machine.sh("cd /etc; find . -type f -newermt 1970-01-01 | sort | xargs -d '\\n' sha256sum")
    result = machine.run("config_settings", check=True, files=FILES)
    assert machine.sh("cd /etc; find . -type f -newermt 1970-01-01 | sort | xargs -d '\\n' sha256sum") == before
    return result


@pytest.fixture(scope="module")
def done(machine: Machine, foretold: dict[str, Any]) -> dict[str, Any]:
    return machine.run("config_settings", files=FILES)


def test_check_mode_foretells_what_is_then_done(foretold: dict[str, Any], done: dict[str, Any]) -> None:
    assert {row["status"] for row in done["results"]} == {"changed"}
    for key in ("results", "paths", "changed"):
        assert foretold[key] == done[key]


@pytest.mark.usefixtures("done")
def test_a_second_run_changes_nothing(machine: Machine) -> None:
    again = machine.run("config_settings", files=FILES)
    assert (again["changed"], again["paths"]) == (False, [])
    assert {row["status"] for row in again["results"]} == {"compliant"}


@pytest.mark.usefixtures("done")
def test_the_ssh_server_says_so(machine: Machine) -> None:
    def says(user: str) -> dict[str, str]:
        lines = machine.sh(f"/usr/sbin/sshd -T -C user={user},host=h,addr=192.0.2.1").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    anybody = says("anybody")
    wanted = {
        "x11forwarding": "no",
        "passwordauthentication": "no",
        "permitrootlogin": "no",
        "banner": "/etc/issue.net",
    }
    assert {key: anybody[key] for key in wanted} == wanted
    assert anybody["allowtcpforwarding"] == "yes" and says("tunnel")["allowtcpforwarding"] == "local"
    # What others want of some users, and of other things, stays theirs, and is told.
    assert says("backup")["x11forwarding"] == "yes"


@pytest.mark.usefixtures("done")
def test_the_message_tells_for_whom_it_is_otherwise(done: dict[str, Any]) -> None:
    (message,) = [row["message"] for row in done["results"] if row["item"].endswith(" X11Forwarding")]
    assert message.endswith(f"for user backup it is yes, in {SSHD}/00-a.conf")


@pytest.mark.usefixtures("done")
def test_sudo_says_so(machine: Machine) -> None:
    assert "parsed OK" in machine.sh("visudo -c")
    told = machine.sh("sudo -V")
    assert "Path to log file: /var/log/sudo.log" in told
    assert "Authentication timestamp timeout: 5.0 minutes" in told
    assert "Always run commands in a pseudo-tty" in told
    assert "Insult the user when they enter an incorrect password" in told
    assert "NOPASSWD" not in machine.sh("sudo -l -U admin")


@pytest.mark.usefixtures("done")
def test_systemd_reads_so(machine: Machine) -> None:
    lines = machine.sh("systemd-analyze cat-config systemd/journald.conf").splitlines()
    holds = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert holds == {"Storage": "persistent", "Compress": "yes", "Seal": "no", "SplitMode": "none"}


@pytest.mark.usefixtures("done")
def test_accounts_are_made_so_and_limited_so(machine: Machine) -> None:
    machine.sh("useradd -m -s /bin/sh someone")
    assert machine.sh("stat -c %a /home/someone").strip() == "700"
    assert machine.sh("getent shadow someone").split(":")[6] == "45"
    assert machine.sh("su someone -c 'ulimit -Hc; ulimit -Sn'").split() == ["0", "999"]


def test_kernel_parameters_hold_at_boot_whatever_comes_later(machine: Machine) -> None:
    settings = [{"key": key, "value": value} for key, value in (("kernel.kptr_restrict", 2), ("fs.protected_fifos", 2))]
    foretold = machine.run("sysctl_settings", check=True, settings=settings)
    done = machine.run("sysctl_settings", settings=settings)
    assert (foretold["results"], foretold["changed"]) == (done["results"], done["changed"])
    assert (done["changed"], done["live"]) == (True, False), "a container's kernel is its host's"
    lines = machine.sh("systemd-analyze cat-config sysctl.d").splitlines()
    holds = [
        line.replace("/", ".").replace(" ", "").split("=") for line in lines if "=" in line and line[0] not in "#;"
    ]
    assert {"kernel.kptr_restrict": "2", "fs.protected_fifos": "2", "vm.swappiness": "7"}.items() <= dict(holds).items()
    assert machine.sh("dpkg --verify procps") == "", "what a package brought is as it was"
    assert not machine.run("sysctl_settings", settings=settings)["changed"]


def test_kernel_parameters_hold_now_and_after_procps_read_all_files(networked: Machine) -> None:
    wanted = {
        "net.ipv4.conf.all.accept_redirects": "0",
        "net.ipv4.conf.default.send_redirects": "0",
        "net.ipv4.ip_forward": "0",  # a change of it makes the kernel accept redirects again
        "net.ipv4.ping_group_range": "1 0",
        "net.none.such": "1",
    }
    settings = [{"key": key, "value": value} for key, value in wanted.items()]
    networked.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.accept_redirects=0")
    networked.sh("printf 'net/ipv4/ip_forward=1\nnet.ipv4.tcp_syncookies=1\n' >/etc/sysctl.conf")
    foretold = networked.run("sysctl_settings", check=True, settings=settings, live="true")
    done = networked.run("sysctl_settings", settings=settings, live="true", strict=True)
    assert foretold["results"] == done["results"]
    assert [row["status"] for row in done["results"]] == [*["changed"] * 4, "not_applicable"]
    assert done["results"][2]["message"] == "was 1"
    for _ in ("now", "after all files"):
        held = networked.sh(f"sysctl -n {' '.join(list(wanted)[:4])}").replace("\t", " ").splitlines()
        assert held == list(wanted.values())[:4]
        networked.sh("sysctl -q --system --pattern '^net'")
    assert not networked.run("sysctl_settings", settings=settings, live="true")["changed"]


def test_kernel_modules_are_kept_out_of_a_machine_to_be(machine: Machine) -> None:
    modules = [{"name": "cramfs", "control": "x"}, {"name": "usb-storage"}]
    done = machine.run("kernel_modules", modules=modules)
    assert (done["changed"], done["live"]) == (True, False)
    assert machine.sh("cat /etc/modprobe.d/90-goldsmith.conf").splitlines()[1:3] == [
        "install cramfs /bin/false",
        "blacklist cramfs",
    ]
    again = machine.run("kernel_modules", modules=modules)
    assert not again["changed"]
    assert again["results"][0] == {"control": "x", "item": "cramfs", "status": "compliant", "message": ""}
