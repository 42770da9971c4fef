#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: unit_states
short_description: Enable, disable and mask many systemd units in one task
version_added: 0.1.0
description:
  - Does for many units what a loop over M(ansible.builtin.systemd_service) does for one at a time.
  - Also works in the root file system of a machine to be, where systemd does not run.
options:
  units:
    description:
      - The units.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Its name, with the ending.
        type: str
        required: true
      state:
        description:
          - V(enabled) units start at boot, and are started.
          - V(disabled) ones do not, and are stopped.
          - V(masked) ones cannot be started at all. A unit that does not exist is as good as masked.
          - V(static) ones are started with others; they are unmasked and started.
        type: str
        choices: [enabled, disabled, masked, static]
        required: true
      control:
        description:
          - The control that wants it. Comes back in RV(results[].control).
        type: str
  live:
    description:
      - Whether units are also started and stopped. By default when systemd runs.
    type: bool
  strict:
    description:
      - Whether the task fails at the end when a unit could not be had so.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns how the units were and are to be.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems it works on.
seealso:
  - module: ansible.builtin.systemd_service
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Keep the time, and serve no files
  goldsmith.images.unit_states:
    units:
      - {name: chrony.service, state: enabled, control: chrony_enabled}
      - {name: rsync.service, state: masked, control: service_rsync}
"""

RETURN = r"""
results:
  description: What became of each unit, in the order of O(units).
  returned: always
  type: list
  elements: dict
  contains:
    control:
      description: The control that wants it.
      type: str
      returned: always
      sample: chrony_enabled
    item:
      description: The unit.
      type: str
      returned: always
      sample: chrony.service
    status:
      description: V(compliant), V(changed) or V(failed).
      type: str
      returned: always
      sample: changed
    message:
      description: How it was before, or why it could not be had so.
      type: str
      returned: always
      sample: was disabled, not running
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._outcome import CHANGED, CONTROL, STRICT, conclude
from ansible_collections.goldsmith.images.plugins.module_utils._units import Systemd


def main() -> None:
    """Run the module."""
    unit = {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["enabled", "disabled", "masked", "static"], "required": True},
        "control": CONTROL,
    }
    module = AnsibleModule(
        argument_spec={
            "units": {"type": "list", "elements": "dict", "required": True, "options": unit},
            "live": {"type": "bool"},
            "strict": STRICT,
        },
        supports_check_mode=True,
    )
    live = module.params["live"]
    runs = Path("/run/systemd/system").is_dir()
    systemd = Systemd(module.run_command, live=runs if live is None else live)
    wanted = module.params["units"]
    outcomes = [systemd.hold(u["name"], u["state"], u["control"], check=module.check_mode) for u in wanted]
    changed = [(u, outcome) for u, outcome in zip(wanted, outcomes) if outcome.status == CHANGED]
    before = "".join(f"{u['name']}: {outcome.message[4:]}\n" for u, outcome in changed)
    after = "".join(f"{u['name']}: {u['state']}\n" for u, _rest in changed)
    conclude(
        module,
        outcomes,
        strict=module.params["strict"],
        changed=bool(changed),
        diff={"before": before, "after": after},
    )


if __name__ == "__main__":
    main()
