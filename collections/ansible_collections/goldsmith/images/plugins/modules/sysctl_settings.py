#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sysctl_settings
short_description: Hold all kernel parameters to their values, now and at boot, in one task
version_added: 0.1.0
description:
  - Writes one file of C(/etc/sysctl.d) that sets the parameters at boot, and sets those that have another value now.
  - Files that are read later, and would have the last word, no longer set these parameters to something else. These
    lines become comments. A file of a package, as C(/usr/lib/sysctl.d/99-protect-links.conf), is left alone; a copy of
    the same name in C(/etc/sysctl.d) takes its place.
options:
  settings:
    description:
      - The parameters. All that the file held before is replaced; without any, the file is removed.
    type: list
    elements: dict
    required: true
    suboptions:
      key:
        description:
          - Its name, with dots or slashes as C(sysctl.d\(5\)) takes it.
        type: str
        required: true
      value:
        description:
          - Its value.
        type: str
        required: true
      control:
        description:
          - The control that wants it. Comes back in RV(results[].control).
        type: str
  file:
    description:
      - The file, in C(/etc/sysctl.d).
    type: path
    default: /etc/sysctl.d/90-goldsmith.conf
  live:
    description:
      - Whether the values are also compared with, and changed in, the kernel that runs.
      - V(auto) does so when the kernel is this system's own, that is neither in a container nor in a chroot.
    type: str
    choices: [auto, "true", "false"]
    default: auto
  strict:
    description:
      - Whether the task fails at the end when a parameter could not be set. All the others are set in any case.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns the difference of files and of values.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems it works on.
seealso:
  - module: ansible.posix.sysctl
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Guard the kernel's memory
  goldsmith.images.sysctl_settings:
    settings:
      - {key: kernel.kptr_restrict, value: 2, control: kptr_restrict}
      - {key: kernel.randomize_va_space, value: 2, control: aslr}

- name: The same, for the root file system of a machine to be
  goldsmith.images.sysctl_settings:
    settings:
      - {key: kernel.kptr_restrict, value: 2}
    live: false
"""

RETURN = r"""
results:
  description:
    - What became of each parameter, in the order of O(settings).
    - A parameter that the running kernel does not have is RV(results[].status=not_applicable). It is in the file all
      the same, with a V(-) before it, so that it is set once a module brings it, and its absence is no error.
  returned: always
  type: list
  elements: dict
  contains:
    control:
      description: The control that wants it.
      type: str
      returned: always
      sample: aslr
    item:
      description: The parameter.
      type: str
      returned: always
      sample: kernel.randomize_va_space
    status:
      description: V(compliant), V(changed), V(not_applicable) or V(failed).
      type: str
      returned: always
      sample: changed
    message:
      description: How it was before, or why it could not be set.
      type: str
      returned: always
      sample: was 1
live:
  description: Whether the kernel that runs took part.
  returned: always
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts, absolute, differences
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import CONTROL, STRICT, conclude
from ansible_collections.goldsmith.images.plugins.module_utils._own_kernel import own_kernel
from ansible_collections.goldsmith.images.plugins.module_utils._sysctl import Kernel, Sysctl


def run(module: AnsibleModule) -> None:
    """Do what the options say and end the module.

    Raises:
        Fault: What is wanted contradicts itself, or a file cannot be changed.
    """
    wanted: dict[str, Any] = module.params
    live = own_kernel() if wanted["live"] == "auto" else wanted["live"] == "true"
    drafts = Drafts()
    sysctl = Sysctl(wanted["settings"], absolute(wanted["file"]), drafts, Kernel() if live else None)
    sysctl.draft()
    changes = drafts.changes()
    if not module.check_mode:
        for change in changes:
            change.apply(module)
        sysctl.bring()
    conclude(
        module,
        sysctl.outcomes(),
        strict=wanted["strict"],
        changed=bool(changes) or sysctl.moved,
        diff=[*differences(changes), *sysctl.difference],
        live=live,
    )


def main() -> None:
    """Run the module."""
    text: dict[str, Any] = {"type": "str", "required": True}
    setting = {"key": {**text, "no_log": False}, "value": text, "control": CONTROL}
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "list", "elements": "dict", "required": True, "options": setting},
            "file": {"type": "path", "default": "/etc/sysctl.d/90-goldsmith.conf"},
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
