"""The questions that the registry answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from goldsmith.registry import _ancestry, _artifacts, _inventory, _planning, _queries
from goldsmith.registry._database import Database
from goldsmith.registry.diff import Contents
from goldsmith.registry.records import (
    Ancestor,
    ArtifactRecord,
    BuildRecord,
    Evidence,
    ImageDetail,
    ImageSummary,
    Recorded,
    VersionDetail,
    artifact_of,
)
from goldsmith.registry.reference import Reference
from goldsmith.registry.retention import Held
from goldsmith.result import Package, TestResult


class Reading:
    """What is asked of a registry. Each answer is of one moment."""

    _database: Database

    def running_builds(self) -> tuple[BuildRecord, ...]:
        """Return the builds that are recorded as running, oldest first."""
        with self._database.read() as session:
            return tuple(_queries.running(session))

    def newest_artifact(self, image: str, platform: str, target: str) -> ArtifactRecord | None:
        """Return what ``from: <image>`` means: the newest artifact that is still there, of a build that ended well.

        Versions that are revoked are passed over.

        Raises:
            GoldsmithError: All that are there are revoked.
        """
        with self._database.read() as session:
            row = _artifacts.newest(session, image, platform, target)
            return None if row is None else artifact_of(row)

    def artifact(self, reference: str, platform: str | None = None, target: str | None = None) -> ArtifactRecord | None:
        """Return the artifact that a reference means; ``None`` where no such artifact is there.

        Args:
            reference: ``NAME`` for the newest one that is not revoked, ``NAME@VERSION`` or ``NAME:CHANNEL``.
            platform: Key in the spec's ``platforms``; may be left out where there is only one.
            target: Name of the target; may be left out where there is only one.

        Raises:
            InputError: There is no such image, version or channel, or more than one platform or target.
            GoldsmithError: It is revoked; the message names the chain.
        """
        with self._database.read() as session:
            row = _artifacts.meant(session, Reference.parse(reference), platform, target)
            return None if row is None else artifact_of(row)

    def artifacts(self) -> Iterator[tuple[str, ArtifactRecord]]:
        """Yield all artifacts that ever were, also those that are deleted, each with the label of its build."""
        with self._database.read() as session:
            yield from _artifacts.every(session)

    def available(self) -> Iterator[Recorded]:
        """Yield the newest artifact of every label that is still there, of builds that ended well, by label."""
        with self._database.read() as session:
            yield from _planning.available(session)

    def inventories(self, numbers: Sequence[int]) -> Iterator[tuple[int, Sequence[Package]]]:
        """Yield the packages of inventories, by `Recorded.inventory`; only a few are held in memory at once."""
        with self._database.read() as session:
            yield from _planning.members(session, numbers)

    def images(self) -> tuple[ImageSummary, ...]:
        """Return all images, by name."""
        with self._database.read() as session:
            return tuple(_queries.images(session))

    def image(self, reference: str) -> ImageDetail:
        """Return an image with its versions, newest first.

        Args:
            reference: Name of the image; ``NAME@VERSION`` for one version, by its sequence number, else by its label,
                of which there may be several; ``NAME:CHANNEL`` for the one that a channel points at.

        Raises:
            InputError: There is no such image, version or channel.
        """
        parsed = Reference.parse(reference)
        with self._database.read() as session:
            row = _queries.image(session, parsed.image)
            return ImageDetail(row.name, row.created, _queries.details(session, _queries.versions(session, parsed)))

    def resolve(self, reference: str) -> VersionDetail:
        """Return the version that a reference means, revoked or not.

        Args:
            reference: ``NAME`` for the newest version that has ended well, else the newest; ``NAME@VERSION``, or
                ``NAME:CHANNEL``.

        Raises:
            InputError: There is no such image, version or channel.
        """
        parsed = Reference.parse(reference)
        with self._database.read() as session:
            rows = _queries.versions(session, parsed)
            row = next((row for row in rows if row.state == "built"), rows[0]) if not parsed.version else rows[0]
            return _queries.details(session, [row])[0]

    def ancestry(self, reference: str) -> tuple[Ancestor, ...]:
        """Return what each artifact of a version was built on, and what was built on it, as a tree from the top.

        Args:
            reference: ``NAME@VERSION``, ``NAME:CHANNEL``, or ``NAME`` for the newest version.

        Raises:
            InputError: There is no such image, version or channel.
        """
        with self._database.read() as session:
            return _ancestry.trees(session, Reference.parse(reference))

    def held(self, images: Sequence[str] = ()) -> tuple[Held, ...]:
        """Return the artifacts that are recorded as there, whatever became of their builds, with what decides on them.

        Args:
            images: Names of images; by default all.

        Raises:
            InputError: There is no such image.
        """
        with self._database.read() as session:
            return tuple(_artifacts.held(session, images))

    def contents(self, build: BuildRecord) -> Contents:
        """Return a build with what is known of its insides, as `goldsmith.registry.diff` takes it."""
        with self._database.read() as session:
            row = _queries.build(session, build.id)
            return Contents(
                build=build,
                packages=_inventory.load(session, row.inventory_id),
                tests=_queries.tests(session, build.id),
                compliance=tuple(row.compliance or ()),
                patching=row.patching,
            )

    def find_build(self, name: str) -> BuildRecord:
        """Return a build.

        Args:
            name: Its id; the beginning of the id or of the id's random part, where no other begins so; or a label
                ``name/platform/target``, which means the newest build of it.

        Raises:
            InputError: No build is meant by it, or several are.
        """
        with self._database.read() as session:
            return _queries.find_build(session, name)

    def packages(self, build_id: str) -> tuple[Package, ...]:
        """Return what was found inside a build's artifact, sorted.

        Raises:
            GoldsmithError: The build is not recorded.
        """
        with self._database.read() as session:
            return _inventory.load(session, _queries.build(session, build_id).inventory_id)

    def ingredients(self, build_id: str) -> Mapping[str, str] | None:
        """Return what went into a build, by name; ``None`` where that was not recorded.

        Raises:
            GoldsmithError: The build is not recorded.
        """
        with self._database.read() as session:
            return _queries.build(session, build_id).ingredients

    def compliance(self, build_id: str) -> tuple[Mapping[str, JsonValue], ...]:
        """Return what became of each control of os_hardening, as `BuildResult.document` has it.

        Raises:
            GoldsmithError: The build is not recorded.
        """
        with self._database.read() as session:
            return tuple(_queries.build(session, build_id).compliance or ())

    def patching(self, build_id: str) -> Mapping[str, JsonValue] | None:
        """Return the report of os_patching, ``None`` where there is none.

        Raises:
            GoldsmithError: The build is not recorded.
        """
        with self._database.read() as session:
            return _queries.build(session, build_id).patching

    def evidence(self, build_id: str) -> Mapping[str, Evidence]:
        """Return the evidence of a build, by kind.

        Raises:
            GoldsmithError: The build is not recorded.
        """
        with self._database.read() as session:
            kept = _queries.build(session, build_id).evidence or {}
            return {kind: Evidence(**one) for kind, one in kept.items()}

    def tests(self, build_id: str) -> tuple[TestResult, ...]:
        """Return the results of a build's tests, in the order they ran.

        Raises:
            GoldsmithError: The build is not recorded.
        """
        with self._database.read() as session:
            return _queries.tests(session, build_id)
