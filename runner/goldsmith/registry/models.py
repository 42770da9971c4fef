"""The registry's tables: image -> version -> build -> artifact, with what was found inside.

A change here is a new revision: a file in ``migrations/versions``, and `REVISION`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from pydantic import JsonValue
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

_RUNNING = text("state = 'running'")
_IN_FORCE = text("restored_at IS NULL")

REVISION = "0002"
"""The schema these models describe. Revisions are numbered, so that a newer one is known as newer."""

VersionState = Literal["building", "built", "failed"]
BuildState = Literal["running", "built", "failed", "interrupted"]
ArtifactState = Literal["available", "deleted"]


class Moment(TypeDecorator[datetime]):
    """A point in time, in UTC. SQLite knows no time zones: what it gives back is given its zone again."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  SQLAlchemy's signature
        """Refuse a time that could be anywhere."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  SQLAlchemy's signature
        """Say of what was read that it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Moment,
        str: Text,
        dict[str, JsonValue]: JSON(none_as_null=True),
        dict[str, float]: JSON(none_as_null=True),
        dict[str, str]: JSON(none_as_null=True),
        dict[str, dict[str, str]]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
        list[dict[str, JsonValue]]: JSON(none_as_null=True),
        JsonValue: JSON(none_as_null=True),
    }


alembic_version = Table(
    "alembic_version",
    Base.metadata,
    Column("version_num", String(32), primary_key=True),
)


class Image(Base):
    """A line of images that share a spec's name."""

    __tablename__ = "image"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    last_sequence: Mapped[int] = mapped_column(default=0)
    """Number of the newest version. Counted up in one statement, so that two builds never get the same."""
    created: Mapped[datetime]

    versions: Mapped[list[Version]] = relationship(back_populates="image", order_by="Version.sequence.desc()")


class Version(Base):
    """What one run of `goldsmith build` made of a spec, on all its platforms and targets."""

    __tablename__ = "version"
    __table_args__ = (
        UniqueConstraint("image_id", "sequence"),
        CheckConstraint("state IN ('building', 'built', 'failed')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    sequence: Mapped[int]
    label: Mapped[str]
    fingerprint: Mapped[str]
    """Digest of what went in, by which an unchanged spec is known."""
    state: Mapped[VersionState] = mapped_column(String(16))
    created: Mapped[datetime]

    image: Mapped[Image] = relationship(back_populates="versions")
    builds: Mapped[list[Build]] = relationship(back_populates="version", order_by="Build.started, Build.id")


class Build(Base):
    """One platform and target of a version."""

    __tablename__ = "build"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'built', 'failed', 'interrupted')", name="state"),
        Index(None, "version_id"),
        Index(None, "label"),
        Index("ix_build_running", "state", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    label: Mapped[str]
    platform: Mapped[str]
    target: Mapped[str]
    state: Mapped[BuildState] = mapped_column(String(16))
    started: Mapped[datetime]
    finished: Mapped[datetime | None]
    phases: Mapped[dict[str, float]] = mapped_column(default=dict)
    layers: Mapped[list[dict[str, JsonValue]]] = mapped_column(default=list)
    source: Mapped[dict[str, JsonValue] | None]
    failure: Mapped[dict[str, JsonValue] | None]
    spec: Mapped[str]
    parameters: Mapped[dict[str, JsonValue]] = mapped_column(default=dict)
    secrets: Mapped[list[str]] = mapped_column(default=list)
    """Names only."""
    tools: Mapped[dict[str, str]] = mapped_column(default=dict)
    log: Mapped[str | None]
    pid: Mapped[int]
    host: Mapped[str]
    inventory_id: Mapped[int | None] = mapped_column(ForeignKey("inventory.id"))
    # What is below is long and seldom asked for, and unknown of builds recorded before revision 0002.
    ingredients: Mapped[dict[str, str] | None] = mapped_column(deferred=True)
    """What went in: digest, version or identity by name."""
    compliance: Mapped[list[dict[str, JsonValue]] | None] = mapped_column(deferred=True)
    """What became of each control of os_hardening."""
    patching: Mapped[dict[str, JsonValue] | None] = mapped_column(deferred=True)
    """The report of os_patching."""
    evidence: Mapped[dict[str, dict[str, str]] | None] = mapped_column(deferred=True)
    """File, sha256 and media type by kind of evidence."""

    version: Mapped[Version] = relationship(back_populates="builds")
    artifacts: Mapped[list[Artifact]] = relationship(back_populates="build", order_by="Artifact.id")
    tests: Mapped[list[TestRow]] = relationship(back_populates="build", order_by="TestRow.position")
    inventory: Mapped[Inventory | None] = relationship()


class Artifact(Base):
    """Something that can be run: an image in an engine, an AMI in a region, a file."""

    __tablename__ = "artifact"
    __table_args__ = (
        CheckConstraint("state IN ('available', 'deleted')", name="state"),
        Index(None, "build_id"),
        Index(None, "identity"),
        Index(None, "parent_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    build_id: Mapped[str] = mapped_column(ForeignKey("build.id"))
    type: Mapped[str]
    identity: Mapped[str]
    """Image id or AMI id. Not unique: a reproducible build makes the same image twice."""
    digests: Mapped[dict[str, str]] = mapped_column(default=dict)
    tags: Mapped[list[str]] = mapped_column(default=list)
    size: Mapped[int | None] = mapped_column(BigInteger)
    region: Mapped[str | None]
    account: Mapped[str | None]
    published: Mapped[bool]
    state: Mapped[ArtifactState] = mapped_column(String(16), default="available")
    base_reference: Mapped[str | None]
    base_identity: Mapped[str | None]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("artifact.id"))
    """The recorded artifact that this one was built on, where the base was one of ours."""
    details: Mapped[dict[str, JsonValue]] = mapped_column(default=dict)

    build: Mapped[Build] = relationship(back_populates="artifacts")


class Package(Base):
    """A package as it is found in any number of artifacts; stored once."""

    __tablename__ = "package"
    __table_args__ = (
        UniqueConstraint("type", "name", "version", "arch", "source", "source_version", name="uq_package"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    name: Mapped[str]
    version: Mapped[str]
    arch: Mapped[str]
    source: Mapped[str]
    source_version: Mapped[str]


inventory_package = Table(
    "inventory_package",
    Base.metadata,
    Column("inventory_id", Integer, ForeignKey("inventory.id"), primary_key=True),
    Column("package_id", Integer, ForeignKey("package.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)


class Inventory(Base):
    """A set of packages. Rebuilds that found nothing new share one, so ten thousand builds stay small."""

    __tablename__ = "inventory"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int]

    packages: Mapped[list[Package]] = relationship(secondary=inventory_package)


class TestRow(Base):
    """The outcome of one test of a build."""

    __tablename__ = "test_result"
    __test__: ClassVar[bool] = False
    __table_args__ = (CheckConstraint("outcome IN ('passed', 'failed', 'skipped')", name="outcome"),)

    build_id: Mapped[str] = mapped_column(ForeignKey("build.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    framework: Mapped[str]
    name: Mapped[str]
    outcome: Mapped[Literal["passed", "failed", "skipped"]] = mapped_column(String(16))
    expected: Mapped[JsonValue]
    found: Mapped[JsonValue]
    message: Mapped[str]
    duration: Mapped[float] = mapped_column(Float)

    build: Mapped[Build] = relationship(back_populates="tests")


class Channel(Base):
    """A name that points at a version of an image, such as ``production``."""

    __tablename__ = "channel"
    __table_args__ = (UniqueConstraint("image_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    name: Mapped[str]

    image: Mapped[Image] = relationship()


class ChannelEvent(Base):
    """A channel was pointed at a version, or at none any more. The newest event is what holds; none is ever changed."""

    __tablename__ = "channel_event"
    __table_args__ = (Index(None, "channel_id"), Index(None, "version_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    version_id: Mapped[int | None] = mapped_column(ForeignKey("version.id"))
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str]

    channel: Mapped[Channel] = relationship()
    version: Mapped[Version | None] = relationship()


class Revocation(Base):
    """A version that nothing may be built on from a time on, until it is restored."""

    __tablename__ = "revocation"
    __table_args__ = (
        Index(None, "version_id"),
        Index(
            "uq_revocation_in_force",
            "version_id",
            unique=True,
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    recorded: Mapped[datetime]
    at: Mapped[datetime]
    """From when on it holds; may lie ahead."""
    by: Mapped[str]
    reason: Mapped[str]
    descendants: Mapped[bool]
    """Whether it holds for everything that was built on the version, too."""
    restored_at: Mapped[datetime | None]
    restored_by: Mapped[str | None]
    restored_reason: Mapped[str | None]

    version: Mapped[Version] = relationship()
