"""By its fingerprint an unchanged spec is known."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from goldsmith.spec import fingerprint

SPEC = """
extends: bases/base.yml
parameters: {port: 80}
layers: [{tasks: site.yml}, {role: ./roles/r}, {role: nginx, vars: {a: 1}}]
tests: [{goss: x.goss}, {boot: {testinfra: tests}}]
secrets: {a: {env: NOT_SET}}
"""


@pytest.fixture
def files(folder: Any) -> Any:
    folder.write("bases/base.yml", "layers: [{role: base}]\n")
    for name in ("site.yml", "roles/r/tasks/main.yml", "x.goss", "tests/test_x.py"):
        folder.write(name, "first\n")
    return folder


def test_it_is_the_same_wherever_the_spec_lies(files: Any) -> None:
    first = fingerprint(files.load(SPEC))
    assert len(first) == 64
    elsewhere = files.path / "elsewhere"
    shutil.copytree(files.path, elsewhere, ignore=shutil.ignore_patterns("elsewhere"))
    files.path = elsewhere
    assert fingerprint(files.load(SPEC)) == first


def test_comments_the_description_and_the_policy_do_not_matter(files: Any) -> None:
    assert fingerprint(files.load(SPEC)) == fingerprint(files.load(f"# x\n{SPEC}description: y\n"))
    assert fingerprint(files.load(SPEC)) == fingerprint(files.load(f"{SPEC}policy: {{max_age: 30d}}\n"))


@pytest.mark.parametrize(
    "name", ["bases/base.yml", "site.yml", "roles/r/tasks/main.yml", "x.goss", "tests/test_x.py", "tests/conftest.py"]
)
def test_every_file_that_is_named_matters(files: Any, name: str) -> None:
    first = fingerprint(files.load(SPEC))
    files.write(name, "layers: [{role: other}]\n")
    assert fingerprint(files.load(SPEC)) != first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a: 1", "a: 2"),
        ("a: 1", "a: '1'"),
        ("NOT_SET", "OTHER"),
        ("role: nginx", "role: apache"),
        ("{tasks: site.yml}, {role: ./roles/r}", "{role: ./roles/r}, {tasks: site.yml}"),
    ],
)
def test_what_the_spec_says_matters(files: Any, old: str, new: str) -> None:
    assert fingerprint(files.load(SPEC)) != fingerprint(files.load(SPEC.replace(old, new)))


def test_set_matters_by_its_value(files: Any) -> None:
    assert fingerprint(files.load(SPEC, {"port": "81"})) != fingerprint(files.load(SPEC))
    assert fingerprint(files.load(SPEC, {"port": "80"})) == fingerprint(files.load(SPEC))
