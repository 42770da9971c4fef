"""package_upgrade with dnf 4, which Debian has too: on no system of the Red Hat family, and with the real tool all the same."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest
from tests.roles.conftest import APT, Machines, python_image

if TYPE_CHECKING:
    from tests.roles.outdated import Outdated

pytest_plugins = ["tests.roles.outdated"]
pytestmark = [pytest.mark.docker, pytest.mark.network]

# Repositories of tiny packages: `old` is what is installed, `baseos` what there is, `snapshot` what there was.
REPOSITORIES = r"""
make() { # repository name version fields
  printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: test\nLicense: none\nBuildArch: noarch\n%b\n' "$2" "$3" "$4" >/tmp/spec
  printf '%%description\ntest\n%%install\nmkdir -p %%{buildroot}/etc\necho weight=%s >%%{buildroot}/etc/%s.conf\n' "$3" "$2" >>/tmp/spec
  printf '%%files\n%%config(noreplace) /etc/%s.conf\n' "$2" >>/tmp/spec
  rpmbuild -bb --quiet --define "_rpmdir /srv/$1" /tmp/spec 2>/dev/null
}
make old goldbar 1.0 'Epoch: 1\nRequires: goldleaf'
make old goldleaf 1.0
make old goldcoin 1.0
make old goldvault 1.0
make baseos goldbar 2.0 'Epoch: 1\nRequires: goldsmelter\nObsoletes: goldleaf < 2'
make baseos goldsmelter 1.5
make baseos goldcoin 1.1
make baseos goldvault 2.0
make snapshot/2026-01-31/baseos goldcoin 1.1
cat >/tmp/updateinfo.xml <<'END'
<updates><update from="a@b.example" status="final" type="security" version="1">
<id>GOLD-2026:1</id><title>goldcoin</title><severity>Important</severity><issued date="2026-01-01 00:00:00"/>
<references><reference href="https://x.example" id="CVE-2026-0001" title="CVE-2026-0001" type="cve"/></references>
<pkglist><collection short="x"><name>x</name>
<package name="goldcoin" version="1.1" release="1" epoch="0" arch="noarch" src="goldcoin-1.1-1.src.rpm">
<filename>goldcoin-1.1-1.noarch.rpm</filename></package></collection></pkglist></update></updates>
END
for repository in baseos snapshot/2026-01-31/baseos; do createrepo_c -q /srv/$repository; done
modifyrepo_c /tmp/updateinfo.xml /srv/baseos/repodata >/dev/null
rpm -i --nodeps /srv/old/noarch/*.rpm 2>/dev/null
mkdir -p /etc/yum.repos.d /etc/dnf/plugins /etc/dnf/vars
printf '[main]\nenabled=false\n' >/etc/dnf/plugins/local.conf
echo 9 >/etc/dnf/vars/releasever
printf '[baseos]\nname=gold\nbaseurl=file:///srv/baseos\ngpgcheck=0\n' >/etc/yum.repos.d/gold.repo
printf '[epel]\nname=extra\nbaseurl=file:///srv/old\nenabled=0\ngpgcheck=0\n' >>/etc/yum.repos.d/gold.repo
"""
TOOLS = "dnf dnf-plugins-core createrepo-c rpm"


@pytest.fixture(scope="module")
def dnf_image(base_image: str, docker_client: docker.DockerClient) -> str:
    """Tag of an image with dnf and its repositories; the engine keeps it between runs."""
    python = python_image(docker_client, base_image)
    tag = python.replace("/python:", "/dnf:")
    with (Path(tempfile.gettempdir()) / f"{tag.replace('/', '-')}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not docker_client.images.list(name=tag):
            container = docker_client.containers.run(python, ["sleep", "600"], init=True, detach=True)
            install = f"{APT} -q update && {APT} -q install -y --no-install-recommends {TOOLS} && apt-get clean"
            try:
                for script in (install, REPOSITORIES):
                    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
                    status, output = container.exec_run(["sh", "-ec", script], environment=quiet)
                    assert status == 0, output.decode()[-3000:]
                container.commit(*tag.split(":"))
            finally:
                container.remove(force=True)
    return tag


@pytest.fixture
def machine(dnf_image: str, machines: Machines) -> Outdated:
    from tests.roles.outdated import start

    return start(machines, dnf_image)


def test_what_is_foretold_is_done_and_told_with_advisories_and_then_nothing_is_left(machine: Outdated) -> None:
    machine.sh("echo weight=mine >/etc/goldbar.conf")
    options = {"manager": "dnf", "exclude": ["goldv*"]}
    foretold = machine.upgrade(check=True, **options)
    assert machine.sh("rpm -q goldbar") == "goldbar-1.0-1.noarch"
    done = machine.upgrade(**options)
    assert {name: foretold[name] for name in foretold if name != "kept_files"} == {
        name: done[name] for name in done if name != "kept_files"
    }
    assert [(one["name"], one["from"], one["to"]) for one in done["upgraded"]] == [
        ("goldbar", "1:1.0-1", "1:2.0-1"),
        ("goldcoin", "1.0-1", "1.1-1"),
    ]
    assert [one["name"] for one in done["installed"] + done["removed"]] == ["goldsmelter", "goldleaf"]
    assert [one["cve"] for one in done["cves"]["fixed"]] == ["CVE-2026-0001"] and done["cves"]["remaining"] == []
    assert (done["held_back"], done["kept_files"]) == (["goldvault"], ["/etc/goldbar.conf"])
    assert not machine.upgrade(**options)["changed"]


def test_security_updates_come_alone(machine: Outdated) -> None:
    assert [one["name"] for one in machine.upgrade(manager="dnf", mode="security")["upgraded"]] == ["goldcoin"]


def test_a_snapshot_is_of_the_distributions_own_repositories_and_holds_stay(machine: Outdated) -> None:
    machine.sh("sed -i 's#enabled=0#enabled=1#; s#srv/baseos#srv/gone#' /etc/yum.repos.d/gold.repo")
    refused = machine.upgrade(manager="dnf", retries=0)
    assert "the repositories cannot be read" in refused["msg"] and "/srv/gone" in refused["msg"]
    snapshot = {"snapshot_date": "20260131", "snapshot_url": "file:///srv/snapshot/{day}/{repo}"}
    done = machine.upgrade(manager="dnf", mode="snapshot", hold=["goldvault"], **snapshot)
    assert [(one["name"], one["to"]) for one in done["upgraded"]] == [("goldcoin", "1.1-1")]
    assert (done["left_out"], done["held"]) == (["epel"], ["goldvault"])
    assert "goldvault" in machine.sh("cat /etc/dnf/plugins/versionlock.list")


def test_the_role_takes_dnf_where_the_system_calls_itself_rocky_linux(machine: Outdated) -> None:
    machine.sh(
        "rm /etc/debian_version /etc/os-release; echo 'Rocky Linux release 9.4 (Blue Onyx)' >/etc/redhat-release"
    )
    machine.sh('printf \'NAME="Rocky Linux"\nID=rocky\nVERSION_ID="9.4"\n\' >/etc/os-release')
    play = machine.play("os_patching", os_patching_mode="security")
    assert play.ok, play
    report = play.facts["os_patching_report"]
    assert [one["name"] for one in report["upgraded"]] == ["goldcoin"]
    assert [one["cve"] for one in report["cves"]["fixed"]] == ["CVE-2026-0001"]
