"""What a build leaves behind: the lifecycle playbook writes it as ``result.json``, the runner reads and records it.

Unknown keys are passed over, so that a newer collection still works with this runner; what is known must be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass

from goldsmith.errors import GoldsmithError

SCHEMA: Final = 1
"""Version of ``result.json`` that this runner reads."""

Status = Literal["built", "failed"]
Outcome = Literal["passed", "failed", "skipped"]

# Commands that only read records import this too: validators are built when the first result is.
_CONFIG = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, defer_build=True)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the calendar in UTC") from error


def _escape(value: Any) -> Any:
    """Show escaped what is no text, and NUL, which PostgreSQL does not store: a test's output may hold either."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if isinstance(value, list):
        return [_escape(item) for item in value]
    if isinstance(value, dict):
        return {_escape(key): _escape(item) for key, item in value.items()}
    return value


def _text(value: Any) -> Any:
    """Take null and a number for text, as test frameworks and package managers give either."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return "" if value is None else _escape(value)


Time = Annotated[AwareDatetime, AfterValidator(_utc)]
Word = Annotated[str, BeforeValidator(_escape)]
Text = Annotated[str, BeforeValidator(_text)]
Json = Annotated[JsonValue, BeforeValidator(_escape)]
Details = Annotated[dict[str, JsonValue], BeforeValidator(_escape)]
Seconds = Annotated[float, Field(ge=0)]


class _Open:
    """Keeps the keys that differ from target to target, such as an AMI's snapshots, together in ``details``."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = {field.name for field in fields(cls)} - {"details"}  # type: ignore[arg-type]  # only dataclasses derive
        return {key: item for key, item in value.items() if key in known} | {
            "details": {key: item for key, item in value.items() if key not in known}
        }

    @model_serializer(mode="wrap")
    def _spread(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = handler(self)
        details = plain.pop("details")
        return plain | {key: item for key, item in details.items() if key not in plain}


@dataclass(frozen=True, config=_CONFIG)
class Source(_Open):
    """The base that a build started from.

    Attributes:
        id: Immutable identity: an image id ``sha256:…``, an AMI id.
        reference: What was asked for, such as ``debian:12``.
        digest: Digest in a registry, or ``None`` when the base is in none.
        kind: How it was got, such as ``image`` or ``debootstrap``.
        details: What else the target tells of it, such as its configuration and layers.
    """

    id: str
    reference: Text = ""
    digest: str | None = None
    kind: Text = ""
    details: Details = Field(default_factory=dict)


@dataclass(frozen=True, config=_CONFIG)
class Artifact(_Open):
    """What a build made.

    Attributes:
        type: Kind of artifact; equals the target's name for those that come with Goldsmith.
        id: Immutable identity: an image id ``sha256:…``, an AMI id.
        size: Bytes, or ``None`` when the target cannot tell.
        tags: Names it was given.
        digests: Digest by reference, for those that were pushed.
        published: Whether everything the spec asked for (push, copy, share) was done.
        region: Region of a cloud, or ``None``.
        account: Account of a cloud, or ``None``.
        details: What else the target tells of it, such as layers, configuration, snapshots.
    """

    type: str
    id: str
    size: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()  # once gathered, it is a Python list and not JSON's
    digests: dict[str, str] = Field(default_factory=dict)
    published: bool = False
    region: str | None = None
    account: str | None = None
    details: Details = Field(default_factory=dict)


@dataclass(frozen=True, order=True, config=_CONFIG)
class Package:
    """A package inside the artifact; ``type`` is ``deb``, ``rpm``, ``apk``."""

    type: Word
    name: Word
    version: Word
    arch: Text = ""
    source: Text = ""
    source_version: Text = ""


Words = Annotated[tuple[Word, ...], Field(strict=False)]


@dataclass(frozen=True, config=_CONFIG)
class Library:
    """A library or program that came in no package, as its own metadata tell of it.

    Attributes:
        type: That of a package URL: ``pypi``, ``npm``, ``maven``, ``golang``.
        name: With the group or the scope, such as ``org.example/tool``.
        version: Its version.
        path: The file that tells.
        licenses: As the metadata name them.
        hashes: Hexadecimal by algorithm, of the archive that it came from; ``h1`` is Go's own, in base64.
    """

    type: Word
    name: Word
    version: Text = ""
    path: Word = ""
    licenses: Words = ()
    hashes: dict[Word, Word] = Field(default_factory=dict)


@dataclass(frozen=True, config=_CONFIG)
class Software:
    """What the artifact's disk says of its software, beside the list of packages.

    Attributes:
        os: The variables of os-release(5).
        databases: Package databases that are there: ``apk``, ``dpkg``, ``rpm``.
        licenses: Licences by type and name of a package, such as ``deb dash``.
        libraries: What came in no package.
    """

    os: dict[Word, Word] = Field(default_factory=dict)
    databases: Words = ()
    licenses: dict[Word, Words] = Field(default_factory=dict)
    libraries: Annotated[tuple[Library, ...], Field(strict=False)] = ()


@dataclass(frozen=True, config=_CONFIG)
class TestResult:
    """The outcome of one test, whatever framework ran it; ``duration`` is in seconds."""

    __test__: ClassVar[bool] = False  # pytest takes every class named Test… that a test module imports for a test

    framework: Word
    name: Word
    outcome: Outcome
    expected: Json = None
    found: Json = None
    message: Text = ""
    duration: Seconds = 0.0


@dataclass(frozen=True, config=_CONFIG)
class ControlResult(_Open):
    """What became of a control of os_hardening, as its report has it.

    Attributes:
        id: The control.
        status: ``compliant``, ``changed``, ``not_applicable``, ``disabled`` or ``failed``.
        title: What holds where it does.
        message: Why it is so.
        details: What else the report tells, such as area, level and section of CIS.
    """

    id: Word
    status: Word
    title: Text = ""
    message: Text = ""
    details: Details = Field(default_factory=dict)


@dataclass(frozen=True, config=_CONFIG)
class LayerResult:
    """How far a layer came.

    Attributes:
        number: Position, counted from 1.
        name: What people call it.
        status: ``applied``.
        cache: ``hit`` where it was taken from the layer cache, ``miss`` where it ran and was kept there, ``off`` where
            it ran and was not; empty where the cache was not used.
        reason: Why it ran; empty for a hit.
    """

    number: int
    name: str
    status: str
    cache: str = ""
    reason: str = ""


@dataclass(frozen=True, config=_CONFIG)
class Failure:
    """Where and why a build failed; ``layer`` and ``task`` are empty when it failed outside of any."""

    phase: Text = ""
    layer: Text = ""
    task: Text = ""
    message: Text = ""

    def __str__(self) -> str:
        where = [f"phase {self.phase}" if self.phase else "", f"layer {self.layer}" if self.layer else ""]
        where.append(f"task {self.task!r}" if self.task else "")
        place = ", ".join(part for part in where if part)
        return f"{place}: {self.message}" if place else self.message


@dataclass(frozen=True, config=_CONFIG)
class BuildResult:
    """Everything that a build says of itself when it has ended.

    Attributes:
        build: Build id, ``YYYYMMDDTHHMMSS-<8 hex>``.
        name: Name of the image.
        version: Label of the version, as tags and stamps show it.
        platform: Key in the spec's ``platforms``.
        target: Name of the target.
        status: ``built`` only when every phase ended well.
        started: When it began, in UTC.
        finished: When it ended, in UTC.
        source: The base, or ``None`` when it was not even resolved.
        artifact: What was made. A failed build has one when it failed after capture.
        packages: Inventory of the artifact.
        software: What its disk says of its software beside that.
        tests: Results of all tests, in the order they ran.
        compliance: What became of each control, where os_hardening was among the layers.
        patching: Report of os_patching, where it was among the layers: what it upgraded, which CVEs it fixed.
        layers: The layers, in order.
        failure: Where and why it failed; ``None`` exactly when it is built.
        bootstrap: What was put into the machine for Ansible's sake.
        kept: Whether the machine of a build that failed was left for its user to enter.
        phases: Seconds by phase, in order. The runner measures them, so ``result.json`` need not hold them.
    """

    build: str
    name: str
    version: str
    platform: str
    target: str
    status: Status
    started: Time
    finished: Time
    source: Source | None = None
    artifact: Artifact | None = None
    packages: tuple[Package, ...] = ()
    software: Software = Field(default_factory=Software)
    tests: tuple[TestResult, ...] = ()
    compliance: tuple[ControlResult, ...] = ()
    patching: Details | None = None
    layers: tuple[LayerResult, ...] = ()
    failure: Failure | None = None
    bootstrap: Details | None = None
    kept: bool = False
    phases: dict[str, Seconds] = Field(default_factory=dict)
    schema: Literal[1] = SCHEMA

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.status == "built" and self.artifact is None:
            raise ValueError("status is built, but there is no artifact")
        if (self.status == "built") != (self.failure is None):
            raise ValueError(f"status is {self.status}, but failure {'is there' if self.failure else 'is missing'}")
        return self

    @property
    def built(self) -> bool:
        """Whether the build ended well."""
        return self.status == "built"

    @classmethod
    def read(cls, path: Path) -> BuildResult:
        """Return what a lifecycle playbook wrote.

        Raises:
            GoldsmithError: The file is missing, cannot be read, is damaged, or is of another schema.
        """
        try:
            return _ADAPTER.validate_json(path.read_bytes())
        except OSError as error:
            raise GoldsmithError(f"the build's result {path} cannot be read: {error.strerror}", _LOG) from error
        except ValidationError as error:
            raise GoldsmithError(f"the build's result {path} {_fault(error)}", _LOG) from error

    @classmethod
    def failed(
        cls,
        *,
        build: str,
        name: str,
        version: str,
        platform: str,
        target: str,
        failure: Failure,
        started: datetime,
        finished: datetime | None = None,
        phases: Mapping[str, float] | None = None,
    ) -> BuildResult:
        """Return the result of a build that ended without leaving one.

        Args:
            build: Build id.
            name: Name of the image.
            version: Label of the version.
            platform: Key in the spec's ``platforms``.
            target: Name of the target.
            failure: Where and why it failed, as far as is known.
            started: When it began, with a time zone.
            finished: When it ended, with a time zone; by default now.
            phases: Seconds by phase.
        """
        return cls(
            build=build,
            name=name,
            version=version,
            platform=platform,
            target=target,
            status="failed",
            started=started,
            finished=finished or datetime.now(UTC),
            failure=failure,
            phases=dict(phases or {}),
        )

    def document(self) -> dict[str, Any]:
        """Return the result in the form of ``result.json``: plain values, keys always in the same order."""
        plain: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        # A layer tells of the cache only where that was used.
        for layer in plain["layers"]:
            for key in ("cache", "reason"):
                if not layer[key]:
                    del layer[key]
        return {"schema": plain.pop("schema"), **plain}


_ADAPTER = TypeAdapter(BuildResult)
_LOG = "Ansible's log tells how far the build came."


def _fault(error: ValidationError) -> str:
    """Say in a line or a few what is wrong with a result."""
    problems = error.errors(include_url=False, include_context=False)
    for problem in problems:
        if problem["loc"] == ("schema",):
            return (
                f"has schema {problem['input']!r}, this runner reads {SCHEMA}: "
                "the collection goldsmith.images and the runner are of different versions"
            )
    shown = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'whole'}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in problems
    ]
    more = f"; and {len(shown) - 3} more" if len(shown) > 3 else ""
    return "is damaged: " + "; ".join(shown[:3]) + more
