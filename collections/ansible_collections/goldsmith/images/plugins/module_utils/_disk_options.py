# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say what a disk is like, as modules take them."""

from __future__ import annotations

import os
import time
from typing import Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._disk_image import Wanted
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

# A root file system holds what none but mke2fs can be given without a mount: see `_xfs_proto`.
_KINDS = ["ext4"]

DISK_OPTIONS: dict[str, Any] = {
    "size": {"type": "bytes"},
    "firmware": {"type": "list", "elements": "str", "choices": ["bios", "uefi"], "default": ["bios", "uefi"]},
    "filesystem": {"type": "str", "choices": _KINDS, "default": "ext4"},
    "partitions": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "mount": {"type": "path", "required": True},
            "size": {"type": "bytes", "required": True},
            "filesystem": {"type": "str", "choices": [*_KINDS, "xfs"]},
        },
    },
    "seed": {"type": "str", "required": True},
}
"""See the documentation fragment ``disk``."""


def wanted(params: Mapping[str, Any], form: str = "raw", hostname: str = "") -> Wanted:
    """Return the disk that a module's parameters ask for.

    Args:
        params: The parameters.
        form: Format of the file.
        hostname: Name of the machine.

    Raises:
        Fault: It is to start from nothing, or ``SOURCE_DATE_EPOCH`` is no time.
    """
    firmware = sorted(set(params["firmware"]))
    if not firmware:
        raise Fault("`firmware` is empty: name bios, uefi or both.")
    return Wanted(
        size=params["size"],
        firmware=firmware,
        filesystem=params["filesystem"],
        partitions=params["partitions"],
        seed=params["seed"],
        format=form,
        hostname=hostname,
        epoch=epoch(),
    )


def epoch() -> int:
    """Return the time, in seconds since 1970, that nothing in a disk is younger than.

    Raises:
        Fault: ``SOURCE_DATE_EPOCH`` is no time.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH") or str(int(time.time()))
    if not given.isdigit():
        raise Fault(f"SOURCE_DATE_EPOCH is {given!r}: it must be a number of seconds since 1970. Unset or mend it.")
    return int(given)
