"""What an image was built on, and what was built on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from goldsmith.registry import _channels, _queries, _revocations
from goldsmith.registry.models import Artifact, Build, Version
from goldsmith.registry.records import Ancestor, artifact_of
from goldsmith.registry.reference import Reference


def trees(session: Session, reference: Reference) -> tuple[Ancestor, ...]:
    """Return a tree for each artifact of a version: from what the first of its line was built on, down to all on it.

    Of what it was built on, only the line itself is shown.

    Raises:
        InputError: There is no such image, version or channel.
    """
    version = _queries.versions(session, reference)[0]
    wanted = session.scalars(
        _whole.join(Artifact.build).where(Build.version_id == version.id).order_by(Build.label, Artifact.id)
    ).all()
    children = _children(session, [row.id for row in wanted])
    marks = _Marks(session)
    found = []
    for row in wanted:
        node = marks.node(row, children, asked=True)
        above = row
        while above.parent_id is not None:
            above = session.scalars(_whole.where(Artifact.id == above.parent_id)).one()
            node = marks.node(above, {}, below=(node,))
        found.append(Ancestor(name=above.base_reference, children=(node,)) if above.base_reference else node)
    return tuple(found)


class _Marks:
    """What is told of each artifact in a tree."""

    def __init__(self, session: Session) -> None:
        self._revoked = _revocations.in_force(session)
        self._channels: dict[str, list[str]] = defaultdict(list)
        for channel in _channels.current(session):
            self._channels[str(channel.version)].append(channel.name)

    def node(
        self,
        row: Artifact,
        children: Mapping[int, Sequence[Artifact]],
        below: tuple[Ancestor, ...] = (),
        *,
        asked: bool = False,
    ) -> Ancestor:
        artifact = artifact_of(row)
        return Ancestor(
            name=str(artifact.version),
            artifact=artifact,
            label=row.build.label,
            channels=tuple(self._channels[str(artifact.version)]),
            revocation=self._revoked.get(row.build.version_id),
            asked=asked,
            children=below + tuple(self.node(child, children) for child in children.get(row.id, ())),
        )


_whole = select(Artifact).options(joinedload(Artifact.build).joinedload(Build.version).joinedload(Version.image))


def _children(session: Session, numbers: Sequence[int]) -> dict[int, list[Artifact]]:
    """Return what was built on artifacts and on what was built on them, by the number of what it was built on."""
    children: dict[int, list[Artifact]] = defaultdict(list)
    level = list(numbers)
    while level:
        rows = session.scalars(_whole.where(Artifact.parent_id.in_(level)).order_by(Artifact.id)).all()
        for row in rows:
            children[row.parent_id or 0].append(row)
        level = [row.id for row in rows]
    return children
