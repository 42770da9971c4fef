"""Files that a spec names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from goldsmith.spec import load
from goldsmith.targets.disk import target as disk


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("layers: [{tasks: none.yml}]", "file of tasks"),
        ("layers: [{tasks: .}]", "file of tasks"),
        ("layers: [{role: ./none}]", "role"),
        ("layers: [{role: roles/none}]", "role"),
        ("layers: [{role: ./web.yml}]", "role"),
        ("tests: [{goss: none.goss}]", "goss file"),
        ("tests: [{testinfra: none.py}]", "testinfra file or folder"),
        ("tests: [{boot: {goss: none.goss}}]", "goss file"),
        ("tests: [{boot: {testinfra: none.py}}]", "testinfra file or folder"),
        ("secrets: {a: {vault: none.yml}}", "vault file"),
        ("secrets: {a: {command: [./none.sh]}}", "command"),
        ('layers: [{tasks: "a\\0b"}]', "file of tasks"),
        ("layers: [{tasks: " + "x" * 5000 + "}]", "file of tasks"),
    ],
)
def test_a_file_that_is_not_there_is_a_problem_at_its_place(folder: Any, text: str, what: str) -> None:
    (problem,) = folder.problems(f"{text}\n")
    assert problem.startswith("web.yml:1:")
    assert f"no {what} '" in problem
    assert "looked for " in problem


def test_the_image_of_a_disk_is_one_of_these_files(folder: Any) -> None:
    folder.targets = {"disk": disk}
    text = "platforms: {a: {disk: {file: images/cloud.qcow2}}}\ntargets: {disk: }\n"
    (problem,) = folder.problems(text)
    assert problem.startswith("web.yml:1:") and "no disk image 'images/cloud.qcow2'" in problem
    image = folder.write("images/cloud.qcow2")
    assert folder.load(text).spec.platforms["a"]["disk"].file == str(image)


def test_paths_are_absolute_however_the_spec_is_named(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("specs/tasks/site.yml")
    folder.write("specs/get.sh")
    folder.spec(
        "layers: [{tasks: tasks/../tasks/site.yml}]\nsecrets: {a: {command: [./get.sh, ./b]}}\n", "specs/web.yml"
    )
    monkeypatch.chdir(folder.path)
    loaded = load(Path("specs/web.yml"), targets=folder.targets)
    assert loaded.spec.layers[0].tasks == str(folder.path / "specs/tasks/site.yml")
    assert loaded.spec.secrets["a"].command == [str(folder.path / "specs/get.sh"), "./b"]
    assert (loaded.path, loaded.directory) == (Path("specs/web.yml"), folder.path / "specs")


def test_absolute_paths_and_the_home_folder_are_taken_as_they_are(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.write("home/site.yml")
    monkeypatch.setenv("HOME", str(folder.path / "home"))
    spec = folder.load(f"layers: [{{tasks: ~/site.yml}}, {{tasks: {path}}}]\n").spec
    assert [layer.tasks for layer in spec.layers] == [str(path)] * 2


def test_a_role_by_name_is_left_to_ansible(folder: Any) -> None:
    spec = folder.load("layers: [{role: goldsmith.images.os_patching}, {role: nginx}]\n").spec
    assert [layer.role for layer in spec.layers] == ["goldsmith.images.os_patching", "nginx"]


def test_testinfra_takes_a_folder(folder: Any) -> None:
    folder.write("tests/test_a.py")
    assert folder.load("tests: [{testinfra: tests}]\n").spec.tests[0].testinfra == str(folder.path / "tests")


def test_a_spec_may_be_in_a_folder_with_any_name(folder: Any) -> None:
    folder.path = folder.path / "a {{ b }} $(c) 'd'"
    folder.write("x.yml")
    loaded = folder.load("layers: [{tasks: x.yml, name: '{{ platform }}'}]\n")
    assert loaded.spec.layers[0].tasks == str(folder.path / "x.yml")
