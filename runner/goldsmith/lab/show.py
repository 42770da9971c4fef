"""What ``goldsmith lab`` prints."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any


def environment_text(environment: Mapping[str, str]) -> str:
    """Return environment variables as a shell sets them."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment.items())


def status_text(endpoint: str, status: Mapping[str, Any]) -> str:
    """Return what a lab has, a line for each instance and image."""
    lines = [f"The lab answers at {endpoint}"]
    for one in status["instances"]:
        where = f"{one['user']}@{one['address']}" if one["state"] == "running" else ""
        lines.append(
            f"  {one['region']}  {one['id']}  {one['state']:<13} {one['type']:<10} {one['image']}  {where}".rstrip()
        )
    for one in status["images"]:
        lines.append(f"  {one['region']}  {one['id']}  {one['state']:<13} {one['name']}")
    return "\n".join(lines)
