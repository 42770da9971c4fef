# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that decides what a base made from packages is like, and its digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime

from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import Index
from ansible_collections.goldsmith.images.plugins.module_utils._docker import LABEL_ROLE, LABEL_SOURCE
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC, stamp

SCHEMA = 1
"""Part of the cache key: raise it whenever the same options shall give another image."""

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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
        mmdebstrap: Version of mmdebstrap, and the mode that it works in.
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
        return stamp(datetime.fromtimestamp(self.epoch, UTC))

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
