"""Platforms and targets of a spec become builds."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from goldsmith.errors import InputError
from goldsmith.spec import builds
from goldsmith.targets import Target


class Source(BaseModel):
    id: str = "none"


class Nested(BaseModel):
    label: str = "{{ platform }}"


class Options(BaseModel):
    title: str = "{{ name }}-{{ version }}"
    major: int = 0
    size: int = Field(1, ge=1)
    nested: Nested = Nested()
    listed: list[str] = ["{{ target }}", "latest"]


@pytest.fixture
def two(folder: Any) -> Any:
    """A folder whose specs know a second target."""
    folder.targets = {**folder.targets, "other": Target("other", Source, Options, "acme.other.build")}
    return folder


TWO = """
platforms:
  debian-13: {docker: {image: debian}, other: {id: x}}
  debian-12: {other: , docker: {image: debian}}
  alpine: {docker: {image: alpine}}
targets: {other: , docker: {}}
"""


def test_every_platform_with_a_source_for_a_target_is_a_build_in_the_order_written(two: Any) -> None:
    labels = [build.label for build in builds(two.load(TWO))]
    assert labels == [
        "web/debian-13/other",
        "web/debian-13/docker",
        "web/debian-12/other",
        "web/debian-12/docker",
        "web/alpine/docker",
    ]


@pytest.mark.parametrize(
    ("only", "labels"),
    [
        (["*"], 5),
        (["docker"], 3),
        (["*/docker"], 3),
        (["web/debian-*"], 4),
        (["debian-1[23]"], 4),
        (["debian-12"], 2),
        (["debian-12/docker"], 1),
        (["web/debian-12/docker"], 1),
        (["web"], 5),
        (["alpine", "other"], 3),
    ],
)
def test_only_takes_patterns_of_labels_and_their_parts(two: Any, only: list[str], labels: int) -> None:
    assert len(builds(two.load(TWO), only)) == labels


@pytest.mark.parametrize("only", [["ubuntu"], ["docker", "ubuntu"], ["Docker"], ["debian"], [""]])
def test_a_pattern_that_matches_nothing_is_an_error_that_lists_the_builds(two: Any, only: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        builds(two.load(TWO), only)
    assert f"{only[-1]!r} matches no build" in str(caught.value)
    assert "  web/alpine/docker" in str(caught.value)


def test_a_target_that_no_platform_serves_is_an_error(two: Any) -> None:
    (problem,) = two.problems("targets: {docker: , other: }\n")
    assert problem.startswith("web.yml:1:21: no platform has a source for the target 'other' (add 'other' under a")


def test_a_source_for_a_target_that_is_not_asked_for_is_fine(two: Any) -> None:
    loaded = two.load("platforms: {a: {docker: {image: x}, other: {id: x}}}\ntargets: {docker: }\n")
    assert [build.label for build in builds(loaded)] == ["web/a/docker"]


def test_options_are_rendered_for_a_version_defaults_included(two: Any) -> None:
    loaded = two.load("platforms: {a: {other: }}\ntargets: {other: {major: '{{ version | int }}'}}\n")
    (build,) = builds(loaded)
    options = build.options("7")
    assert options.model_dump() == {
        "title": "web-7",
        "major": 7,
        "size": 1,
        "nested": {"label": "a"},
        "listed": ["other", "latest"],
    }


def test_a_default_gives_way_to_what_the_user_says(two: Any) -> None:
    loaded = two.load("platforms: {a: {other: }}\ntargets: {other: {title: x, nested: {label: y}, listed: []}}\n")
    options = builds(loaded)[0].options("7").model_dump()
    assert (options["title"], options["nested"]["label"], options["listed"]) == ("x", "y", [])


def test_what_a_parameter_holds_is_not_rendered_again(two: Any) -> None:
    text = (
        "parameters: {a: \"{{ '{{ version }}' }}\"}\nplatforms: {a: {other: }}\ntargets: {other: {title: '{{ a }}'}}\n"
    )
    assert builds(two.load(text))[0].options("7").model_dump()["title"] == "{{ version }}"


def test_options_that_are_wrong_for_a_version_are_told_with_their_place(two: Any) -> None:
    (build,) = builds(two.load("platforms: {a: {other: }}\ntargets: {other: {major: '{{ version }}'}}\n"))
    with pytest.raises(InputError) as caught:
        build.options("1.2.x")
    assert str(caught.value).endswith("web.yml:2:26: 'major' takes a whole number, not '1.2.x'")


def test_version_of_the_spec_is_the_one_that_options_are_validated_with(two: Any) -> None:
    text = "version: x\nplatforms: {a: {other: }}\ntargets: {other: {major: '{{ version }}'}}\n"
    assert two.problems(text) == ["web.yml:3:26: 'targets.other.major' takes a whole number, not 'x'"]


def test_a_version_made_of_parameters_is_rendered_before_it_is_used(two: Any) -> None:
    text = """
    parameters: {major: 7}
    version: "{{ major }}"
    platforms: {a: {other: }}
    targets: {other: {major: "{{ version }}"}}
    """
    spec = two.load(text).spec
    assert (spec.version, spec.targets["other"].major) == ("7", 7)


def test_numbers_stay_as_written_where_text_is_wanted(folder: Any) -> None:
    spec = folder.load(
        "version: 1.10\ntargets: {docker: {tags: [1.20, 007], config: {user: 0101, env: {A: 1e3, B: yes, C: true}}}}\n"
    ).spec
    options = spec.targets["docker"]
    assert (spec.version, options.tags, options.config.user) == ("1.10", ["1.20", "007"], "0101")
    assert options.config.env == {"A": "1e3", "B": "yes", "C": "true"}


def test_a_problem_found_later_has_the_place_in_the_file_it_comes_from(folder: Any) -> None:
    folder.write("base.yml", "layers:\n  - role: a\n")
    loaded = folder.load("extends: base.yml\nlayers:\n  - role: b\n")
    first, second = (loaded.problem(("layers", number, "role"), "unknown role", "hint") for number in (0, 1))
    assert str(first).endswith("base.yml:2:11: unknown role (hint)")
    assert str(second).endswith("web.yml:3:11: unknown role (hint)")
    assert (first.value, second.value) == ("a", "b")
    missing = loaded.problem(("layers", 1, "tasks", "x"), "nothing here")
    assert (missing.line, missing.column) == (3, 5)


def test_the_same_spec_gives_the_same_builds(two: Any) -> None:
    assert [build.label for build in builds(two.load(TWO))] == [build.label for build in builds(two.load(TWO))]


def test_a_test_may_be_for_some_targets_only(two: Any) -> None:
    tests = "tests: [{goss: a.yml}, {goss: a.yml, targets: [other]}]\n"
    two.write("a.yml")
    found = {build.label: len(build.tests) for build in builds(two.load(tests + TWO))}
    assert found["web/debian-13/docker"] == 1
    assert found["web/debian-13/other"] == 2


def test_a_test_for_a_target_that_the_spec_does_not_have_would_never_run(folder: Any) -> None:
    folder.write("a.yml")
    [problem] = folder.problems("tests: [{goss: a.yml, targets: [dokcer]}]\n")
    assert "dokcer, which is not among: docker" in problem
