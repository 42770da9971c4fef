#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_arguments
short_description: Have every installed kernel start with some arguments
version_added: 0.1.0
description:
  - For systems whose boot entries C(grubby) keeps, such as those of Red Hat's family. Kernels that are installed later
    get the arguments as well, as C(grubby) sees to it.
  - An argument takes the place of one of the same name. It counts from the next boot on.
options:
  arguments:
    description:
      - The arguments.
    type: list
    elements: dict
    required: true
    suboptions:
      argument:
        description:
          - As it stands on the kernel's command line, such as V(audit=1).
        type: str
        required: true
      control:
        description:
          - The control that wants it. Comes back in RV(results[].control).
        type: str
  strict:
    description:
      - Whether the task fails at the end when an argument could not be had.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns the arguments that were missing.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems it works on.
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Have the kernel audit from the start
  goldsmith.images.kernel_arguments:
    arguments:
      - {argument: audit=1, control: audit_boot}
      - {argument: audit_backlog_limit=8192, control: audit_backlog}
"""

RETURN = r"""
results:
  description: What became of each argument, in the order of O(arguments).
  returned: always
  type: list
  elements: dict
  contains:
    control:
      description: The control that wants it.
      type: str
      returned: always
      sample: audit_boot
    item:
      description: The argument.
      type: str
      returned: always
      sample: audit=1
    status:
      description: V(compliant), V(changed) or V(failed).
      type: str
      returned: always
      sample: changed
    message:
      description: Which kernels lacked it, or why it could not be had.
      type: str
      returned: always
      sample: was missing for vmlinuz-5.14.0-503.el9.x86_64
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._kernel_arguments import PROGRAM, hold
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import CHANGED, CONTROL, STRICT, conclude


def main() -> None:
    """Run the module."""
    argument = {"argument": {"type": "str", "required": True}, "control": CONTROL}
    module = AnsibleModule(
        argument_spec={
            "arguments": {"type": "list", "elements": "dict", "required": True, "options": argument},
            "strict": STRICT,
        },
        supports_check_mode=True,
    )

    def command(line: list[str]) -> tuple[int, str, str]:
        if module.get_bin_path(PROGRAM) is None:
            return 1, "", f"{PROGRAM} is not installed"
        status, output, complaint = module.run_command(line)
        return int(status), str(output), str(complaint)

    outcomes = hold(module.params["arguments"], command, check=module.check_mode)
    added = [outcome.item for outcome in outcomes if outcome.status == CHANGED]
    conclude(
        module,
        outcomes,
        strict=module.params["strict"],
        changed=bool(added),
        diff={"before": "", "after": "".join(f"{argument}\n" for argument in added)},
    )


if __name__ == "__main__":
    main()
