"""Targets: what a build can end in. Each is installed as an entry point of the group ``goldsmith.targets``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel

from goldsmith.errors import EnvironmentFault

GROUP = "goldsmith.targets"

FROM = "Another spec, whose newest image that is not revoked is the base; NAME@VERSION or NAME:CHANNEL for another one."
"""Description of a source's key ``from``."""


@dataclass(frozen=True)
class Base:
    """What a source means now.

    Attributes:
        id: Immutable identity, as `goldsmith.result.Source` has it; None where only the digest is known.
        digest: Digest in a registry, without the repository; None where there is none.
    """

    id: str | None
    digest: str | None = None


@dataclass(frozen=True)
class Ground:
    """What the layers of a build in the Docker engine stand on.

    Attributes:
        source: Where the operating system comes from, in the keys of a Docker image's source.
        machine: Options of the container.
        ingredients: What is written before the first layer, as JSON takes it, by name; see `goldsmith.layers`.
        installs: Whether packages are installed before the first layer.
    """

    source: Mapping[str, Any]
    machine: Mapping[str, Any]
    ingredients: Mapping[str, Any] = field(default_factory=dict)
    installs: bool = False


def _plain(source: Mapping[str, Any], options: Mapping[str, Any], _seed: str) -> Ground:
    return Ground(source, options.get("machine") or {})


@dataclass(frozen=True)
class Target:
    """A kind of artifact and the playbook that makes it.

    Attributes:
        name: Key of the target in a spec's ``platforms.<platform>`` and ``targets``.
        source: Model of ``platforms.<platform>.<name>``: where the operating system comes from.
        options: Model of ``targets.<name>``: what the artifact is to be like. Every field needs a default.
        playbook: Fully qualified name of the lifecycle playbook, such as ``goldsmith.images.docker``. It is given the
            dumped models as ``goldsmith_source`` and ``goldsmith_target``.
        require: Called before the first build: raises `EnvironmentFault` when something is missing that every build of
            the target needs, such as an engine or credentials.
        publish: Fully qualified name of the playbook that publishes an artifact that was made, for ``--resume``; None
            when nothing of the target could be resumed.
        from_artifact: Returns the source, in the keys of `source`, that starts from an artifact's identity, for
            ``from:``.
        regions: Returns the regions of a cloud in which a build with these options makes things, for sweeping.
        newest: Given a source and options, says what a build would start from now, without making anything; None where
            only a build can tell. Raises `EnvironmentFault` when it cannot be found out.
        there: Given an artifact's identity, tags and region, says whether it is there as it is recorded. Raises
            `EnvironmentFault` when it cannot be found out. None where only a build can tell.
        caches_layers: Whether the lifecycle playbook takes layers from the layer cache, by ``goldsmith_cache``.
        ground: Given ``goldsmith_source``, ``goldsmith_target`` and the text that identities follow from, returns what
            the layers stand on. Raises `InputError` where that cannot be.
        checkpoints: Whether of these only such are kept as say ``checkpoint``, each as a machine that boots anew; then
            the lifecycle playbook has ``tasks/ec2_keep.yml`` beside it.
        variant: Given a source and options, returns what a build of them really is of, such as one with another
            playbook; the target itself when None. Raises `ValueError` with the reason when they do not go together.
        starts_from: Name of the target whose artifacts ``from:`` means; None for the target's own.
    """

    name: str
    source: type[BaseModel]
    options: type[BaseModel]
    playbook: str
    require: Callable[[], object] = lambda: None
    publish: str | None = None
    from_artifact: Callable[[str], Mapping[str, Any]] = lambda identity: {"id": identity}
    regions: Callable[[Any], Sequence[str]] = lambda _options: ()
    newest: Callable[[Any, Any], Base | None] = lambda _source, _options: None
    there: Callable[[str, Sequence[str], str | None], bool] | None = None
    caches_layers: bool = False
    ground: Callable[[Mapping[str, Any], Mapping[str, Any], str], Ground] = _plain
    checkpoints: bool = False
    starts_from: str | None = None
    variant: Callable[[Any, Any], Target] | None = None

    @property
    def parent_target(self) -> str:
        """Name of the target of the artifacts that ``from:`` means."""
        return self.starts_from or self.name


def installed() -> dict[str, Target]:
    """Return the targets installed in this environment, by name.

    Raises:
        EnvironmentFault: An entry point cannot be imported or is no `Target`.
    """
    found: dict[str, Target] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            target: Any = entry.load()
        except Exception as error:
            raise EnvironmentFault(
                f"target {entry.name!r} ({entry.value}) cannot be loaded: {error}",
                "Repair or uninstall the package that brings it.",
            ) from error
        if not isinstance(target, Target):
            raise EnvironmentFault(f"target {entry.name!r} ({entry.value}) is {type(target).__name__}, not a Target")
        found[entry.name] = target
    return found


def parent_target(name: str) -> str:
    """Return the name of the target of the artifacts that ``from:`` means in a target that may not be installed."""
    target = installed().get(name)
    return target.parent_target if target else name
