"""On the controller, modules that ask the engine run without a process of their own, and end as they would in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

pytestmark = pytest.mark.docker

INVENTORY = """
all:
  vars: {ansible_connection: local, given: {}, check: false}
  hosts:
    here: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
    # The same interpreter by another name, so that it cannot be known for the same.
    apart: {ansible_python_interpreter: OTHER}
    # A task that is delegated runs as the host that it is delegated to has it.
    delegated: {ansible_python_interpreter: /nowhere, to: here}
    surrounded: {ansible_python_interpreter: "{{ ansible_playbook_python }}", given: {DOCKER_HOST: "unix:///nowhere"}}
"""
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Look
      goldsmith.images.docker_source: {image: {name: "{{ image }}", pull: never}}
      delegate_to: "{{ to | default(omit) }}"
      environment: "{{ given }}"
      ignore_errors: true
      register: found
    - name: Look for what is not there
      goldsmith.images.docker_source: {image: {name: "{{ image }}-not", pull: never}}
      delegate_to: "{{ to | default(omit) }}"
      ignore_errors: true
      register: missing
    - name: Ask wrongly
      goldsmith.images.docker_source: {image: {name: "{{ image }}", pull: sometimes}}
      delegate_to: "{{ to | default(omit) }}"
      ignore_errors: true
      register: wrong
    - name: Start nothing
      goldsmith.images.docker_builder: {name: here, image: "{{ image }}", build_id: here, expires_in: "60"}
      delegate_to: "{{ to | default(omit) }}"
      check_mode: true
      register: would
    - name: Tell
      goldsmith.images.build_record:
        path: "{{ record }}/{{ inventory_hostname }}.json"
        record: {found: "{{ found }}", missing: "{{ missing }}", wrong: "{{ wrong }}", would: "{{ would }}"}
"""


@pytest.fixture(scope="module")
def told(module_image: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tasks returned by host, and what Ansible said of them, in the key ``log``."""
    folder = tmp_path_factory.mktemp("here")
    other = folder / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    (folder / "inventory.yml").write_text(INVENTORY.replace("OTHER", str(other)))
    (folder / "play.yml").write_text(PLAYBOOK)
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    variables = {"record": str(folder), "image": module_image}
    done = subprocess.run(
        [ansible, "-vvv", "-i", "inventory.yml", "play.yml", "-e", json.dumps(variables)],
        cwd=folder,
        env=os.environ | {"ANSIBLE_FORKS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    hosts = ("here", "apart", "delegated", "surrounded")
    results = {host: json.loads((folder / f"{host}.json").read_text()) for host in hosts}
    return results | {"log": done.stdout}


def without(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("invocation", "exception")}


@pytest.fixture(scope="module")
def module_image(docker_client: docker.DockerClient) -> Iterator[str]:
    """Id of an image that is in the engine: one without files."""
    image = str(
        json.loads(docker_client.api.import_image_from_data(bytes(10240), changes=["LABEL of=test_here"]))["status"]
    )
    yield image
    docker_client.images.remove(image, force=True)


@pytest.mark.parametrize("host", ["here", "delegated"])
@pytest.mark.parametrize("task", ["found", "missing", "wrong", "would"])
def test_a_module_ends_here_as_in_a_process_of_its_own(told: dict[str, Any], host: str, task: str) -> None:
    assert without(told[host][task]) == without(told["apart"][task])


def test_what_is_asked_is_found(told: dict[str, Any]) -> None:
    assert told["here"]["found"]["source"]["kind"] == "image"
    assert "is not in this engine" in told["here"]["missing"]["msg"] and told["here"]["missing"]["failed"]
    assert "sometimes" in told["here"]["wrong"]["msg"]
    assert told["here"]["would"]["changed"]


def test_only_what_would_make_a_difference_gets_a_process(told: dict[str, Any]) -> None:
    # Each of the four tasks of the host with another interpreter, and the one that is given an environment.
    assert told["log"].count("Using module file") == 5


def test_the_environment_of_a_task_is_heeded(told: dict[str, Any]) -> None:
    assert "no Docker engine answers" in told["surrounded"]["found"]["msg"]
