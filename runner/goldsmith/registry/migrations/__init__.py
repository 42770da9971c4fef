"""How a registry of an older schema becomes one of this program's: Alembic's revisions, in order."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the tables of a registry to a revision, within the transaction that the connection is in.

    Args:
        connection: The registry.
        revision: By default the newest one.
    """
    config = Config()
    # Alembic takes % for the beginning of a variable: https://alembic.sqlalchemy.org/en/latest/api/config.html
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
