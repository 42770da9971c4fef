#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_machine_sweep
short_description: End virtual machines that builds of disk images have left running
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
description:
  - Finds the virtual machines that M(goldsmith.images.disk_machine) started on this machine, by their names, and what
    was made for them, with the private key, and removes all of it. Disk images stay.
  - In check mode, lists what would go.
options:
  build_ids:
    description: Builds of which every virtual machine goes.
    type: list
    elements: str
    default: []
  expired:
    description: Also remove what is past its expiry, of whichever build.
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
  - Sees what the same user has started.
seealso:
  - module: goldsmith.images.disk_machine
"""

EXAMPLES = r"""
- name: End the virtual machines of one build
  goldsmith.images.disk_machine_sweep:
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
      description: V(virtual_machine).
      type: str
      sample: virtual_machine
    id:
      description: Its name.
      type: str
      sample: goldsmith-20261122T070000-0a1b2c3d-verify-bios
    name:
      description: Its directory.
      type: str
      sample: /run/user/1000/goldsmith-20261122T070000-0a1b2c3d-verify-bios
    build:
      description: The build that it belongs to.
      type: str
      sample: 20261122T070000-0a1b2c3d
    expires:
      description: When it expires.
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

from ansible_collections.goldsmith.images.plugins.module_utils._disk_machine import Machine, expired, machines, stop
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC


def _reason(machine: Machine, params: dict[str, Any], now: datetime) -> str:
    if machine.note.build in params["build_ids"]:
        return "its build is to be swept"
    return "it has expired" if params["expired"] and expired(machine, now) else ""


def _leftover(machine: Machine, reason: str) -> dict[str, str]:
    note = machine.note
    return {
        "kind": "virtual_machine",
        "id": note.name,
        "name": str(machine.directory),
        "build": note.build,
        "expires": note.expires,
        "reason": reason,
    }


def work(module: AnsibleModule) -> dict[str, Any]:
    params, now = module.params, datetime.now(UTC)
    found, removed, failed = [], [], []
    for machine in machines():
        reason = _reason(machine, params, now)
        if not reason:
            continue
        found.append(_leftover(machine, reason))
        if not module.check_mode:
            stop(machine, 0)
            if machine.runs():
                failed.append(_leftover(machine, f"its process {machine.pid} does not end"))
            else:
                removed.append(found[-1])
    gone = found if module.check_mode else removed
    result = {
        "changed": bool(gone),
        "found": found,
        "removed": removed,
        "failed_removals": failed,
        "diff": {
            "before": {"leftovers": [one["id"] for one in found]},
            "after": {"leftovers": [one["id"] for one in found if one not in gone]},
        },
    }
    if failed:
        reasons = "; ".join(f"{one['id']}: {one['reason']}" for one in failed)
        module.fail_json(msg=f"{len(failed)} of {len(found)} could not be removed: {reasons}", **result)
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "build_ids": {"type": "list", "elements": "str", "default": []},
            "expired": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    module.exit_json(**work(module))


if __name__ == "__main__":
    main()
