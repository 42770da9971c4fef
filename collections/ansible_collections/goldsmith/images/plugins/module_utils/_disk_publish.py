# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image that is whole and tested gets its place."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ansible_collections.goldsmith.images.plugins.module_utils._disk_draft import full, to_disk
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import call, need
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tree import no_room
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

_MODE = 0o644


def facts(image: Path) -> dict[str, Any]:
    """Return size and digest of a file, once it is on the disk."""
    to_disk(image)
    digest = hashlib.sha256()
    with image.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return {"size": image.stat().st_size, "sha256": digest.hexdigest()}


def place_of(image: Path, *, compress: bool) -> Path:
    """Return where an image goes: into the directory above its build's own."""
    return image.parent.parent / (image.name + (".zst" if compress else ""))


def publish(image: Path, place: Path, *, compress: bool, checksum: bool) -> dict[str, Any]:
    """Move an image to its place.

    Args:
        image: The image.
        place: Its place, on the same file system.
        compress: Whether to compress it before.
        checksum: Whether to write its digest beside it.

    Returns:
        ``size`` and ``sha256`` of what is there.

    Raises:
        Fault: There is no room, or no program to compress it.
    """
    if compress:
        need(["zstd"])
        packed = image.with_name(place.name)
        try:
            # One thread: several cut the file elsewhere, and the same image would not give the same file.
            call(["zstd", "-q", "-f", "--sparse", "-T1", "-10", image, "-o", packed])
        except Fault as fault:
            if "No space left" in str(fault):
                raise Fault(no_room(image.parent, 0)) from fault
            raise
        image.unlink()
        image = packed
    try:
        told = facts(image)
        image.chmod(_MODE)
        sums = image.with_name(place.name + ".sha256")
        if checksum:
            sums.write_text(f"{told['sha256']}  {place.name}\n", encoding="utf-8")
            sums.chmod(_MODE)
            to_disk(sums)
            sums.replace(place.with_name(sums.name))
        image.replace(place)
        to_disk(place.parent)
    except OSError as error:
        if full(error):
            raise Fault(no_room(image.parent, 0)) from error
        raise Fault(f"{place} cannot be written: {error.strerror}. Choose another place by `directory`.") from error
    return told
