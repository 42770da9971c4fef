"""What a spec is built into: platforms x targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydantic import BaseModel, JsonValue

from goldsmith.errors import InputError, Problem
from goldsmith.spec.load import PLACEHOLDER_VERSION, LoadedSpec
from goldsmith.spec.models import Layer, Test, spec_model
from goldsmith.spec.view import validated
from goldsmith.targets import Target


@dataclass(frozen=True)
class Build:
    """One platform of a spec for one target.

    Attributes:
        loaded: The spec.
        platform: Name of the platform.
        target: The target.
        source: Where the operating system comes from: the target's `source` model.
        layers: The layers as this build sees them.
        tests: The tests as this build sees them.
    """

    loaded: LoadedSpec
    platform: str
    target: Target
    source: BaseModel
    layers: tuple[Layer, ...]
    tests: tuple[Test, ...]

    @property
    def label(self) -> str:
        """What users call the build: ``name/platform/target``."""
        return f"{self.loaded.spec.name}/{self.platform}/{self.target.name}"

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """The parameters, which Ansible gets as variables."""
        return self.loaded.spec.parameters

    def options(self, version: str) -> BaseModel:
        """Return the target's options, rendered for a version.

        Args:
            version: Version that the build gets.

        Raises:
            InputError: With this version they are not valid.
        """
        problems: list[Problem] = []
        node = self.loaded.source.options(self.platform, self.target.name, version, problems)
        options = validated(self.target.options, node, problems) if not problems else None
        if options is None:
            raise InputError(problems=problems)
        return options


def builds(loaded: LoadedSpec, only: Sequence[str] = ()) -> list[Build]:
    """Return the builds of a spec in the order its platforms and targets are written.

    Args:
        loaded: The spec.
        only: Patterns for `select`.

    Raises:
        InputError: A pattern matches no build.
    """
    return select([_build(loaded, platform, target) for platform, target in loaded.source.pairs()], only)


def select(found: Sequence[Build], only: Sequence[str]) -> list[Build]:
    """Return those builds that are asked for.

    Args:
        found: Builds, of one spec or of several.
        only: Patterns as the shell's (``web/*/docker``, ``debian-*``, ``docker``); a build is taken when one matches
            its label or a part of it. Empty: all builds.

    Raises:
        InputError: A pattern matches no build.
    """
    for pattern in only:
        if not any(_matches(pattern, build) for build in found):
            there = "\n".join(f"  {build.label}" for build in found)
            raise InputError(f"{pattern!r} matches no build", f"Builds:\n{there}")
    return [build for build in found if not only or any(_matches(pattern, build) for pattern in only)]


def _matches(pattern: str, build: Build) -> bool:
    name, platform, target = build.loaded.spec.name, build.platform, build.target.name
    candidates = (build.label, f"{platform}/{target}", name, platform, target)
    return any(fnmatchcase(candidate, pattern) for candidate in candidates)


def _build(loaded: LoadedSpec, platform: str, target: str) -> Build:
    problems: list[Problem] = []
    rendered = loaded.source.rendered(platform, target, PLACEHOLDER_VERSION, problems)
    spec = validated(spec_model(loaded.source.targets), rendered, problems)
    if problems or spec is None:  # a file the spec names has gone since it was loaded
        raise InputError(problems=problems)
    source, kind = spec.platforms[platform][target], loaded.source.targets[target]
    if kind.variant is not None:
        try:
            kind = kind.variant(source, spec.targets[target])
        except ValueError as error:
            raise InputError(problems=[loaded.problem(("platforms", platform, target), str(error))]) from error
    tests = tuple(test for test in spec.tests if not test.targets or target in test.targets)
    return Build(loaded, platform, kind, source, tuple(spec.layers), tests)
