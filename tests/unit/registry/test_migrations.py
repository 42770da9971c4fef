"""A registry of an older Goldsmith becomes one of this Goldsmith, with all it holds, or stays as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool
from tests import postgresql

from goldsmith.errors import EnvironmentFault
from goldsmith.registry import Registry, migrations
from goldsmith.registry.models import REVISION, Base
from goldsmith.result import BuildResult


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database that holds nothing."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/registry.db"
        return
    server: postgresql.Server = request.getfixturevalue("server")
    name = server.create()
    yield server.url(name)
    server.drop(name)


def engine(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)


def shape(connection: Connection) -> dict[str, Any]:
    """All that a database tells of its tables, in an order that does not depend on who made them."""
    found = inspect(connection)
    told = {}
    for table in set(found.get_table_names()) - {"alembic_version"}:
        told[table] = {
            "columns": sorted(
                (c["name"], str(c["type"]), c["nullable"], c["default"]) for c in found.get_columns(table)
            ),
            "primary": found.get_pk_constraint(table),
            "foreign": sorted(found.get_foreign_keys(table), key=str),
            "unique": sorted(found.get_unique_constraints(table), key=str),
            "checks": sorted(found.get_check_constraints(table), key=str),
            "indexes": sorted(
                (
                    i["name"],
                    i["column_names"],
                    i["unique"],
                    sorted((k, str(v)) for k, v in i.get("dialect_options", {}).items()),
                )
                for i in found.get_indexes(table)
            ),
        }
    return told


def old(url: str, revision: str = "0001") -> None:
    """Make a registry as the revision had it, with a build in it."""
    with engine(url).begin() as connection:
        migrations.upgrade(connection, revision)
        for statement in (
            "INSERT INTO image VALUES (1, 'web', 1, '2026-11-01 12:00:00')",
            "INSERT INTO version VALUES (1, 1, 1, '1', 'f', 'building', '2026-11-01 12:00:00')",
            """INSERT INTO build VALUES ('b-1', 1, 'web/p/docker', 'p', 'docker', 'running', '2026-11-01 12:00:00', NULL,
            '{}', '[]', NULL, NULL, 'web.yml', '{}', '[]', '{}', NULL, 1, 'host', NULL)""",
        ):
            connection.execute(text(statement.replace(":00", r"\:00")))


def test_the_tables_that_migrations_make_are_those_of_the_models(empty: str) -> None:
    with engine(empty).begin() as connection:
        migrations.upgrade(connection)
        migrated = shape(connection)
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        connection.execute(text("DROP TABLE alembic_version"))
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)
        assert shape(connection) == migrated


def test_the_newest_migration_is_the_revision_of_the_models() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_an_older_registry_is_migrated_with_all_it_holds(empty: str, result: Callable[..., BuildResult]) -> None:
    old(empty)
    with Registry.open(empty) as registry:
        assert registry.find_build("b-1").spec == "web.yml"
        assert registry.ingredients("b-1") is None
        assert registry.finish_build("b-1", result("b-1", platform="p")).state == "built"
    with engine(empty).connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == REVISION


def test_many_that_open_an_older_registry_migrate_it_once(empty: str) -> None:
    old(empty)
    with ThreadPoolExecutor(max_workers=6) as pool:
        for registry in pool.map(lambda _: Registry.open(empty), range(6)):
            assert len(registry.images()) == 1
            registry.close()


def test_a_file_is_kept_as_it_was_before_it_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    old(f"sqlite:///{path}")
    path.chmod(0o640)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO image VALUES (2, 'in the log', 0, '2026-11-01 12:00:00')")
        connection.commit()
        Registry.open(f"sqlite:///{path}").close()
    copy = tmp_path / "registry.db.schema-0001"
    assert copy.stat().st_mode & 0o777 == 0o640
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert connection.execute("SELECT name FROM image ORDER BY id").fetchall() == [("web",), ("in the log",)]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["registry.db", copy.name]
    Registry.open(f"sqlite:///{path}").close()


def test_a_file_that_cannot_be_kept_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    old(f"sqlite:///{path}")
    (tmp_path / "registry.db.schema-0001").mkdir()
    with pytest.raises(
        EnvironmentFault, match=r"no copy of it can be written to .*schema-0001: Is a directory"
    ) as told:
        Registry.open(f"sqlite:///{path}")
    assert "Nothing was changed" in told.value.hint
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["registry.db", "registry.db.schema-0001"]


def test_a_file_that_may_only_be_read_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    old(f"sqlite:///{path}")
    with pytest.raises(EnvironmentFault, match="is read-only"):
        Registry.open(f"sqlite:///file:{path}?mode=ro&uri=true")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


def test_a_migration_that_fails_leaves_the_registry_as_it_was(empty: str) -> None:
    old(empty)
    with engine(empty).begin() as connection:
        connection.execute(text("ALTER TABLE build ADD COLUMN evidence TEXT"))  # the migration's last statement
        before = shape(connection)
    with pytest.raises(EnvironmentFault, match="evidence"):
        Registry.open(empty)
    with engine(empty).connect() as connection:
        assert shape(connection) == before


def test_a_folder_may_have_a_name_that_alembic_would_take_for_a_variable(tmp_path: Path) -> None:
    path = tmp_path / "100%(here)s" / "registry.db"
    path.parent.mkdir()
    old(f"sqlite:///{path}")
    Registry.open(f"sqlite:///{path}").close()
