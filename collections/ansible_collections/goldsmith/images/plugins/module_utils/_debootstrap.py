# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A base made from the distribution's own packages by mmdebstrap, so that no registry is needed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Iterator

from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import (
    ROLLING,
    Index,
    Source,
    indexes,
    sources_from_host,
    sources_from_mirrors,
)
from ansible_collections.goldsmith.images.plugins.module_utils._container import last_lines
from ansible_collections.goldsmith.images.plugins.module_utils._docker import LABEL_ROLE, LABEL_SOURCE, UTC, Fault
from ansible_collections.goldsmith.images.plugins.module_utils._locks import exclusive

SCHEMA = 1
"""Part of the cache key: raise it whenever the same options shall give another image."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PREFIX = "debootstrap-"

OCI_ARCHITECTURES = {
    "amd64": ("amd64", ""),
    "arm64": ("arm64", ""),
    "armel": ("arm", "v5"),
    "armhf": ("arm", "v7"),
    "i386": ("386", ""),
    "mips64el": ("mips64le", ""),
    "ppc64el": ("ppc64le", ""),
}
"""Debian's names of architectures in the words of OCI (architecture, variant), where they differ or have a variant."""

# The host's name and resolver must not travel in an image; a container gets its own.
_CUSTOMIZE = (
    'rm -f "$1/etc/hostname" "$1/etc/resolv.conf"; if [ -e "$1/etc/machine-id" ]; then : > "$1/etc/machine-id"; fi'
)


@dataclass(frozen=True)
class Options:
    """What the user asks for; see the module's documentation."""

    suite: str
    mirror: list[str] | None
    components: list[str]
    include: list[str]
    variant: str
    architecture: str | None


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a base is like.

    Attributes:
        options: What the user asks for.
        sources: Lines of the base's sources.list.
        indexes: The signed indexes of these sources.
        architecture: Debian's name of the architecture.
        mmdebstrap: Version of mmdebstrap.
        epoch: Seconds since 1970 that times are clamped to and that the image was created at.
    """

    options: Options
    sources: tuple[str, ...]
    indexes: tuple[Index, ...]
    architecture: str
    mmdebstrap: str
    epoch: int

    @property
    def key(self) -> str:
        """Digest of all of this: the same key, the same base."""
        data = {
            "schema": SCHEMA,
            "options": {**asdict(self.options), "include": self.include},
            "sources": self.sources,
            "inrelease": self.inrelease,
            "architecture": self.architecture,
            "mmdebstrap": self.mmdebstrap,
            "epoch": self.epoch,
        }
        return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def include(self) -> list[str]:
        """Packages in addition to the variant's; without certificates a base could not update itself over HTTPS."""
        https = any("https://" in source for source in self.sources)
        return sorted({*self.options.include, *(["ca-certificates"] if https else [])})

    @property
    def inrelease(self) -> dict[str, str]:
        """The indexes' digests by URL."""
        return {index.url: index.sha256 for index in self.indexes}

    @property
    def reference(self) -> str:
        """The tag under which the base is kept."""
        return f"goldsmith/base:{self.options.suite}-{self.key[:12]}"

    @property
    def created(self) -> str:
        """The time of creation, RFC 3339."""
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def document(self, layer: str) -> bytes:
        """Return the image document of a base with this layer (its tar's ``sha256:…``)."""
        architecture, variant = OCI_ARCHITECTURES.get(self.architecture, (self.architecture, ""))
        by = f"mmdebstrap --variant={self.options.variant} {self.options.suite}"
        data = {
            "architecture": architecture,
            **({"variant": variant} if variant else {}),
            "os": "linux",
            "created": self.created,
            "config": {"Env": [PATH], "Cmd": ["bash"], "Labels": {LABEL_ROLE: "base", LABEL_SOURCE: self.key}},
            "rootfs": {"type": "layers", "diff_ids": [layer]},
            "history": [{"created": self.created, "created_by": by}],
        }
        return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def recipe(options: Options, epoch: str | None, timeout: float) -> tuple[Recipe, list[str]]:
    """Find out what the base is to be made from, and in which state the archives are now.

    Args:
        options: What the user asks for.
        epoch: ``SOURCE_DATE_EPOCH``; by default the time of the newest change of the archives.
        timeout: Seconds that an archive may take to answer.

    Returns:
        The recipe, and warnings.

    Raises:
        Fault: This system cannot make a base, or an archive does not answer.
    """
    version = _mmdebstrap_version()
    if epoch and not epoch.isdigit():
        raise Fault(f"SOURCE_DATE_EPOCH is {epoch!r}: it must be a number of seconds since 1970. Unset or mend it.")
    if options.mirror is not None:
        sources = sources_from_mirrors(options.mirror, options.suite, options.components)
    else:
        sources = sources_from_host(options.suite, options.components) or _default_sources(options)
    there, found = indexes(sources, timeout)
    if not there:
        raise Fault("`mirror` is empty: give the URL of an archive, or leave it out to use this system's own.")
    warnings = []
    if options.suite not in ROLLING and not any("security" in source.line for source in there):
        warnings.append(
            f"No source of security updates for {options.suite} is among the mirrors; add the security archive's URL."
        )
    newest = max(int(index.date.timestamp()) for index in found)
    lines = tuple(source.line for source in there)
    architecture = options.architecture or _native_architecture()
    return Recipe(options, lines, tuple(found), architecture, version, int(epoch) if epoch else newest), warnings


def _mmdebstrap_version() -> str:
    if platform.system() != "Linux":
        raise Fault(f"mmdebstrap works on Linux alone, not on {platform.system()}; use `image` as the source.")
    command = ["mmdebstrap", "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Fault(
            "mmdebstrap is not installed on this machine; on Debian and Ubuntu: apt-get install mmdebstrap. "
            "Or use `image` as the source."
        ) from error
    return (done.stdout + done.stderr).split()[-1]


def _native_architecture() -> str:
    command = ["dpkg", "--print-architecture"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Fault(f"dpkg cannot say this machine's architecture ({error}); name it by `architecture`.") from error
    return done.stdout.strip()


def _default_sources(options: Options) -> list[Source]:
    """Ask mmdebstrap which sources it would use by itself."""
    hook = 'cat "$1/etc/apt/sources.list" >&2; exit 1'
    with _workspace() as (folder, _lock):
        command = [*_command(options, [], []), f"--setup-hook={hook}", "--format=null", options.suite, "-"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": str(folder)}
        )
    lines = [line for line in done.stderr.splitlines() if line.startswith("deb ")]
    if not lines:
        raise Fault(
            f"mmdebstrap knows no archive for {options.suite}; name one by `mirror`.\n{last_lines(done.stderr)}"
        )
    return [Source(line) for line in lines]


def _command(options: Options, include: list[str], extra: list[str]) -> list[str]:
    return [
        "mmdebstrap",
        f"--mode={'root' if os.geteuid() == 0 else 'unshare'}",
        f"--variant={options.variant}",
        f"--components={','.join(options.components)}",
        *([f"--include={','.join(include)}"] if include else []),
        *([f"--architectures={options.architecture}"] if options.architecture else []),
        *([f"--keyring={KEYRING}"] if KEYRING.exists() else []),
        *extra,
    ]


@contextmanager
def built(recipe: Recipe) -> Iterator[tuple[IO[bytes], str]]:
    """Make the root file system.

    Args:
        recipe: What it is made from.

    Yields:
        Its tar, and the tar's ``sha256:…``. Nothing is left of it afterwards.

    Raises:
        Fault: mmdebstrap failed.
    """
    with _workspace() as (folder, lock), tempfile.TemporaryFile(dir=folder) as tar:
        extra = [f"--customize-hook={_CUSTOMIZE}", "--format=tar"]
        done = subprocess.run(
            [*_command(recipe.options, recipe.include, extra), recipe.options.suite, "-", *recipe.sources],
            stdout=tar,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            check=False,
            pass_fds=(lock,),
            env={
                **os.environ,
                "TMPDIR": str(folder),
                "SOURCE_DATE_EPOCH": str(recipe.epoch),
                # The tar is what counts; nothing of the directory need survive a power cut.
                "DPKG_FORCE": "unsafe-io",
            },
        )
        if done.returncode != 0:
            raise Fault(_explanation(done.returncode, done.stderr.decode(errors="replace"), recipe))
        tar.seek(0)
        digest = hashlib.sha256()
        for chunk in iter(lambda: tar.read(1 << 20), b""):
            digest.update(chunk)
        tar.seek(0)
        yield tar, f"sha256:{digest.hexdigest()}"


def _explanation(status: int, stderr: str, recipe: Recipe) -> str:
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
    hint = ""
    if re.search(r"unshare|newuidmap|subuid|user namespace", stderr) and os.geteuid() != 0:
        hint = (
            "\nWithout root, mmdebstrap needs user namespaces: install uidmap, have a range of ids for this user in "
            "/etc/subuid and /etc/subgid, and kernel.unprivileged_userns_clone=1. Or run as root."
        )
    elif "No space left on device" in stderr:
        hint = "\nThe disk is full; a base needs about 1 GB while it is made."
    elif "Unable to locate package" in stderr:
        hint = "\nThe packages of `include` must exist in these components: " + ", ".join(recipe.options.components)
    lines = last_lines("\n".join(line for line in stderr.splitlines() if not line.startswith("I: ")) or stderr)
    return f"mmdebstrap {how} while making {recipe.options.suite}:\n{lines}{hint}"


def cache_folder() -> Path:
    """Return the directory for work in progress; it exists.

    Without root, mmdebstrap's processes have other user ids, for which a home directory is closed.
    """
    if os.geteuid() == 0:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "goldsmith"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    folder = Path("/var/tmp") / f"goldsmith-{os.geteuid()}"  # noqa: S108 the owner is checked
    folder.mkdir(mode=0o711, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise Fault(f"{folder} belongs to somebody else; have it removed.")
    return folder


@contextmanager
def _workspace() -> Iterator[tuple[Path, int]]:
    """Give a directory to work in, and the lock that keeps it from being swept; first sweep what killed runs left."""
    parent = cache_folder()
    for left in {path.with_suffix("") for path in parent.glob(f"{_PREFIX}*")}:
        with exclusive(_lock_of(left), wait=False) as free:
            if free is not None and left.exists():
                _remove_tree(left)
    folder = parent / f"{_PREFIX}{os.urandom(6).hex()}"
    with exclusive(_lock_of(folder)) as lock:
        if lock is None:
            raise Fault(f"the directory {folder} is in use")
        folder.mkdir(mode=0o711)
        try:
            yield folder, lock
        finally:
            _remove_tree(folder)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")


def _remove_tree(folder: Path) -> None:
    """Remove a directory, unless something is mounted in it: that could be the host's own /dev."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    if f" {folder}/" in mounts:
        return
    command = ["rm", "-rf", "--one-file-system", "--", str(folder)]
    if os.geteuid() != 0:
        command = ["mmdebstrap", "--unshare-helper", *command]
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        subprocess.run(command, check=False, capture_output=True)
