from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from goldsmith import cli
from goldsmith.errors import EnvironmentFault


@pytest.fixture
def goldsmith(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli.main, arguments)

    return run


def test_init_writes_a_spec_that_is_valid(goldsmith, tmp_path: Path) -> None:
    assert goldsmith("init", "My Web.yml").exit_code == 0
    checked = goldsmith("validate", "My Web.yml")
    assert (checked.exit_code, checked.output) == (0, "my-web/debian-12/docker: valid\n")


def test_init_never_overwrites(goldsmith, tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("mine")
    done = goldsmith("init", "web.yml")
    assert (done.exit_code, (tmp_path / "web.yml").read_text()) == (2, "mine")
    assert "exists already" in done.output


def test_all_that_is_wrong_in_all_specs_is_told_at_once(goldsmith, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("name: A!\nplatforms: {}\n")
    (tmp_path / "b.yml").write_text("nmae: b\n")
    done = goldsmith("validate", "a.yml", "b.yml")
    assert done.exit_code == 2
    assert "a.yml:1:" in done.output and "b.yml:1:" in done.output
    assert "did you mean 'name'?" in done.output


def test_a_plan_names_source_layers_and_tags(goldsmith) -> None:
    goldsmith("init", "web.yml")
    said = goldsmith("plan", "web.yml").output
    for part in (
        "web/debian-12/docker, version 1",
        "bookworm",
        "layer 2  goldsmith.images.os_hardening",
        "web:1, web:latest",
    ):
        assert part in said
    (document,) = json.loads(goldsmith("plan", "web.yml", "--json").output)
    assert document["build"] == "web/debian-12/docker"


def test_schema_is_a_json_schema_that_knows_the_targets(goldsmith) -> None:
    schema = json.loads(goldsmith("schema").output)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "debootstrap" in json.dumps(schema)


@pytest.mark.parametrize("arguments", [("--set", "x"), ("--set", "=1")])
def test_a_setting_without_name_or_value_is_refused(goldsmith, arguments: tuple[str, ...]) -> None:
    goldsmith("init", "web.yml")
    done = goldsmith("plan", "web.yml", *arguments)
    assert done.exit_code == 2 and "--set NAME=VALUE" in done.output


def test_a_pattern_that_matches_nothing_lists_what_there_is(goldsmith) -> None:
    goldsmith("init", "web.yml")
    done = goldsmith("plan", "web.yml", "--only", "*/ec2")
    assert done.exit_code == 2 and "web/debian-12/docker" in done.output


def test_nothing_recorded_is_said_and_is_no_error(goldsmith) -> None:
    assert goldsmith("images").output.startswith("No image is recorded yet")
    assert json.loads(goldsmith("images", "--json").output) == []


def test_an_unknown_image_and_an_unknown_build_are_the_users_errors(goldsmith) -> None:
    assert goldsmith("images", "show", "web").exit_code == 2
    assert goldsmith("shell", "2026").exit_code == 2


def test_a_message_has_the_exit_code_of_its_kind_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    @cli.main.command("boom")
    def boom() -> None:
        raise EnvironmentFault("the engine is away", "Start it.")

    try:
        done = CliRunner().invoke(cli.main, ["boom"])
    finally:
        del cli.main.commands["boom"]
    assert done.exit_code == 3
    assert done.output == "error: the engine is away\n  Start it.\n"


def test_every_command_and_option_has_help() -> None:
    def commands(group: click.Group, path: str = "") -> None:
        for name, command in group.commands.items():
            assert command.help, f"{path}{name}"
            for parameter in command.params:
                if isinstance(parameter, click.Option) and parameter.name != "help":
                    assert parameter.help, f"{path}{name} {parameter.name}"
            if isinstance(command, click.Group):
                commands(command, f"{path}{name} ")

    commands(cli.main)


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, goldsmith.cli; print(sorted({'alembic', 'ansible', 'boto3', 'docker', 'jinja2', 'pydantic', 'requests', 'sqlalchemy', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "goldsmith", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("goldsmith, version")
