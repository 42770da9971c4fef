"""What planning asks for: the newest image of every label, and what is in them, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import String, cast, func, select
from sqlalchemy.orm import Session

from goldsmith import result
from goldsmith.registry import _revocations, records
from goldsmith.registry.models import Artifact, Build, Image, Package, Version, inventory_package

_CHUNK = 200
"""Inventories, or images, read at once."""
_PACKAGES = 5000
"""Packages read at once; SQLite takes 32766 values in a statement."""


def available(session: Session) -> Iterator[records.Recorded]:
    """Yield the newest available artifact of every label, of builds that ended well, by label."""
    newest = func.row_number().over(
        partition_by=Build.label, order_by=(Version.sequence.desc(), Build.finished.desc(), Artifact.id.desc())
    )
    ranked = (
        select(Artifact.id, newest.label("place"))
        .join(Artifact.build)
        .join(Build.version)
        .where(Build.state == "built", Artifact.state == "available")
        .subquery()
    )
    query = (
        select(
            Image.name,
            Version.sequence,
            Version.label,
            Version.id,
            Version.fingerprint,
            Build.label,
            Build.platform,
            Build.target,
            Build.id,
            Build.finished,
            Build.spec,
            Build.ingredients,
            Build.inventory_id,
            Build.source["id"].as_string(),
            Build.source["digest"].as_string(),
            Build.source["inrelease"],
            Artifact.id,
            Artifact.identity,
            Artifact.parent_id,
            Artifact.details["package_sources"],
        )
        .join(ranked, ranked.c.id == Artifact.id)
        .join(Artifact.build)
        .join(Build.version)
        .join(Version.image)
        .where(ranked.c.place == 1)
        .order_by(Build.label)
    )
    revoked = {number: revocation.reason for number, revocation in _revocations.in_force(session).items()}
    for row in session.execute(query, execution_options={"yield_per": _CHUNK}):
        name, sequence, version, number, *rest = row
        (
            fingerprint,
            label,
            platform,
            target,
            build,
            finished,
            spec,
            ingredients,
            inventory,
            base,
            digest,
            inrelease,
            artifact,
            identity,
            parent,
            sources,
        ) = rest
        yield records.Recorded(
            label=label,
            version=records.Version(name, sequence, version),
            platform=platform,
            target=target,
            fingerprint=fingerprint,
            build=build,
            built=finished,
            spec=spec,
            ingredients=ingredients,
            inventory=inventory,
            base=base,
            base_digest=digest,
            inrelease=inrelease or {},
            artifact=artifact,
            identity=identity,
            parent=parent,
            sources=tuple(sources or ()),
            revoked=revoked.get(number),
        )


def members(session: Session, inventories: Sequence[int]) -> Iterator[tuple[int, list[result.Package]]]:
    """Yield the packages of inventories, by inventory. A package that is in several is one object."""
    known: dict[int, result.Package] = {}
    number, package = inventory_package.c.inventory_id, inventory_package.c.package_id
    # A row an inventory: three million rows would take longer to hand over than all that is done with them.
    listed = func.aggregate_strings(cast(package, String), ",")
    wanted = sorted(set(inventories))
    for start in range(0, len(wanted), _CHUNK):
        query = select(number, listed).where(number.in_(wanted[start : start + _CHUNK])).group_by(number)
        chunk = [(inventory, [*map(int, text.split(","))]) for inventory, text in session.execute(query)]
        _learn(session, {one for _, numbers in chunk for one in numbers} - known.keys(), known)
        for inventory, numbers in chunk:
            yield inventory, [known[one] for one in numbers]


def _learn(session: Session, numbers: set[int], known: dict[int, result.Package]) -> None:
    ordered = sorted(numbers)
    columns = (Package.type, Package.name, Package.version, Package.arch, Package.source, Package.source_version)
    for start in range(0, len(ordered), _PACKAGES):
        query = select(Package.id, *columns).where(Package.id.in_(ordered[start : start + _PACKAGES]))
        known.update((row[0], result.Package(*row[1:])) for row in session.execute(query))
