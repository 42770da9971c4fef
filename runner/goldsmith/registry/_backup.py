"""Keeps the registry as it was before its tables are changed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from goldsmith.errors import EnvironmentFault


def backup(engine: Engine, revision: str) -> Path:
    """Copy a SQLite registry, with what its write-ahead log holds, to ``<file>.schema-<revision>`` beside it.

    Args:
        engine: The registry.
        revision: The schema that it has.

    Raises:
        EnvironmentFault: The copy cannot be written. None is left then.
    """
    with closing(engine.raw_connection()) as pooled:
        source = pooled.driver_connection
        assert isinstance(source, sqlite3.Connection)  # noqa: S101  who calls asks for SQLite only
        file = Path(source.execute("PRAGMA database_list").fetchone()[2])
        copy = file.with_name(f"{file.name}.schema-{revision}")
        draft = copy.with_name(f".{copy.name}.{os.getpid()}")
        try:
            # Whoever may not read the registry may not read its copy.
            draft.touch(mode=file.stat().st_mode & 0o777)
            with closing(sqlite3.connect(draft)) as target:
                source.backup(target)
            draft.replace(copy)
        except (OSError, sqlite3.Error) as error:
            raise EnvironmentFault(
                f"the registry {file} must be brought to a new schema, and no copy of it can be written to {copy}: "
                f"{getattr(error, 'strerror', None) or error}",
                "Make room, or make its folder writable. Nothing was changed.",
            ) from error
        finally:
            draft.unlink(missing_ok=True)
    return copy
