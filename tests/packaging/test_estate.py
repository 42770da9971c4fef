"""The roles in an estate that has ansible-core and the collection's tarball, and nothing else of this project."""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from goldsmith.lab import bases

pytestmark = [pytest.mark.docker, pytest.mark.network]

Run = Callable[..., str]
PLAYBOOK = """
- hosts: all
  roles:
    - {role: %s, os_hardening_software_enabled: false, os_hardening_pam_enabled: false}
"""


@pytest.fixture
def server(docker_client: docker.DockerClient, tmp_path: Path) -> Iterator[str]:
    """An inventory of one server that SSH enters."""
    base = bases.BASES[0]
    bases.make(docker_client, base, base.reference)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    start = "mkdir -p -m 700 /run/sshd /root/.ssh; echo $KEY >/root/.ssh/authorized_keys; ssh-keygen -A; exec $(which sshd) -D"
    container = docker_client.containers.run(
        base.reference,
        ["sh", "-c", start],
        name=f"goldsmith-packaging-{uuid.uuid4().hex[:8]}",
        environment={"KEY": key.with_suffix(".pub").read_text().strip()},
        detach=True,
        init=True,
    )
    try:
        container.reload()
        options = "-oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null -oControlMaster=no -oConnectionAttempts=30"
        inventory = tmp_path / "inventory"
        address = container.attrs["NetworkSettings"]["IPAddress"]
        inventory.write_text(
            f"web ansible_host={address} ansible_user=root ansible_ssh_private_key_file={key}"
            f" ansible_ssh_common_args='{options}' ansible_python_interpreter=/usr/bin/python3\n"
        )
        yield str(inventory)
    finally:
        container.remove(force=True, v=True)


def test_a_role_is_used_by_its_full_name_and_by_a_roles_path(
    tarball: Path, run: Run, tmp_path: Path, server: str
) -> None:
    bare = tmp_path / "estate"
    bare.mkdir()
    # Neither the checkout, nor what the package `ansible` brings, is to be seen.
    only = {"ANSIBLE_COLLECTIONS_PATH": str(bare / "collections"), "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"}
    install = ("ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", bare / "collections", tarball)
    run(*install, cwd=bare, **only)
    assert [path.name for path in (bare / "collections/ansible_collections").iterdir() if path.is_dir()] == [
        "goldsmith"
    ]

    (bare / "site.yml").write_text(PLAYBOOK % "goldsmith.images.os_hardening")
    first = run("ansible-playbook", "-i", server, "site.yml", cwd=bare, **only)
    assert re.search(r"web .* changed=[1-9].* failed=0 ", first), first

    (bare / "site.yml").write_text(PLAYBOOK % "os_hardening")
    roles = bare / "collections/ansible_collections/goldsmith/images/roles"
    second = run("ansible-playbook", "-i", server, "site.yml", cwd=bare, ANSIBLE_ROLES_PATH=str(roles), **only)
    assert re.search(r"web .* changed=0 .* failed=0 ", second), second
