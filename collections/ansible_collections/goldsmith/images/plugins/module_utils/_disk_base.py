# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A base in the engine that is the root file system of a disk's image."""

from __future__ import annotations

import hashlib
import json
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Iterator

from ansible_collections.goldsmith.images.plugins.module_utils._base_recipe import PATH
from ansible_collections.goldsmith.images.plugins.module_utils._disk_boot import MENU
from ansible_collections.goldsmith.images.plugins.module_utils._disk_source import Original, unpacked
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import call
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import see_inside
from ansible_collections.goldsmith.images.plugins.module_utils._docker import LABEL_ROLE, LABEL_SOURCE
from ansible_collections.goldsmith.images.plugins.module_utils._ext4_tree import take_out
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._mmdebstrap import workspace
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp

SCHEMA = 1
"""Part of the cache key: raise it whenever the same file shall give another image."""

_X86_64 = 62
_PROGRAMS = ("usr/bin/dpkg", "usr/bin/env")


@dataclass(frozen=True)
class DiskRecipe:
    """What a base is made from: the file of an image, and nothing else."""

    original: Original

    @property
    def key(self) -> str:
        """Digest of all that decides what the base is like: the same key, the same base."""
        return hashlib.sha256(f"disk {SCHEMA} {self.original.sha256}".encode("ascii")).hexdigest()

    @property
    def reference(self) -> str:
        """The tag under which the base is kept."""
        return f"goldsmith/base:disk-{self.key[:12]}"

    def document(self, layer: str) -> bytes:
        """Return the image document of a base with this layer (its tar's ``sha256:…``)."""
        # When the image was made is not known before it is unpacked; a time of its own would be another one each time.
        created = stamp(datetime.fromtimestamp(0, UTC))
        data = {
            "architecture": "amd64",
            "os": "linux",
            "created": created,
            "config": {"Env": [PATH], "Cmd": ["bash"], "Labels": {LABEL_ROLE: "base", LABEL_SOURCE: self.key}},
            "rootfs": {"type": "layers", "diff_ids": [layer]},
            "history": [{"created": created, "created_by": f"disk image {self.original.sha256}"}],
        }
        return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


@contextmanager
def root_tar(recipe: DiskRecipe) -> Iterator[tuple[IO[bytes], str]]:
    """Take the root file system out of a disk's image.

    The boot menu is left out, so that packages of kernels do not write it in a container, where it cannot be written;
    it is written when the disk is.

    Args:
        recipe: The image.

    Yields:
        A tar of it, and the tar's ``sha256:…``. Nothing is left of it afterwards.

    Raises:
        Fault: There is no system in the image that could be changed.
    """
    with workspace() as place:
        work = place.folder
        raw, tree, tar = work / "disk.raw", work / "tree", work / "root.tar"
        found = unpacked(recipe.original, raw)
        take_out(raw, found.layout.root.start, tree, work)
        raw.unlink()
        check(tree, str(recipe.original.path))
        (tree / MENU).unlink()
        how = ["--numeric-owner", "--sort=name", "--xattrs", "--xattrs-include=security.capability", "--format=posix"]
        how += ["--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"]
        call(["tar", "-C", tree, *how, "-cf", tar, "."])
        with tar.open("rb") as file:
            digest = hashlib.sha256()
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
            file.seek(0)
            yield file, f"sha256:{digest.hexdigest()}"


def check(tree: Path, name: str) -> None:
    """See that a system is one that a disk can be written of again.

    Args:
        tree: Its root file system.
        name: Name of the image, for the messages.

    Raises:
        Fault: It is of another kind of processor, does not start by GRUB, or its menu may lie outside of it.
    """
    menu = tree / MENU
    see_inside(tree, str(Path(MENU).parent))
    if not menu.is_file() or menu.is_symlink() or not (tree / "usr/sbin/grub-mkconfig").is_file():
        raise Fault(
            f"{name} does not start by GRUB as Debian and Ubuntu have it: there is no /{MENU}, or no grub-mkconfig."
        )
    for program in _PROGRAMS:
        path = tree / program
        if path.is_file() and not path.is_symlink():
            beginning = path.read_bytes()[:20]
            if beginning[:4] == b"\x7fELF" and struct.unpack_from("<H", beginning, 18)[0] != _X86_64:
                raise Fault(f"{name} is of another kind of processor; disks are made for x86-64 (amd64) alone.")
