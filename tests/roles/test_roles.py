"""What all roles of the collection have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.roles.conftest import Machine

ROLES = Path(__file__).parents[2] / "collections/ansible_collections/goldsmith/images/roles"
NAMES = sorted(role.name for role in ROLES.iterdir())


def options(role: str) -> dict[str, dict[str, Any]]:
    specs = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())
    found: dict[str, dict[str, Any]] = specs["argument_specs"]["main"]["options"]
    return found


@pytest.mark.parametrize("role", NAMES)
def test_the_defaults_are_those_that_the_argument_specs_name(role: str) -> None:
    defaults = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    assert defaults == {name: option["default"] for name, option in options(role).items() if "default" in option}


@pytest.mark.parametrize("role", NAMES)
def test_every_variable_is_documented_and_belongs_to_the_role(role: str) -> None:
    documented = re.findall(r"^\| `(\w+)`", (ROLES / role / "README.md").read_text(), flags=re.MULTILINE)
    assert [name for name in documented if name.startswith(role)] == list(options(role))
    assert all(option["description"] for option in options(role).values())


@pytest.mark.docker
@pytest.mark.parametrize("role", NAMES)
@pytest.mark.parametrize("debian", ["12"], indirect=True)
@pytest.mark.parametrize(("system", "version"), [("Debian GNU/Linux", "10"), ("Alpine Linux", "3.20")])
def test_an_unsupported_system_is_refused_before_anything_changes(
    machine: Machine, role: str, system: str, version: str
) -> None:
    name = system.partition(" ")[0]
    machine.sh(
        f"rm -f /etc/debian_version /etc/os-release; echo {version} >/etc/{name.lower()}-release;"
        f'printf \'NAME="{system}"\\nID={name.lower()}\\nVERSION_ID="{version}"\\n\' >/etc/os-release;'
        f"[ {name} != Debian ] || echo {version}.11 >/etc/debian_version"
    )
    play = machine.play(role)
    assert (play.ok, play.changed) == (False, 0)
    assert f"{role} supports Debian 11, 12, 13; " in play.message
    assert f"is {name} {version}" in play.message
