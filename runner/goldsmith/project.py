"""From a plan to an Ansible project that ``ansible-playbook`` runs by itself.

Pure but for `write`: a project is the text of its files and the list of what it brings along.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from goldsmith import __version__
from goldsmith.errors import EnvironmentFault
from goldsmith.plan import Plan, PlannedLayer
from goldsmith.spec import Spec, lookups

PLAYBOOK = "build.yml"

# In the lifecycle's plays `playbook_dir` is the collection's, and an inventory may be another one than the project's.
_HERE = "{{ hostvars.localhost.goldsmith_project }}"
_NOTE_PLACE = {
    "name": "Note where this project lies",
    "hosts": "localhost",
    "gather_facts": False,
    "tasks": [
        {
            "name": "Note where this project lies",
            "ansible.builtin.set_fact": {"goldsmith_project": "{{ playbook_dir }}"},
        }
    ],
}

_PLAIN_LINE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")

_CONFIG = """\
[defaults]
inventory = inventory.yml
roles_path = roles
display_skipped_hosts = false
retry_files_enabled = false
# Nothing waits for ever: a task that hangs fails after an hour, and the machine is released.
task_timeout = 3600
# Ansible looks a thousand times a second whether a task has ended, which takes 3 % of a core from what it waits for.
internal_poll_interval = 0.005

[connection]
pipelining = true
"""

_INVENTORY = """\
---
# The lifecycle adds the machine itself, once it runs.
all:
  hosts:
    localhost:
      ansible_connection: local
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""

_README = """\
# {label}

An Ansible project that builds the image *{name}*, written by Goldsmith {generator} from {spec}.

    ansible-playbook {playbook}

It needs ansible-core, the collection `goldsmith.images` and what the builder stands on. Docker: the Python packages
`docker` and `ansible`, the `docker` command, an engine. EC2: the Python package `boto3`, `ssh`, credentials where every
AWS client finds them. The result is written to `output/result.json`. A build that fails ends with a status other than 0
and leaves nothing behind; what a killed one leaves behind goes with `ansible-playbook goldsmith.images.sweep`, for EC2
with `-e '{{"goldsmith_sweep_docker": false, "goldsmith_sweep_ec2": [{{"regions": ["eu-west-1"]}}]}}'`.
"""


@dataclass(frozen=True)
class Project:
    """An Ansible project that is not written yet.

    Attributes:
        files: Text by path relative to the project.
        brought: Files and directories that the project brings along: the original by path relative to the project.
    """

    files: Mapping[str, str]
    brought: Mapping[str, Path]


def assemble(plan: Plan, revision: Mapping[str, str], debug: bool = False, cached: bool = False) -> Project:
    """Return the project of a plan.

    Args:
        plan: The plan.
        revision: What version control says of the spec: ``commit`` and ``url``, where known.
        debug: Pause after each layer until a file of the pause's name lies in the directory ``goldsmith_debug``.
        cached: Take layers from the layer cache and keep them there, as the variable ``goldsmith_cache`` says.
    """
    brought: dict[str, Path] = {}
    checkpoints = plan.build.target.checkpoints
    layers = [
        task
        for layer in plan.layers
        for task in _layer(layer, len(plan.layers), brought, debug, cached, checkpoints=checkpoints)
    ]
    tests = [_test(test, brought) for test in plan.tests]
    for name in ("group_vars", "host_vars"):
        if (path := plan.build.loaded.directory / name).is_dir():
            brought[name] = path
    label, spec = plan.build.label, plan.build.loaded.spec
    secrets = lookups(spec, {vault: _bring_vault(Path(vault), brought) for vault in _vaults(spec)})
    variables: dict[str, Any] = {
        "goldsmith_name": spec.name,
        "goldsmith_version": plan.version,
        "goldsmith_platform": plan.build.platform,
        "goldsmith_target_name": plan.build.target.name,
        "goldsmith_description": spec.description,
        "goldsmith_revision": revision.get("commit"),
        "goldsmith_repository": revision.get("url"),
        "goldsmith_source": dict(plan.source),
        "goldsmith_layers": f"{_HERE}/layers.yml",
        "goldsmith_output": f"{_HERE}/output",
        "goldsmith_result": f"{_HERE}/output/result.json",
        "goldsmith_tests": tests,
        "goldsmith_target": dict(plan.options),
    }
    variables = {key: value for key, value in variables.items() if value not in (None, "")}
    play = {
        "name": f"Build {label}",
        "ansible.builtin.import_playbook": plan.build.target.playbook,
        "vars": {**spec.parameters, **secrets, **variables},
    }
    heading = f"{label}, written by Goldsmith {__version__} from {plan.build.loaded.path.name}."
    return Project(
        files={
            "ansible.cfg": _CONFIG,
            "inventory.yml": _INVENTORY,
            PLAYBOOK: _yaml([_NOTE_PLACE, play], f"{heading} Run it: ansible-playbook {PLAYBOOK}"),
            "layers.yml": _yaml(layers, f"The layers of {label}. A layer's handlers run before the next layer begins."),
            "output/.gitignore": "*\n",
            "README.md": _README.format(
                label=label, name=spec.name, generator=__version__, spec=plan.build.loaded.path.name, playbook=PLAYBOOK
            ),
        },
        brought=brought,
    )


def write(project: Project, directory: Path, *, link: bool) -> None:
    """Write a project.

    Args:
        project: The project.
        directory: Where to; made when it is missing.
        link: Bring things along by symbolic links, not as copies: for a project that is run here and now.

    Raises:
        EnvironmentFault: The directory cannot be written.
    """
    try:
        for name, text in project.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for name, original in project.brought.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            bring = _link if link else _copy
            bring(original, path)
    except OSError as error:
        raise EnvironmentFault(f"the project cannot be written to {directory}: {error.strerror or error}") from error


def _layer(
    layer: PlannedLayer, count: int, brought: dict[str, Path], debug: bool, cached: bool, *, checkpoints: bool
) -> Iterable[dict[str, Any]]:
    """Yield the tasks of a layer: say that it begins, apply it, run its handlers, keep it, note that it is applied."""
    verdict = f"goldsmith_layer_cache[{layer.number - 1}]"
    told = {name: f"{{{{ {verdict}.{name} }}}}" for name in ("cache", "reason")} if cached else {}
    position = {"number": layer.number, "name": layer.name, **told}
    yield {
        "name": f"Layer {layer.number} of {count}: {layer.name}",
        "ansible.builtin.set_fact": {"goldsmith_progress": {"phase": "provision", "layer": position}},
    }
    applied: dict[str, Any] = {"name": f"Apply {layer.name}"}
    if layer.role:
        if not layer.role.collection:
            _bring_role(layer.role.path, brought)
        applied["ansible.builtin.include_role"] = {"name": layer.role.name}
    elif layer.tasks:
        applied["ansible.builtin.include_tasks"] = f"{_HERE}/" + _bring_tasks(layer.number, layer.tasks, brought)
    if layer.variables:
        applied["vars"] = dict(layer.variables)
    if cached:
        applied["when"] = f"{verdict}.cache != 'hit'"
    yield applied
    yield {"name": f"Run the handlers of {layer.name}", "ansible.builtin.meta": "flush_handlers"}
    if cached and (layer.checkpoint or not checkpoints):
        keep = _checkpointed(layer) if checkpoints else _committed(verdict)
        yield {
            "name": f"Keep layer {layer.number} of {count} in the cache",
            **keep,
            "when": f"{verdict}.cache == 'miss'",
        }
    applied_now = "{{ goldsmith_applied | default([]) + [goldsmith_progress.layer | combine({'status': 'applied'})] }}"
    yield {
        "name": f"Layer {layer.number} of {count} is applied",
        "ansible.builtin.set_fact": {"goldsmith_applied": applied_now},
    }
    if debug:
        point = f"layer-{layer.number}"
        yield {"name": f"Pause after {layer.name}", "ansible.builtin.set_fact": {"goldsmith_pause": point}}
        yield {
            "name": "Wait to be told to go on",
            "ansible.builtin.wait_for": {"path": "{{ goldsmith_debug }}/" + point, "timeout": 21600, "sleep": 1},
            "delegate_to": "localhost",
            "timeout": 0,
        }


def _committed(verdict: str) -> dict[str, Any]:
    """Return what keeps a layer in the Docker engine."""
    return {
        "goldsmith.images.docker_layer": {
            "container": "{{ ansible_host }}",
            "layer": f"{{{{ {verdict} }}}}",
            "known": "{{ goldsmith_known }}",
            "build_id": "{{ hostvars.localhost.goldsmith_build_id }}",
            "image_name": "{{ goldsmith_name }}",
        },
        "delegate_to": "localhost",
    }


def _checkpointed(layer: PlannedLayer) -> dict[str, Any]:
    """Return what keeps a layer as an image of its machine."""
    return {
        "ansible.builtin.include_tasks": "{{ playbook_dir }}/tasks/ec2_keep.yml",
        "vars": {"goldsmith_number": layer.number},
    }


def _bring_role(path: Path, brought: dict[str, Path]) -> None:
    """Bring a role along with those of its neighbours that its files name, as they may be its dependencies."""
    if (name := f"roles/{path.name}") in brought:
        return
    brought[name] = path
    for neighbour in neighbours(path):
        _bring_role(neighbour, brought)


def neighbours(role: Path) -> list[Path]:
    """Return the roles beside a role that its files name, as they may be its dependencies."""
    texts = [
        file.read_text(encoding="utf-8", errors="replace")
        for part in ("meta", "tasks", "handlers")
        for file in role.glob(f"{part}/*.y*ml")
    ]
    return [
        beside
        for beside in sorted(role.parent.iterdir())
        if beside != role and beside.is_dir() and any(beside.name in text for text in texts)
    ]


def _bring_tasks(number: int, tasks: Path, brought: dict[str, Path]) -> str:
    """Bring a file of tasks along with what Ansible would find beside it; return its path in the project."""
    folder = tasks.parent
    inside = f"layers/{number}"
    for file in sorted(folder.glob("*.y*ml")) if folder.name == "tasks" else [tasks]:
        brought[f"{inside}/tasks/{file.name}"] = file
    for name in ("files", "templates", "vars"):
        for parent in (folder, folder.parent) if folder.name == "tasks" else (folder,):
            if (parent / name).is_dir():
                # Ansible looks below the folder of an included file, and beside it only where there is a main.yml.
                brought.setdefault(f"{inside}/tasks/{name}", parent / name)
    return f"{inside}/tasks/{tasks.name}"


def _vaults(spec: Spec) -> list[str]:
    return sorted({secret.vault for secret in spec.secrets.values() if secret.vault is not None})


def _bring_vault(path: Path, brought: dict[str, Path]) -> str:
    """Bring an encrypted file along, as it is; return the Jinja2 expression for its place."""
    name = f"secrets/{len([place for place in brought if place.startswith('secrets/')]) + 1}-{path.name}"
    brought[name] = path
    return f"hostvars.localhost.goldsmith_project ~ {'/' + name!r}"


def _test(test: Mapping[str, Any], brought: dict[str, Path]) -> dict[str, Any]:
    """Return a test whose files are the project's; the variables of a boot test go where its goss file is."""
    variables = {"vars": test["vars"]} if test.get("vars") else {}
    if "boot" in test:
        return {"boot": _test(test["boot"], brought) | variables}
    files = {key: _bring_test(Path(test[key]), brought) for key in ("goss", "testinfra") if key in test}
    return files | variables


def _bring_test(path: Path, brought: dict[str, Path]) -> str:
    folder = "tests"
    number = 1
    while brought.get(f"{folder}/{path.name}", path) != path:
        number += 1
        folder = f"tests/{number}"
    for file in (path, path.parent / "conftest.py") if path.suffix == ".py" else (path, *_included(path)):
        if file.exists():
            brought[f"{folder}/{file.relative_to(path.parent)}"] = file
    return f"{_HERE}/{folder}/{path.name}"


def _included(path: Path) -> Iterable[Path]:
    """Yield the goss files below a goss file's folder that it includes by ``gossfile``."""
    try:
        data = YAML(typ="safe").load(path)
        names = list(data.get("gossfile") or ()) if isinstance(data, dict) else []
    except Exception:  # noqa: BLE001  goss itself will say what is wrong with the file
        return
    for name in names:
        for found in sorted(path.parent.glob(name)):
            yield found
            yield from _included(found)


def _yaml(data: Any, heading: str) -> str:
    """Write YAML as Ansible reads it: version 1.1, to which a bare ``33:33`` is a number and ``yes`` a boolean."""
    yaml = YAML()
    yaml.version = (1, 1)
    yaml.width = 2**16  # a folded line is not always read as it was written
    # Characters that nobody sees, such as line separators, are only safe when they are escaped.
    yaml.allow_unicode = json.dumps(data, ensure_ascii=False).isprintable()
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_blocks(data), stream)
    _directive, start, body = stream.getvalue().split("\n", 2)
    return f"{start}\n# {heading}\n{textwrap.dedent(body)}"


def _blocks(data: Any) -> Any:
    """Write texts of several plain lines as blocks."""
    if isinstance(data, dict):
        return {key: _blocks(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_blocks(value) for value in data]
    if isinstance(data, str) and "\n" in data and all(_PLAIN_LINE.fullmatch(line) for line in data.split("\n")):
        return LiteralScalarString(data)
    return data


def _link(original: Path, path: Path) -> None:
    path.symlink_to(original.resolve())


def _copy(original: Path, path: Path) -> None:
    copy: Callable[..., object] = shutil.copytree if original.is_dir() else shutil.copy2
    copy(
        original,
        path,
        **(
            {"dirs_exist_ok": True, "ignore": shutil.ignore_patterns(".git", "__pycache__")}
            if original.is_dir()
            else {}
        ),
    )


def is_vacant(directory: Path) -> bool:
    """Return whether a project may be written there: nothing is, or an empty directory."""
    return not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))
