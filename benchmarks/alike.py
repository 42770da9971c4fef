"""Whether the builders make the same: compares the file systems of their images."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping

DOCKER = shutil.which("docker") or "docker"

# What differs though the images are alike: logs and times, lists and caches of packages, what each builder says of
# itself, and the greeting, which `last layer changed` changes.
ASIDE = re.compile(
    r"(dev|proc|run|sys|tmp|packer-files)(/|$)|var/(log|cache|tmp)/|var/lib/apt/(lists|extended_states)|var/lib/dpkg/.*-old$"
    r"|etc/(hosts|hostname|resolv\.conf|mtab|ld\.so\.cache|goldsmith-release|\w+-)$|etc/shadow$|root/\.ansible"
    r"|opt/bench/data/greeting$"
    r"|\.dockerenv$|(.*/)?__pycache__"
)


def differences(images: Mapping[str, str]) -> list[str]:
    """Compare each image with the first one, file by file: kind, mode, owner, where a link leads, content.

    Args:
        images: References, by what to call them.

    Returns:
        A line for each file that is not the same.
    """
    trees = {name: _tree(reference) for name, reference in images.items()}
    (first, expected), *others = trees.items()
    return [
        f"{path}: {name} has {found.get(path, 'none')}, {first} has {expected.get(path, 'none')}"
        for name, found in others
        for path in sorted(found.keys() | expected.keys())
        if found.get(path) != expected.get(path)
    ]


def _tree(reference: str) -> dict[str, str]:
    container = subprocess.run([DOCKER, "create", reference, "true"], capture_output=True, text=True, check=True)
    name = container.stdout.strip()
    try:
        with (
            subprocess.Popen([DOCKER, "export", name], stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as archive,
        ):
            return {entry.name: _told(archive, entry) for entry in archive if not ASIDE.match(entry.name)}
    finally:
        subprocess.run([DOCKER, "rm", name], capture_output=True, check=True)


def _told(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    # A hard link's first name depends on the archive's order; what it leads to is compared under that name.
    content = archive.extractfile(entry) if entry.isreg() else None
    what = hashlib.sha256(content.read()).hexdigest()[:12] if content else entry.linkname if entry.issym() else ""
    return f"{'directory' if entry.isdir() else 'file'} {entry.mode:o} {entry.uid}:{entry.gid} {what}".strip()
