#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mount_options
short_description: Hold all mount points to their options, now and at boot, in one task
version_added: 0.1.0
description:
  - Adds the options to the lines of C(/etc/fstab), which keep everything else, and remounts what lacks them now.
  - A mount point that no line and no file system is for yet gets a line only when O(mounts[].source) says what is
    mounted there; it is mounted at the next boot, as what is open below it would be hidden now.
options:
  mounts:
    description:
      - What is wanted. Several items may be for one mount point; their options add up.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - The mount point.
        type: path
        required: true
      options:
        description:
          - Options it has to have. Those with a value are used in a new line only.
        type: list
        elements: str
        default: []
      source:
        description:
          - What is mounted there when nothing is yet, as V(tmpfs).
        type: str
      type:
        description:
          - Kind of that file system.
        type: str
      present:
        description:
          - Only say whether it is a file system of its own.
        type: bool
        default: false
      control:
        description:
          - The control that wants it. Comes back in RV(results[].control).
        type: str
  live:
    description:
      - Whether what is mounted now is looked at and remounted.
      - V(auto) does so when the kernel is this system's own, that is neither in a container nor in a chroot.
    type: str
    choices: [auto, "true", "false"]
    default: auto
  strict:
    description:
      - Whether the task fails at the end when something could not be had so.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns the difference of the table.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems it works on.
seealso:
  - module: ansible.posix.mount
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Nothing in shared directories is a device, SUID, or run
  goldsmith.images.mount_options:
    mounts:
      - {path: /tmp, source: tmpfs, type: tmpfs, options: [mode=1777, nodev, nosuid, noexec]}
      - {path: /var/tmp, options: [nodev, nosuid, noexec]}
"""

RETURN = r"""
results:
  description: What became of each item, in the order of O(mounts).
  returned: always
  type: list
  elements: dict
  contains:
    control:
      description: The control that wants it.
      type: str
      returned: always
      sample: mount_tmp_noexec
    item:
      description: The mount point.
      type: str
      returned: always
      sample: /tmp
    status:
      description: V(compliant), V(changed), V(not_applicable) or V(failed).
      type: str
      returned: always
      sample: changed
    message:
      description: What was missing, or why it could not be had.
      type: str
      returned: always
      sample: noexec was missing
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts, differences
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._mount_options import FSTAB, MountOptions
from ansible_collections.goldsmith.images.plugins.module_utils._mounts import mounted, planned
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import CONTROL, STRICT, conclude
from ansible_collections.goldsmith.images.plugins.module_utils._own_kernel import own_kernel


def run(module: AnsibleModule) -> None:
    """Do what the options say and end the module.

    Raises:
        Fault: The table cannot be read or written.
    """
    given: dict[str, Any] = module.params
    live = own_kernel() if given["live"] == "auto" else given["live"] == "true"
    drafts = Drafts()
    before = drafts.read(FSTAB) or ""
    held = MountOptions(given["mounts"], before, planned(), mounted() if live else [])
    if held.fstab != before:
        drafts.write(FSTAB, held.fstab)
    changes = drafts.changes()
    remounts = held.remounts
    if not module.check_mode:
        for change in changes:
            change.apply(module)
        held.remount(lambda path, options: _remount(module, path, options))
    conclude(
        module,
        held.outcomes(),
        strict=given["strict"],
        changed=bool(changes or remounts),
        diff=differences(changes),
    )


def _remount(module: AnsibleModule, path: str, options: list[str]) -> str:
    status, output, errors = module.run_command(["mount", "-o", ",".join(["remount", *options]), path])
    return (errors or output).strip() or f"mount ended with {status}" if status else ""


def main() -> None:
    """Run the module."""
    mount = {
        "path": {"type": "path", "required": True},
        "options": {"type": "list", "elements": "str", "default": []},
        "source": {"type": "str"},
        "type": {"type": "str"},
        "present": {"type": "bool", "default": False},
        "control": CONTROL,
    }
    module = AnsibleModule(
        argument_spec={
            "mounts": {"type": "list", "elements": "dict", "required": True, "options": mount},
            "live": {"type": "str", "choices": ["auto", "true", "false"], "default": "auto"},
            "strict": STRICT,
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except Fault as fault:
        module.fail_json(msg=str(fault))


if __name__ == "__main__":
    main()
