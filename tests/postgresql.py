"""A PostgreSQL server for tests: Debian's, as an unprivileged user, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

SERVER_USER = "nobody"
"""PostgreSQL refuses to run as root."""

_SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "max_connections=60",
    "log_min_messages=fatal",
    "autovacuum=off",
)


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, which Debian keeps out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class Server:
    """A running server.

    Attributes:
        directory: Holds its data and its socket.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._made = 0

    def url(self, name: str) -> str:
        """Return SQLAlchemy's URL of a database."""
        return f"postgresql+psycopg://goldsmith@/{name}?host={self.directory}"

    def connect(self, name: str = "postgres") -> psycopg.Connection:
        """Connect to a database without Goldsmith."""
        return psycopg.connect(host=str(self.directory), user="goldsmith", dbname=name, autocommit=True)

    def create(self, template: str = "template1") -> str:
        """Create a database, a copy of another one, and return its name."""
        self._made += 1
        name = f"registry_{self._made}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running(binaries: Path) -> Iterator[Server]:
    """Run a server; with the end of the block it is gone, and so are its databases."""
    # The user that it runs as may not pass through pytest's own folders.
    directory = Path(tempfile.mkdtemp(prefix="goldsmith-postgresql-"))
    entry = pwd.getpwnam(SERVER_USER)
    user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    if user:
        os.chown(directory, entry.pw_uid, entry.pw_gid)
    data = directory / "data"

    def run(*command: str) -> None:
        done = subprocess.run(
            [binaries / command[0], *command[1:]],
            capture_output=True,
            text=True,
            cwd=directory,
            env={"LC_ALL": "C.UTF-8"},
            **user,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    options = " ".join(f"-c {setting}" for setting in (*_SETTINGS, f"unix_socket_directories={directory}"))
    try:
        run("initdb", "--no-sync", "-U", "goldsmith", "-A", "trust", "-E", "UTF8", "-D", str(data))
        run("pg_ctl", "start", "-w", "-D", str(data), "-l", str(directory / "log"), "-o", options)
        try:
            yield Server(directory)
        finally:
            run("pg_ctl", "stop", "-m", "immediate", "-D", str(data))
    finally:
        shutil.rmtree(directory)
