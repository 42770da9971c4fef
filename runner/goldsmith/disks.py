"""What the collection's playbooks ``verify`` and ``retire`` answer of images of disks, which are files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from goldsmith.registry import ArtifactRecord


def state(artifact: ArtifactRecord, report: Mapping[str, Any]) -> tuple[Literal["there", "missing", "unknown"], str]:
    """Return whether an image is there, with the digest that is recorded, and why not.

    Args:
        artifact: The image; its tags are the paths of its file.
        report: What ``verify`` wrote.
    """
    for path in artifact.tags:
        answer = _answer(report, path)
        if "stat" not in answer:
            return "unknown", str(answer.get("msg") or f"{path} was not looked at")
        if not answer["stat"]["exists"]:
            return "missing", f"there is no {path} any more"
        if f"sha256:{answer['stat'].get('checksum')}" != artifact.identity:
            return "missing", f"{path} is another file now"
    return "there", ""


def kept(artifact: ArtifactRecord, report: Mapping[str, Any]) -> str:
    """Return why an image could not be removed; empty when it is gone.

    Args:
        artifact: The image.
        report: What ``retire`` wrote.
    """
    for path in artifact.tags:
        answer = _answer(report, path)
        if answer.get("failed") or not answer:
            return str(answer.get("msg") or f"{path} was not removed")
    return ""


def _answer(report: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    return next((answer for answer in report.get("disk") or [] if answer["item"] == path), {})
