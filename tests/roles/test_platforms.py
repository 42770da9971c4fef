"""What the roles would do on systems that cannot be had here.

Of the supported systems only Debian's can be got on the machines that run these tests: there is no mirror of Ubuntu, and none
of Red Hat's family. So the plan of os_hardening is made by Ansible from the role's own variables, with facts and findings
of such systems that are made up after their documentation, and looked at. That the names in it are those that
these systems have is not proven by it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docker
import pytest
import yaml
from tests.roles.conftest import Machines, debootstrapped, python_image

pytest_plugins = ["tests.roles.dnf"]

pytestmark = pytest.mark.slow

ROLES = Path(__file__).parents[2] / "collections/ansible_collections/goldsmith/images/roles"
ROLE = ROLES / "os_hardening"

PERSON = {"name": "ann", "uid": 1000, "groups": ["wheel"], "home": "/home/ann", "shell": "/bin/bash", "login": True}
PERSON |= {"ssh": True, "keys": True, "password": True, "stale": False, "sudo": "password", "exempt": False}
EVERYWHERE = ["/etc/default/grub", "/usr/lib/systemd/systemd", "/usr/lib/systemd/systemd-journald", "/usr/sbin/sshd"]
EVERYWHERE += ["/etc/pam.d/su", "/usr/sbin/auditd", "/usr/bin/systemctl"]
LOOK = {
    "users": [PERSON],
    "groups": [],
    "connected": "ann",
    "sshd": {"port": ["22"]},
    "boot_loader": [],
    "apparmor": {},
}
LOOK |= {"mounts": ["/", "/boot", "/boot/efi"]}
REDHAT = ["audit", "authselect", "chrony", "cronie", "openssh-clients", "pam", "libpwquality", "rsyslog", "sudo"]
REDHAT_PATHS = [*EVERYWHERE, "/etc/selinux/config"]

SYSTEMS: dict[str, dict[str, Any]] = {
    "debian": {
        "facts": {"distribution": "Debian", "distribution_version": "12.11", "distribution_major_version": "12"},
        "look": {"packages": ["cron", "openssh-client", "sudo", "libpam-pwquality"], "paths": EVERYWHERE},
    },
    "ubuntu": {
        "facts": {"distribution": "Ubuntu", "distribution_version": "24.04", "distribution_major_version": "24"},
        "look": {"packages": ["cron", "openssh-client", "sudo", "apport", "ufw", "snapd"], "paths": EVERYWHERE},
    },
    "rocky": {
        "facts": {"distribution": "Rocky", "distribution_version": "9.4", "distribution_major_version": "9"},
        "look": {"packages": [*REDHAT, "firewalld", "gdm", "telnet"], "paths": REDHAT_PATHS},
    },
    "amazon": {
        "facts": {"distribution": "Amazon", "distribution_version": "2023", "distribution_major_version": "2023"},
        "look": {"packages": REDHAT, "paths": REDHAT_PATHS},
    },
    "zoned": {
        "facts": {"distribution": "AlmaLinux", "distribution_version": "9.6", "distribution_major_version": "9"},
        "look": {
            "packages": [*REDHAT, "firewalld"],
            "paths": [*REDHAT_PATHS, "/etc/firewalld/zones/[!g]*.xml"],
        },
    },
    "guarded": {
        "facts": {"distribution": "RedHat", "distribution_version": "9.6", "distribution_major_version": "9"},
        "look": {"packages": [*REDHAT, "nftables"], "paths": REDHAT_PATHS},
        "variables": {"os_hardening_firewall": "nftables", "os_hardening_grub_password": "grub.pbkdf2.x"},
    },
}

# Names that only Debian's family has, as they stand in the table or in the role's own texts.
DEBIANS = (
    *("/etc/apt/", "/etc/default/grub.d", "/etc/bash.bashrc", "/etc/chrony/", "/etc/gdm3", "/etc/adduser.conf"),
    *(
        "/etc/update-motd.d",
        "/etc/network ",
        "/etc/netplan",
        "/etc/apparmor",
        "/etc/ufw",
        "/etc/exim4",
        "/etc/iptables",
    ),
    *("/etc/aide/", "/boot/grub/", "/boot/initrd.img", "/root/.profile", "/usr/share/keyrings", "/etc/nftables.conf"),
    *(
        "-linux-gnu-",
        "libpam",
        "aide-common",
        "debsums",
        "unattended-upgrades",
        "apt-listchanges",
        "chkrootkit",
        "gdm3",
    ),
    *('"cron.service', '"ssh.service', "chrony.service", "ufw.service", "timesyncd.service", "dailyaidecheck"),
    *("netfilter-persistent", "common-", '"crontab"', "_chrony", "update-grub", "aideinit", "debian.pool"),
)
REDHATS = [name for name, system in SYSTEMS.items() if system["facts"]["distribution"] not in {"Debian", "Ubuntu"}]


def play(directory: Path, inventory: Mapping[str, Any], plays: list[dict[str, Any]]) -> None:
    """Run plays on made-up hosts, which are this machine."""
    (directory / "hosts.json").write_text(json.dumps(inventory))
    (directory / "play.json").write_text(json.dumps(plays))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.json"],
        capture_output=True,
        text=True,
        cwd=directory,
        env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(ROLES.parents[3])},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


Plans = Mapping[str, dict[str, Any]]


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Plans:
    """What the role would hand to the modules, by system, at the second level and with all that is not asked for."""
    directory = tmp_path_factory.mktemp("plans")
    files = [ROLE / "defaults/main.yml", *sorted((ROLE / "vars/main").glob("*.yml"))]
    wanted = ("decided", "follow_ups", "family", "system", "configs", "time_servers")
    content = "{{ {" + ", ".join(f"'{name}': __os_hardening_{name}" for name in wanted) + "} | to_json }}"
    facts = {"is_chroot": False, "service_mgr": "systemd", "virtualization_tech_guest": ["kvm"]}
    inventory = {
        name: {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "given_facts": facts | system["facts"],
            "__os_hardening_look": LOOK | system["look"],
            "__os_hardening_asked": True,
            "os_hardening_profile": "level2",
            "os_hardening_journal_upload": {"URL": "https://log.example"},
            **system.get("variables", {}),
        }
        for name, system in SYSTEMS.items()
    }
    told = {fact: f"{{{{ given_facts.{fact} }}}}" for fact in (*facts, *SYSTEMS["debian"]["facts"])}
    copy = {"dest": f"{directory}/{{{{ inventory_hostname }}}}.json", "content": content, "mode": "0600"}
    made = {
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(file) for file in files[1:]],
        "tasks": [{"ansible.builtin.set_fact": {**told, "cacheable": True}}, {"ansible.builtin.copy": copy}],
    }
    hosts = yaml.safe_load(files[0].read_text())
    play(directory, {"all": {"vars": hosts, "hosts": inventory}}, [made])
    return {name: json.loads((directory / f"{name}.json").read_text()) for name in SYSTEMS}


def demanded(plan: dict[str, Any]) -> str:
    """Return all that is demanded, and what follows a change, as one text."""
    wanted = {key: value for key, value in plan["decided"].items() if key != "statuses"}
    return json.dumps([wanted, plan["follow_ups"], plan["family"]["aide"], plan["family"]["follow_ups"]])


@pytest.mark.parametrize("name", REDHATS)
def test_nothing_of_debians_alone_is_demanded_of_red_hats_family(plans: Plans, name: str) -> None:
    text = demanded(plans[name])
    assert [word for word in DEBIANS if word in text] == []


def test_the_words_that_are_looked_for_are_those_of_the_table(plans: Plans) -> None:
    # Those that are missing are of controls that have nothing to do on the machine that is made up.
    everything = "".join(path.read_text() for path in (ROLE / "vars/main").glob("*.yml"))
    text = demanded(plans["debian"]) + demanded(plans["ubuntu"]) + everything
    assert [word for word in DEBIANS if word.strip('" ') not in text] == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_control_is_applied_or_reported_with_a_reason(plans: Plans, name: str) -> None:
    controls = [control["id"] for area in tables().values() for control in area]
    statuses = plans[name]["decided"]["statuses"]
    assert all(len(told) == 2 and all(told) for told in statuses.values())
    text = demanded(plans[name])
    applied = set(controls) - set(statuses)
    silent = {control for control in applied if f'"{control}"' not in text and f"-{control}" not in text}
    # There may be nothing left to do: packages are there or gone already, and no unit has to be masked.
    without = {"packages_absent", "packages_present", "modules", "remove", "units"}
    demands = {control["id"]: set(control) for area in tables().values() for control in area}
    assert {control for control in silent if not demands[control] & without} == set()


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_control_fails_on_a_machine_as_it_is_delivered(plans: Plans, name: str) -> None:
    failed = {control: told for control, told in plans[name]["decided"]["statuses"].items() if told[0] == "failed"}
    assert failed == {}


def settings(plan: dict[str, Any]) -> dict[str, dict[str, str | None]]:
    return {
        file["path"]: {setting["key"]: setting.get("value") for setting in file["settings"]}
        for file in plan["decided"]["settings"]
    }


def units(plan: dict[str, Any]) -> dict[str, str]:
    return {unit["name"]: unit["state"] for unit in plan["decided"]["units"]}


def test_red_hats_family_has_its_own_ways(plans: Plans) -> None:
    rocky, amazon = plans["rocky"]["decided"], plans["amazon"]["decided"]
    held = settings(plans["rocky"])
    assert held["/etc/dnf/dnf.conf"] == {"gpgcheck": "1"}
    assert held["/etc/dnf/automatic.conf"] == {"upgrade_type": "security", "apply_updates": "yes"}
    assert held["/etc/chrony.conf"] == {"pool 2.rocky.pool.ntp.org": "iburst", "user": "chrony"}
    assert held["/etc/selinux/config"] == {"SELINUXTYPE": "targeted", "SELINUX": "enforcing"}
    assert held["/etc/login.defs"]["ENCRYPT_METHOD"] == "SHA512"
    assert held["/etc/security/pwhistory.conf"] == {"remember": "24", "enforce_for_root": ""}
    assert not {"Ciphers", "MACs", "KexAlgorithms"} & held["/etc/ssh/sshd_config"].keys()
    assert {profile["feature"] for profile in rocky["pam_profiles"]} == {"with-faillock", "with-pwhistory"}
    assert {argument["argument"] for argument in rocky["kernel_arguments"]} >= {"audit=1", "audit_backlog_limit=8192"}
    assert rocky["uninstall"].keys() == {"gdm", "telnet"} and "firewalld" not in rocky["install"]
    assert amazon["install"].keys() == {"aide", "cracklib-dicts", "dnf-automatic", "firewalld", "libselinux"}
    assert {"crond.service", "chronyd.service", "dnf-automatic.timer", "goldsmith-aide-check.timer"} <= units(
        plans["amazon"]
    ).keys()
    assert {group for entry in rocky["modes"] if "shadow" in entry["path"] for group in entry["group"]} == {"root"}


def test_the_firewall_of_red_hats_family_is_firewalld_and_ssh_stays_open(plans: Plans) -> None:
    zone = next(
        file for file in plans["rocky"]["decided"]["files"] if file["path"] == "/etc/firewalld/zones/goldsmith.xml"
    )
    ports = ElementTree.fromstring(zone["content"].encode()).findall("port")
    assert [port.attrib for port in ports] == [{"protocol": "tcp", "port": "22"}]
    assert units(plans["rocky"])["firewalld.service"] == "enabled"
    assert units(plans["rocky"])["nftables.service"] == "masked"
    assert settings(plans["rocky"])["/etc/firewalld/firewalld.conf"] == {"DefaultZone": "goldsmith"}
    guarded = plans["guarded"]
    assert units(guarded)["nftables.service"] == "enabled" and units(guarded)["firewalld.service"] == "masked"
    assert "/etc/sysconfig/nftables.conf" in {file["path"] for file in guarded["decided"]["files"]}
    assert "/etc/firewalld/firewalld.conf" not in settings(guarded)


def test_zones_of_ones_own_stay_and_the_boot_password_is_where_grub_looks(plans: Plans) -> None:
    assert plans["zoned"]["decided"]["statuses"]["firewalld_default"][0] == "not_applicable"
    assert units(plans["zoned"])["firewalld.service"] == "enabled"
    (file,) = [file for file in plans["guarded"]["decided"]["files"] if "user.cfg" in file["path"]]
    assert (file["path"], file["content"]) == ("/boot/grub2/user.cfg", "GRUB2_PASSWORD=grub.pbkdf2.x\n")


def test_ubuntu_has_debians_ways_and_its_own_archives(plans: Plans) -> None:
    ubuntu = plans["ubuntu"]["decided"]
    files = {file["path"]: file["content"] for file in ubuntu["files"] if "content" in file}
    assert (
        '"origin=Ubuntu,archive=${distro_codename}-security,label=Ubuntu";'
        in files["/etc/apt/apt.conf.d/90-goldsmith-unattended"]
    )
    assert "origin=Debian" not in json.dumps(ubuntu) and "debian.pool" not in json.dumps(ubuntu)
    assert "apport" in ubuntu["uninstall"] and "ufw" not in ubuntu["uninstall"]
    assert ubuntu["statuses"]["module_squashfs"] == ["not_applicable", "there is the package snapd"]
    debian = {file["path"]: file.get("content") for file in plans["debian"]["decided"]["files"]}
    assert "label=Debian-Security" in str(debian["/etc/apt/apt.conf.d/90-goldsmith-unattended"])


def tables() -> dict[str, list[dict[str, Any]]]:
    """Return the controls by area, as they stand in the role's files."""
    files = sorted((ROLE / "vars/main").glob("controls_*.yml"))
    return {file.stem: next(iter(yaml.safe_load(file.read_text()).values())) for file in files}


GATES = {
    "os_hardening": [ROLE / "vars/main/engine.yml", ROLE / "vars/main/platforms.yml"],
    "os_patching": [ROLES / "os_patching/vars/main.yml"],
    "os_cleanup": [ROLES / "os_cleanup/vars/main/engine.yml"],
}
KNOWN = {
    ("Debian", "11.11"),
    ("Debian", "12.11"),
    ("Ubuntu", "22.04"),
    ("RedHat", "9.6"),
    ("CentOS", "9"),
    ("OracleLinux", "9.5"),
    ("Amazon", "2023"),
}
KEPT = {
    "dest": "{{ inventory_dir }}/told.json",
    "content": "{{ dict(groups.all | zip(groups.all | map('extract', hostvars, 'refusals'))) | to_json }}",
    "mode": "0600",
}
STRANGE = {("Debian", "10.13"), ("Ubuntu", "24.10"), ("Rocky", "8.10"), ("Amazon", "2"), ("Alpine", "3.21")}


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, str]]:
    """What each role says of each system before it does anything: nothing, or why it does not go on."""
    directory = tmp_path_factory.mktemp("gates")
    hosts = {" ".join(system): system for system in KNOWN | STRANGE}
    facts = {"is_chroot": False, "service_mgr": "systemd", "virtualization_tech_guest": [], "distribution_release": "x"}
    facts |= {"distribution": "{{ given[0] }}", "distribution_version": "{{ given[1] }}"}
    facts |= {"distribution_major_version": "{{ given[1].split('.')[0] }}"}
    plays = [
        {
            "hosts": "all",
            "gather_facts": False,
            "vars_files": [str(file) for file in files],
            "vars": {"role": role},
            "tasks": [
                {"ansible.builtin.set_fact": {**facts, "cacheable": True}},
                {
                    "block": [{"ansible.builtin.include_tasks": str(ROLES / role / "tasks/supported.yml")}],
                    "rescue": [{"ansible.builtin.set_fact": {"refusals": "{{ refusals | combine({role: why}) }}"}}],
                    "vars": {"why": "{{ ansible_failed_result.msg }}"},
                },
            ],
        }
        for role, files in GATES.items()
    ]
    plays.append({"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.copy": KEPT, "run_once": True}]})
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "refusals": {}}
    play(directory, {"all": {"vars": local, "hosts": {host: {"given": given} for host, given in hosts.items()}}}, plays)
    told = json.loads((directory / "told.json").read_text())
    return {system: told[host] for host, system in hosts.items()}


@pytest.mark.parametrize("system", sorted(KNOWN))
def test_what_is_supported_is_let_in_by_every_role(
    gates: dict[tuple[str, str], dict[str, str]], system: tuple[str, str]
) -> None:
    assert gates[system] == {}


@pytest.mark.parametrize("system", sorted(STRANGE))
def test_what_is_not_supported_is_refused_by_every_role_and_told_what_is(
    gates: dict[tuple[str, str], dict[str, str]], system: tuple[str, str]
) -> None:
    host = " ".join(system)
    assert gates[system].keys() == GATES.keys()
    for role, message in gates[system].items():
        assert message.startswith(f"{role} supports Debian 11, 12, 13; Ubuntu 22.04, 24.04; RedHat 9; ")
        assert message.endswith(f"; Amazon 2023. But {host} is {host}. Nothing was changed.")


def systems(role: str) -> dict[str, list[str]]:
    """Return the releases that a role lets in, by system."""
    documents = [yaml.safe_load(file.read_text()) for file in GATES[role]]
    found = {key: value for document in documents for key, value in document.items()}
    table = found.get(f"__{role}_systems") or found[f"__{role}_supported"]
    return {name: system["versions"] if isinstance(system, dict) else system for name, system in table.items()}


@pytest.mark.parametrize("role", GATES)
def test_the_readme_says_of_every_system_whether_it_is_tested(role: str) -> None:
    assert systems(role) == systems("os_hardening")
    rows = [line for line in (ROLES / role / "README.md").read_text().splitlines() if line.startswith("| ")]
    words = {"RedHat": "RHEL", "Rocky": "Rocky Linux", "CentOS": "CentOS Stream", "OracleLinux": "Oracle Linux"}
    for system, versions in systems(role).items():
        name = {**words, "Amazon": "Amazon Linux"}.get(system, system)
        for version in versions:
            (row,) = [row for row in rows if re.search(rf"{name}\b[^|]*\b{version}\b", row.split("|")[1])]
            assert ("not tested" in row) is (system != "Debian"), (system, version)


@pytest.fixture(scope="module")
def bullseye(docker_client: docker.DockerClient) -> str:
    """Tag of an image of Debian 11 with Python, which is 3.9, as on Red Hat's family; the engine keeps it between runs."""
    return python_image(docker_client, debootstrapped("bullseye"))


@pytest.mark.docker
@pytest.mark.network
@pytest.mark.exhaustive
def test_debian_11_is_patched_hardened_and_cleaned(bullseye: str, machines: Machines) -> None:
    machine = machines.start(bullseye)
    assert machine.play("os_patching").ok
    first, second = (machine.play("os_hardening") for _ in range(2))
    assert first.ok and first.changed > 0 and second.ok and second.changed == 0, second
    assert [row for row in second.facts["os_hardening_report"] if row["status"] == "failed"] == []
    assert "pam_faillock.so preauth" in machine.sh("cat /etc/pam.d/common-auth")
    assert machine.play("os_cleanup").ok


# What makes Debian with dnf look like Red Hat's family, as far as the role looks. There is no authselect in Debian.
DISGUISE = r"""
rm -rf /etc/debian_version /etc/os-release /var/lib/dpkg/status /usr/share/pam-configs /etc/pam.d/common-*
echo 'Rocky Linux release 9.4 (Blue Onyx)' >/etc/redhat-release
printf 'NAME="Rocky Linux"\nID=rocky\nVERSION_ID="9.4"\n' >/etc/os-release
mv /etc/bash.bashrc /etc/bashrc
useradd ann
mkdir -p /etc/authselect
echo minimal >/etc/authselect/authselect.conf
cd /etc/pam.d
printf '# Generated by authselect\nauth required pam_unix.so nullok\npassword sufficient pam_unix.so sha512 use_authtok nullok\n' >system-auth
cp system-auth password-auth
cat >/usr/bin/authselect <<'END'
#!/bin/sh
case $1 in
list-features) printf 'with-faillock\nwith-pwhistory\nwithout-nullok\n' ;;
enable-feature) echo "$2" >>/etc/authselect/authselect.conf
  [ "$2" != without-nullok ] || sed -i 's/ nullok//' /etc/pam.d/system-auth /etc/pam.d/password-auth ;;
esac
END
chmod 755 /usr/bin/authselect
echo '# remember = 10' >/etc/security/pwhistory.conf
for name in authselect pam libpwquality cracklib-dicts; do make os $name 1.0; done
make gone telnet 1.0
createrepo_c -q /srv/os
rpm -i --nodeps /srv/gone/noarch/*.rpm
printf '[os]\nname=os\nbaseurl=file:///srv/os\ngpgcheck=0\n' >/etc/yum.repos.d/os.repo
"""


@pytest.mark.docker
@pytest.mark.network
def test_what_calls_itself_rocky_linux_is_hardened_by_dnf_and_authselect(dnf_image: str, machines: Machines) -> None:
    from tests.roles.dnf import MAKE

    machine = machines.start(dnf_image)
    machine.sh(MAKE + DISGUISE)
    audit, first, second = (machine.play("os_hardening", check=check) for check in (True, False, False))
    audited, held, again = (
        {row["id"]: row["status"] for row in run.facts["os_hardening_report"]} for run in (audit, first, second)
    )
    assert (audit.ok, first.ok, second.ok, second.changed) == (True, True, True, 0), second
    assert "failed" not in held.values() and "changed" not in again.values()
    assert audited == held
    assert machine.sh("rpm -q authselect pam libpwquality cracklib-dicts").count("-1.0-1") == 4 and machine.fails(
        "rpm -q telnet"
    )
    assert machine.sh("cat /etc/authselect/authselect.conf").split() == [
        *("minimal", "with-faillock", "with-pwhistory", "without-nullok")
    ]
    assert machine.sh("grep -c gpgcheck=1 /etc/dnf/dnf.conf; cat /etc/security/pwhistory.conf") == (
        "1\nremember = 24\nenforce_for_root"
    )
    assert machine.play("os_cleanup", os_cleanup_documentation_enabled=True).ok
    assert machine.sh("rpm --eval %_excludedocs; ls -A /var/cache/dnf") == "1"
