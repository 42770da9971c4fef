"""A fixture: an image of Debian with its own dnf 4 and rpm, and repositories of tiny packages."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path

import docker
import pytest
from tests.roles.conftest import APT, python_image

# Makes a tiny package in a repository.
MAKE = r"""
make() { # repository name version fields
  printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: test\nLicense: none\nBuildArch: noarch\n%b\n' "$2" "$3" "$4" >/tmp/spec
  printf '%%description\ntest\n%%install\nmkdir -p %%{buildroot}/etc\necho weight=%s >%%{buildroot}/etc/%s.conf\n' "$3" "$2" >>/tmp/spec
  printf '%%files\n%%config(noreplace) /etc/%s.conf\n' "$2" >>/tmp/spec
  rpmbuild -bb --quiet --define "_rpmdir /srv/$1" /tmp/spec 2>/dev/null
}
"""
# Repositories of such: `old` is what is installed, `baseos` what there is, `snapshot` what there was.
REPOSITORIES = (
    MAKE
    + r"""
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
)
TOOLS = "dnf dnf-plugins-core createrepo-c rpm"


@pytest.fixture(scope="session")
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
