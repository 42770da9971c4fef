"""What goes into a build, each thing by a name and a digest, and what differs between then and now.

============================  ==========================================================================
name                          text
============================  ==========================================================================
``source``                    the source as the spec says it, JSON
``layers``                    the layers' names in order, JSON
``variable:<layer>:<name>``   SHA-256 of the value's JSON; what refers to a secret does so by its name
``parameter:<name>``          SHA-256 of the value's JSON
``secret:<name>``             SHA-256 of where the secret is from; its value takes no part
``target:<option>``           SHA-256 of the value's JSON
``tests``                     SHA-256 of the list of tests, with their variables
``version``                   the spec's own, where it says one
``spec:<file>``               SHA-256 of the spec's file
``role:<role>:<path>``        SHA-256 of whether the file can be executed, and of its content
``tasks:<layer>:<path>``      likewise
``test:<path>``               likewise
``file:<path>``               likewise; files below group_vars and host_vars
``collection:<name>``         version
``set:<parameter>``           what `--set` said
``index:<address>``           SHA-256 of an archive's signed index just before, where it was looked at
``policy:max_age``            seconds
``ansible-core``, …           version of what builds
============================  ==========================================================================
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from goldsmith.errors import InputError
from goldsmith.plan import Plan, dump
from goldsmith.reason import Kind, Reason
from goldsmith.spec import PLACEHOLDER_VERSION

Ingredients = Mapping[str, str]

_MODULE = re.compile(r"^[\s-]*(?:[\"']?)([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)\.[a-z]\w*[\"']?:", re.MULTILINE)
_NAMED = re.compile(r"^[a-z]\w*\.[a-z]\w*(?=\.)")
_NO_COLLECTIONS = frozenset({"ansible.builtin", "ansible.legacy"})
_FOLDERS: Mapping[str, Kind] = {"roles": "role", "layers": "tasks", "tests": "test"}


def ingredients(
    plan: Plan,
    brought: Mapping[str, Path],
    tools: Mapping[str, str],
    collection_version: Callable[[str], str | None],
) -> dict[str, str]:
    """Return what goes into a build, by name. Files are read; nothing else is asked.

    Args:
        plan: The build's plan.
        brought: Files and directories that its project brings along, see `goldsmith.project.Project`.
        tools: Versions of what builds.
        collection_version: Returns the version of a collection, or None when it is not installed.

    Raises:
        InputError: A file cannot be read.
    """
    build, names = plan.build, _layer_names(plan)
    spec = build.loaded.spec
    found = {
        "source": _json(dump(build.source)),
        "layers": _json(names),
        "tests": _digest([_named(test) for test in plan.tests]),
        **{f"parameter:{name}": _digest(value) for name, value in spec.parameters.items()},
        **{f"secret:{name}": _digest(_origin(dump(secret))) for name, secret in spec.secrets.items()},
        **{f"target:{name}": _digest(value) for name, value in dump(build.options(PLACEHOLDER_VERSION)).items()},
        **{f"set:{name}": text for name, text in build.loaded.overrides.items()},
        **tools,
    }
    if spec.version is not None:
        found["version"] = spec.version
    if spec.policy.max_age is not None:
        found["policy:max_age"] = f"{spec.policy.max_age:g}"
    for layer, name in zip(plan.layers, names, strict=True):
        found |= {f"variable:{name}:{key}": _digest(value) for key, value in layer.variables.items()}
    for file in build.loaded.files:
        found[f"spec:{os.path.relpath(file, build.loaded.directory)}"] = hashlib.sha256(_read(file)).hexdigest()
    collections = {plan.build.target.playbook}
    for name, path in _files(plan, names, brought):
        content = _read(path)
        found[name] = hashlib.sha256(b"x" * os.access(path, os.X_OK) + b"\0" + content).hexdigest()
        if path.suffix in (".yml", ".yaml") and name.startswith(("role:", "tasks:")):
            collections.update(f"{match}." for match in _MODULE.findall(content.decode("utf-8", "replace")))
    collections.update(layer.role.name for layer in plan.layers if layer.role and layer.role.collection)
    for name in sorted({match[0] for one in collections if (match := _NAMED.match(one))} - _NO_COLLECTIONS):
        if version := collection_version(name):
            found[f"collection:{name}"] = version
    return found


def changes(recorded: Ingredients, now: Ingredients) -> list[Reason]:
    """Return what would go into a build now that did not go into the recorded one, or not as it is.

    What builds (ansible-core, Goldsmith) is no reason to build anew, nor is a file of a spec of which only comments
    changed: what a spec says is compared by itself.

    Args:
        recorded: What went into the recorded build.
        now: What would go in now.
    """
    before, after = (json.loads(one.get("layers", "[]")) for one in (recorded, now))
    reasons: list[Reason] = []
    if recorded.get("source") != now.get("source"):
        reasons.append(Reason("spec", "the source in the spec changed"))
    if recorded.get("version") != now.get("version"):
        reasons.append(
            Reason("spec", f"version {recorded.get('version', '(counted)')} -> {now.get('version', '(counted)')}")
        )
    reasons += [Reason("spec", f"layer {name} is new") for name in after if name not in before]
    reasons += [Reason("spec", f"layer {name} is gone") for name in before if name not in after]
    if [name for name in before if name in after] != [name for name in after if name in before]:
        reasons.append(Reason("spec", "the layers are in another order"))
    told = set(before) ^ set(after)
    for owner, keys in _differing(recorded, now).items():
        kind, _, name = owner.partition(":")
        if name in told:
            continue
        whole = kind in ("role", "tasks") and _whole(owner, recorded, now)
        if whole:
            reasons.append(Reason(_KINDS[kind], f"{kind} {name} {whole}"))
        else:
            reasons += [_reason(kind, key, recorded, now) for key in keys]
    if recorded.get("tests") != now.get("tests"):
        reasons.append(Reason("test", "the list of tests changed"))
    return reasons


_KINDS: Mapping[str, Kind] = {
    "parameter": "parameter",
    "secret": "spec",
    "target": "spec",
    "variable": "variable",
    "role": "role",
    "tasks": "tasks",
    "file": "file",
    "collection": "collection",
    "test": "test",
}
"""Kinds of ingredients that are compared, in the order in which they are told."""


def _differing(recorded: Ingredients, now: Ingredients) -> dict[str, list[str]]:
    """Return the names of what differs by its owner: ``role:nginx``, ``variable:nginx``, ``parameter:``."""
    found: dict[str, list[str]] = {}
    differing = [key for key in recorded.keys() | now.keys() if recorded.get(key) != now.get(key)]
    order = list(_KINDS)
    known = [key for key in differing if key.partition(":")[0] in _KINDS]
    for key in sorted(known, key=lambda key: (order.index(key.partition(":")[0]), key)):
        kind, _, rest = key.partition(":")
        owner = rest.rpartition(":")[0] if kind in ("role", "tasks", "variable") else ""
        found.setdefault(f"{kind}:{owner}", []).append(key)
    return found


def _whole(owner: str, recorded: Ingredients, now: Ingredients) -> str:
    """Say that all that belongs to an owner is new, or gone; empty when neither is."""
    there = [any(key.startswith(f"{owner}:") for key in one) for one in (recorded, now)]
    return "" if all(there) else "is new" if there[1] else "is gone"


def _reason(kind: str, key: str, recorded: Ingredients, now: Ingredients) -> Reason:
    change = "is gone" if key not in now else "is new" if key not in recorded else "changed"
    owner, _, name = key.partition(":")[2].rpartition(":")
    details = {"name": key, "before": recorded.get(key), "now": now.get(key)}
    if kind == "collection" and change == "changed":
        return Reason("collection", f"collection {name}: {recorded[key]} -> {now[key]}", details)
    words = {
        "variable": f"variable {name} of layer {owner} {change}",
        "role": f"role {owner}: {name} {change}",
        "tasks": f"layer {owner}: {name} {change}",
        "target": f"target's option {name} {change}",
        "secret": f"where the secret {name} is from {change}",
    }
    return Reason(_KINDS[kind], words.get(kind, f"{kind} {name} {change}"), details)


def _layer_names(plan: Plan) -> list[str]:
    """Return the layers' names; one that comes a second time is numbered."""
    names: list[str] = []
    for layer in plan.layers:
        count = sum(name == layer.name or name.startswith(f"{layer.name}#") for name in names)
        names.append(f"{layer.name}#{count + 1}" if count else layer.name)
    return names


def _files(plan: Plan, names: list[str], brought: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Yield ingredient and path of every file: of what the project brings along, and of collections' roles.

    Vault files are left out, as secrets are.
    """
    for place, original in brought.items():
        folder, _, rest = place.partition("/")
        if folder == "secrets":
            continue
        kind = _FOLDERS.get(folder, "file")
        if kind == "tasks":
            number, _, rest = rest.partition("/")
            rest = f"{names[int(number) - 1]}:{rest}"
        for path in _below(original):
            inside = "" if path == original else str(path.relative_to(original))
            name = rest if kind != "file" else place
            yield f"{kind}:{name}{(':' if kind == 'role' else '/') if inside else ''}{inside}", path
    for layer in plan.layers:
        if layer.role and layer.role.collection:
            for path in _below(layer.role.path):
                yield f"role:{layer.role.name}:{path.relative_to(layer.role.path)}", path


def _below(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return [path]
    passed_over = {"__pycache__", ".git"}
    return sorted(file for file in path.rglob("*") if file.is_file() and passed_over.isdisjoint(file.parts))


def _named(test: Mapping[str, Any]) -> dict[str, Any]:
    """Return a test with the names of its files: where the spec lies does not matter."""
    return {
        key: _named(value) if key == "boot" else Path(value).name if key in ("goss", "testinfra") else value
        for key, value in test.items()
    }


def _origin(secret: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a secret is from, with the names of files as in `_named`."""
    command = [Path(word).name if number == 0 else word for number, word in enumerate(secret.get("command", ()))]
    vault = Path(secret["vault"]).name if "vault" in secret else None
    return {**secret, "vault": vault, "command": command}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _digest(value: Any) -> str:
    return hashlib.sha256(_json(value).encode()).hexdigest()
