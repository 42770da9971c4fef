"""What every lifecycle pays for once: a second time is seen in every build."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

COLLECTION = Path(__file__).parents[2] / "collections/ansible_collections/goldsmith/images"
PLAYBOOKS = COLLECTION / "playbooks"
LIFECYCLES = [
    path
    for path in sorted(PLAYBOOKS.glob("*.yml"))
    if "ansible.builtin.import_tasks: tasks/begin.yml" in path.read_text()
]


LONG = {"docker_image_archive", "ec2_ami_import"}
"""They read or write whole disks, beside which a process is nothing."""


def dictionaries(data: Any) -> Iterator[dict[str, Any]]:
    """Yield all that is a dictionary, at any depth."""
    if isinstance(data, dict):
        yield data
    for one in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from dictionaries(one)


def tasks(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a file and of those that it brings in by a fixed name."""
    for task in dictionaries(YAML(typ="safe").load(path)):
        yield task
        for word in ("import_tasks", "include_tasks"):
            name = str(task.get(f"ansible.builtin.{word}", "{{"))
            if "{{" not in name:
                yield from tasks(path.parent / name)


def test_there_are_lifecycles() -> None:
    assert {"docker.yml", "ec2.yml"} <= {path.name for path in LIFECYCLES}


@pytest.mark.parametrize("path", LIFECYCLES, ids=lambda path: path.stem)
def test_facts_are_gathered_once_and_none_of_the_controller(path: Path) -> None:
    plays = YAML(typ="safe").load(path)
    assert all(play.get("gather_facts") is False for play in plays if "hosts" in play)
    assert sum("ansible.builtin.setup" in task for task in tasks(path)) <= 1


@pytest.mark.parametrize("path", LIFECYCLES, ids=lambda path: path.stem)
def test_what_asks_an_engine_or_a_cloud_in_each_build_needs_no_process_of_its_own(path: Path) -> None:
    actions = {file.stem for file in (COLLECTION / "plugins/action").glob("*.py")}
    asked = {key.rpartition(".")[2] for task in tasks(path) for key in task if key.startswith("goldsmith.images.")}
    asks = {name for name in asked if name.startswith(("docker_", "ec2_"))} - LONG
    assert asks and asks <= actions
