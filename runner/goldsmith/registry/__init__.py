"""The record of all builds, in SQLite or any database SQLAlchemy reaches.

Importing it costs SQLAlchemy, a quarter of a second: import it where it is used.
"""

from __future__ import annotations

from goldsmith.registry.records import (
    ArtifactRecord,
    BuildRecord,
    Channel,
    ChannelEvent,
    Evidence,
    ImageDetail,
    ImageSummary,
    Recorded,
    Revocation,
    RevocationReport,
    TestCounts,
    Version,
    VersionDetail,
)
from goldsmith.registry.reference import Reference
from goldsmith.registry.registry import Registry

__all__ = [
    "ArtifactRecord",
    "BuildRecord",
    "Channel",
    "ChannelEvent",
    "Evidence",
    "ImageDetail",
    "ImageSummary",
    "Recorded",
    "Reference",
    "Registry",
    "Revocation",
    "RevocationReport",
    "TestCounts",
    "Version",
    "VersionDetail",
]
