# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a goss binary comes from: this machine's PATH, the cache, the project's release, or Debian 13's package."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional

from ansible.module_utils.urls import open_url

from ansible_collections.goldsmith.images.plugins.module_utils._goss import GossError, inspect_program

VERSION = "0.4.9"
RELEASE = "https://github.com/goss-org/goss/releases/download/v{version}/goss-linux-{architecture}"
SHA256 = {
    # As published beside the binaries; the same in the package recipes of several distributions.
    "amd64": "87dd36cfa1b8b50554e6e2ca29168272e26755b19ba5438341f7c66b36decc19",
    "arm64": "14fd24ac08236559f4809e6a627792d1b947ed98654bba1662ef1d6122d77e18",
}
NATIVE = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
"""This machine's architecture in Debian's words; None when goss is not offered for it."""
DEBIAN_SUITE = "trixie"
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")
CONNECT_TIMEOUT = 10
"""Seconds until a server that does not answer is given up: a blocked network must not hold up a build."""
TRANSFER_TIMEOUT = 180
"""Seconds that a whole download may take."""


class Binary(NamedTuple):
    """A goss binary: ``origin`` is ``path``, ``installed``, ``release``, ``url`` or ``debian``."""

    path: str
    version: str
    origin: str
    fetched: bool


def default_cache(environment: Mapping[str, str]) -> Path:
    """Return the directory that downloads are kept in, by the XDG rules."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "goldsmith"


def version_of(path: str) -> str:
    """Return the version of a goss binary that runs on this machine.

    Debian builds goss without a version in it, so the package is asked instead.

    Raises:
        GossError: It does not run, or is not goss.
    """
    try:
        ran = _run([path, "--version"])
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GossError(f"{path} does not run: {error}") from error
    match = re.search(r"goss version v?(\d+\.\d+\.\d+\S*)", ran.stdout)
    if match:
        return match.group(1)
    if "Quick and Easy server validation" not in ran.stdout + ran.stderr:
        raise GossError(f"{path} is not goss: it answers --version with {(ran.stdout + ran.stderr)[:100].strip()!r}")
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        owner = _run(["dpkg-query", "--search", os.path.realpath(path)])
        if owner.returncode == 0:
            package = owner.stdout.split(": ")[0]
            return _run(["dpkg-query", "--show", "--showformat=${Version}", package]).stdout.split("-")[0]
    # The first release with a log level is 0.4.0.
    return "0.4" if "--log-level" in ran.stdout + ran.stderr else "0.3"


def usable_version(path: str, architecture: str) -> str:
    """Return the version of a goss binary, ``unknown`` if it is made for another machine than this one.

    Raises:
        GossError: It is made for another architecture than asked for, is not goss, or not of version 0.4.
    """
    program = inspect_program(path)
    if program.architecture != architecture:
        raise GossError(f"{path} is made for {program.architecture}, not {architecture}")
    if architecture != NATIVE:
        return "unknown"
    version = version_of(path)
    if not version.startswith("0.4"):
        raise GossError(f"{path} is version {version}; 0.4 is needed, as earlier ones report differently")
    return version


def installed(architecture: str) -> Binary:
    """Return the goss on PATH.

    Raises:
        GossError: There is none, or none of version 0.4 for the architecture.
    """
    path = shutil.which("goss")
    if not path:
        msg = "no program goss on PATH"
        raise GossError(msg)
    return Binary(path, usable_version(path, architecture), "installed", fetched=False)


class Source(NamedTuple):
    """A way to fetch goss: its name in the cache, version and checksum if known, and what writes the file."""

    origin: str
    name: str
    architecture: str
    version: Optional[str]
    sha256: Optional[str]
    fetch: Callable[[Path], None]


def release(architecture: str) -> Source:
    """Return the project's own release, which is statically linked and so runs on any Linux."""
    url = RELEASE.format(version=VERSION, architecture=architecture)
    name = f"goss-{VERSION}-{architecture}"
    return Source("release", name, architecture, VERSION, SHA256[architecture], lambda path: _download(url, path))


def custom(url: str, sha256: str, architecture: str) -> Source:
    """Return a binary from a place of the user's."""
    name = f"goss-{sha256[:16].lower()}-{architecture}"
    return Source("url", name, architecture, None, sha256.lower(), lambda path: _download(url, path))


def debian(architecture: str) -> Source:
    """Return the binary in Debian 13's package, which is dynamically linked with glibc 2.34."""
    name = f"goss-{VERSION}-{architecture}-debian"
    return Source("debian", name, architecture, VERSION, None, lambda path: _from_debian(architecture, path))


def cached(source: Source, cache: Path) -> Optional[Binary]:
    """Return the binary if it has been fetched before and is whole.

    Raises:
        GossError: What has been fetched from a place of the user's is not goss 0.4.
    """
    path = cache / source.name
    if not path.is_file() or (source.sha256 and _sha256(path) != source.sha256):
        return None
    version = source.version or usable_version(str(path), source.architecture)
    return Binary(str(path), version, source.origin, fetched=False)


def fetch(source: Source, cache: Path) -> Binary:
    """Fetch a binary into the cache, or take what another build has put there meanwhile.

    Raises:
        GossError: It cannot be had, or is not what it should be.
    """
    with _locked(cache):
        known = cached(source, cache)
        if known:
            return known
        handle, name = tempfile.mkstemp(dir=cache, prefix=f".{source.name}.")
        os.close(handle)
        temporary = Path(name)
        try:
            source.fetch(temporary)
            if source.sha256 and _sha256(temporary) != source.sha256:
                raise GossError(f"what was downloaded has the sha256 {_sha256(temporary)}, not {source.sha256}")
            temporary.chmod(0o755)
            version = usable_version(name, source.architecture)
            temporary.replace(cache / source.name)
        finally:
            temporary.unlink(missing_ok=True)
    return Binary(str(cache / source.name), source.version or version, source.origin, fetched=True)


@contextlib.contextmanager
def _locked(cache: Path) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "goss.lock").open("w")
    except OSError as error:
        raise GossError(f"the cache directory {cache} cannot be written: {error}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _download(url: str, path: Path) -> None:
    deadline = time.monotonic() + TRANSFER_TIMEOUT
    try:
        with open_url(url, timeout=CONNECT_TIMEOUT, follow_redirects="safe") as answer, path.open("wb") as stream:
            for block in iter(lambda: answer.read(1 << 16), b""):
                stream.write(block)
                if time.monotonic() > deadline:
                    raise GossError(f"{url} was not downloaded within {TRANSFER_TIMEOUT} seconds")
    except (OSError, ValueError) as error:
        raise GossError(f"{url}: {str(error).strip('<>')}") from error


def _from_debian(architecture: str, path: Path) -> None:
    """Download the package with apt, by lists of its own, check it as apt does, and take the program out."""
    missing = [tool for tool in ("apt-get", "apt-config", "dpkg-deb") if not shutil.which(tool)]
    if missing:
        raise GossError(f"this is no Debian system with apt: {', '.join(missing)} not found")
    keyring = next((name for name in KEYRINGS if Path(name).is_file()), None)
    if not keyring:
        msg = "Debian's keys are not installed (package debian-archive-keyring)"
        raise GossError(msg)
    mirrors = debian_mirrors(_run(["apt-get", "indextargets", "--format", INDEX_FORMAT, "Created-By: Packages"]).stdout)
    if not mirrors:
        msg = "this system's apt configuration names no Debian mirror"
        raise GossError(msg)
    reasons = []
    for mirror in mirrors:
        with tempfile.TemporaryDirectory(prefix="goldsmith-apt-") as root:
            try:
                _unpack(_apt_download(Path(root), mirror, keyring, architecture), path)
            except GossError as error:
                reasons.append(str(error))
            else:
                return
    raise GossError("; ".join(reasons))


INDEX_FORMAT = "$(REPO_URI)|$(COMPONENT)|$(ORIGIN)|$(RELEASE)"


def debian_mirrors(indextargets: str) -> List[str]:
    """Return the Debian mirrors among this system's package sources, at most three, the surest first.

    Args:
        indextargets: The output of ``apt-get indextargets`` in `INDEX_FORMAT`. The origin is known only for lists that
            have been downloaded. What is not Debian's is tried in vain at worst, as its signature does not fit.
    """
    ranked: Dict[str, int] = {}
    for line in indextargets.splitlines():
        uri, component, origin, suite = [*line.split("|"), "", "", ""][:4]
        if component != "main" or "security" in suite or (origin and origin != "Debian"):
            continue
        rank = 0 if origin == "Debian" else 1 if uri.rstrip("/").endswith("debian") else 2
        ranked[uri] = min(rank, ranked.get(uri, rank))
    return sorted(ranked, key=lambda uri: ranked[uri])[:3]


def _apt_download(root: Path, mirror: str, keyring: str, architecture: str) -> Path:
    for directory in ("lists/partial", "cache/archives/partial", "download"):
        (root / directory).mkdir(parents=True)
    (root / "goss.sources").write_text(
        f"Types: deb\nURIs: {mirror}\nSuites: {DEBIAN_SUITE}\nComponents: main\n"
        f"Architectures: {architecture}\nSigned-By: {keyring}\n",
        encoding="utf-8",
    )
    # Proxies and the like are the system's; its hooks and lists are not.
    kept = [line for line in _run(["apt-config", "dump"]).stdout.splitlines() if line.startswith("Acquire::")]
    own = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::sourcelist": root / "goss.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::Lists": root / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": root / "cache",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "0",
        "Acquire::http::Timeout": CONNECT_TIMEOUT,
        "Acquire::https::Timeout": CONNECT_TIMEOUT,
    }
    configuration = root / "apt.conf"
    configuration.write_text("\n".join([*kept, *(f'{key} "{value}";' for key, value in own.items()), ""]))
    environment = {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"}
    for command in (["update", "--error-on=any"], ["download", "goss"]):
        try:
            ran = _run(["apt-get", "--quiet=2", *command], root / "download", environment)
        except subprocess.TimeoutExpired as error:
            raise GossError(f"{mirror}: apt-get {command[0]} did not end within {error.timeout} seconds") from error
        if ran.returncode:
            said = " ".join(line for line in ran.stderr.splitlines() if line.startswith(("E:", "W:"))) or ran.stderr
            raise GossError(f"{mirror}: {' '.join(said.split())[:500]}")
    packages = sorted((root / "download").glob("goss_*.deb"))
    if not packages or not packages[0].name.startswith(f"goss_{VERSION}-"):
        raise GossError(f"{mirror} has no goss {VERSION} in {DEBIAN_SUITE}")
    return packages[0]


def _unpack(package: Path, path: Path) -> None:
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    found = False
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            content = archive.extractfile(member) if member.name.lstrip("./") == "usr/bin/goss" else None
            if content:
                with path.open("wb") as stream:
                    shutil.copyfileobj(content, stream)
                found = True
    if not found:
        raise GossError(f"{package.name} holds no usr/bin/goss")


def _run(
    command: List[str], folder: Optional[Path] = None, environment: Optional[Mapping[str, str]] = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False,
        timeout=TRANSFER_TIMEOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
