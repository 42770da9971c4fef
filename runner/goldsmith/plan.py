"""From a build to a plan: what would be done, with everything found that it needs. Pure: look-ups are passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from goldsmith.errors import InputError
from goldsmith.roles import Role
from goldsmith.spec import Build, Layer
from goldsmith.targets import Ground


@dataclass(frozen=True)
class Parent:
    """The artifact of another spec that a build starts from.

    Attributes:
        identity: What the target's builder takes as a source: an image id, an AMI id.
        reference: How people call it: its first tag.
        artifact: Its number in the registry.
        note: Why it is not the newest one, or empty.
    """

    identity: str
    reference: str
    artifact: int
    note: str = ""


@dataclass(frozen=True)
class PlannedLayer:
    """A layer with what it runs.

    Attributes:
        number: Position, counted from 1.
        name: What people call it.
        role: The role, or None for a file of tasks.
        tasks: The file of tasks, or None for a role.
        variables: Variables of the layer, as the spec says them; Ansible resolves what they refer to.
        cache: Whether the layer may be kept in the layer cache.
        checkpoint: Whether it is to be kept where only some are, see `goldsmith.targets.Target.checkpoints`.
    """

    number: int
    name: str
    role: Role | None
    tasks: Path | None
    variables: Mapping[str, Any]
    cache: bool = True
    checkpoint: bool = False


@dataclass(frozen=True)
class Plan:
    """A build with its version, its source, its layers and its options.

    Attributes:
        build: The build.
        version: Version of the image, as it stands in tags.
        source: ``goldsmith_source`` of the lifecycle playbook.
        options: ``goldsmith_target`` of the lifecycle playbook.
        layers: The layers in order.
        tests: ``goldsmith_tests`` of the lifecycle playbook, with absolute paths.
        parent: The artifact of another spec that the build starts from, or None.
    """

    build: Build
    version: str
    source: Mapping[str, Any]
    options: Mapping[str, Any]
    layers: tuple[PlannedLayer, ...]
    tests: tuple[Mapping[str, Any], ...]
    parent: Parent | None = field(default=None)

    @property
    def ground(self) -> Ground:
        """What the layers stand on, of a target whose builds run in the Docker engine.

        Raises:
            InputError: That cannot be, such as a disk that is too small for its partitions.
        """
        seed = f"{self.build.loaded.spec.name}/{self.build.platform}"
        return self.build.target.ground(self.source, self.options, seed)


FindRole = Callable[[str], Role | None]
NearestRole = Callable[[str], str | None]


def plan(build: Build, version: str, parent: Parent | None, find: FindRole, nearest: NearestRole) -> Plan:
    """Work out what a build consists of.

    Args:
        build: The build.
        version: The version that it will get.
        parent: The artifact that ``from:`` names; required exactly where the source says ``from``.
        find: Returns the role of a name, or None.
        nearest: Returns the name of a role that looks like one that does not exist, or None.

    Raises:
        InputError: A layer names a role that does not exist.
    """
    layers, problems = [], []
    for number, layer in enumerate(build.layers, start=1):
        role = find(layer.role) if layer.role else None
        if layer.role and role is None:
            guess = nearest(layer.role)
            hint = f"did you mean {guess!r}?" if guess else "it is in no roles path and in no installed collection"
            where = ("layers", number - 1, "role")
            problems.append(build.loaded.problem(where, f"unknown role {layer.role!r}", hint))
        name = layer.name or (role.name if role else Path(layer.tasks or "").stem)
        layers.append(
            PlannedLayer(
                number,
                name,
                role,
                Path(layer.tasks) if layer.tasks else None,
                _variables(layer, build),
                cache=layer.cache,
                checkpoint=layer.checkpoint,
            )
        )
        uncached = next((one for one in layers if not one.cache), None)
        if layer.checkpoint and uncached:
            where = ("layers", number - 1, "checkpoint")
            whose = "it" if uncached.number == number else f"layer {uncached.name} below it"
            problems.append(
                build.loaded.problem(where, f"no checkpoint of {name} can be kept: {whose} says cache: false")
            )
    if problems:
        raise InputError(problems=problems)
    return Plan(
        build=build,
        version=version,
        source=_source(build, parent),
        options=dump(build.options(version)),
        layers=tuple(layers),
        tests=tuple(dump(test) for test in build.tests),
        parent=parent,
    )


def parent_name(build: Build) -> str | None:
    """Return the name of the spec whose image the build starts from, or None."""
    name: str | None = getattr(build.source, "from_", None)
    return name


def dump(model: BaseModel) -> dict[str, Any]:
    """Return a model as plain data, with the spec's own keys, defaults too, but without those that are empty."""
    whole = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return _without_empty_defaults(whole, model.model_dump(mode="json", by_alias=True, exclude_defaults=True))


def _variables(layer: Layer, build: Build) -> dict[str, Any]:
    """Return a layer's variables without those that only pass a parameter on under its own name.

    Parameters are variables already, and to Ansible a variable that refers to itself is an endless loop.
    """
    return {
        name: value
        for name, value in layer.vars.items()
        if not (name in build.parameters and isinstance(value, str) and value.strip("{} ") == name)
    }


def _without_empty_defaults(whole: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_empty_defaults(value, given[key]) if isinstance(value, dict) and key in given else value
        for key, value in whole.items()
        if key in given or not (isinstance(value, dict) or value == [])
    }


def _source(build: Build, parent: Parent | None) -> dict[str, Any]:
    """Return the source; one that says ``from`` becomes the artifact that was found."""
    data = dump(build.source)
    if parent is None:
        return data
    return {key: value for key, value in data.items() if key != "from"} | dict(
        build.target.from_artifact(parent.identity)
    )
