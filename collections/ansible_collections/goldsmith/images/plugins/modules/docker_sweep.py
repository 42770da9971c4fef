#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_sweep
short_description: Remove what builds have left in the Docker engine
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - Finds what builds have left, after a crash, a power cut or a C(kill -9), by the labels that every container and
    temporary image has had since it was created, and removes it.
  - Images that were captured and have a tag are never touched, nor are bases, nor anything without the label
    C(io.goldsmith.build).
  - In check mode, lists what would go.
options:
  build_ids:
    description:
      - Builds of which every container and temporary image goes, finished or not, and every captured image without a
        tag.
    type: list
    elements: str
    default: []
  expired:
    description: Also remove what is past the time in its label C(io.goldsmith.expires), of whichever build.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
  diff_mode:
    description: Returns what was there before and after.
    support: full
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
notes:
  - Fails at the end if something could not be removed; RV(removed) and RV(failed_removals) are returned all the same.
seealso:
  - module: goldsmith.images.docker_builder
"""

EXAMPLES = r"""
- name: See what is left
  goldsmith.images.docker_sweep:
  check_mode: true
  register: left

- name: Remove everything of one build, and nothing else
  goldsmith.images.docker_sweep:
    build_ids: [20261122T070000-0a1b2c3d]
    expired: false
"""

RETURN = r"""
found:
  description: What is to go.
  returned: success
  type: list
  elements: dict
  contains: &leftover
    kind:
      description: V(container) or V(image).
      type: str
      sample: container
    id:
      description: The engine's ID.
      type: str
      sample: 9c3f8406a5c9
    name:
      description: The container's name, or the image's tag; empty for an image without one.
      type: str
      sample: goldsmith-20261122T070000-0a1b2c3d
    build:
      description: The build that it belongs to.
      type: str
      sample: 20261122T070000-0a1b2c3d
    expires:
      description: When it expires; empty if it does not by itself.
      type: str
      sample: "2026-11-22T13:00:00Z"
    reason:
      description: Why it goes, or why it could not be removed.
      type: str
      sample: it has expired
removed:
  description: What was removed; empty in check mode.
  returned: success
  type: list
  elements: dict
  contains: *leftover
failed_removals:
  description: What could not be removed.
  returned: success
  type: list
  elements: dict
  contains: *leftover
"""

from datetime import datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, run
from ansible_collections.goldsmith.images.plugins.module_utils._sweep import Leftover, leftovers, sweep
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC


def work(client: Any, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    found = leftovers(client, params["build_ids"], params["expired"], datetime.now(UTC))
    removed, kept = ([], []) if module.check_mode else sweep(client, found)
    gone = found if module.check_mode else removed
    result = {
        "changed": bool(gone),
        "found": _dicts(found),
        "removed": _dicts(removed),
        "failed_removals": _dicts(kept),
        "diff": {
            "before": {"leftovers": _lines(found)},
            "after": {"leftovers": _lines([one for one in found if one not in gone])},
        },
    }
    if kept:
        reasons = "; ".join(f"{one.kind} {one.name or one.id}: {one.reason}" for one in kept)
        module.fail_json(msg=f"{len(kept)} of {len(found)} could not be removed: {reasons}", **result)
    return result


def _dicts(leftover: list[Leftover]) -> list[dict[str, str]]:
    return [one.as_dict() for one in leftover]


def _lines(leftover: list[Leftover]) -> list[str]:
    return [f"{one.kind} {one.name or one.id} of build {one.build}" for one in leftover]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "build_ids": {"type": "list", "elements": "str", "default": []},
            "expired": {"type": "bool", "default": True},
            **DOCKER_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
