from __future__ import annotations

from pathlib import Path

import pytest

from goldsmith.errors import InputError
from goldsmith.plan import Plan, parent_name, plan
from goldsmith.roles import Role
from goldsmith.spec import Build, builds, load


def test_layers_keep_their_order_and_know_where_they_come_from(web_plan: Plan, spec_directory: Path) -> None:
    assert [(layer.number, layer.name) for layer in web_plan.layers] == [
        (1, "goldsmith.images.os_patching"),
        (2, "nginx"),
        (3, "site"),
    ]
    assert web_plan.layers[1].role and web_plan.layers[1].role.path == spec_directory / "roles/nginx"
    assert web_plan.layers[2].tasks == spec_directory / "tasks/site.yml"


def test_variables_of_layers_are_left_for_ansible_to_resolve(web_plan: Plan) -> None:
    assert web_plan.layers[1].variables["nginx_port"] == "{{ port }}"


def test_a_parameter_passed_on_under_its_own_name_is_no_endless_loop(spec_directory: Path) -> None:
    path = spec_directory / "web.yml"
    path.write_text(path.read_text().replace("nginx_port:", "port:"))
    build = builds(load(path))[0]
    made = plan(build, "1", None, lambda name: Role(name, Path("/"), collection=True), lambda name: None)
    assert "port" not in made.layers[1].variables and "motd" in made.layers[1].variables


def test_the_version_stands_in_the_tags(web_plan: Plan) -> None:
    assert web_plan.options["tags"] == ["7", "latest"]


def test_a_build_from_another_spec_starts_from_that_specs_image_and_asks_no_registry(web_plan: Plan) -> None:
    assert web_plan.source == {"image": "sha256:abc", "pull": "never"}


def test_the_spec_that_a_build_starts_from_is_known(web_build: Build) -> None:
    assert parent_name(web_build) == "base"


def test_an_unknown_role_is_named_with_its_place_and_the_nearest_one(web_build: Build, spec_directory: Path) -> None:
    with pytest.raises(InputError) as caught:
        plan(web_build, "1", None, lambda name: None, lambda name: "goldsmith.images.os_patching")
    problem = caught.value.problems[0]
    assert (Path(problem.file).name, problem.line) == ("web.yml", 12)
    assert "did you mean 'goldsmith.images.os_patching'?" in str(problem)
    assert len(caught.value.problems) == 2, "both layers that are roles"


def test_an_option_that_only_fails_for_a_version_is_told_when_it_is_known(spec_directory: Path) -> None:
    path = spec_directory / "web.yml"
    path.write_text(
        path.read_text().replace("squash: base", "").replace("latest]", "latest]\n    push: \"{{ version == '0' }}\"")
    )
    build = builds(load(path))[0]
    assert build.options("0").model_dump()["push"] is True
    assert build.options("1").model_dump()["push"] is False
