"""From builds to plans: finds the roles, the collections and the images of other specs that they stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from goldsmith import fast, layers, project, roles
from goldsmith.errors import GoldsmithError, InputError
from goldsmith.ingredients import ingredients
from goldsmith.layers import CacheLayer
from goldsmith.plan import Parent, Plan, parent_name, plan
from goldsmith.registry import ArtifactRecord, Reference, Registry
from goldsmith.revision import revision
from goldsmith.spec import Build, LoadedSpec

if TYPE_CHECKING:
    from goldsmith.evidence.provenance import Inputs


def planned(build: Build, version: str, registry: Registry, require_parent: bool = True) -> Plan:
    """Return the plan of a build, with the newest image of the spec that it starts from.

    Raises:
        InputError: A role does not exist, or there is no image yet of the spec named by ``from``.
        GoldsmithError: That image is revoked.
    """
    search = search_path(build.loaded)
    return plan(
        build,
        version,
        _parent(build, registry, require_parent),
        find=lambda name: roles.find(name, search),
        nearest=lambda name: roles.nearest(name, search),
    )


def plans(builds: Sequence[Build], registry: Registry, *, require_parents: bool = True) -> list[Plan]:
    """Return the plan of each build, with the version that it would get now.

    Args:
        builds: The builds.
        registry: Knows the images that builds start from.
        require_parents: Whether a spec that starts from an image that does not exist yet is an error.
    """
    return [planned(build, next_version(build.loaded, registry), registry, require_parents) for build in builds]


def next_version(loaded: LoadedSpec, registry: Registry) -> str:
    """Return the version that the next build of a spec gets."""
    return loaded.spec.version or str(registry.next_sequence(loaded.spec.name))


def search_path(loaded: LoadedSpec) -> roles.SearchPath:
    """Return where the roles and collections of a spec are looked for."""
    return roles.SearchPath.of(loaded.directory, *(file.absolute().parent for file in loaded.files))


def tools() -> dict[str, str]:
    """Return the versions of what builds: by package name."""
    return {name: version(name) for name in ("goldsmith", "ansible-core", "ansible-runner")}


def given(loaded: LoadedSpec, ingredients: Mapping[str, str] | None) -> Inputs:
    """Return what a build is given, for its provenance."""
    from goldsmith.record import inputs  # noqa: PLC0415  what writes evidence is loaded while Ansible runs

    return inputs(loaded, search_path(loaded), ingredients or {}, tools() | fast.tools())


def went_in(planned_build: Plan) -> dict[str, str]:
    """Return what goes into a build, by name; see `goldsmith.ingredients`."""
    search = search_path(planned_build.build.loaded)
    brought = project.assemble(planned_build, {}).brought
    return ingredients(planned_build, brought, tools(), lambda name: roles.collection_version(name, search))


def caches(planned_build: Plan) -> bool:
    """Return whether any layer of a plan can be in a layer cache."""
    target = planned_build.build.target
    return target.caches_layers and (not target.checkpoints or any(one.checkpoint for one in planned_build.layers))


def cache_layers(planned_build: Plan) -> list[CacheLayer]:
    """Return what the layers of a plan are made from; see `goldsmith.layers`."""
    search = search_path(planned_build.build.loaded)
    on = layers.Tools(
        version("ansible-core"),
        find=lambda name: roles.find(name, search),
        collection=lambda name: roles.collection_state(name, search),
    )
    return layers.cache_layers(planned_build, on)


def assembled(planned_build: Plan, *, debug: bool = False, cached: bool = False) -> project.Project:
    """Return the Ansible project of a plan."""
    return project.assemble(planned_build, revision(planned_build.build.loaded.directory), debug, cached)


def export_projects(planned_builds: Sequence[Plan], directory: Path) -> list[Path]:
    """Write the project of each plan: into the directory when there is one, else each into a directory below it.

    Returns:
        The directories written.

    Raises:
        InputError: The directory is not empty.
        EnvironmentFault: It cannot be written.
    """
    if not project.is_vacant(directory):
        raise InputError(f"{directory} is not empty", "Name a directory that does not exist yet.")
    places = {}
    for one in planned_builds:
        name = f"{one.build.platform}-{one.build.target.name}"
        places[directory / name if len(planned_builds) > 1 else directory] = assembled(one)
    for place, content in places.items():
        project.write(content, place, link=False)
    return list(places)


def started_from(name: str, platform: str, target: str, registry: Registry) -> ArtifactRecord | None:
    """Return the artifact that ``from: NAME`` means now, or None where there is none yet.

    Raises:
        GoldsmithError: Nothing may be built on it: it is revoked, or so are all that are there.
    """
    find = registry.artifact if Reference.parse(name).pinned else registry.newest_artifact
    return find(name, platform, target)


def _parent(build: Build, registry: Registry, required: bool) -> Parent | None:
    name = parent_name(build)
    if name is None:
        return None
    try:
        found = started_from(name, build.platform, build.target.parent_target, registry)
    except GoldsmithError as error:
        if not required:
            return None
        raise type(error)(f"{build.label} starts from {name}: {error.message}", error.hint) from error
    if found is not None:
        reference = found.tags[0] if found.tags else found.identity
        return Parent(found.identity, reference, found.id, _passed_over(name, found, registry))
    if not required:
        return None
    label = f"{name}/{build.platform}/{build.target.parent_target}"
    raise InputError(
        f"{build.label} starts from {name}, and there is no image {label} yet",
        "Build it first, or in the same command.",
    )


def _passed_over(name: str, found: ArtifactRecord, registry: Registry) -> str:
    """Say that a build starts from an image that is not the newest one, where that one is revoked."""
    newest = registry.resolve(name)
    if newest.revocation is None or newest.version.sequence <= found.version.sequence:
        return ""
    return f"it starts from {found.version}, as {newest.revocation.told}"
