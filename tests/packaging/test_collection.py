"""The collection's tarball: what is in it, and that its roles and modules run from wherever it is installed."""

from __future__ import annotations

import sysconfig
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import docker
import pytest

PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - goldsmith.images.docker_builder:
        name: "{{ machine }}"
        image: "{{ image }}"
        build_id: "{{ build }}"
        image_name: packaging
        expires_in: 900
    - ansible.builtin.add_host:
        name: "{{ machine }}"
        groups: machines
        ansible_connection: community.docker.docker
        ansible_python_interpreter: /usr/bin/python3
- hosts: machines
  roles:
    - goldsmith.images.os_cleanup
"""


@pytest.fixture(scope="module")
def members(tarball: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(tarball) as archive:
        return {member.name: member for member in archive}


@pytest.mark.parametrize("role", ["os_patching", "os_hardening", "os_cleanup"])
def test_holds_the_roles(members: dict[str, tarfile.TarInfo], role: str) -> None:
    assert members[f"roles/{role}/tasks/main.yml"].isfile()
    assert members[f"roles/{role}/meta/argument_specs.yml"].isfile()


def test_holds_every_plugin_and_playbook_of_the_checkout(members: dict[str, tarfile.TarInfo], checkout: Path) -> None:
    collection = checkout / "collections/ansible_collections/goldsmith/images"
    sources = [*collection.glob("plugins/**/*.py"), *collection.glob("playbooks/**/*.yml")]
    assert sources
    assert {str(source.relative_to(collection)) for source in sources} <= set(members)


def test_holds_nothing_that_tests_and_tools_left_behind(members: dict[str, tarfile.TarInfo]) -> None:
    left = [
        name
        for name in members
        if PurePosixPath(name).is_relative_to("tests/output")
        or {"__pycache__", ".ansible", ".mypy_cache"}.intersection(PurePosixPath(name).parts)
    ]
    assert left == []


def test_holds_no_link(members: dict[str, tarfile.TarInfo]) -> None:
    assert [name for name, member in members.items() if member.issym() or member.islnk()] == []


@pytest.fixture
def machine(docker_client: docker.DockerClient) -> Iterator[str]:
    name = f"goldsmith-packaging-{uuid.uuid4().hex[:8]}"
    yield name
    for container in docker_client.containers.list(all=True, filters={"name": f"^/?{name}$"}):
        container.remove(force=True, v=True)


@pytest.mark.docker
@pytest.mark.network
def test_a_role_runs_from_an_empty_path_it_was_installed_into(
    tarball: Path, run, tmp_path: Path, base_image: str, machine: str
) -> None:
    collections = tmp_path / "collections"
    project = tmp_path / "project"
    project.mkdir()
    # The checkout's own collection is on sys.path and must not be seen; the Docker connection comes from site-packages.
    paths = f"{collections}:{sysconfig.get_path('purelib')}"
    only = {"ANSIBLE_COLLECTIONS_PATH": paths, "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"}
    install = ("ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", collections, tarball)
    run(*install, cwd=project, **only)
    (project / "play.yml").write_text(PLAYBOOK)

    facts = f"image={base_image} machine={machine} build=20260101T000000-{machine[-8:]}"
    output = run("ansible-playbook", "-vv", "play.yml", "-e", facts, cwd=project, **only)

    assert f"task path: {collections}/ansible_collections/goldsmith/images/roles/os_cleanup/tasks/" in output
    assert "failed=0" in output.rpartition("PLAY RECAP")[2]
