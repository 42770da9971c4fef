"""A spec with everything in it, for the tests of what comes after reading it."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldsmith.plan import Parent, Plan, plan
from goldsmith.roles import SearchPath, find, nearest
from goldsmith.spec import Build, builds, load

SPEC = """\
name: web
description: A web server
parameters:
  port: 8080
secrets:
  db_password: {env: DB}
  api_key: {vault: vault.yml}
platforms:
  debian-12:
    docker: {from: base}
layers:
  - role: goldsmith.images.os_patching
  - role: ./roles/nginx
    vars: {nginx_port: "{{ port }}", motd: "two\\nlines\\n"}
  - tasks: tasks/site.yml
tests:
  - goss: tests/web.goss.yaml
    vars: {port: 8080}
  - testinfra: tests/test_web.py
  - boot: {goss: boot/web.goss.yaml}
targets:
  docker:
    repository: example/web
    tags: ["{{ version }}", latest]
"""


@pytest.fixture
def spec_directory(tmp_path: Path) -> Path:
    files = {
        "web.yml": SPEC,
        "roles/nginx/tasks/main.yml": "- ansible.builtin.include_role: {name: common}\n",
        "roles/common/tasks/main.yml": "[]\n",
        "roles/unrelated/tasks/main.yml": "[]\n",
        "tasks/site.yml": "- ansible.builtin.include_tasks: more.yml\n",
        "tasks/more.yml": "[]\n",
        "files/index.html": "hello\n",
        "tests/web.goss.yaml": "gossfile: {parts/port.yaml: {}}\n",
        "tests/parts/port.yaml": "port: {}\n",
        "tests/test_web.py": "def test(host): pass\n",
        "tests/conftest.py": "",
        "boot/web.goss.yaml": "process: {}\n",
        "group_vars/all.yml": "x: 1\n",
        "vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n",
        "secret-notes.txt": "not for the project\n",
    }
    for name, text in files.items():
        path = tmp_path / "spec" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "spec"


@pytest.fixture
def web_build(spec_directory: Path) -> Build:
    return builds(load(spec_directory / "web.yml"))[0]


@pytest.fixture
def web_plan(web_build: Build) -> Plan:
    search = SearchPath.of(web_build.loaded.directory, environ={})
    parent = Parent(identity="sha256:abc", reference="base:1", artifact=1)
    return plan(web_build, "7", parent, lambda name: find(name, search), lambda name: nearest(name, search))
