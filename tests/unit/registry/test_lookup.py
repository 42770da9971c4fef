"""The lookup plugin, as a playbook uses it: it asks the program `goldsmith`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from goldsmith.registry import BuildRecord, Registry
from goldsmith.result import Artifact

pytestmark = pytest.mark.slow

COLLECTIONS = Path(__file__).parents[3] / "collections"

PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        dest: "{{ out }}"
        mode: "0644"
        content: "{{ {
          'one': lookup('goldsmith.images.artifact', 'ami:production', target='ec2', region='us-east-1'),
          'many': query('goldsmith.images.artifact', 'web@1', 'web')} | to_json }}"
"""

REFUSED = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ lookup('goldsmith.images.artifact', 'ami:production') }}"
      ignore_errors: true
    - ansible.builtin.debug:
        msg: "{{ lookup('goldsmith.images.artifact', 'web', executable='goldsmith-of-somewhere') }}"
"""


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    with Registry.open(environ={"GOLDSMITH_HOME": str(home)}) as registry:
        yield registry


@pytest.fixture
def play(tmp_path: Path, home: Path, build: Callable[..., BuildRecord], registry: Registry):
    copies = {"images": {"eu-west-1": {"id": "ami-1"}, "us-east-1": {"id": "ami-2"}}}
    build(
        "b-1", image="ami", target="ec2", artifact=Artifact(type="ec2", id="ami-1", region="eu-west-1", details=copies)
    )
    build("b-2", artifact=Artifact(type="docker", id="sha256:1", digests={"localhost:5000/web:1": "sha256:pushed"}))
    build("b-3")
    registry.promote("ami@1", "production")

    def run(content: str, **variables: object) -> subprocess.CompletedProcess[str]:
        playbook = tmp_path / "play.yml"
        playbook.write_text(content)
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "ansible",
                "playbook",
                playbook,
                "-e",
                json.dumps(variables),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ
            | {
                "GOLDSMITH_HOME": str(home),
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_LOCALHOST_WARNING": "0",
            },
        )

    return run


def test_a_playbook_looks_up_what_is_in_a_channel(play, tmp_path: Path) -> None:
    done = play(PLAYBOOK, out=str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "out").read_text())
    assert found == {"one": "ami-2", "many": ["localhost:5000/web@sha256:pushed", "sha256:b-3"]}


def test_what_is_revoked_or_unknown_fails_with_the_reason(play, registry: Registry) -> None:
    registry.revoke("ami@1", reason="backdoor")
    done = play(REFUSED)
    told = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2
    assert "ami:production cannot be looked up: ami@1 was revoked" in told
    assert "goldsmith-of-somewhere is not on the controller" in told
