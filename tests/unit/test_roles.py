from __future__ import annotations

from pathlib import Path

import pytest

from goldsmith.roles import SearchPath, find, nearest


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for role in (
        "spec/roles/nginx",
        "shared/roles/nginx",
        "shared/roles/redis",
        "c/ansible_collections/acme/web/roles/site",
    ):
        (tmp_path / role / "tasks").mkdir(parents=True)
    return tmp_path


def search(tree: Path, **environ: str) -> SearchPath:
    defaults = {"ANSIBLE_ROLES_PATH": f"{tree}/shared/roles", "ANSIBLE_COLLECTIONS_PATH": f"{tree}/c"}
    return SearchPath.of(tree / "spec", environ=defaults | environ)


def test_a_role_beside_the_spec_wins_over_the_roles_path(tree: Path) -> None:
    role = find("nginx", search(tree))
    assert role and role.path == tree / "spec/roles/nginx" and not role.collection


def test_the_roles_path_is_searched(tree: Path) -> None:
    role = find("redis", search(tree))
    assert role and role.path == tree / "shared/roles/redis"


def test_a_collections_role_is_found_by_its_name(tree: Path) -> None:
    role = find("acme.web.site", search(tree))
    assert role and role.collection and role.name == "acme.web.site"


def test_a_path_is_taken_as_it_is(tree: Path) -> None:
    role = find(str(tree / "shared/roles/nginx"), search(tree))
    assert role and (role.name, role.path) == ("nginx", tree / "shared/roles/nginx")


@pytest.mark.parametrize("name", ["nginy", "acme.web.sit", "/nowhere/nginx", "../spec"])
def test_what_does_not_exist_is_not_found(tree: Path, name: str) -> None:
    assert find(name, search(tree)) is None


@pytest.mark.parametrize(("wrong", "right"), [("ngnix", "nginx"), ("acme.web.sites", "acme.web.site"), ("zzz", None)])
def test_the_nearest_name_is_offered(tree: Path, wrong: str, right: str | None) -> None:
    assert nearest(wrong, search(tree)) == right


def test_ansible_cfg_beside_the_spec_is_heeded_with_paths_relative_to_it(tree: Path) -> None:
    (tree / "spec/ansible.cfg").write_text("[defaults]\nroles_path = ../shared/roles\n")
    role = find("redis", SearchPath.of(tree / "spec", environ={}))
    assert role and role.path.resolve() == (tree / "shared/roles/redis").resolve()


def test_roles_beside_a_spec_that_is_extended_are_found_after_its_own(tree: Path) -> None:
    path = SearchPath.of(tree / "spec", tree / "shared", environ={})
    redis, nginx = find("redis", path), find("nginx", path)
    assert redis and redis.path == tree / "shared/roles/redis"
    assert nginx and nginx.path == tree / "spec/roles/nginx"


def test_a_broken_ansible_cfg_is_passed_over(tree: Path) -> None:
    (tree / "spec/ansible.cfg").write_text("not a setting\n")
    assert find("nginx", SearchPath.of(tree / "spec", environ={}))


def test_the_projects_own_roles_are_found_where_python_finds_modules() -> None:
    assert find("goldsmith.images.os_patching", SearchPath.of(Path("/"), environ={}))
