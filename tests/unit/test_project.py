from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from goldsmith import project
from goldsmith.errors import EnvironmentFault
from goldsmith.plan import Plan

HERE = "{{ hostvars.localhost.goldsmith_project }}"


def parsed(text: str) -> list[dict[str, object]]:
    return YAML(typ="safe").load(text)


@pytest.fixture
def assembled(web_plan: Plan) -> project.Project:
    return project.assemble(web_plan, {"commit": "abc"})


def test_the_playbook_is_the_targets_lifecycle_with_its_variables(assembled: project.Project) -> None:
    _, play = parsed(assembled.files["build.yml"])
    variables = play["vars"]
    assert play["ansible.builtin.import_playbook"] == "goldsmith.images.docker"
    assert variables["goldsmith_version"] == "7"
    assert variables["goldsmith_source"] == {"image": "sha256:abc", "pull": "never"}
    assert variables["goldsmith_target"]["repository"] == "example/web"
    assert variables["port"] == 8080, "parameters are variables for Ansible"
    assert "lookup('ansible.builtin.env', 'DB'" in variables["db_password"], "secrets are looked up, not written"
    assert f"{HERE[3:-3]} ~ '/secrets/1-vault.yml'" in variables["api_key"]
    assert variables["goldsmith_revision"] == "abc"


def test_each_layer_is_announced_applied_and_its_handlers_run(assembled: project.Project) -> None:
    tasks = parsed(assembled.files["layers.yml"])
    assert [task["name"] for task in tasks if task["name"].startswith("Layer") and "applied" not in task["name"]] == [
        "Layer 1 of 3: goldsmith.images.os_patching",
        "Layer 2 of 3: nginx",
        "Layer 3 of 3: site",
    ]
    assert sum(task.get("ansible.builtin.meta") == "flush_handlers" for task in tasks) == 3
    nginx = next(task for task in tasks if task["name"] == "Apply nginx")
    assert nginx["ansible.builtin.include_role"] == {"name": "nginx"}
    assert nginx["vars"]["motd"] == "two\nlines\n"


def test_only_what_the_build_needs_is_brought_along(assembled: project.Project, spec_directory: Path) -> None:
    assert assembled.brought == {
        "roles/nginx": spec_directory / "roles/nginx",
        "roles/common": spec_directory / "roles/common",
        "layers/3/tasks/site.yml": spec_directory / "tasks/site.yml",
        "layers/3/tasks/more.yml": spec_directory / "tasks/more.yml",
        "layers/3/tasks/files": spec_directory / "files",
        "tests/web.goss.yaml": spec_directory / "tests/web.goss.yaml",
        "tests/parts/port.yaml": spec_directory / "tests/parts/port.yaml",
        "tests/test_web.py": spec_directory / "tests/test_web.py",
        "tests/conftest.py": spec_directory / "tests/conftest.py",
        "tests/2/web.goss.yaml": spec_directory / "boot/web.goss.yaml",
        "group_vars": spec_directory / "group_vars",
        "secrets/1-vault.yml": spec_directory / "vault.yml",
    }


def test_tests_are_named_by_their_place_in_the_project(assembled: project.Project) -> None:
    tests = parsed(assembled.files["build.yml"])[1]["vars"]["goldsmith_tests"]
    assert tests == [
        {"goss": f"{HERE}/tests/web.goss.yaml", "vars": {"port": 8080}},
        {"testinfra": f"{HERE}/tests/test_web.py"},
        {"boot": {"goss": f"{HERE}/tests/2/web.goss.yaml"}},
    ]


def test_debug_pauses_after_each_layer(web_plan: Plan) -> None:
    tasks = parsed(project.assemble(web_plan, {}, debug=True).files["layers.yml"])
    waits = [task["ansible.builtin.wait_for"]["path"] for task in tasks if "ansible.builtin.wait_for" in task]
    assert waits == [f"{{{{ goldsmith_debug }}}}/layer-{number}" for number in (1, 2, 3)]


def test_a_project_is_the_same_each_time(web_plan: Plan, assembled: project.Project) -> None:
    assert project.assemble(web_plan, {"commit": "abc"}) == assembled


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.sampled_from(["33:33", "yes", "012", "2026-01-01", "1e3", "~"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )
)
def test_what_is_written_is_what_ansible_reads(value: Any) -> None:
    (play,) = yaml.safe_load(project._yaml([{"name": "x", "vars": {"value": value}}], "heading"))
    assert play["vars"]["value"] == value


def test_an_exported_project_stands_alone(assembled: project.Project, tmp_path: Path) -> None:
    project.write(assembled, tmp_path / "out", link=False)
    assert (tmp_path / "out/roles/common/tasks/main.yml").is_file()
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_symlink()]


def test_a_project_that_is_run_here_copies_nothing(
    assembled: project.Project, tmp_path: Path, spec_directory: Path
) -> None:
    project.write(assembled, tmp_path / "out", link=True)
    assert (tmp_path / "out/roles/nginx").readlink() == spec_directory / "roles/nginx"
    assert (tmp_path / "out/layers/3/tasks/files/index.html").read_text() == "hello\n"


def test_a_place_that_cannot_be_written_is_told(assembled: project.Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        project.write(assembled, tmp_path / "file" / "out", link=True)
