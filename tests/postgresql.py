"""A PostgreSQL server for tests: Debian's, as an unprivileged user, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
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

    def wait(self, process: subprocess.Popen[str]) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 30
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                assert process.poll() is None and time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)
            else:
                return

    def create(self, template: str = "template1") -> str:
        """Create a database, a copy of another one, and return its name."""
        self._made += 1
        name = f"registry_{self._made}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def empty(self, name: str) -> None:
        """Take all rows out of a registry, which is many times faster than making another one."""
        with self.connect(name) as connection:
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            tables = ", ".join(f'"{table}"' for (table,) in found if table != "alembic_version")
            connection.execute("SET lock_timeout = '10s'")
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running(binaries: Path) -> Iterator[Server]:
    """Run a server; with the end of the block it is gone, and so are its databases."""
    # The user that it runs as may not pass through pytest's own folders.
    directory = Path(tempfile.mkdtemp(prefix="goldsmith-postgresql-"))
    entry, root = pwd.getpwnam(SERVER_USER), os.geteuid() == 0
    if root:
        os.chown(directory, entry.pw_uid, entry.pw_gid)
    data = directory / "data"

    def start(*command: str) -> subprocess.Popen[str]:
        # A test session that is killed takes the server along.
        user = ["--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--clear-groups"] if root else []
        return subprocess.Popen(
            ["setpriv", *user, "--pdeathsig", "INT", "--", str(binaries / command[0]), *command[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            env={"LC_ALL": "C.UTF-8"},
        )

    settings = [option for one in (*_SETTINGS, f"unix_socket_directories={directory}") for option in ("-c", one)]
    try:
        made = start("initdb", "--no-sync", "-U", "goldsmith", "-A", "trust", "-E", "UTF8", "-D", str(data))
        told, _ = made.communicate()
        assert made.returncode == 0, told
        with start("postgres", "-D", str(data), *settings) as process:
            server = Server(directory)
            try:
                server.wait(process)
                yield server
            finally:
                process.send_signal(signal.SIGQUIT)  # ends at once, whoever is connected
                process.communicate()
    finally:
        shutil.rmtree(directory)
