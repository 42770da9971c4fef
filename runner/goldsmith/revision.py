"""What version control says of a directory."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


def revision(directory: Path) -> dict[str, str]:
    """Return ``commit`` (with ``-dirty`` when the tree differs from it) and ``url`` of the git checkout, where known.

    The URL is without a user's name or password, as it goes into an image's labels.
    """
    commit = _git(directory, "describe", "--always", "--abbrev=40", "--dirty", "--match=-")
    url = _git(directory, "config", "--get", "remote.origin.url")
    return {key: value for key, value in {"commit": commit, "url": _public(url)}.items() if value}


def _git(directory: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments],  # noqa: S607  the user's own git
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _public(url: str) -> str:
    """Return the URL without credentials; the path of a local checkout is nobody else's business."""
    parts = urlsplit(url)
    if not parts.scheme:
        return url if ":" in url and not url.startswith("/") else ""
    if parts.scheme == "file":
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
