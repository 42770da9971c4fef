"""Fixtures: an archive of a test's own, and machines whose packages are older than what it offers.

The archive has, for both releases and under the names that Debian's have:

=============  ========  ==========  =====  ======================================================================
package        machines  security    main
=============  ========  ==========  =====  ======================================================================
goldbar        1.0                   2.0    needs goldsmelter in place of goldleaf; has a configuration file
goldleaf       1.0                   1.0
goldcoin       1.0       1.1         2.0    1.1 newly needs goldmint, which is in main alone
goldvault      1.0                   2.0    starts a service
=============  ========  ==========  =====  ======================================================================

The snapshot of 2026-01-31 has goldcoin 1.1, goldbar 1.0 and goldvault 0.9. An archive of the same that is signed by
another key lies below ``forged``.
"""

from __future__ import annotations

import json
import os
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.roles.archive import Deb, Key, Server, publish, serve
from tests.roles.conftest import COLLECTIONS, SUITES, Machine, Machines

LIBRARY = "/opt/library"
UPGRADE = "ansible_collections.goldsmith.images.plugins.modules.package_upgrade"
KEYRING = "/etc/apt/trusted.gpg.d/gold.gpg"
# Beside this machine's kernel, which is the containers' too, an older and a newer one of its kind.
RUNNING = os.uname().release
KERNELS = [re.sub(r"^[0-9.]+", number, RUNNING) for number in ("0.1", "99.1")] + [RUNNING]
SERVICE = {
    "files": {"etc/init.d/goldvault": "#!/bin/sh\necho $1 >>/var/log/goldvault\n"},
    "scripts": {"postinst": "invoke-rc.d goldvault start"},
}


@dataclass(frozen=True)
class Gold:
    """The archive.

    Attributes:
        directory: What is served.
        server: Serves it.
        debs: All packages, as files below ``directory``.
        key: Signs it.
    """

    directory: Path
    server: Server
    debs: Path
    key: Key

    @property
    def url(self) -> str:
        return self.server.url

    def sources(self, suite: str, url: str = "") -> str:
        """Return the lines of ``sources.list``."""
        base = url or self.url
        return f"deb {base}/debian {suite} main\ndeb {base}/debian-security {suite}-security main\n"


@pytest.fixture(scope="session")
def gold(docker_client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gold]:
    """The archive, served on the address by which containers reach this machine."""
    directory, keys = tmp_path_factory.mktemp("gold"), tmp_path_factory.mktemp("keys")
    key, forger = Key(keys / "own"), Key(keys / "other")
    debs = directory / "debs"
    debs.mkdir()
    conf = "etc/goldbar.conf"
    built = {
        f"{deb.name} {deb.version}": deb.build(debs)
        for deb in (
            Deb("goldbar", "1.0", {"Depends": "goldleaf"}, {conf: "weight=1\n"}),
            Deb("goldbar", "2.0", {"Depends": "goldsmelter", "Conflicts": "goldleaf"}, {conf: "weight=2\n"}),
            Deb("goldleaf", "1.0"),
            Deb("goldsmelter", "1.5", {"Source": "goldworks (1.5~1)"}),
            Deb("goldcoin", "1.0"),
            Deb("goldcoin", "1.1", {"Depends": "goldmint"}),
            Deb("goldcoin", "2.0"),
            Deb("goldmint", "3"),
            Deb("goldvault", "0.9", **SERVICE),
            Deb("goldvault", "1.0", **SERVICE),
            Deb("goldvault", "2.0", **SERVICE),
            Deb("goldtrap", "1.0", scripts={"postinst": "test ! -e /etc/trap"}),
            *(Deb(f"linux-image-{release}", "1") for release in KERNELS),
        )
    }

    def some(*names: str) -> list[Path]:
        return [built[name] for name in names]

    main = some("goldbar 2.0", "goldleaf 1.0", "goldsmelter 1.5", "goldcoin 2.0", "goldmint 3", "goldvault 2.0")
    day = some("goldbar 1.0", "goldleaf 1.0", "goldcoin 1.1", "goldmint 3", "goldvault 0.9")
    www = directory / "www"
    for suite in SUITES.values():
        publish(www / "debian", suite, main, key)
        security = {"label": "Debian-Security", "archive": "stable-security"}
        publish(www / "debian-security", f"{suite}-security", some("goldcoin 1.1"), key, **security)
        publish(www / "forged/debian", suite, main, forger)
        publish(www / "snapshot/20260131T000000Z/debian", suite, day, key)
        publish(www / "snapshot/20260131T000000Z/debian-security", f"{suite}-security", [], key, **security)
    bridge = docker_client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    with serve(bridge, www) as server:
        yield Gold(directory, server, debs, key)


@pytest.fixture(scope="session")
def outdated_image(image: str, debian: str, gold: Gold, docker_client: docker.DockerClient) -> Iterator[str]:
    """Image of machines with the old packages, which trust the archive's key and know no other archive."""
    names = ("goldbar", "goldleaf", "goldcoin", "goldvault")
    script = (
        f"cp /gold/debs/public.gpg {KEYRING}; rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/*; "
        f"printf '%s' '{gold.sources(SUITES[debian])}' >/etc/apt/sources.list; "
        f"dpkg -i {' '.join(f'/gold/debs/{name}_1.0_all.deb' for name in names)}; rm -f /var/log/goldvault"
    )
    (gold.debs / "public.gpg").write_bytes(gold.key.public.read_bytes())
    volumes = {str(gold.directory): {"bind": "/gold", "mode": "ro"}}
    container = docker_client.containers.run(image, ["sleep", "600"], init=True, detach=True, volumes=volumes)
    try:
        status, output = container.exec_run(["sh", "-ec", script])
        assert status == 0, output.decode()
        made = container.commit()
    finally:
        container.remove(force=True)
    yield str(made.id)
    docker_client.images.remove(made.id, force=True)


class Outdated(Machine):
    """A machine with old packages.

    Attributes:
        kernels: An older one than the machine's own, a newer one of the same kind, and the machine's own.
    """

    kernels = KERNELS

    def upgrade(self, *, check: bool = False, user: str = "root", **options: Any) -> dict[str, Any]:
        """Run the module package_upgrade without Ansible around it, and return its result; empty if it was killed."""
        given = {"retry_delay": 0, "_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/tmp"}
        _status, (output, complaint) = self.container.exec_run(
            ["python3", "-Bm", UPGRADE, json.dumps({"ANSIBLE_MODULE_ARGS": given | options})],
            environment={"PYTHONPATH": LIBRARY},
            user=user,
            demux=True,
        )
        assert not complaint, complaint.decode()
        result: dict[str, Any] = json.loads(output or "{}")
        result.pop("invocation", None)
        return result

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages whose names begin with ``gold``."""
        listed = self.sh("dpkg-query -Wf '${db:Status-Status} ${Package} ${Version}\\n' 'gold*'")
        rows = (line.split() for line in listed.splitlines())
        return {row[1]: row[2] for row in rows if row[0] == "installed"}


@pytest.fixture
def outdated(outdated_image: str, gold: Gold, machines: Machines) -> Outdated:
    """A machine with old packages, that has the modules and all packages of the archive at hand."""
    gold.server.failures = 0
    gold.server.asked.clear()
    return start(machines, outdated_image, gold)


def start(machines: Machines, image: str, gold: Gold | None = None, **options: Any) -> Outdated:
    """Start a machine like `outdated`, with more options, or without the archive."""
    ansible = Path(sysconfig.get_path("purelib")) / "ansible"
    mounts = {ansible: f"{LIBRARY}/ansible", COLLECTIONS / "ansible_collections": f"{LIBRARY}/ansible_collections"}
    if gold:
        mounts[gold.directory] = "/gold"
    volumes = {str(path): {"bind": place, "mode": "ro"} for path, place in mounts.items()}
    machine = machines.start(image, volumes=volumes, **options)
    return Outdated(machine.container, machine.directory)
