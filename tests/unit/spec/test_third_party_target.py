"""A target that somebody else installs goes through the same door as those that come with Goldsmith."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

from goldsmith.errors import EnvironmentFault
from goldsmith.spec import builds, json_schema, load
from goldsmith.targets import installed

PACKAGE = Path(__file__).parents[2] / "packages" / "acme_target"

SPEC = """
platforms: {any: {acme_file: {text: "hello from {{ platform }}"}}}
targets: {acme_file: {copies: "{{ parameter }}"}}
parameters: {parameter: 2}
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on Python's path in which installers have left what they leave."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(site: Path, name: str, entry_points: dict[str, str]) -> None:
    metadata = site / f"{name.replace('-', '_')}-1.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
    lines = [f"{key} = {value}\n" for key, value in entry_points.items()]
    (metadata / "entry_points.txt").write_text("[goldsmith.targets]\n" + "".join(lines))
    importlib.invalidate_caches()


@pytest.fixture
def acme(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    monkeypatch.syspath_prepend(str(PACKAGE))
    install(site, project["name"], project["entry-points"]["goldsmith.targets"])


@pytest.mark.usefixtures("acme")
def test_an_installed_target_is_found_by_its_entry_point() -> None:
    target = installed()["acme_file"]
    assert (target.name, target.playbook) == ("acme_file", "acme.artifacts.file")
    namespace, collection, playbook = target.playbook.split(".")
    assert (PACKAGE / "ansible_collections" / namespace / collection / "playbooks" / f"{playbook}.yml").is_file()


@pytest.mark.usefixtures("acme")
def test_a_spec_for_it_is_loaded_validated_and_built(folder: Any) -> None:
    (build,) = builds(load(folder.spec(SPEC)))
    assert build.label == "web/any/acme_file"
    assert build.source.model_dump() == {"text": "hello from any"}
    assert build.options("7").model_dump() == {"path": "web-7.txt", "copies": 2}


@pytest.mark.usefixtures("acme")
def test_its_mistakes_are_told_as_those_of_any_target(folder: Any) -> None:
    folder.targets = installed()
    text = SPEC.replace("text:", "txt:").replace('"{{ parameter }}"', "0").replace("copies", "pth: x, copies")
    assert folder.problems(text) == [
        "web.yml:1:19: missing key 'text' in 'platforms.any.acme_file'",
        "web.yml:1:31: unknown key 'txt' in 'platforms.any.acme_file' (did you mean 'text'?)",
        "web.yml:2:23: unknown key 'pth' in 'targets.acme_file' (did you mean 'path'?)",
        "web.yml:2:39: 'targets.acme_file.copies': 0 should be greater than or equal to 1",
    ]


@pytest.mark.usefixtures("acme")
def test_the_schema_knows_it() -> None:
    assert json_schema(installed())["$defs"]["Options"]["properties"]["copies"]["description"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:target", r"target 'broken' \(no_such_module:target\) cannot be loaded: No module named"),
        ("json:no_such_target", r"cannot be loaded: .*no_such_target"),
        ("json:dumps", r"target 'broken' \(json:dumps\) is function, not a Target"),
    ],
)
def test_a_broken_one_is_told_by_name(site: Path, value: str, message: str) -> None:
    install(site, "broken-target", {"broken": value})
    with pytest.raises(EnvironmentFault, match=message):
        installed()
