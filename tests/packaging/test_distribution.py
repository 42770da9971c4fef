"""`pip install` alone gives the command, and the collection where ansible-core finds it."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

pytestmark = pytest.mark.network

METADATA = ("pyproject.toml", "PKG-INFO", ".gitignore")


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_is_the_same_from_the_source_distribution_and_from_the_checkout(
    sdist: Path, checkout: Path, run, tmp_path: Path
) -> None:
    run("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, checkout, cwd=tmp_path)
    (from_checkout,) = tmp_path.glob("*.whl")
    (from_sdist,) = sdist.parent.glob("*.whl")
    assert _contents(from_checkout) == _contents(from_sdist)


def test_the_wheel_holds_the_package_and_the_collection_and_nothing_that_tools_left_behind(sdist: Path) -> None:
    (wheel,) = sdist.parent.glob("*.whl")
    names = {name for name in _contents(wheel) if ".dist-info/" not in name}
    assert "goldsmith/cli/__init__.py" in names
    assert "goldsmith/py.typed" in names
    assert {"goldsmith/report/templates/build.html.j2", "goldsmith/report/templates/page.css"} <= names
    assert "ansible_collections/goldsmith/images/galaxy.yml" in names
    assert "ansible_collections/goldsmith/images/playbooks/docker.yml" in names
    assert {PurePosixPath(name).parts[0] for name in names} == {"goldsmith", "ansible_collections"}
    assert [name for name in names if "/tests/output/" in name or "__pycache__" in name] == []


def test_the_source_distribution_holds_no_virtual_environment_and_no_caches(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    assert [
        name for name in names if any(part in name for part in ("/.venv", "__pycache__", "/build/", "/.git/"))
    ] == []


def test_the_command_works(installed: Path, run, tmp_path: Path) -> None:
    assert "Usage: goldsmith" in run("goldsmith", "--help", cwd=tmp_path, path=installed)


def test_the_targets_are_found_by_their_entry_points(installed: Path, run, tmp_path: Path) -> None:
    code = "from goldsmith.targets import installed; print(*installed())"
    assert run("python", "-c", code, cwd=tmp_path, path=installed).split() == ["disk", "docker", "ec2"]


def test_a_spec_made_by_init_is_valid(installed: Path, run, tmp_path: Path) -> None:
    run("goldsmith", "init", "web.yml", cwd=tmp_path, path=installed)
    run("goldsmith", "validate", "web.yml", cwd=tmp_path, path=installed)


def test_ansible_finds_the_collection_with_no_path_set(installed: Path, run, tmp_path: Path) -> None:
    listed = run("ansible-galaxy", "collection", "list", "goldsmith.images", cwd=tmp_path, path=installed)
    assert listed.count("goldsmith.images") == 1
    assert str(installed.parent / "lib") in listed


@pytest.mark.parametrize("kind", ["module", "role"])
def test_ansible_shows_the_documentation(installed: Path, run, tmp_path: Path, kind: str) -> None:
    name = {"module": "goldsmith.images.docker_source", "role": "goldsmith.images.os_cleanup"}[kind]
    shown = run("ansible-doc", "-t", kind, name, cwd=tmp_path, path=installed)
    assert name in shown
    assert str(installed.parent / "lib") in shown


def test_a_lifecycle_playbook_is_found_by_its_name(installed: Path, run, tmp_path: Path) -> None:
    shown = run("ansible-playbook", "--syntax-check", "goldsmith.images.sweep", cwd=tmp_path, path=installed)
    assert f"playbook: {installed.parent}/lib/" in shown
