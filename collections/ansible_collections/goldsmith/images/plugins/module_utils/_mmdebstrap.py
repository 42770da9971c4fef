# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mmdebstrap at work, in a directory that is gone afterwards, whatever happens."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator, NamedTuple

from ansible_collections.goldsmith.images.plugins.module_utils._base_recipe import Options, Recipe
from ansible_collections.goldsmith.images.plugins.module_utils._container import last_lines
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._locks import Lock

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

MEMORY_KB = 3 << 20
"""Free memory, in KiB, from which on a base is made in memory; half of all is the most it may take."""

_PREFIX = "debootstrap-"

# The host's name and resolver must not travel in an image; a container gets its own.
_CUSTOMIZE = (
    'rm -f "$1/etc/hostname" "$1/etc/resolv.conf"; if [ -e "$1/etc/machine-id" ]; then : > "$1/etc/machine-id"; fi'
)


def version() -> str:
    """Return mmdebstrap's version.

    Raises:
        Fault: It is not installed, or cannot be on this system.
    """
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


def mode() -> str:
    """Return the way in which mmdebstrap gets by with this user's rights. It shows in the result: device nodes."""
    return "root" if os.geteuid() == 0 else "unshare"


def default_sources(options: Options) -> str:
    """Return what mmdebstrap says when it is to print the sources that it would use by itself."""
    hook = 'cat "$1/etc/apt/sources.list" >&2; exit 1'
    with workspace() as place:
        command = [*_command(options, [], []), f"--setup-hook={hook}", "--format=null", options.suite, "-"]
        environment = {**os.environ, "TMPDIR": str(place.folder)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stderr


def _command(options: Options, include: list[str], extra: list[str]) -> list[str]:
    return [
        "mmdebstrap",
        f"--mode={mode()}",
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
    with workspace() as place, tempfile.TemporaryFile(dir=place.folder) as tar:
        done = _run(recipe, place, tar, memory=_memory_suffices())
        if done.returncode != 0 and "No space left on device" in done.stderr:
            tar.truncate(0)
            tar.seek(0)
            done = _run(recipe, place, tar, memory=False)
        if done.returncode != 0:
            raise Fault(explanation(done.returncode, done.stderr, recipe))
        tar.seek(0)
        digest = hashlib.sha256()
        for chunk in iter(lambda: tar.read(1 << 20), b""):
            digest.update(chunk)
        tar.seek(0)
        yield tar, f"sha256:{digest.hexdigest()}"


def _run(recipe: Recipe, place: Place, tar: IO[bytes], memory: bool) -> subprocess.CompletedProcess[str]:
    command = _command(recipe.options, recipe.include, [f"--customize-hook={_CUSTOMIZE}", "--format=tar"])
    return subprocess.run(
        [*(_in_memory(place.folder) if memory else []), *command, recipe.options.suite, "-", *recipe.sources],
        stdout=tar,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        check=False,
        # Whoever of mmdebstrap's processes outlives this one keeps the directory from being swept.
        pass_fds=(place.lock,),
        env={
            **os.environ,
            "TMPDIR": str(place.folder),
            "SOURCE_DATE_EPOCH": str(recipe.epoch),
            "LC_ALL": "C",
            # The tar is what counts; nothing of the directory need survive a power cut.
            "DPKG_FORCE": "unsafe-io",
        },
    )


def _in_memory(folder: Path) -> list[str]:
    """Return what makes a command see a file system in memory at a directory; it is gone when the command ends.

    dpkg waits for the disk at every step, and mmdebstrap takes two to three times as long.
    """
    mount = 'mount -t tmpfs -o mode=0711 tmpfs "$0" && exec "$@"'
    prefix = ["unshare", "--mount", "--", "/bin/sh", "-c", mount, str(folder)]
    try:
        allowed = subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False
    return prefix if allowed else []


def _memory_suffices() -> bool:
    if os.geteuid() != 0:
        return False
    match = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    return match is not None and int(match[1]) >= MEMORY_KB


def explanation(status: int, stderr: str, recipe: Recipe) -> str:
    """Return what mmdebstrap's failure means to the user.

    Args:
        status: Its exit status; negative for the signal that ended it.
        stderr: What it said.
        recipe: What it was to make.
    """
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


class Place(NamedTuple):
    """A directory to work in, and the descriptor of the lock that keeps it from being swept."""

    folder: Path
    lock: int


@contextmanager
def workspace() -> Iterator[Place]:
    """Give a place to work in; first sweep what killed runs left."""
    parent = cache_folder()
    for left in {path.with_suffix("") for path in parent.glob(f"{_PREFIX}*")}:
        with Lock(_lock_of(left), wait=False) as unused:
            if unused.descriptor is not None and left.exists():
                _remove_tree(left)
    folder = parent / f"{_PREFIX}{os.urandom(6).hex()}"
    with Lock(_lock_of(folder)) as lock:
        if lock.descriptor is None:
            raise Fault(f"the directory {folder} is in use")
        folder.mkdir(mode=0o711)
        try:
            yield Place(folder, lock.descriptor)
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
