"""Asks every place at once, and the registry what it knows of what runs there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from itertools import product
from typing import Any

from goldsmith.fleet.classify import STATES, Behind, Catalog, Finding, Known, classify
from goldsmith.fleet.containers import containers
from goldsmith.fleet.hosts import hosts
from goldsmith.fleet.instances import instances
from goldsmith.fleet.running import Found, Unreached, merge
from goldsmith.registry import ArtifactRecord, Registry
from goldsmith.registry.diff import difference

WORKERS = 16


@dataclass(frozen=True)
class Survey:
    """What runs, and what is to be thought of it.

    Attributes:
        channel: The channel that approves.
        at: When it was looked, in UTC.
        findings: The worst first.
        unreached: What could not be asked.
        passed_over: How many machines of builds and of labs were not judged.
    """

    channel: str
    at: datetime
    findings: tuple[Finding, ...]
    unreached: tuple[Unreached, ...]
    passed_over: int

    @property
    def clean(self) -> bool:
        """Whether all that runs is approved, and all places were asked."""
        return not self.unreached and all(finding.state == "approved" for finding in self.findings)


@dataclass(frozen=True)
class Places:
    """Where to look.

    Attributes:
        engines: Addresses of Docker engines; ``None`` is that of the environment.
        profiles: Profiles of AWS, for accounts; ``None`` is the environment's.
        regions: Regions of EC2; ``None`` is the profile's.
        inventories: Ansible inventories.
    """

    engines: Sequence[str | None] = ()
    profiles: Sequence[str | None] = ()
    regions: Sequence[str | None] = ()
    inventories: Sequence[str] = ()


def survey(registry: Registry, places: Places, channel: str) -> Survey:
    """Look what runs in places, and judge it.

    Args:
        registry: What was built and approved.
        places: Where to look.
        channel: The channel that approves.

    Raises:
        EnvironmentFault: The registry cannot be read.
    """
    asked: list[Callable[[], Found]] = [partial(containers, engine) for engine in places.engines]
    asked += [partial(instances, *one) for one in product(places.profiles, places.regions)]
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = [pool.submit(ask) for ask in asked]
        # Not in a thread: ansible-runner is not made for it, and asks many machines at once by itself.
        found = [hosts(inventory) for inventory in places.inventories]
        found = [answer.result() for answer in answers] + found
    everything = merge(found)
    known = catalog(registry, channel)
    findings = [classify(running, known) for running in everything.running]
    findings = behind(registry, findings, known)
    order = {state: number for number, state in enumerate(STATES)}
    findings.sort(key=lambda one: (order[one.state], one.running.place, one.running.name))
    return Survey(channel, datetime.now(UTC), tuple(findings), tuple(everything.unreached), everything.passed_over)


def catalog(registry: Registry, channel: str) -> Catalog:
    """Return all recorded artifacts, by what they are known by, and what a channel points at."""
    approved = {one.image: one.version for one in registry.channels() if one.name == channel}
    revoked = {version: revocation.told for version, revocation in registry.revocations().items()}
    identities: dict[str, list[Known]] = defaultdict(list)
    builds: dict[str, Known] = {}
    in_channel: dict[str, str] = {}
    for label, artifact in registry.artifacts():
        known = Known(artifact.version, label, artifact.build, revoked.get(artifact.version, ""))
        builds[artifact.build] = known
        for identity in _identities(artifact):
            identities[identity].append(known)
        if approved.get(artifact.version.image) == artifact.version:
            in_channel[label] = artifact.build
    return Catalog(channel, identities, builds, approved, in_channel)


def behind(registry: Registry, findings: Sequence[Finding], known: Catalog) -> list[Finding]:
    """Return findings with how far each that is outdated is behind what is approved, by the recorded inventories."""

    @cache
    def between(old: str, new: str) -> Behind:
        differs = difference(*(registry.contents(registry.find_build(build)) for build in (old, new)))
        packages = sum(one.before is not None and one.after is not None for one in differs.packages)
        return Behind(packages, None if differs.cves_fixed is None else len(differs.cves_fixed))

    def measured(finding: Finding) -> Finding:
        new = known.in_channel.get(finding.known.label) if finding.known and finding.approved else None
        if finding.state in ("approved", "unknown", "unapproved") or not new or not finding.known:
            return finding
        return replace(finding, behind=between(finding.known.build, new))

    return [measured(finding) for finding in findings]


def _identities(artifact: ArtifactRecord) -> set[str]:
    """Return all that an artifact is known by: its id, its digests in registries, its copies in other regions."""
    copies: Any = artifact.details.get("images") or {}
    return {artifact.identity, *artifact.digests.values(), *(image["id"] for image in copies.values())}
