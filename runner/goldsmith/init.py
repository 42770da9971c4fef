"""The spec that ``goldsmith init`` writes."""

from __future__ import annotations

import re
from pathlib import Path

from goldsmith.errors import EnvironmentFault, InputError

_SPEC = """\
# goldsmith schema > goldsmith.schema.json lets an editor check and complete this file.
# yaml-language-server: $schema=goldsmith.schema.json
name: {name}
description: A hardened and patched Debian 12
platforms:
  debian-12:
    docker: {{debootstrap: {{suite: bookworm}}}}   # or {{image: "debian:12"}}
layers:
  - role: goldsmith.images.os_patching
  - role: goldsmith.images.os_hardening
  - role: goldsmith.images.os_cleanup
targets:
  docker:
    tags: ["{{{{ version }}}}", latest]
"""


def write_spec(path: Path) -> Path:
    """Write a small spec that builds as it stands.

    Args:
        path: Where to; its name without the suffix becomes the image's name.

    Returns:
        The path.

    Raises:
        InputError: There is a file already.
        EnvironmentFault: It cannot be written.
    """
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "image"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_SPEC.format(name=name))
    except FileExistsError as error:
        raise InputError(f"{path} exists already", "Name another file, or move this one away.") from error
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be written: {error.strerror}") from error
    return path
