"""What the registry answers with: plain values that outlive its transactions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import ClassVar

from pydantic import JsonValue

from goldsmith.registry import models
from goldsmith.registry.models import ArtifactState, BuildState, VersionState
from goldsmith.result import Failure


@dataclass(frozen=True)
class Version:
    """A version of an image: what one run of `goldsmith build` makes of a spec.

    Attributes:
        image: Name of the image.
        sequence: Counts from 1, without gaps.
        label: The spec's ``version``; the sequence number where the spec has none.
    """

    image: str
    sequence: int
    label: str

    def __str__(self) -> str:
        return f"{self.image}@{self.sequence}"


@dataclass(frozen=True)
class ArtifactRecord:
    """A recorded artifact; see `goldsmith.result.Artifact` for what is not said here.

    Attributes:
        id: Number in this registry.
        build: Id of the build that made it.
        version: The version it belongs to.
        identity: Image id ``sha256:…`` or AMI id.
        size: Bytes, or ``None``.
        base_reference: What the build was asked to start from, such as ``debian:12``.
        base_identity: Image id or AMI id of that.
        parent: Number of the recorded artifact it was built on, where the base was one of ours.
    """

    id: int
    build: str
    version: Version
    type: str
    identity: str
    digests: Mapping[str, str]
    tags: tuple[str, ...]
    size: int | None
    region: str | None
    account: str | None
    published: bool
    state: ArtifactState
    base_reference: str | None
    base_identity: str | None
    parent: int | None
    details: Mapping[str, JsonValue]


@dataclass(frozen=True)
class TestCounts:
    """How many tests ended how."""

    __test__: ClassVar[bool] = False

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.skipped


@dataclass(frozen=True)
class BuildRecord:
    """A recorded build.

    Attributes:
        id: Build id, ``YYYYMMDDTHHMMSS-<8 hex>``.
        label: ``name/platform/target``.
        version: The version it belongs to.
        started: In UTC.
        finished: In UTC; ``None`` while it runs.
        phases: Seconds by phase, in order.
        source: The base as the target told of it, or ``None``.
        spec: Path of the spec.
        parameters: Values of the spec's parameters.
        secrets: Names of the secrets it was given.
        tools: Versions by name: ``goldsmith``, ``ansible-core``, …
        log: Path of Ansible's log.
        pid: Process that runs it, on `host`.
        packages: How many packages were found inside.
    """

    id: str
    label: str
    version: Version
    platform: str
    target: str
    state: BuildState
    started: datetime
    finished: datetime | None
    phases: Mapping[str, float]
    source: Mapping[str, JsonValue] | None
    failure: Failure | None
    spec: str
    parameters: Mapping[str, JsonValue]
    secrets: tuple[str, ...]
    tools: Mapping[str, str]
    log: str | None
    pid: int
    host: str
    artifacts: tuple[ArtifactRecord, ...]
    tests: TestCounts
    packages: int

    @property
    def seconds(self) -> float | None:
        """How long it took, or ``None`` while it runs."""
        return (self.finished - self.started).total_seconds() if self.finished else None


@dataclass(frozen=True)
class Evidence:
    """A file that tells of a build, such as its SBOM.

    Attributes:
        file: Absolute path.
        sha256: Of its content, in hexadecimal.
        media_type: Such as ``application/vnd.cyclonedx+json``.
    """

    file: str
    sha256: str
    media_type: str


@dataclass(frozen=True)
class Recorded:
    """The newest artifact of a label that is there, with what planning wants to know of it.

    Attributes:
        label: Label of its build, ``name/platform/target``.
        version: The version it belongs to.
        fingerprint: Digest of what the spec said.
        build: Id of the build that made it.
        built: When that ended, in UTC.
        spec: Path of the spec.
        ingredients: What went in, by name; ``None`` where that was not recorded.
        inventory: Number of its inventory for `Registry.inventories`, or ``None`` where nothing was found inside.
        base: Identity of what it was built on, or ``None``.
        base_digest: Digest of that in a registry, with the repository, or ``None``.
        inrelease: SHA-256 of the archives' signed indexes that a base of packages was made from, by address.
        artifact: Number of the artifact.
        identity: Image id ``sha256:…`` or AMI id.
        parent: Number of the recorded artifact it was built on, where the base was one of ours.
        sources: Where packages are fetched from inside, as the modules' ``sources`` has it.
        revoked: Why its version is revoked, or ``None``.
    """

    label: str
    version: Version
    platform: str
    target: str
    fingerprint: str
    build: str
    built: datetime
    spec: str
    ingredients: Mapping[str, str] | None
    inventory: int | None
    base: str | None
    base_digest: str | None
    inrelease: Mapping[str, str]
    artifact: int
    identity: str
    parent: int | None
    sources: tuple[Mapping[str, JsonValue], ...]
    revoked: str | None


@dataclass(frozen=True)
class Channel:
    """A channel that points at a version.

    Attributes:
        image: Name of the image.
        name: Name of the channel, such as ``production``.
        version: What it points at.
        at: Since when.
        by: Who pointed it there: user@host.
        reason: Why; may be empty.
    """

    image: str
    name: str
    version: Version
    at: datetime
    by: str
    reason: str

    def __str__(self) -> str:
        return f"{self.image}:{self.name}"


@dataclass(frozen=True)
class ChannelEvent:
    """A channel was pointed at a version, or, where that is ``None``, emptied; see `Channel`."""

    image: str
    name: str
    version: Version | None
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class Revocation:
    """A version that nothing may be built on, and that nobody should run.

    Attributes:
        version: The version that was revoked.
        recorded: When somebody said so.
        at: From when on it holds; may lie ahead.
        by: Who said so: user@host.
        reason: Why.
        descendants: Whether it holds for everything that was built on it, too.
        restored_at: When it was ended; ``None`` while it stands.
        restored_by: Who ended it.
        restored_reason: Why.
        chain: From the version that was asked about, each built on the next, to the one that was revoked.
    """

    version: Version
    recorded: datetime
    at: datetime
    by: str
    reason: str
    descendants: bool
    restored_at: datetime | None
    restored_by: str | None
    restored_reason: str | None
    chain: tuple[Version, ...]

    @property
    def told(self) -> str:
        """The chain in words, with who revoked its last link, and why."""
        links = [f"{child} was built on {parent}" for child, parent in pairwise(self.chain)]
        revoked = f"{self.version} was revoked on {self.at:%Y-%m-%d} by {self.by}: {self.reason}"
        return f"{', '.join(links)}, and {revoked}" if links else revoked


@dataclass(frozen=True)
class RevocationReport:
    """What a revocation reaches.

    Attributes:
        revocation: The revocation.
        descendants: Versions that were built on the version, nearest first, whether it holds for them or not.
        channels: Channels that point at a version for which it holds.
        artifacts: Artifacts of versions for which it holds, as far as they are there.
    """

    revocation: Revocation
    descendants: tuple[Version, ...]
    channels: tuple[Channel, ...]
    artifacts: tuple[ArtifactRecord, ...]


@dataclass(frozen=True)
class Ancestor:
    """An artifact in a tree of what was built on what.

    Attributes:
        name: The version, or what the first of a line was built on, such as ``debian:12``.
        artifact: The artifact; ``None`` where it is none of ours.
        label: ``name/platform/target``, or empty.
        channels: Channels that point at its version.
        revocation: Why its version is revoked, or ``None``.
        asked: Whether it was asked for.
        children: What was built on it.
    """

    name: str
    artifact: ArtifactRecord | None = None
    label: str = ""
    channels: tuple[str, ...] = ()
    revocation: Revocation | None = None
    asked: bool = False
    children: tuple[Ancestor, ...] = ()


@dataclass(frozen=True)
class VersionDetail:
    """A version with its builds, in the order they were started, the channels that point at it, and its revocation."""

    version: Version
    fingerprint: str
    state: VersionState
    created: datetime
    builds: tuple[BuildRecord, ...]
    channels: tuple[str, ...] = ()
    revocation: Revocation | None = None


@dataclass(frozen=True)
class ImageDetail:
    """An image with its versions, newest first."""

    name: str
    created: datetime
    versions: tuple[VersionDetail, ...]


@dataclass(frozen=True)
class ImageSummary:
    """A line of the list of images.

    Attributes:
        name: Name of the image.
        newest: Its newest version, whatever became of it.
        state: State of that version.
        platforms: Platforms of that version.
        targets: Targets of that version.
        built: When an artifact of any of its versions was last built, in UTC; ``None`` if never.
        size: Bytes of the newest version's largest available artifact, or ``None``.
        channels: What its channels point at, by their names.
        revocation: Why its newest version is revoked, or ``None``.
    """

    name: str
    newest: Version
    state: VersionState
    platforms: tuple[str, ...]
    targets: tuple[str, ...]
    built: datetime | None
    size: int | None
    channels: Mapping[str, Version] = field(default_factory=dict)
    revocation: Revocation | None = None


def version_of(row: models.Version) -> Version:
    """Return the record of a row."""
    return Version(row.image.name, row.sequence, row.label)


def revocation_of(row: models.Revocation, chain: tuple[Version, ...] = ()) -> Revocation:
    """Return the record of a row, as it holds for the first version of a chain; by default for its own."""
    version = version_of(row.version)
    return Revocation(
        version=version,
        recorded=row.recorded,
        at=row.at,
        by=row.by,
        reason=row.reason,
        descendants=row.descendants,
        restored_at=row.restored_at,
        restored_by=row.restored_by,
        restored_reason=row.restored_reason,
        chain=chain or (version,),
    )


def artifact_of(row: models.Artifact) -> ArtifactRecord:
    """Return the record of a row."""
    return ArtifactRecord(
        id=row.id,
        build=row.build_id,
        version=version_of(row.build.version),
        type=row.type,
        identity=row.identity,
        digests=row.digests,
        tags=tuple(row.tags),
        size=row.size,
        region=row.region,
        account=row.account,
        published=row.published,
        state=row.state,
        base_reference=row.base_reference,
        base_identity=row.base_identity,
        parent=row.parent_id,
        details=row.details,
    )


def build_of(row: models.Build, tests: TestCounts) -> BuildRecord:
    """Return the record of a row and of what was counted of its tests."""
    failure = {key: str(value) for key, value in (row.failure or {}).items()}
    return BuildRecord(
        id=row.id,
        label=row.label,
        version=version_of(row.version),
        platform=row.platform,
        target=row.target,
        state=row.state,
        started=row.started,
        finished=row.finished,
        phases=row.phases,
        source=row.source,
        failure=Failure(**failure) if row.failure is not None else None,
        spec=row.spec,
        parameters=row.parameters,
        secrets=tuple(row.secrets),
        tools=row.tools,
        log=row.log,
        pid=row.pid,
        host=row.host,
        artifacts=tuple(artifact_of(artifact) for artifact in row.artifacts),
        tests=tests,
        packages=row.inventory.size if row.inventory else 0,
    )
