#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_image_verify
short_description: See whether Docker images are still there
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - Looks for images in the Docker engine by their IDs, which are digests of what is in them, and for those that were
    pushed in their registries by digest.
  - Registries are asked by the engine, without fetching an image.
options:
  images:
    description: The images.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: ID of the image.
        type: str
        required: true
      digests:
        description: Digest by reference, as M(goldsmith.images.docker_image_publish) returns it.
        type: dict
        default: {}
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
    details: Nothing is ever changed.
  diff_mode:
    description: Returns what has changed.
    support: N/A
    details: Nothing is ever changed.
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
seealso:
  - module: goldsmith.images.docker_image
  - module: goldsmith.images.docker_image_publish
"""

EXAMPLES = r"""
- name: See whether an image is still there
  goldsmith.images.docker_image_verify:
    images:
      - id: sha256:4f0c7b6b1cf0a3a6e2f6c3d2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0f9e8
        digests:
          localhost:5000/web:12: sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9
"""

RETURN = r"""
images:
  description: The images, in the order given.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: ID of the image.
      type: str
    engine:
      description: Whether the engine has it.
      type: bool
    missing:
      description: References whose registry does not have the digest any more.
      type: list
      elements: str
    unknown:
      description: Why registries could not be asked, by reference.
      type: dict
"""

from contextlib import suppress
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, run

with suppress(ImportError):  # `run` tells the user
    from docker.errors import APIError, NotFound


def work(client: Any, module: AnsibleModule) -> dict[str, Any]:
    return {"changed": False, "images": [_look(client.api, image) for image in module.params["images"]]}


def _look(api: Any, image: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"id": image["id"], "engine": _has(api, image["id"]), "missing": [], "unknown": {}}
    for reference, digest in image["digests"].items():
        try:
            api.inspect_distribution(f"{reference.rpartition(':')[0]}@{digest}")
        except NotFound:
            found["missing"].append(reference)
        except APIError as error:
            # The engine passes on a registry's 404 as it is; of an older one it says 403 or 500 with that text.
            text = str(error.explanation or error)
            if "manifest unknown" in text:
                found["missing"].append(reference)
            else:
                found["unknown"][reference] = text
    return found


def _has(api: Any, image: str) -> bool:
    try:
        api.inspect_image(image)
    except NotFound:
        return False
    return True


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "images": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "id": {"type": "str", "required": True},
                    "digests": {"type": "dict", "default": {}},
                },
            },
            **DOCKER_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
