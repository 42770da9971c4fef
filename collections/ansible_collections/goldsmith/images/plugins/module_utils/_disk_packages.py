# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages that make a machine of a base: a kernel, an init, a boot loader. Pure."""

from __future__ import annotations

from typing import Iterable

from ansible_collections.goldsmith.images.plugins.module_utils._disk_boot import PACKAGES as LOADERS
from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import Layout

KERNEL = "linux-image-amd64"

_SYSTEM = [
    *("systemd-sysv", "udev", "kmod", "dbus", "initramfs-tools", "e2fsprogs", "iproute2", "netbase"),
    *("cloud-initramfs-growroot", "grub2-common"),
]
_ACCESS = ["cloud-init", "openssh-server", "sudo"]
# In these it is a part of the package systemd.
_WITHOUT_RESOLVER = ("bullseye", "focal", "jammy")


def packages(kernel: str, suite: str, firmware: Iterable[str], layout: Layout, *, cloud_init: bool) -> list[str]:
    """Return the packages that make a machine of a base.

    Args:
        kernel: That of the kernel.
        suite: Release of the distribution; empty where it is not known.
        firmware: What the machine starts from: ``bios``, ``uefi`` or both.
        layout: Its disk.
        cloud_init: Whether it is set up by cloud-init, and entered by SSH.
    """
    resolver = [] if suite in _WITHOUT_RESOLVER else ["systemd-resolved"]
    checked = ["xfsprogs"] if any(one.filesystem == "xfs" for one in layout.partitions) else []
    access = _ACCESS if cloud_init else []
    return [kernel, *_SYSTEM, *checked, *resolver, *access, *(LOADERS[kind] for kind in firmware)]
