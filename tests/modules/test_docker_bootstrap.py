"""Ansible's Python comes into a machine and goes again, for real."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import docker
import pytest

pytestmark = [pytest.mark.docker, pytest.mark.network]

RunModule = Callable[..., dict[str, Any]]

# What held before dpkg's last change: of a state, in the base, that was never to be seen.
REWRITTEN = {"var/lib/dpkg/status-old", "var/lib/dpkg/diversions-old"}
# What the engine puts into every container.
ENGINE = {".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", "dev", "proc", "sys", "run"}


def contents(container: Any) -> dict[str, tuple[object, ...]]:
    """Return everything in a machine: its path, and what tells whether it is the same, but for its time."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as archive:
        for member in archive:
            path = member.name.removeprefix("./").rstrip("/")
            if path in ENGINE or path.startswith(("dev/", "proc/", "sys/")):
                continue
            content = archive.extractfile(member) if member.isfile() else None
            digest = hashlib.sha256(content.read()).hexdigest() if content else member.linkname
            found[path] = (member.type, member.mode, member.uid, member.gid, digest)
    return found


def shell(container: Any, script: str) -> str:
    status, output = container.exec_run(["/bin/sh", "-c", script])
    assert status == 0, output.decode()
    return str(output.decode().strip())


def installed(container: Any) -> set[str]:
    return set(shell(container, "dpkg-query -W -f '${Package}\\n'").split())


ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "DPKG_FORCE": "unsafe-io"}


@pytest.fixture
def machine(start_container: Callable[..., Any]) -> Any:
    return start_container(environment=ENVIRONMENT)


@dataclass(frozen=True)
class Bootstrapped:
    """An image of a machine that Python was brought into, as bringing it takes a while.

    Attributes:
        image: Its id.
        contents: What the machine held before.
        packages: What was installed before.
        told: What check mode said.
        brought: What bringing it said.
    """

    image: str
    contents: dict[str, tuple[object, ...]]
    packages: set[str]
    told: dict[str, Any]
    brought: dict[str, Any]


@pytest.fixture(scope="module", params=["bookworm", pytest.param("trixie", marks=pytest.mark.exhaustive)])
def bootstrapped(
    request: pytest.FixtureRequest, run_module: RunModule, docker_client: docker.DockerClient
) -> Iterator[Bootstrapped]:
    base = run_module("docker_source", debootstrap={"suite": request.param})["source"]["id"]
    container = docker_client.containers.run(base, ["sleep", "600"], environment=ENVIRONMENT, detach=True)
    try:
        before, packages = contents(container), installed(container)
        told = run_module("docker_bootstrap", check=True, container=container.id)
        brought = run_module("docker_bootstrap", container=container.id)
        assert brought["changed"], brought
        image = container.commit()
    finally:
        container.remove(force=True)
    yield Bootstrapped(image.id, before, packages, told, brought)
    docker_client.images.remove(image.id, force=True)


@pytest.fixture
def with_python(start_container: Callable[..., Any], bootstrapped: Bootstrapped) -> Any:
    return start_container(bootstrapped.image)


def difference(before: dict[str, tuple[object, ...]], after: dict[str, tuple[object, ...]]) -> dict[str, list[str]]:
    return {
        "added": sorted(set(after) - set(before)),
        "missing": sorted(set(before) - set(after)),
        "changed": sorted(path for path in set(before) & set(after) if before[path] != after[path]),
    }


def test_services_are_held_back_while_the_machine_is_built(run_module: RunModule, with_python: Any) -> None:
    run_module("docker_bootstrap", container=with_python.id)
    status, _output = with_python.exec_run(["/usr/sbin/policy-rc.d", "ssh", "start"])
    assert status == 101

    run_module("docker_bootstrap", container=with_python.id, state="absent")
    shell(with_python, "test ! -e /usr/sbin/policy-rc.d")


def test_old_versions_of_the_package_database_that_a_layer_removed_do_not_come_back(
    run_module: RunModule, with_python: Any
) -> None:
    run_module("docker_bootstrap", container=with_python.id)
    shell(with_python, "rm /var/lib/dpkg/*-old")

    run_module("docker_bootstrap", container=with_python.id, state="absent")

    assert shell(with_python, "find /var/lib/dpkg -name '*-old'") == ""


def test_autoremove_in_a_layer_leaves_python_alone(run_module: RunModule, with_python: Any) -> None:
    run_module("docker_bootstrap", container=with_python.id)

    shell(with_python, "DEBIAN_FRONTEND=noninteractive apt-get -y autoremove --purge")

    shell(with_python, "python3 -c 'import apt'")


def test_what_a_layer_needs_of_python_stays(run_module: RunModule, with_python: Any) -> None:
    brought = run_module("docker_bootstrap", container=with_python.id)
    shell(with_python, "apt-get -qq --no-install-recommends install python3-six >&2")

    taken = run_module("docker_bootstrap", container=with_python.id, state="absent", bootstrap=brought["bootstrap"])

    assert "python3-apt" in taken["removed"]
    assert "python3-minimal" in taken["kept"]
    assert sorted(taken["removed"] + taken["kept"]) == brought["bootstrap"]["packages"]
    assert shell(with_python, "python3 -c 'import six; print(six.PY3)'; apt-get check >/dev/null") == "True"


def test_python_that_a_layer_asks_for_by_name_stays(run_module: RunModule, with_python: Any) -> None:
    run_module("docker_bootstrap", container=with_python.id)
    # What Ansible's apt module does for a package that is there already.
    shell(with_python, "apt-mark manual python3 >&2")

    taken = run_module("docker_bootstrap", container=with_python.id, state="absent")

    assert "python3" in taken["kept"]
    assert "python3-apt" in taken["removed"]
    assert shell(with_python, "python3 -c 'print(1)'; apt-mark showmanual python3") == "1\npython3"


def test_absent_is_done_once_and_check_mode_only_tells(run_module: RunModule, with_python: Any) -> None:
    brought = run_module("docker_bootstrap", container=with_python.id)

    told = run_module("docker_bootstrap", check=True, container=with_python.id, state="absent")
    assert told["changed"]
    assert told["removed"] == brought["bootstrap"]["packages"]
    shell(with_python, "python3 -c 1")

    first = run_module("docker_bootstrap", container=with_python.id, state="absent")
    assert first["removed"] == told["removed"]
    for options in ({}, {"bootstrap": brought["bootstrap"]}):
        again = run_module("docker_bootstrap", container=with_python.id, state="absent", **options)
        assert (again["changed"], again["removed"], again.get("msg")) == (False, [], None)


def test_machine_without_a_package_manager_says_what_to_do(run_module: RunModule, machine: Any) -> None:
    shell(machine, "mv /usr/bin/apt-get /usr/bin/apt-got")

    result = run_module("docker_bootstrap", container=machine.id)

    assert result["failed"]
    assert "no package manager" in result["msg"]
    assert "bootstrap: false" in result["msg"]


def test_machine_that_is_gone_is_said_so(run_module: RunModule, machine: Any) -> None:
    machine.remove(force=True)

    for state in ("present", "absent"):
        result = run_module("docker_bootstrap", container=machine.id, state=state)
        assert result["failed"]
        assert "there is no container" in result["msg"]


def test_python_comes_and_goes_without_a_trace(
    run_module: RunModule, with_python: Any, bootstrapped: Bootstrapped
) -> None:
    machine, told, brought = with_python, bootstrapped.told, bootstrapped.brought
    again = run_module("docker_bootstrap", container=machine.id)

    assert (told["changed"], brought["changed"], again["changed"]) == (True, True, False)
    assert again["bootstrap"] == brought["bootstrap"]
    assert brought["bootstrap"]["interpreter"] == "/usr/bin/python3"
    assert {"python3", "python3-apt"} <= set(brought["bootstrap"]["packages"])
    assert brought["bootstrap"]["policy_rc_d"]
    # As Ansible works: its modules' imports, a temporary directory, and APT.
    shell(machine, "python3 -c 'import apt, json, ssl, sqlite3, ctypes'; mkdir -p /tmp/.goldsmith-ansible/x")

    taken = run_module("docker_bootstrap", container=machine.id, state="absent", bootstrap=brought["bootstrap"])

    assert taken["changed"]
    assert taken["kept"] == []
    assert taken["removed"] == brought["bootstrap"]["packages"]
    assert installed(machine) == bootstrapped.packages
    left = difference(bootstrapped.contents, contents(machine))
    assert left["added"] == left["missing"] == []
    assert set(left["changed"]) <= REWRITTEN
    assert shell(machine, "dpkg --audit; dpkg --configure --pending; apt-get check >/dev/null") == ""


def test_present_that_was_cut_off_is_taken_up_again(run_module: RunModule, with_python: Any) -> None:
    first = run_module("docker_bootstrap", container=with_python.id)
    # As if the process had ended before the record was complete.
    shell(with_python, "sed -i -e '/^done/d' -e '/^package/d' -e '/^interpreter/d' /run/.goldsmith-bootstrap")

    second = run_module("docker_bootstrap", container=with_python.id)
    taken = run_module("docker_bootstrap", container=with_python.id, state="absent")

    assert second["changed"]
    assert second["bootstrap"] == first["bootstrap"]
    assert taken["removed"] == first["bootstrap"]["packages"]
    shell(with_python, "test ! -e /usr/bin/python3 && test ! -e /usr/sbin/policy-rc.d")


def test_base_keeps_its_own_python_and_policy(run_module: RunModule, with_python: Any) -> None:
    own = "printf '#!/bin/sh\\nexit 104\\n' > /usr/sbin/policy-rc.d"
    shell(with_python, f"rm /run/.goldsmith-bootstrap /etc/apt/apt.conf.d/99goldsmith-bootstrap; {own}")
    before = contents(with_python)

    brought = run_module("docker_bootstrap", container=with_python.id)
    shell(with_python, "python3 -c 'import apt, xml.dom.minidom'")
    run_module("docker_bootstrap", container=with_python.id, state="absent", bootstrap=brought["bootstrap"])

    assert brought["bootstrap"]["packages"] == []
    assert not brought["bootstrap"]["policy_rc_d"]
    assert not brought["bootstrap"]["lists"]
    assert difference(before, contents(with_python)) == {"added": [], "missing": [], "changed": []}
