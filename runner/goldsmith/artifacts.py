"""Looks after the artifacts themselves, by the collection's playbooks: whether they are there, and their end."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from goldsmith import disks, home
from goldsmith.chore import chore
from goldsmith.places import Place, noted
from goldsmith.registry import ArtifactRecord, Registry
from goldsmith.registry.address import regions
from goldsmith.registry.retention import Held, Verdict, judge

State = Literal["there", "missing", "unknown"]

_Key = tuple[str, str, str]
"""Region, endpoint and profile."""


@dataclass(frozen=True)
class Found:
    """What became of an artifact that is recorded as there.

    Attributes:
        artifact: The artifact.
        label: ``name/platform/target``.
        state: Whether it is there.
        reason: What is missing, or why it is not known.
    """

    artifact: ArtifactRecord
    label: str
    state: State
    reason: str = ""


@dataclass(frozen=True)
class Removal:
    """What became of an artifact that was to go: ``removed``, ``kept`` or ``failed``, and why."""

    artifact: ArtifactRecord
    label: str
    state: Literal["removed", "kept", "failed"]
    reason: str = ""


def verify(registry: Registry, root: Path, images: Sequence[str] = (), *, mark: bool = False) -> list[Found]:
    """See whether recorded artifacts are there, and have the digest that is recorded.

    Args:
        registry: The registry.
        root: Goldsmith's home.
        images: Names of images; by default all.
        mark: Record those that are missing as deleted.

    Raises:
        InputError: There is no such image.
        EnvironmentFault: Nobody could be asked, for instance because no Docker engine answers.
    """
    held = registry.held(images)
    here = [one for one in held if _elsewhere(one) is None]
    variables = _variables([one.artifact for one in here], root)
    report = chore("verify", variables, _output(root)) if here else {}
    found = [_found(one, report, root) for one in held]
    if mark:
        for one in found:
            if one.state == "missing":
                registry.mark_deleted(one.artifact.id)
    return found


def prune(
    registry: Registry,
    root: Path,
    images: Sequence[str] = (),
    *,
    keep: int,
    older_than: timedelta | None = None,
    check: bool = False,
) -> tuple[list[Verdict], list[Removal]]:
    """Remove artifacts that newer ones have replaced, and record them as deleted.

    Args:
        registry: The registry.
        root: Goldsmith's home.
        images: Names of images; by default all.
        keep: How many of each platform and target stay at least.
        older_than: Age that what goes has at least; by default any.
        check: Only say what would go.

    Returns:
        What was decided of each artifact, and what became of those that were to go.

    Raises:
        InputError: There is no such image.
        EnvironmentFault: Nothing could be removed, for instance because no Docker engine answers.
    """
    wanted = {one.artifact.version.image for one in registry.held(images)} if images else None
    verdicts = judge(
        registry.held(), registry.channels(), keep=keep, older_than=older_than, now=datetime.now(UTC), wanted=wanted
    )
    verdicts = [
        replace(verdict, goes=False, reason=why) if verdict.goes and (why := _elsewhere(verdict.held)) else verdict
        for verdict in verdicts
    ]
    going = [verdict.held for verdict in verdicts if verdict.goes]
    if check or not going:
        return verdicts, []
    return verdicts, remove(registry, root, going)


def remove(registry: Registry, root: Path, going: Sequence[Held]) -> list[Removal]:
    """Remove artifacts, in all regions, and record those that are gone as deleted."""
    report = chore(
        "retire", {**_variables([one.artifact for one in going], root), "goldsmith_action": "deregister"}, _output(root)
    )
    removals = [_removal(one, report, root) for one in going]
    for one in removals:
        if one.state == "removed":
            registry.mark_deleted(one.artifact.id)
    return removals


def retire_amis(artifacts: Sequence[ArtifactRecord], root: Path, action: str) -> list[str]:
    """Deprecate or disable the AMIs among artifacts, in all regions.

    Args:
        artifacts: The artifacts.
        root: Goldsmith's home.
        action: ``deprecate`` or ``disable``.

    Returns:
        What became of each, in words.
    """
    amis = [artifact for artifact in artifacts if artifact.type == "ec2"]
    if not amis:
        return []
    report = chore("retire", {**_variables(amis, root), "goldsmith_action": action}, _output(root))
    told = []
    for artifact in amis:
        for region, ami in regions(artifact).items():
            answer = _ec2(report, artifact, region, root)
            image = _image(answer, ami)
            done = image["done"] if image else answer.get("msg") or "it is not there"
            why = f", as {image['reason']}" if image and done in ("kept", "failed") else ""
            told.append(f"{ami} in {region}: {done}{why}")
    return told


def _output(root: Path) -> Path:
    output = root / "chores"
    output.mkdir(parents=True, mode=0o700, exist_ok=True)
    return output


def _elsewhere(one: Held) -> str | None:
    """Say why an artifact cannot be reached from here; ``None`` when it can be."""
    if one.artifact.type == "docker" and one.host != socket.gethostname():
        return f"it is in the Docker engine of {one.host}"
    if one.artifact.type == "disk" and one.host != socket.gethostname():
        return f"it is on {one.host}"
    return (
        None
        if one.artifact.type in ("docker", "disk", "ec2")
        else f"nobody here knows artifacts of {one.artifact.type}"
    )


def _place(artifact: ArtifactRecord, root: Path) -> Place:
    """Return where an AMI is; without a note of its build, where the environment says."""
    places = noted([home.build_directory(root, artifact.build)])
    return next(iter(places), Place("ec2"))


def _key(place: Place, region: str) -> _Key:
    return region, place.endpoint_url or "", place.profile or ""


def _variables(artifacts: Sequence[ArtifactRecord], root: Path) -> dict[str, Any]:
    """Return the variables of the playbooks: what to look at in the engine, and in each region."""
    docker: dict[str, dict[str, Any]] = {}
    files = []
    ids: dict[_Key, list[str]] = defaultdict(list)
    where: dict[_Key, dict[str, Any]] = {}
    for artifact in artifacts:
        if artifact.type == "docker":
            # An image that was built twice is one in the engine.
            known = docker.setdefault(artifact.identity, {"id": artifact.identity, "tags": [], "digests": {}})
            known["tags"] += [tag for tag in artifact.tags if tag not in known["tags"]]
            known["digests"] |= artifact.digests
        elif artifact.type == "disk":
            files.append({"id": artifact.identity, "paths": list(artifact.tags)})
        elif artifact.type == "ec2" and (place := _place(artifact, root)).answers():
            for region, ami in regions(artifact).items():
                key = _key(place, region)
                ids[key].append(ami)
                where[key] = place.variables() | {"region": region, "key": list(key)}
    return {
        "goldsmith_docker": list(docker.values()),
        "goldsmith_disk": files,
        "goldsmith_ec2": [where[key] | {"ids": ids[key]} for key in where],
    }


def _found(one: Held, report: Mapping[str, Any], root: Path) -> Found:
    if why := _elsewhere(one):
        return Found(one.artifact, one.label, "unknown", why)
    if one.artifact.type == "ec2":
        state, reason = _amis(one, report, root)
    else:
        state, reason = _docker(one, report) if one.artifact.type == "docker" else disks.state(one.artifact, report)
    return Found(one.artifact, one.label, state, reason)


def _docker(one: Held, report: Mapping[str, Any]) -> tuple[State, str]:
    answer = report.get("docker") or {}
    image = _image(answer, one.artifact.identity)
    if image is None:
        return "unknown", str(answer.get("msg") or "the Docker engine was not asked")
    if image["missing"]:
        return "missing", f"the registry does not have {', '.join(image['missing'])} any more"
    if not image["engine"] and not one.artifact.digests:
        return "missing", "the Docker engine does not have it any more"
    if image["unknown"]:
        return "unknown", "; ".join(f"{reference}: {why}" for reference, why in image["unknown"].items())
    return "there", "" if image["engine"] else "in the registry only"


def _amis(one: Held, report: Mapping[str, Any], root: Path) -> tuple[State, str]:
    place = _place(one.artifact, root)
    if not place.answers():
        return "missing", f"the lab {place.endpoint_url} was ended"
    missing, unknown = [], []
    for region, ami in regions(one.artifact).items():
        answer = _ec2(report, one.artifact, region, root)
        if "images" not in answer:
            unknown.append(f"{region}: {answer.get('msg') or 'it was not asked'}")
        elif _image(answer, ami) is None:
            missing.append(f"{ami} in {region}")
    if missing:
        return "missing", f"EC2 does not have {', '.join(missing)} any more"
    return ("unknown", "; ".join(unknown)) if unknown else ("there", "")


def _removal(one: Held, report: Mapping[str, Any], root: Path) -> Removal:
    if one.artifact.type == "ec2":
        return _removed_amis(one, report, root)
    if one.artifact.type == "disk":
        trouble = disks.kept(one.artifact, report)
        return Removal(one.artifact, one.label, "failed" if trouble else "removed", trouble)
    results = report.get("docker") or []
    answer: Mapping[str, Any] = next((each for each in results if each["item"]["id"] == one.artifact.identity), {})
    if answer.get("failed") or not answer:
        return Removal(one.artifact, one.label, "failed", str(answer.get("msg") or "the Docker engine was not asked"))
    if answer["kept"]:
        return Removal(one.artifact, one.label, "kept", str(answer["msg"]))
    return Removal(one.artifact, one.label, "removed", "" if answer["removed"] else "it was gone already")


def _removed_amis(one: Held, report: Mapping[str, Any], root: Path) -> Removal:
    if not _place(one.artifact, root).answers():
        return Removal(one.artifact, one.label, "removed", "it went with its lab")
    state: Literal["removed", "kept", "failed"] = "removed"
    reasons = []
    for region, ami in regions(one.artifact).items():
        answer = _ec2(report, one.artifact, region, root)
        image = _image(answer, ami)
        if image is None and "images" in answer:
            continue
        done = image["done"] if image else "failed"
        if done != "deregistered":
            state = "failed" if "failed" in (done, state) else "kept"
            reasons.append(f"{ami} in {region}: {image['reason'] if image else answer.get('msg')}")
    return Removal(one.artifact, one.label, state, "; ".join(reasons))


def _ec2(report: Mapping[str, Any], artifact: ArtifactRecord, region: str, root: Path) -> Mapping[str, Any]:
    """Return what was answered for the region of an AMI."""
    key = list(_key(_place(artifact, root), region))
    return next((answer for answer in report.get("ec2") or [] if answer["item"]["key"] == key), {})


def _image(answer: Mapping[str, Any], identity: str) -> Mapping[str, Any] | None:
    return next((image for image in answer.get("images") or [] if image["id"] == identity), None)
