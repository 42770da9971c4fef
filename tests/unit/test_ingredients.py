"""What went into a build is known thing by thing, so that what changed can be named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldsmith.ingredients import changes, ingredients
from goldsmith.plan import Parent, plan
from goldsmith.project import assemble
from goldsmith.roles import SearchPath, collection_version, find, nearest
from goldsmith.spec import builds, load

TOOLS = {"ansible-core": "2.19.0"}
COLLECTIONS = Path(__file__).parents[3] / "collections"


def found(directory: Path, overrides: dict[str, str] | None = None, version: str = "7") -> dict[str, str]:
    """Return what goes into the build of a spec now."""
    build = builds(load(directory / "web.yml", overrides or {}))[0]
    search = SearchPath.of(directory, environ={"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)})
    parent = Parent("sha256:abc", "base:1", 1)
    made = plan(build, version, parent, lambda name: find(name, search), lambda name: nearest(name, search))
    brought = assemble(made, {}).brought
    return ingredients(made, brought, TOOLS, lambda name: collection_version(name, search))


def told(directory: Path, before: dict[str, str], overrides: dict[str, str] | None = None) -> list[str]:
    return [reason.text for reason in changes(before, found(directory, overrides))]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_nothing_differs_as_long_as_nothing_changes(spec_directory: Path, tmp_path: Path) -> None:
    before = found(spec_directory)
    assert changes(before, found(spec_directory, version="8")) == []
    elsewhere = tmp_path / "elsewhere"
    spec_directory.rename(elsewhere)
    assert changes(before, found(elsewhere)) == [], "where the spec lies does not matter"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("roles/nginx/tasks/main.yml", "role nginx: tasks/main.yml changed"),
        ("roles/common/tasks/main.yml", "role common: tasks/main.yml changed"),
        ("tasks/more.yml", "layer site: tasks/more.yml changed"),
        ("files/index.html", "layer site: tasks/files/index.html changed"),
        ("tests/web.goss.yaml", "test web.goss.yaml changed"),
        ("tests/parts/port.yaml", "test parts/port.yaml changed"),
        ("tests/conftest.py", "test conftest.py changed"),
        ("group_vars/all.yml", "file group_vars/all.yml changed"),
    ],
)
def test_a_file_that_changed_is_named(spec_directory: Path, name: str, reason: str) -> None:
    before = found(spec_directory)
    path = spec_directory / name
    path.write_text(path.read_text() + "# x\n")
    assert told(spec_directory, before) == [reason]


def test_a_file_that_became_a_program_is_named(spec_directory: Path) -> None:
    before = found(spec_directory)
    (spec_directory / "files/index.html").chmod(0o755)
    assert told(spec_directory, before) == ["layer site: tasks/files/index.html changed"]


@pytest.mark.parametrize("name", ["secret-notes.txt", "roles/unrelated/tasks/main.yml", "vault.yml"])
def test_what_the_build_does_not_take_is_no_reason(spec_directory: Path, name: str) -> None:
    before = found(spec_directory)
    (spec_directory / name).write_text("# other\n")
    assert told(spec_directory, before) == []


@pytest.mark.parametrize(
    ("old", "new", "reasons"),
    [
        ("name: web\n", "# a comment\nname: web\n", []),
        ("A web server", "Another description", []),
        ("motd: ", "motto: ", ["variable motd of layer nginx is gone", "variable motto of layer nginx is new"]),
        ("two\\nlines", "one line", ["variable motd of layer nginx changed"]),
        ("{from: base}", "{image: debian}", ["the source in the spec changed"]),
        ("env: DB", "env: DATABASE", ["where the secret db_password is from changed"]),
        ("latest]", "newest]", ["target's option tags changed"]),
        ("vars: {port: 8080}", "vars: {port: 80}", ["the list of tests changed"]),
        ("description:", 'version: "2"\ndescription:', ["version (counted) -> 2"]),
        ("  - tasks: tasks/site.yml\n", "", ["layer site is gone"]),
        ("  - tasks: tasks/site.yml\n", "  - tasks: tasks/more.yml\n", ["layer more is new", "layer site is gone"]),
        ("targets:\n", "policy: {max_age: 30d}\ntargets:\n", []),
    ],
)
def test_what_the_spec_says_is_compared_and_not_its_file(
    spec_directory: Path, old: str, new: str, reasons: list[str]
) -> None:
    before = found(spec_directory)
    edit(spec_directory / "web.yml", old, new)
    assert told(spec_directory, before) == reasons


def test_layers_in_another_order_are_one_reason(spec_directory: Path) -> None:
    before = found(spec_directory)
    text = (spec_directory / "web.yml").read_text()
    site = "  - tasks: tasks/site.yml\n"
    (spec_directory / "web.yml").write_text(text.replace(site, "").replace("layers:\n", f"layers:\n{site}"))
    assert told(spec_directory, before) == ["the layers are in another order"]


def test_a_parameter_that_is_set_to_another_value_is_named(spec_directory: Path) -> None:
    before = found(spec_directory)
    assert told(spec_directory, before, {"port": "80"}) == ["parameter port changed"]


def test_a_layer_that_comes_twice_is_two_layers(spec_directory: Path) -> None:
    edit(spec_directory / "web.yml", "  - tasks:", "  - role: ./roles/nginx\n    vars: {motd: x}\n  - tasks:")
    before = found(spec_directory)
    assert json.loads(before["layers"])[1:3] == ["nginx", "nginx#2"]
    edit(spec_directory / "web.yml", "motd: x", "motd: y")
    assert told(spec_directory, before) == ["variable motd of layer nginx#2 changed"]


def test_a_collection_of_another_version_is_a_reason_and_what_builds_is_none(spec_directory: Path) -> None:
    before = found(spec_directory)
    assert before["collection:goldsmith.images"] and before["ansible-core"] == "2.19.0"
    now = before | {"collection:goldsmith.images": "9.0.0", "ansible-core": "2.20.0", "spec:web.yml": "0"}
    version = before["collection:goldsmith.images"]
    assert [reason.text for reason in changes(before, now)] == [f"collection goldsmith.images: {version} -> 9.0.0"]


def test_collections_whose_modules_tasks_name_take_part(spec_directory: Path) -> None:
    assert not any("ansible.posix" in key for key in found(spec_directory))
    edit(spec_directory / "tasks/more.yml", "[]", "- ansible.posix.sysctl: {name: x}\n- ansible.builtin.command: x\n")
    assert found(spec_directory)["collection:ansible.posix"]
    assert "collection:ansible.builtin" not in found(spec_directory)


def test_a_role_that_is_there_at_all_now_is_one_reason(spec_directory: Path) -> None:
    before = found(spec_directory)
    edit(spec_directory / "roles/nginx/tasks/main.yml", "common", "unrelated")
    (spec_directory / "roles/unrelated/files").mkdir()
    (spec_directory / "roles/unrelated/files/x").touch()
    assert told(spec_directory, before) == [
        "role common is gone",
        "role nginx: tasks/main.yml changed",
        "role unrelated is new",
    ]


def test_no_value_of_a_secret_or_variable_stands_in_it(spec_directory: Path) -> None:
    edit(spec_directory / "web.yml", "port: 8080\nsecrets", "port: 8080\n  token: hunter2\nsecrets")
    assert "hunter2" not in json.dumps(found(spec_directory))
