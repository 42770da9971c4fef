"""Builds: what they would do, and how they ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from goldsmith.attempt import PUBLISHED_PHASES
from goldsmith.build import LOG, Done
from goldsmith.evidence.files import MANIFEST
from goldsmith.plan import Plan
from goldsmith.registry import ArtifactRecord
from goldsmith.result import Artifact
from goldsmith.show.text import size, span


def plan_document(plan: Plan, cache: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return a plan as plain data for JSON, with what the layer cache has of its layers."""
    return {
        "build": plan.build.label,
        "version": plan.version,
        "source": dict(plan.source),
        "layers": [
            {
                "number": layer.number,
                "name": layer.name,
                "from": str(layer.role.path if layer.role else layer.tasks),
                **{key: verdict[key] for verdict in cache[layer.number - 1 :][:1] for key in ("cache", "reason")},
            }
            for layer in plan.layers
        ],
        "tests": [dict(test) for test in plan.tests],
        "target": dict(plan.options),
    }


def plan_text(plan: Plan, cache: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return a plan as a paragraph: the base, the layers and where they are from, the tests, where the image goes.

    Args:
        plan: The plan.
        cache: Of each layer, whether it is in the layer cache; empty where that is not known.
    """
    lines = [f"{plan.build.label}, version {plan.version}", f"  source   {_source(plan.source)}"]
    if plan.parent and plan.parent.note:
        lines.append(f"           {plan.parent.note}")
    for layer in plan.layers:
        origin = layer.role.path if layer.role else layer.tasks
        lines.append(
            f"  layer {layer.number}  {layer.name}"
            + (f"  ({origin})" if not (layer.role and layer.role.collection) else "")
        )
        lines += [f"           {_cached(verdict)}" for verdict in cache[layer.number - 1 :][:1]]
    for test in plan.tests:
        stage, files = ("after capture", test["boot"]) if "boot" in test else ("before capture", test)
        lines += [f"  test     {kind} {stage}: {files[kind]}" for kind in ("goss", "testinfra") if kind in files]
    tell = {"docker": _docker_plan, "disk": _disk_plan, "ec2": _ec2_plan}.get(plan.build.target.name)
    return "\n".join([*lines, *(f"  {line}" for line in (tell(plan) if tell else ()))])


def _cached(verdict: Mapping[str, Any]) -> str:
    if verdict["cache"] == "hit":
        return "hit: it is in the layer cache"
    return f"{'miss' if verdict['cache'] == 'miss' else 'runs, not kept'}: {verdict['reason']}"


def _docker_plan(plan: Plan) -> Iterable[str]:
    if tags := plan.options.get("tags"):
        repository = plan.options.get("repository") or plan.build.loaded.spec.name
        push = "tagged and pushed" if plan.options.get("push") else "tagged"
        yield f"{push} as {', '.join(f'{repository}:{tag}' for tag in tags)}"


def _disk_plan(plan: Plan) -> Iterable[str]:
    options = plan.options
    packed = ", compressed" if options["compress"] else ""
    of_image = "file" in plan.source
    else_large = "as large as the image that it is made from" if of_image else "as large as it must be"
    large = size(options["size"]) if "size" in options else else_large
    yield f"disk     {options['format']}{packed}, {large}"
    yield f"starts   by {'what the image starts by' if of_image else ' and '.join(options['firmware'])}"
    if mounts := [f"{one['mount']} ({size(one['size'])})" for one in options.get("partitions", ())]:
        yield f"apart    {', '.join(mounts)}"
    yield f"written  to {options.get('directory', 'the output folder of the build')}"


def _ec2_plan(plan: Plan) -> Iterable[str]:
    options = plan.options
    regions = [
        options.get("region", "that of the environment"),
        *(copy["region"] for copy in options.get("copy_to", ())),
    ]
    spot = " (spot)" if "spot" in options.get("machine", {}) else ""
    yield f"region   {', copied to '.join(regions[:2])}{''.join(f', {region}' for region in regions[2:])}"
    yield f"machine  {' or '.join(options['instance_type'])}{spot}"
    if shared := [one for who in options.get("share_with", {}).values() if isinstance(who, list) for one in who]:
        yield f"shared   with {', '.join(shared)}"
    if parameter := options.get("ssm_parameter"):
        yield f"ssm      {parameter} is set to it"
    if seconds := options.get("deprecate_after"):
        yield f"ages     deprecated after {span(seconds)}"
    if retire := options.get("retire"):
        yield f"retire   {retire['action']} older ones, keep the {retire['keep']} newest"


def current_document(label: str, artifact: ArtifactRecord) -> dict[str, Any]:
    """Return a build that was not needed as plain data for JSON."""
    return {
        "kind": "up-to-date",
        "label": label,
        "version": artifact.version.label,
        "build": artifact.build,
        "artifact": artifact.identity,
        "tags": list(artifact.tags),
    }


def current_text(label: str, artifact: ArtifactRecord) -> str:
    """Say that a build was not needed, and which artifact there is."""
    called = ", ".join(artifact.tags) or artifact.identity
    return f"{label} is up to date: version {artifact.version.label}, {called} (build it all the same: --force)"


def done_document(done: Done) -> dict[str, Any]:
    """Return a build that has ended as plain data for JSON: its result without the long lists, and its record."""
    result = done.result.document()
    packages = len(result.pop("packages"))
    del result["software"]
    compliance = Counter(control["status"] for control in result.pop("compliance"))
    return {
        "kind": "result",
        "label": done.label,
        **result,
        "packages": packages,
        "compliance": dict(sorted(compliance.items())),
        "record": str(done.directory / MANIFEST),
    }


def done_text(done: Done) -> str:
    """Return a build that has ended as a paragraph: tag, identity, size, time per phase, and where the record is."""
    result = done.result
    lines = [f"{done.label} {'is built' if result.built else 'FAILED'}"]
    if artifact := result.artifact:
        lines += [f"  image    {reference}" for reference in artifact.tags or (artifact.id,)]
        lines += [f"  {line}" for line in identity(artifact, artifact.id)]
        lines += [
            f"  pushed   {reference.rpartition(':')[0]}@{digest}" for reference, digest in artifact.digests.items()
        ]
        if artifact.size is not None:
            lines.append(f"  size     {size(artifact.size)}")
    if any(layer.cache for layer in result.layers):
        taken = sum(layer.cache == "hit" for layer in result.layers)
        lines.append(f"  layers   {len(result.layers)}, {taken} from the cache")
    if result.packages:
        lines.append(f"  packages {len(result.packages)}")
    if result.tests:
        failed = sum(test.outcome == "failed" for test in result.tests)
        lines.append(f"  tests    {len(result.tests)}, {failed} failed")
    if result.compliance:
        failed = sum(control.status == "failed" for control in result.compliance)
        lines.append(f"  controls {len(result.compliance)}, {failed} failed")
    if result.phases:
        times = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in result.phases.items())
        lines.append(f"  seconds  {sum(result.phases.values()):.1f} ({times})")
    if result.kept:
        lines.append(
            f"  machine  kept; enter it: goldsmith shell {result.build}; remove it: goldsmith sweep {result.build}"
        )
    lines.append(f"  record   {_short(done.directory / MANIFEST)}")
    if not result.built:
        lines.append(f"  log      {_short(done.directory / LOG)}")
    if result.failure:
        lines.append(f"  failure  {result.failure}")
        if result.artifact and result.artifact.type == "ec2" and result.failure.phase in PUBLISHED_PHASES:
            lines.append(f"  resume   the image is good; publish it: goldsmith build --resume {result.build}")
    return "\n".join(lines)


def sweep_text(report: Mapping[str, Any], *, check: bool) -> str:
    """Return what a sweep found and removed."""
    verb = "would remove" if check else "removed"
    lines = [f"{verb} {_thing(thing)}" for thing in (report["found"] if check else report["removed"])]
    lines += [f"could not remove {_thing(thing)}: {thing.get('reason')}" for thing in report["failed"]]
    lines += [f"could not look everywhere: {reason}" for reason in report["unsearched"]]
    return "\n".join(lines) or "Nothing is left behind."


def _short(path: Path) -> str:
    """Return a path as its owner would type it."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def identity(artifact: Artifact | ArtifactRecord, known: str) -> Iterable[str]:
    """Yield what an artifact is known by for ever: of an AMI one id a region."""
    if artifact.type != "ec2":
        yield f"digest   {known}"
        return
    yield f"ami      {known} in {artifact.region}"
    images: Any = artifact.details.get("images") or {}
    for region, image in images.items():
        if region != artifact.region:
            yield f"copy     {image['id']} in {region}"


def _source(source: Mapping[str, Any]) -> str:
    for key, called in (
        ("image", "image"),
        ("file", "disk image"),
        ("from", "from"),
        ("id", "ami"),
        ("ssm", "SSM parameter"),
    ):
        if key in source:
            return f"{called} {source[key]}"
    if ami := source.get("ami"):
        filters = [f"{key}={value}" for key, value in ami.get("filters", {}).items()]
        return f"ami {'/'.join([ami['owner'], *filter(None, [ami.get('name')]), *filters])}"
    return ", ".join(
        f"{kind} {detail.get('suite', '')}" for kind, detail in source.items() if isinstance(detail, Mapping)
    )


def _thing(thing: Mapping[str, Any]) -> str:
    build = f" of build {thing['build']}" if thing.get("build") else ""
    region = f" in {thing['region']}" if thing.get("region") else ""
    return f"{thing['kind'].replace('_', ' ')} {thing.get('name') or thing['id']}{build}{region}"
