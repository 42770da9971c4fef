# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tags of an image and its snapshots, from the call that creates them on: the ledger. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._aws import (
    TAG_BUILD,
    TAG_EXPIRES,
    TAG_NAME,
    TAG_ROLE,
    TAG_SOURCE,
    TAG_STATE,
    TAG_USER,
    TAG_VERSION,
)
from ansible_collections.goldsmith.images.plugins.module_utils._time import stamp


def ledger(params: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return the tags of the image and its snapshots; the ledger's own cannot be overridden.

    Args:
        params: The options of a module that makes an image.
        now: The present time.
    """
    tags = {
        TAG_BUILD: params["build_id"],
        TAG_NAME: params["image_name"],
        TAG_VERSION: params["version"],
        TAG_ROLE: "artifact",
        TAG_STATE: "candidate",
        TAG_EXPIRES: stamp(now + timedelta(seconds=params["expires_in"])),
        TAG_SOURCE: params["source"],
        TAG_USER: params["user"],
    }
    known = {key: value for key, value in tags.items() if value}
    given = {key: str(value) for key, value in params["tags"].items()}
    marks = {f"goldsmith:{key}": str(value) for key, value in params["marks"].items()}
    return {"Name": params["name"], **given, **marks, **known}
