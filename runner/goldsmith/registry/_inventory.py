"""Storing what was found inside an artifact: each package once, each set of packages once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple

from sqlalchemy import insert, select, tuple_
from sqlalchemy.orm import Session

from goldsmith import result
from goldsmith.registry.models import Inventory, Package, inventory_package

_CHUNK = 500
"""Packages asked for in one statement; SQLite takes 32766 values in one, six a package."""

_KEY = (Package.type, Package.name, Package.version, Package.arch, Package.source, Package.source_version)


def store(session: Session, packages: Iterable[result.Package]) -> Inventory | None:
    """Return the stored inventory that holds exactly these packages; ``None`` when there are none."""
    wanted = sorted({astuple(package) for package in packages})
    if not wanted:
        return None
    digest = hashlib.sha256(json.dumps(wanted, separators=(",", ":")).encode()).hexdigest()
    inventory = session.scalar(select(Inventory).where(Inventory.digest == digest))
    if inventory is None:
        ids = _ids(session, wanted)
        inventory = Inventory(digest=digest, size=len(ids))
        session.add(inventory)
        session.flush()
        session.execute(
            insert(inventory_package), [{"inventory_id": inventory.id, "package_id": number} for number in ids]
        )
    return inventory


def load(session: Session, inventory_id: int | None) -> tuple[result.Package, ...]:
    """Return an inventory's packages, sorted."""
    rows = session.execute(
        select(*_KEY)
        .join(inventory_package, inventory_package.c.package_id == Package.id)
        .where(inventory_package.c.inventory_id == inventory_id)
    )
    return tuple(sorted(result.Package(*row) for row in rows))


def _ids(session: Session, wanted: list[tuple[str, ...]]) -> list[int]:
    """Return the numbers of packages, stored where they are new; in order, so that writers don't deadlock."""
    ids: dict[tuple[str, ...], int] = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        found = select(Package.id, *_KEY).where(tuple_(*_KEY).in_(chunk))
        ids |= {tuple(row[1:]): row[0] for row in session.execute(found)}
        new = [key for key in chunk if key not in ids]
        if new:
            # One statement: psycopg complains aloud of a list of them that is cut off by another process's insert.
            rows = [dict(zip((c.key for c in _KEY), key, strict=True)) for key in new]
            session.execute(insert(Package).values(rows))
            ids |= {tuple(row[1:]): row[0] for row in session.execute(found)}
    return [ids[key] for key in wanted]
