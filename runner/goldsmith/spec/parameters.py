"""The parameters of a spec: its own values, `--set`, and references to earlier ones."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldsmith.errors import InputError, Problem
from goldsmith.spec.document import option
from goldsmith.spec.nearest import hint
from goldsmith.spec.node import Mark, Node
from goldsmith.spec.template import Names, has_template, render

BUILT_IN = {
    "name": "the spec's name",
    "platform": "'platform' is known per build: use it under platforms, layers, tests or targets",
    "target": "'target' is known per build: use it under platforms, layers, tests or targets",
    "version": "'version' is known when a build starts: use it under targets",
}
"""Names that need no parameter, and what to say where they are not known yet."""


def overridden(tree: Node, overrides: Mapping[str, str], problems: list[Problem]) -> Node:
    """Return the spec with the values of `--set` in place of its own.

    Args:
        tree: The spec.
        overrides: Text of each value by parameter. A parameter that is text stays text (``1.10`` does not become
            1.1); one that is a list or a mapping takes YAML; any other is read as a YAML scalar.
        problems: Receives what is wrong.
    """
    parameters = tree.get("parameters")
    known = parameters.value if parameters and isinstance(parameters.value, dict) else {}
    changed: dict[str, Node] = {}
    for name, text in overrides.items():
        place = f"--set {name}"
        if name not in known:
            advice = hint(name, known, "parameters") or "the spec has no parameters"
            problems.append(Problem(place, 0, 0, f"unknown parameter {name!r}", text, advice))
            continue
        mark = Mark(Path(place), 0, 0)
        old = known[name].value
        if isinstance(old, str) and not has_template(old):
            changed[name] = Node(text, mark)
            continue
        try:
            changed[name] = option(text, mark, scalar=not isinstance(old, list | dict))
        except InputError as error:
            problems.extend(error.problems)
    return tree.merged({"parameters": parameters.merged(changed)}) if parameters and changed else tree


def resolve(tree: Node, problems: list[Problem]) -> dict[str, Node]:
    """Render the parameters in their order, each with those before it.

    Args:
        tree: The spec, `--set` already in it.
        problems: Receives what is wrong.

    Returns:
        The rendered parameters; those that cannot be rendered as they were.
    """
    parameters = tree.get("parameters")
    if parameters is None or not isinstance(parameters.value, dict):
        return {}
    rendered: dict[str, Node] = {}
    later = {
        name: f"it comes later; a parameter can use those before it, so move {name!r} up" for name in parameters.value
    }
    for name, node in parameters.value.items():
        if (fault := _name_fault(name, tree)) is not None:
            problems.append(Problem(str(node.place.file), node.place.line, node.place.column, *fault))
        later[name] = "a parameter cannot use itself"
        usable = names(tree, rendered)
        rendered[name] = render(node, Names(usable.known, {**later, **usable.unusable}), problems)
    return rendered


def names(tree: Node, parameters: Mapping[str, Node]) -> Names:
    """Return the names that are the same for every build: the parameters and the spec's name."""
    secrets = tree.get("secrets")
    unusable: dict[str, str] = {
        str(name): "secrets never go into a spec's own values; Ansible knows them by name in roles and under 'vars'"
        for name, _ in (secrets.children() if secrets else ())
    }
    known: dict[str, Any] = {name: node.plain() for name, node in parameters.items()}
    if (own := tree.get("name")) is not None:
        known["name"] = own.plain()
    return Names(known, {name: why for name, why in {**unusable, **BUILT_IN}.items() if name not in known})


def _name_fault(name: str, tree: Node) -> tuple[str, str, str] | None:
    if name in BUILT_IN:
        return f"a parameter cannot be named {name!r}", name, "that name is built in"
    if name.startswith("goldsmith_") or keyword.iskeyword(name):
        return f"a parameter cannot be named {name!r}", name, "that name is reserved"
    if tree.get("secrets", name) is not None:
        return f"{name!r} is both a parameter and a secret", name, "rename one of them"
    return None
