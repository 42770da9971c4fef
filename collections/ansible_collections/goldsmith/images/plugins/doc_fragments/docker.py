# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation that the Docker modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment C(goldsmith.images.docker): what reaches the engine. Its counterpart is C(DOCKER_OPTIONS)."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description: URL of the Docker engine. By default that of E(DOCKER_HOST), else the local socket.
    type: str
  timeout:
    description:
      - Seconds that the engine may be silent during one request before it counts as unreachable. What takes it long by
        nature, such as a capture, a push or a saved image, may take longer.
    type: int
    default: 120
requirements:
  - docker >= 7.1 (Python package)
"""
