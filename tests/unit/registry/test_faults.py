"""A registry that is locked, read-only, damaged, full, or of another program: said, never a traceback."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests import postgresql

from goldsmith.errors import EnvironmentFault
from goldsmith.registry import BuildRecord, Registry

Build = Callable[..., BuildRecord]


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    with Registry.open(environ={"GOLDSMITH_HOME": str(home)}) as registry:
        yield registry


@pytest.fixture
def path(home: Path, registry: Registry, build: Build) -> Path:
    """Path of a registry that holds a build and is closed."""
    build("b-1")
    registry.close()
    return home / "registry.db"


def opened(path: Path | str, timeout: float = 0.1) -> Registry:
    return Registry.open(f"sqlite:///{path}", timeout=timeout)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Take root's powers away, which pass by all permissions."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_locked_registry_can_be_read_but_not_written(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other, opened(path) as registry:
        other.execute("BEGIN IMMEDIATE")
        assert len(registry.images()) == 1
        with pytest.raises(EnvironmentFault, match=r"registry\.db is locked by another process") as caught:
            registry.new_version("web", "f")
        assert f"fuser {path}" in caught.value.hint
        other.execute("COMMIT")
        assert registry.new_version("web", "f").sequence == 2


def test_a_registry_that_another_process_holds_while_it_is_made_is_waited_for_and_then_said(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(EnvironmentFault, match="is locked by another process"):
            opened(path)
        other.execute("COMMIT")
    opened(path).close()


def test_a_read_only_registry_can_be_read_but_not_written(path: Path) -> None:
    with opened(f"file:{path}?mode=ro&uri=true") as registry:
        assert len(registry.images()) == 1
        with pytest.raises(EnvironmentFault, match="is read-only") as caught:
            registry.new_version("web", "f")
        assert "GOLDSMITH_REGISTRY" in caught.value.hint


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_text("These are the notes of a meeting.\n" * 100)
    before = path.read_bytes()
    with pytest.raises(EnvironmentFault, match=r"registry\.db is no SQLite database"):
        opened(path)
    assert path.read_bytes() == before


def test_a_damaged_registry_is_said_with_a_way_to_rescue_it(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(EnvironmentFault, match=r"registry\.db is damaged") as caught, opened(path) as registry:
        registry.images()
    assert f"sqlite3 {path} .recover" in caught.value.hint


def test_a_truncated_registry_is_said_to_be_damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(EnvironmentFault, match="is damaged"), opened(path) as registry:
        registry.images()


def test_an_empty_file_becomes_a_registry(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.touch()
    with opened(path) as registry:
        assert registry.new_version("web", "f").sequence == 1


def test_a_registry_of_a_newer_goldsmith_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE alembic_version SET version_num = '0042'")
        other.commit()
    with pytest.raises(EnvironmentFault, match="is of schema 0042, this Goldsmith knows 0002") as caught:
        opened(path)
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE bookmarks (url TEXT)"],
        ["CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('0001')"],
        ["CREATE TABLE alembic_version (version_num TEXT)"],
        ["CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('ae1027a6acf')"],
    ],
    ids=["other tables", "another program's first revision", "no revision", "another program's revision"],
)
def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path, statements: list[str]) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        for statement in statements:
            other.execute(statement)
        other.commit()
    before = path.read_bytes()
    with pytest.raises(EnvironmentFault, match=r"other\.db is a database of something else"):
        opened(path)
    assert path.read_bytes() == before


def test_a_full_disk_is_said_and_what_was_recorded_stays(path: Path) -> None:
    with opened(path) as registry:
        with registry._database._reading.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(EnvironmentFault, match="the disk is full"):  # noqa: PT012  it fails when the last page is full
            for number in range(1000):
                registry.new_version("web", f"fingerprint {number}" * 100)
        versions = registry.image("web").versions
        assert [version.version.sequence for version in versions] == [*range(len(versions), 0, -1)]


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot be opened"):
        opened(tmp_path)


def test_a_registry_in_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot be opened") as caught:
        opened(tmp_path / "missing" / "registry.db")
    assert "folder exists" in caught.value.hint


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match=r"home .*/file/home cannot be made: Not a directory") as caught:
        Registry.open(environ={"GOLDSMITH_HOME": str(tmp_path / "file" / "home")})
    assert "GOLDSMITH_HOME" in caught.value.hint


def test_a_home_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with unprivileged(), pytest.raises(EnvironmentFault, match="cannot be made: Permission denied"):
        Registry.open(environ={"GOLDSMITH_HOME": str(tmp_path / "home")})


def test_a_registry_that_may_not_be_read_is_said(path: Path) -> None:
    path.chmod(0o000)
    with unprivileged(), pytest.raises(EnvironmentFault, match="cannot be opened"):
        opened(path)


@pytest.mark.parametrize("url", ["registry.db", "://", "sqlite"])
def test_what_is_no_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(EnvironmentFault, match="GOLDSMITH_REGISTRY is no database URL") as caught:
        Registry.open(environ={"GOLDSMITH_REGISTRY": url})
    assert "sqlite:////" in caught.value.hint


@pytest.mark.parametrize("url", ["nosuch://host/db", "postgresql+nosuch://host/db"])
def test_a_missing_driver_is_said(url: str) -> None:
    with pytest.raises(EnvironmentFault, match="needs a database driver that is not installed"):
        Registry.open(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_registry_in_memory_is_refused(url: str) -> None:
    with pytest.raises(EnvironmentFault, match="forget"):
        Registry.open(url)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        Registry.open("postgresql+nosuch://goldsmith:hunter2@host/db")
    assert "hunter2" not in str(caught.value)
    assert "goldsmith:***@host" in str(caught.value)


def test_the_environment_names_the_registry(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    with Registry.open(environ={"GOLDSMITH_REGISTRY": f"sqlite:///{path}"}) as registry:
        assert registry.location == str(path)
    assert path.is_file()


def test_a_server_that_cannot_be_reached_or_lets_nobody_in_is_said(server: postgresql.Server) -> None:
    with pytest.raises(EnvironmentFault, match=r"cannot be reached: .*refused") as told:
        Registry.open("postgresql+psycopg://ann:hunter2@127.0.0.1:1/goldsmith")
    assert "hunter2" not in str(told.value) and "See whether the server runs" in told.value.hint
    with pytest.raises(EnvironmentFault, match='database "nowhere" does not exist'):
        Registry.open(server.url("nowhere"))


def test_a_user_who_may_only_read_is_told_when_writing(server: postgresql.Server, made: str) -> None:
    name = server.create(made)
    with server.connect(name) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    with Registry.open(server.url(name).replace("goldsmith@", "reader@")) as registry:
        assert registry.images() == ()
        with pytest.raises(EnvironmentFault, match="permission denied"):
            registry.new_version("web", "f")
    server.drop(name)
