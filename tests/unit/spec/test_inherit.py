"""A spec and its parents become one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldsmith.errors import InputError
from goldsmith.spec.inherit import APPENDED, merge, overlay, read
from goldsmith.spec.node import Mark, wrap

MARK = Mark(Path("web.yml"), 1, 1)


def merged(parent: Any, child: Any) -> Any:
    return merge(wrap(parent, MARK), wrap(child, MARK)).plain()


def test_layers_and_tests_are_appended_parents_first(folder: Any) -> None:
    folder.write("bases/base.yml", "extends: os.yml\nlayers: [{role: b}]\n")
    folder.write("bases/os.yml", "layers: [{role: a}]\ntests: [{goss: os.yaml}]\n")
    folder.write("bases/os.yaml")
    loaded = folder.load("extends: bases/base.yml\nlayers: [{role: c}]\n")
    assert [layer.role for layer in loaded.spec.layers] == ["a", "b", "c"]
    assert [test.goss for test in loaded.spec.tests] == [str(folder.path / "bases/os.yaml")]
    assert loaded.files == tuple(folder.path / name for name in ("web.yml", "bases/base.yml", "bases/os.yml"))


def test_mappings_are_merged_and_the_child_wins() -> None:
    parent = {"targets": {"docker": {"push": False, "config": {"user": "a", "env": {"A": "1"}}, "tags": ["x", "y"]}}}
    child = {"targets": {"docker": {"push": True, "config": {"env": {"B": "2"}}, "tags": ["z"]}}}
    assert merged(parent, child) == {
        "targets": {"docker": {"push": True, "config": {"user": "a", "env": {"A": "1", "B": "2"}}, "tags": ["z"]}}
    }


def test_a_mapping_left_empty_says_nothing_but_an_empty_value_resets() -> None:
    parent = {"targets": {"docker": {"author": "me", "tags": ["x"]}}}
    assert merged(parent, {"targets": {"docker": None}}) == parent
    assert merged(parent, {"targets": {"docker": {"author": None}}})["targets"]["docker"]["author"] is None


def test_sections_left_empty_say_nothing(folder: Any) -> None:
    folder.write("base.yml", "layers: [{role: a}]\nparameters: {a: 1}\n")
    loaded = folder.load("extends: base.yml\nlayers:\ntests:\nparameters:\nsecrets:\ndescription:\n")
    assert [layer.role for layer in loaded.spec.layers] == ["a"]
    assert loaded.spec.parameters == {"a": 1}


def test_parameters_of_a_child_reach_what_its_parent_says(folder: Any) -> None:
    folder.write("base.yml", "parameters: {team: nobody}\ntargets: {docker: {author: '{{ team }}'}}\n")
    text = "extends: base.yml\nparameters: {team: web}\n"
    assert folder.load(text).spec.targets["docker"].author == "web"
    assert folder.load(text, {"team": "ops"}).spec.targets["docker"].author == "ops"


def test_paths_are_relative_to_the_file_that_says_them(folder: Any) -> None:
    for name in (
        "bases/tasks.yml",
        "bases/x.goss",
        "bases/test_x.py",
        "bases/secrets.yml",
        "bases/roles/r/tasks/main.yml",
    ):
        folder.write(name)
    folder.write(
        "bases/base.yml",
        """
        layers: [{tasks: tasks.yml}, {role: ./roles/r}, {role: roles/r}, {role: r}]
        tests: [{goss: x.goss}, {testinfra: test_x.py}, {boot: {goss: x.goss, testinfra: test_x.py}}]
        secrets: {a: {vault: secrets.yml}}
        """,
    )
    spec = folder.load("extends: bases/base.yml\n").spec
    bases = folder.path / "bases"
    assert [layer.tasks or layer.role for layer in spec.layers] == [
        str(bases / "tasks.yml"),
        str(bases / "roles/r"),
        str(bases / "roles/r"),
        "r",
    ]
    assert spec.tests[0].goss == spec.tests[2].boot.goss == str(bases / "x.goss")
    assert spec.tests[1].testinfra == spec.tests[2].boot.testinfra == str(bases / "test_x.py")
    assert spec.secrets["a"].vault == str(bases / "secrets.yml")


def test_a_problem_names_the_file_that_says_it(folder: Any) -> None:
    folder.write("bases/base.yml", "layers:\n  - rol: a\n")
    assert folder.problems("extends: bases/base.yml\nlayers: [{tasks: none.yml}]\n") == [
        "web.yml:2:18: no file of tasks 'none.yml' (looked for none.yml)",
        "bases/base.yml:2:5: unknown key 'rol' in 'layers[0]' (did you mean 'role'?)",
    ]


def test_a_circle_is_told_with_its_members(folder: Any) -> None:
    folder.write("a.yml", "extends: sub/../b.yml\n")
    folder.write("b.yml", "extends: a.yml\n")
    (problem,) = folder.problems("extends: a.yml\n")
    assert problem == "b.yml:1:10: 'extends' goes round in a circle (a.yml -> b.yml -> a.yml)"


def test_a_spec_that_extends_itself_by_another_name_is_a_circle(folder: Any) -> None:
    (folder.path / "link.yml").symlink_to("web.yml")
    (problem,) = folder.problems("extends: link.yml\n")
    assert "goes round in a circle" in problem


def test_a_missing_parent_is_told_with_the_way_to_it(folder: Any) -> None:
    folder.write("a.yml", "extends: nowhere.yml\n")
    (problem,) = folder.problems("extends: a.yml\n")
    assert problem == (
        "a.yml:1:10: 'extends' names 'nowhere.yml', which is no file (looked for: web.yml -> a.yml -> nowhere.yml)"
    )


@pytest.mark.parametrize("value", ["[a.yml, b.yml]", "5", "''", "{a: b}", "true"])
def test_extends_takes_one_path(folder: Any, value: str) -> None:
    (problem,) = folder.problems(f"extends: {value}\n")
    assert problem.startswith("web.yml:1:10: 'extends' takes the path of one spec file")


@pytest.mark.parametrize("value", ["'\\0'", '"\\0"', "x" * 5000, "/dev/zero", "."])
def test_a_strange_path_is_told_about(folder: Any, value: str) -> None:
    (problem,) = folder.problems(f"extends: {value}\n")
    assert "which is no file" in problem


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: None, lambda path: path.symlink_to(path.name)])
def test_a_spec_that_is_no_file_is_told_about(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "web.yml")
    with pytest.raises(InputError, match=r"web\.yml: (no such file|is a directory)"):
        read(tmp_path / "web.yml")


# A tree in which one key always has one kind of value: where kinds differ, the child is a mistake that is told later.
leaves = st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
maps = st.recursive(
    st.dictionaries(st.sampled_from(["s1", "s2", "s3"]), leaves, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["m1", "m2", "m3"]), inner, max_size=3),
    max_leaves=8,
)
specs = st.fixed_dictionaries(
    {},
    optional={"parameters": maps, "targets": maps, "name": leaves}
    | dict.fromkeys(APPENDED, st.lists(st.integers(), max_size=3)),
)


@given(specs, specs, specs)
def test_it_does_not_matter_which_generation_is_merged_first(first: Any, second: Any, third: Any) -> None:
    assert merged(merged(first, second), third) == merged(first, merged(second, third))


@given(specs, specs)
def test_what_the_child_says_stands(parent: Any, child: Any) -> None:
    def stands(part: Any, whole: Any) -> bool:
        if isinstance(part, dict):
            return all(key in whole and stands(value, whole[key]) for key, value in part.items())
        return bool(part == whole)

    result = merged(parent, child)
    for key in APPENDED:
        if key in child:
            assert result[key] == parent.get(key, []) + child.pop(key)
    assert stands(child, result)


@given(specs)
def test_a_spec_merged_with_nothing_is_itself(spec: Any) -> None:
    assert merged({}, spec) == merged(spec, {}) == spec


@given(maps)
def test_a_mapping_laid_over_itself_is_itself(data: Any) -> None:
    assert overlay(wrap(data, MARK), wrap(data, MARK)).plain() == data
