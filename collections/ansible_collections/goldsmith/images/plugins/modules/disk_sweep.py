#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_sweep
short_description: Remove unfinished disks that builds left behind
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
description:
  - A disk that is written lies in a directory named after its build, C(.goldsmith-BUILD). This removes those of the
    builds given and those that have expired. Finished images are left alone.
options:
  directories:
    description: Directories that disks are written to. One that is not there has nothing to sweep.
    type: list
    elements: path
    required: true
  build_ids:
    description: Builds of which everything goes.
    type: list
    elements: str
    default: []
  expired:
    description: Whether to remove what is past its time, of any build.
    type: bool
    default: true
attributes:
  check_mode:
    description: Only lists.
    support: full
  diff_mode:
    description: Shows what is there before and after.
    support: full
  idempotent:
    description: When run again, finds nothing more.
    support: full
seealso:
  - module: goldsmith.images.disk_image
  - module: goldsmith.images.docker_sweep
"""

EXAMPLES = r"""
- name: Remove what builds that were killed left behind
  goldsmith.images.disk_sweep:
    directories: [/srv/images]
"""

RETURN = r"""
found:
  description: What is to go.
  returned: success
  type: list
  elements: dict
  contains: &leftover
    kind:
      description: V(disk).
      type: str
      sample: disk
    id:
      description: The directory.
      type: str
      sample: /srv/images/.goldsmith-20261122T070000-0a1b2c3d
    name:
      description: Its name.
      type: str
      sample: .goldsmith-20261122T070000-0a1b2c3d
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
from pathlib import Path
from typing import Iterable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._disk_draft import Leftover, leftovers, sweep
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC


def _dicts(leftover: Iterable[Leftover]) -> list[dict[str, str]]:
    return [one.as_dict() for one in leftover]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directories": {"type": "list", "elements": "path", "required": True},
            "build_ids": {"type": "list", "elements": "str", "default": []},
            "expired": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    directories = [Path(path) for path in params["directories"]]
    found = leftovers(directories, params["build_ids"], params["expired"], datetime.now(UTC))
    removed, kept = ([], []) if module.check_mode else sweep(found)
    gone = found if module.check_mode else removed
    result = {
        "changed": bool(gone),
        "found": _dicts(found),
        "removed": _dicts(removed),
        "failed_removals": _dicts(kept),
        "diff": {
            "before": {"leftovers": [one.id for one in found]},
            "after": {"leftovers": [one.id for one in found if one not in gone]},
        },
    }
    if kept:
        reasons = "; ".join(f"{one.id}: {one.reason}" for one in kept)
        module.fail_json(msg=f"{len(kept)} of {len(found)} could not be removed: {reasons}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
