"""`installed_packages` in a machine, against what the package manager itself lists, and against the look from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.docker

RunModule = Callable[..., dict[str, Any]]

FORM = "${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\\n"
INSTALL = "mkdir -p /opt/x-1.dist-info && printf 'Name: x\\nVersion: 1\\n' >/opt/x-1.dist-info/METADATA"


def run_inside(container: str) -> dict[str, Any]:
    """Run the module in a container, as Ansible does it on a machine."""
    ansible = str(Path(sys.executable).parent / "ansible")
    module = ["-m", "goldsmith.images.installed_packages", "-e", "ansible_python_interpreter=/usr/bin/python3"]
    done = subprocess.run(
        [ansible, "all", "-i", f"{container},", "-c", "community.docker.docker", *module],
        capture_output=True,
        text=True,
        env=os.environ
        | {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal", "ANSIBLE_NOCOLOR": "1"}
        | {"ANSIBLE_COLLECTIONS_PATH": str(Path(__file__).parents[2] / "collections")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.partition("=>")[2])


def test_packages_are_those_that_dpkg_lists_and_libraries_those_seen_from_outside(
    run_module: RunModule, start_container: Callable[..., Any], python_image: str
) -> None:
    container = start_container(python_image)
    assert container.exec_run(["sh", "-c", INSTALL])[0] == 0
    listed = container.exec_run(["dpkg-query", "-W", "-f", FORM])[1].decode()

    result = run_inside(container.name)

    assert not result["changed"], result
    keys = ("name", "version", "arch", "source", "source_version")
    found = {"installed " + " ".join(package[key] for key in keys) for package in result["packages"]}
    assert found == {line for line in listed.splitlines() if line.startswith("installed ")}
    order = [(package["name"], package["arch"], package["version"]) for package in result["packages"]]
    assert order == sorted(order)
    assert [one["name"] for one in result["software"]["libraries"]] == ["x"]
    outside = run_module("docker_packages", container=container.id)
    assert {key: outside[key] for key in ("packages", "software")} == {
        key: result[key] for key in ("packages", "software")
    }
