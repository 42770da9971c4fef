"""The registry: what was built, from what, and what is inside."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import JsonValue
from sqlalchemy import URL, select, update
from sqlalchemy.orm import Session

from goldsmith import __version__
from goldsmith.errors import EnvironmentFault, GoldsmithError
from goldsmith.home import home
from goldsmith.registry import _inventory, _queries, _rows, models
from goldsmith.registry._database import Database
from goldsmith.registry._reading import Reading
from goldsmith.registry._trust import Trust
from goldsmith.registry.records import BuildRecord, Evidence, Version
from goldsmith.result import BuildResult

FILE = "registry.db"


class Registry(Reading, Trust):
    """The record of all builds. Every method is one transaction; processes and threads may use it side by side.

    Every method raises `EnvironmentFault` when the database is locked, read-only, damaged or full.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str | None = None, *, environ: Mapping[str, str] = os.environ, timeout: float = 30.0) -> Self:
        """Open the registry, made when it is not there.

        Args:
            url: SQLAlchemy URL; by default ``GOLDSMITH_REGISTRY``, and without it `FILE` in Goldsmith's home.
            environ: Environment to read it from.
            timeout: Seconds to wait for another process that writes.

        Raises:
            EnvironmentFault: It cannot be opened or made, is another program's, or of a newer Goldsmith.
        """
        return cls(Database(url or environ.get("GOLDSMITH_REGISTRY") or _file(environ), timeout))

    @property
    def location(self) -> str:
        """Path of the SQLite file, or the database's URL without its password."""
        return self._database.location

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def new_version(self, image: str, fingerprint: str, label: str | None = None) -> Version:
        """Begin a version of an image; all builds that one `goldsmith build` makes of a spec belong to it.

        Args:
            image: Name of the image; recorded when it is new.
            fingerprint: Digest of what goes in, by which an unchanged spec is known.
            label: The spec's ``version``; by default the sequence number.
        """

        def work(session: Session) -> Version:
            named = models.Image.name == image
            if session.scalar(select(models.Image.id).where(named)) is None:
                session.add(models.Image(name=image, last_sequence=0, created=_now()))
                session.flush()
            # The row is locked from here to the end of the transaction, on every database.
            session.execute(update(models.Image).where(named).values(last_sequence=models.Image.last_sequence + 1))
            number, sequence = session.execute(select(models.Image.id, models.Image.last_sequence).where(named)).one()
            version = Version(image, sequence, label or str(sequence))
            session.add(
                models.Version(
                    image_id=number,
                    sequence=sequence,
                    label=version.label,
                    fingerprint=fingerprint,
                    state="building",
                    created=_now(),
                )
            )
            return version

        return self._database.write(work)

    def next_sequence(self, image: str) -> int:
        """Return the number that `new_version` would give now. Another build may get it first."""
        with self._database.read() as session:
            last = session.scalar(select(models.Image.last_sequence).where(models.Image.name == image))
            return (last or 0) + 1

    def start_build(
        self,
        version: Version,
        build_id: str,
        *,
        platform: str,
        target: str,
        spec: Path | str,
        parameters: Mapping[str, JsonValue] | None = None,
        secrets: Sequence[str] = (),
        tools: Mapping[str, str] | None = None,
        ingredients: Mapping[str, str] | None = None,
        log: Path | str | None = None,
        pid: int | None = None,
        host: str | None = None,
        started: datetime | None = None,
    ) -> None:
        """Record that a build of a version runs from now on.

        Args:
            version: What `new_version` gave.
            build_id: Build id, ``YYYYMMDDTHHMMSS-<8 hex>``.
            platform: Key in the spec's ``platforms``.
            target: Name of the target.
            spec: Path of the spec.
            parameters: Values of the spec's parameters.
            secrets: Names of the spec's secrets.
            tools: Versions of what builds: ``ansible-core``, …; this ``goldsmith`` is added.
            ingredients: What goes in: digest, version or identity by name; ``None`` where that is not known.
            log: Where Ansible's log will be.
            pid: Process that runs it; by default this one.
            host: Machine of that process; by default this one.
            started: Time with a zone; by default now.

        Raises:
            GoldsmithError: The build is recorded already, or the version is not.
        """

        def work(session: Session) -> None:
            if session.get(models.Build, build_id) is not None:
                raise GoldsmithError(f"build {build_id} is recorded already")
            row = session.scalar(
                select(models.Version)
                .join(models.Version.image)
                .where(models.Image.name == version.image, models.Version.sequence == version.sequence)
            )
            if row is None:
                raise GoldsmithError(f"version {version} is not recorded")
            row.state = "building"
            session.add(
                models.Build(
                    id=build_id,
                    version_id=row.id,
                    label=f"{version.image}/{platform}/{target}",
                    platform=platform,
                    target=target,
                    state="running",
                    started=started or _now(),
                    spec=_path(spec),
                    parameters=dict(parameters or {}),
                    secrets=sorted(secrets),
                    tools={"goldsmith": __version__, **(tools or {})},
                    ingredients=None if ingredients is None else dict(ingredients),
                    log=None if log is None else _path(log),
                    pid=os.getpid() if pid is None else pid,
                    host=host or socket.gethostname(),
                )
            )

        self._database.write(work)

    def finish_build(
        self, build_id: str, result: BuildResult, parent_artifact: int | None = None, *, again: bool = False
    ) -> BuildRecord:
        """Record how a build ended and what it made.

        Args:
            build_id: Build id.
            result: How it ended.
            parent_artifact: Number of the recorded artifact it was built on; by default the newest one that is the
                result's source.
            again: The build was resumed after it had failed; what is recorded of its artifact is brought up to date.

        Raises:
            GoldsmithError: The build or the parent is not recorded, the build has ended before, or the result is
                another build's.
        """
        if result.build != build_id:
            raise GoldsmithError(f"the result given for build {build_id} is that of {result.build}")

        def work(session: Session) -> BuildRecord:
            row = _queries.build(session, build_id)
            if row.state == "built" or (row.state == "failed" and not again):
                raise GoldsmithError(f"build {build_id} is recorded as {row.state} already")
            plain = result.document()
            row.state = result.status
            row.finished = result.finished
            row.phases, row.layers = plain["phases"], plain["layers"]
            row.source, row.failure = plain["source"], plain["failure"]
            row.compliance = plain["compliance"]
            row.inventory = _inventory.store(session, result.packages)
            if not row.tests:
                session.add_all(
                    models.TestRow(build_id=build_id, position=position, **test)
                    for position, test in enumerate(plain["tests"], start=1)
                )
            if result.artifact is not None and row.artifacts:
                _rows.update(row.artifacts[0], result.artifact)
            elif result.artifact is not None:
                session.add(_rows.artifact(session, result.artifact, result, parent_artifact))
            _rows.settle(session, row.version)
            return _queries.record(session, build_id)

        return self._database.write(work)

    def attach(
        self,
        build_id: str,
        evidence: Mapping[str, Evidence] | None = None,
        *,
        patching: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Record evidence of a build, beside what is there of other kinds.

        Args:
            build_id: Build id.
            evidence: By kind, such as ``sbom``.
            patching: The report of os_patching.

        Raises:
            GoldsmithError: The build is not recorded.
        """

        def work(session: Session) -> None:
            row = _queries.build(session, build_id)
            if evidence:
                row.evidence = {**(row.evidence or {}), **{kind: asdict(one) for kind, one in evidence.items()}}
            if patching is not None:
                row.patching = dict(patching)

        self._database.write(work)

    def interrupt(self, build_id: str) -> None:
        """Record that a build was stopped before it ended. A build that has ended stays as it is.

        Raises:
            GoldsmithError: The build is not recorded.
        """

        def work(session: Session) -> None:
            row = _queries.build(session, build_id)
            if row.state == "running":
                row.state, row.finished = "interrupted", _now()
                _rows.settle(session, row.version)
            # A run that was killed before its first build leaves a version without any. Should the run only be waiting,
            # its first build makes the version building again.
            none = ~select(models.Build.id).where(models.Build.version_id == models.Version.id).exists()
            abandoned = update(models.Version).where(models.Version.state == "building", none)
            session.execute(abandoned.values(state="failed").execution_options(synchronize_session=False))

        self._database.write(work)

    def mark_deleted(self, artifact: int) -> None:
        """Record that an artifact does not exist any more. What is known of it stays.

        Args:
            artifact: Its number, `ArtifactRecord.id`.

        Raises:
            GoldsmithError: It is not recorded.
        """

        def work(session: Session) -> None:
            _rows.recorded(session, artifact).state = "deleted"

        self._database.write(work)


def _now() -> datetime:
    return datetime.now(UTC)


def _path(path: Path | str) -> str:
    """Return a path as text; what is not UTF-8 in it is escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _file(environ: Mapping[str, str]) -> URL:
    """Return the URL of the registry in Goldsmith's home, which is made for its owner only."""
    folder = home(environ)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(
            f"Goldsmith's home {folder} cannot be made: {error.strerror}",
            "Set GOLDSMITH_HOME to a folder that you may write.",
        ) from error
    return URL.create("sqlite", database=str(folder / FILE))
