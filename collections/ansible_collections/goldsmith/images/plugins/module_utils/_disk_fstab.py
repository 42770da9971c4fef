# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of file systems, ``/etc/fstab``, of a disk. Pure.

Sources: fstab(5), systemd.mount(5) for ``x-systemd.growfs``; for the options, the CIS Debian Linux 12 Benchmark, 1.1.2.
"""

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import Layout, Partition

_OPTIONS = {
    # Grows with its partition, which grows with the disk.
    "/": "defaults,x-systemd.growfs",
    # A machine whose firmware is another one starts all the same when this cannot be mounted.
    "/boot/efi": "umask=0077,nofail",
    "/home": "defaults,nodev,nosuid",
    "/tmp": "defaults,nodev,nosuid,noexec",  # noqa: S108  a mount point
    "/var": "defaults,nodev,nosuid",
    "/var/log": "defaults,nodev,nosuid,noexec",
    "/var/log/audit": "defaults,nodev,nosuid,noexec",
    "/var/tmp": "defaults,nodev,nosuid,noexec",  # noqa: S108  a mount point
}


def fstab(layout: Layout) -> str:
    """Return the lines of a disk's file systems."""
    return "".join(_line(partition) for partition in layout.mounted)


def completed(text: str, layout: Layout) -> str:
    """Return a table with all of a disk's file systems: what it says of one already stays as it is.

    Args:
        text: What the table says.
        layout: The disk.
    """
    known = {
        fields[1].rstrip("/") or "/"
        for line in text.splitlines()
        if len(fields := line.split()) > 1 and fields[0][0] != "#"
    }
    added = "".join(_line(partition) for partition in layout.mounted if partition.mount not in known)
    return text + ("\n" if text and not text.endswith("\n") and added else "") + added


def _line(partition: Partition) -> str:
    options = _OPTIONS.get(partition.mount, "defaults,nodev")
    checked = {"ext4": 1 if partition.mount == "/" else 2}.get(partition.filesystem, 0)
    return f"UUID={partition.filesystem_uuid} {partition.mount} {partition.filesystem} {options} 0 {checked}\n"
