"""A spec file -> a validated spec, or everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from goldsmith.errors import InputError, Problem
from goldsmith.spec.inherit import read
from goldsmith.spec.models import VERSION, Spec, spec_model
from goldsmith.spec.node import Steps
from goldsmith.spec.parameters import overridden, resolve
from goldsmith.spec.template import render
from goldsmith.spec.view import Source, validated
from goldsmith.targets import Target, installed

PLACEHOLDER_VERSION = "0"
"""Stands for the version, which is known later, when the options of targets are validated."""


@dataclass(frozen=True)
class LoadedSpec:
    """A valid spec.

    Attributes:
        spec: What it says, rendered and with absolute paths. What differs between builds (`layers`, `tests`,
            `targets`) is as the first build sees it, with a placeholder for the version: use `builds` for that.
        path: The spec file, as it was named.
        directory: Absolute path of the folder it is in.
        files: Every spec file that was read, `path` first, then its parents.
        overrides: What `--set` said, by parameter.
        source: What builds are rendered from.
    """

    spec: Spec
    path: Path
    directory: Path
    files: tuple[Path, ...]
    overrides: Mapping[str, str]
    source: Source = field(repr=False, compare=False)

    def problem(self, steps: Steps, message: str, hint: str = "") -> Problem:
        """Return a problem with a value of the spec, at its place in the file it came from.

        Args:
            steps: Way to the value, such as ``("layers", 0, "role")``.
            message: What is wrong with it.
            hint: What to do about it.
        """
        tree = self.source.tree
        ways = (steps[:length] for length in range(len(steps), 0, -1))
        node = next((node for way in ways if (node := tree.get(*way)) is not None), tree)
        return Problem(str(node.mark.file), node.mark.line, node.mark.column, message, node.plain(), hint)


def load(
    path: Path, overrides: Mapping[str, str] = MappingProxyType({}), targets: Mapping[str, Target] | None = None
) -> LoadedSpec:
    """Read, merge, render and validate a spec.

    Args:
        path: The spec file.
        overrides: Text of parameters' values by name, as `--set` gives it.
        targets: Targets by name; by default those installed.

    Raises:
        InputError: The spec is wrong; `problems` has all there is to say about it, in the order of the files.
        EnvironmentFault: An installed target cannot be loaded.
    """
    targets = installed() if targets is None else targets
    family = read(path)
    problems: list[Problem] = []
    tree = overridden(family.tree, overrides, problems)
    source = Source(tree, resolve(tree, problems), targets)
    model = spec_model(targets)
    specs: list[Spec | None] = []
    for platform, target in source.pairs() or [("platform", "target")]:
        rendered = source.rendered(platform, target, _version(source), problems)
        specs.append(validated(model, rendered, problems))
    problems.extend(_targets_without_source(source))
    first = specs[0]
    if problems or first is None:
        order = {str(file): number for number, file in enumerate(family.files)}
        raise InputError(problems=_in_order(problems, order))
    return LoadedSpec(first, path, path.absolute().parent, family.files, dict(overrides), source)


def _version(source: Source) -> str:
    version = source.tree.get("version")
    version = version and render(version, source.names, [])
    text = str(version.value) if version and isinstance(version.value, str | int | float) else ""
    return (
        text if re.match(VERSION, text) else PLACEHOLDER_VERSION
    )  # a wrong one is told once, not where it is used too


def _targets_without_source(source: Source) -> list[Problem]:
    targets = source.tree.get("targets")
    platforms = source.tree.get("platforms")
    if targets is None or platforms is None or not platforms.value or not isinstance(targets.value, dict):
        return []
    served = {target for _, target in source.pairs()}
    return [
        Problem(
            str(node.place.file),
            node.place.line,
            node.place.column,
            f"no platform has a source for the target {name!r}",
            name,
            f"add {name!r} under a platform, or remove it here",
        )
        for name, node in targets.value.items()
        if name in source.targets and name not in served
    ]


def _in_order(problems: list[Problem], order: Mapping[str, int]) -> list[Problem]:
    """Return the problems in the order of the files, each once: builds of one spec find the same ones."""
    unique = {str(problem): problem for problem in problems}.values()
    return sorted(unique, key=lambda problem: (order.get(problem.file, -1), problem.line, problem.column))
