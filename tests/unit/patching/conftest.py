"""An archive that a test publishes in, and what reads it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.roles.archive import Key, Server, serve
from tests.unit.patching.archives import TextArchive

from goldsmith.patching._download import Download
from goldsmith.patching._signature import keyrings
from goldsmith.patching.index import Archive, Indexes


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return Key(tmp_path_factory.mktemp("gpg") / "own")


@pytest.fixture
def root(tmp_path: Path, key: Key) -> Path:
    """Goldsmith's home, that trusts the archive's key."""
    (tmp_path / "home/keyrings").mkdir(parents=True)
    shutil.copy(key.public, tmp_path / "home/keyrings/own.gpg")
    return tmp_path / "home"


@pytest.fixture
def published(tmp_path: Path, key: Key) -> TextArchive:
    archive = TextArchive(tmp_path / "www/debian", key)
    archive.publish("bookworm", {"goldbar": "1.0", "libgold (goldworks 1.5~1)": "2.0"})
    return archive


@pytest.fixture
def server(published: TextArchive) -> Iterator[Server]:
    with serve("127.0.0.1", published.root.parent) as server:
        yield server


@pytest.fixture
def archive(server: Server) -> Archive:
    return Archive(f"{server.url}/debian", "bookworm", ("main",))


Open = Callable[..., Indexes]


@pytest.fixture
def indexes(root: Path) -> Iterator[Open]:
    """Opens the kept indexes, as a run of the command does."""
    opened: list[Download] = []

    def make(*, offline: bool = False) -> Indexes:
        opened.append(Download(root / "index", offline=offline))
        return Indexes(opened[-1], root / "packages", keyrings(root), root)

    yield make
    for download in opened:
        download.__exit__()
