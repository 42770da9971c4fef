"""A Debian archive of a test's own: tiny packages, suites signed with a throw-away key, and a server that can be broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOOLS = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@dataclass(frozen=True)
class Deb:
    """A package to be made.

    Attributes:
        name: Its name.
        version: Its version.
        fields: More fields of its control file.
        files: The files in it, by path without the leading slash; those below ``etc`` are configuration files.
        scripts: Its maintainer scripts.
    """

    name: str
    version: str
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)

    def build(self, directory: Path) -> Path:
        """Make the package there and return its path."""
        tree = directory / "tree"
        control = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": "all",
            "Maintainer": "A <a@b.example>",
        }
        control |= {"Description": "test", **self.fields}
        contents = {
            "DEBIAN/control": "".join(f"{key}: {value}\n" for key, value in control.items()),
            "DEBIAN/conffiles": "".join(f"/{path}\n" for path in self.files if path.startswith("etc/")),
            **{f"DEBIAN/{name}": f"#!/bin/sh\nset -e\n{text}\n" for name, text in self.scripts.items()},
            **self.files,
        }
        for path, text in contents.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
            (tree / path).chmod(0o755 if text.startswith("#!") else 0o644)
        target = directory / f"{self.name}_{self.version.replace(':', '%3a')}_all.deb"
        # The time in the package is fixed, so that its digest is.
        run(
            "dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, target, env={"SOURCE_DATE_EPOCH": "1700000000"}
        )
        shutil.rmtree(tree)
        return target


class Key:
    """A key made for a test, that expires with it."""

    def __init__(self, directory: Path) -> None:
        self._home = directory
        directory.mkdir(mode=0o700)
        self.public = directory / "public.gpg"
        self._gpg("--passphrase", "", "--quick-generate-key", "A test <a@b.example>", "ed25519", "sign", "1d")
        self._gpg("--output", self.public, "--export")

    def sign(self, release: Path) -> None:
        """Write an archive's signed index beside the plain one."""
        self._gpg("--yes", "--output", release.with_name("InRelease"), "--clearsign", release)

    def _gpg(self, *arguments: str | Path) -> None:
        run("gpg", "--homedir", self._home, "--batch", "--quiet", "--no-tty", *arguments)
        # It would go on after the tests, for as long as its directory is there.
        run("gpgconf", "--homedir", self._home, "--kill", "gpg-agent")


def publish(
    root: Path, suite: str, debs: Sequence[Path], key: Key, *, label: str = "Debian", archive: str = "stable"
) -> None:
    """Make an archive with one suite, whose component is ``main``.

    Args:
        root: Its directory.
        suite: Codename, such as ``bookworm-security``.
        debs: The packages.
        key: Signs it.
        label: Field of its index.
        archive: Its name as a suite, such as ``stable-security``.
    """
    pool = root / "pool" / suite
    pool.mkdir(parents=True)
    for deb in debs:
        os.link(deb, pool / deb.name)
    binary = root / "dists" / suite / "main/binary-amd64"
    binary.mkdir(parents=True)
    (binary / "Packages").write_text(run("apt-ftparchive", "packages", f"pool/{suite}", cwd=root))
    fields = {
        "Origin": "Debian",
        "Label": label,
        "Suite": archive,
        "Codename": suite,
        "Architectures": "amd64",
        "Components": "main",
    }
    options = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in fields.items()]
    index = root / "dists" / suite / "Release"
    index.write_text(run("apt-ftparchive", *options, "release", f"dists/{suite}", cwd=root))
    key.sign(index)


class Server(ThreadingHTTPServer):
    """Serves archives, as a proxy for any host too, and breaks on demand.

    Attributes:
        url: Its address.
        failures: How many of the next requests are answered by 503.
        asked: What was asked for.
    """

    daemon_threads = True

    def __init__(self, host: str, directory: Path) -> None:
        self.failures = 0
        self.asked: list[str] = []
        self._lock = threading.Lock()
        server = self

        class Handler(SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(directory))

            def do_GET(self) -> None:
                if server.breaks(self.path):
                    self.send_error(503)
                else:
                    self.path = urlsplit(self.path).path
                    super().do_GET()

            def log_message(self, *arguments: object) -> None:
                pass

        super().__init__((host, 0), Handler)
        self.url = f"http://{host}:{self.server_port}"

    def breaks(self, path: str) -> bool:
        """Note a request, and say whether it is to fail."""
        with self._lock:
            self.asked.append(path)
            self.failures -= 1
            return self.failures >= 0


@contextmanager
def serve(host: str, directory: Path) -> Iterator[Server]:
    """Serve a directory over HTTP."""
    with Server(host, directory) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it prints."""
    environment = os.environ | {"PATH": TOOLS, "LC_ALL": "C.UTF-8", **(env or {})}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout
