"""The JSON Schema agrees with what is accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from goldsmith.spec import json_schema
from goldsmith.spec.document import parse
from goldsmith.targets.docker import target

SCHEMA = json_schema({"docker": target})
FULL = """
extends: base.yml
name: web
description: x
version: 1.10
parameters: {port: 80, list: [1], nothing: null}
secrets: {a: {env: A}, b: {command: [x, 1]}}
platforms:
  debian-12: {docker: {debootstrap: {suite: bookworm, include: ["{{ name }}"]}}}
layers:
  - role: a
    vars: {x: [1, {y: z}]}
  - tasks: b.yml
    vars:
tests:
  - {goss: a.goss, vars: {a: 1}}
  - boot: {testinfra: x.py}
targets:
  docker:
    tags: ["{{ version }}", 1.5, latest]
    push: "{{ name == 'web' }}"
    squash: "{{ name }}"
    config:
      cmd: "{{ list }}"
      user: 101
      env: {A: 1, B: true, C: "{{ port }}"}
      healthcheck: {test: x, interval: 30s, retries: "{{ port }}"}
"""


def errors(text: str) -> list[str]:
    from pathlib import Path

    data = json.loads(json.dumps(parse(text, Path("x")).plain()))
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(data)]


def test_it_is_a_schema_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    json.dumps(SCHEMA)


def test_a_full_spec_is_accepted() -> None:
    assert errors(FULL) == []


@pytest.mark.parametrize(
    "text",
    [
        "name: web\nplatforms: {a: {docker: {image: x}}}\ntargets: {docker: }\n",
        "name: web\nplatforms: {a: {docker: }}\ntargets: {docker: {}}\nlayers:\ntests:\nsecrets:\nparameters:\ndescription:\n",
        "extends: base.yml\n",
        "extends: base.yml\ntargets: {docker: {push: true}}\n",
    ],
)
def test_what_a_parent_may_say_need_not_be_said_and_sections_may_be_empty(text: str) -> None:
    assert errors(text) == []


MINIMAL = "name: web\nplatforms: {a: {docker: {image: x}}}\ntargets: {docker: }\n"


@pytest.mark.parametrize(
    "text",
    [
        "name: web\n",
        MINIMAL.replace("web", "Web Server"),
        MINIMAL.replace("{docker: }", "{}"),
        MINIMAL.replace("{docker: }", "{ec2: }"),
        MINIMAL.replace("{docker: }", "{docker: {push: maybe}}"),
        MINIMAL.replace("{docker: }", "{docker: {squash: bse}}"),
        MINIMAL.replace("{docker: }", "{docker: {config: {cmd: {a: b}}}}"),
        MINIMAL.replace("{docker: }", "{docker: {config: {comand: x}}}"),
        MINIMAL.replace("image: x", "imagee: x"),
        MINIMAL.replace("{a:", "{Debian 12:"),
        MINIMAL + "layres: []\n",
        MINIMAL + "layers: {}\n",
        MINIMAL + "layers: [{rol: a}]\n",
        MINIMAL + "layers: [{role: a, vars: {a-b: 1}}]\n",
        MINIMAL + "parameters: {a-b: 1}\n",
        MINIMAL + "secrets: {a: {command: []}}\n",
        MINIMAL + "extends: [a.yml]\n",
    ],
)
def test_mistakes_are_found(text: str) -> None:
    assert errors(text)


def test_what_the_loader_accepts_the_schema_accepts(folder: Any) -> None:
    folder.write("base.yml", "layers: [{role: base}]\n")
    for path in ("b.yml", "a.goss", "x.py"):
        folder.write(path)
    text = FULL.replace("list: [1]", "list: [a]").replace('squash: "{{ name }}"', "squash: all")
    folder.load(text)
    assert errors(text) == []


def test_keys_are_described_for_editors() -> None:
    assert SCHEMA["properties"]["name"]["description"]
    assert SCHEMA["$defs"]["DockerOptions"]["properties"]["squash"]["description"]
    assert "`" not in SCHEMA["description"]
