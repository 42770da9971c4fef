#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_modules
short_description: Keep kernel modules out, now and from now on, in one task
version_added: 0.1.0
description:
  - Writes one file of C(/etc/modprobe.d) in which each module has a line C(install NAME /bin/false), so that it cannot
    be loaded by its name either, and a line C(blacklist NAME). Modules that are loaded and not in use are unloaded.
  - C(install) lines of the same modules in files that modprobe reads before it become comments, unless they load
    nothing either. A file of a package is left alone; a copy of the same name in C(/etc/modprobe.d) takes its place.
options:
  modules:
    description:
      - The modules. All that the file held before is replaced; without any, the file is removed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Its name; V(-) and V(_) are the same.
        type: str
        required: true
      control:
        description:
          - The control that wants it. Comes back in RV(results[].control).
        type: str
  file:
    description:
      - The file, in C(/etc/modprobe.d).
    type: path
    default: /etc/modprobe.d/90-goldsmith.conf
  live:
    description:
      - Whether modules are also unloaded from the kernel that runs.
      - V(auto) does so when the kernel is this system's own, that is neither in a container nor in a chroot.
    type: str
    choices: [auto, "true", "false"]
    default: auto
  strict:
    description:
      - Whether the task fails at the end when a module could not be unloaded.
    type: bool
    default: false
notes:
  - An initial RAM disk has a copy of these files. Where a module of the list is loaded from there, have it made anew.
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns the difference of files and of what is loaded.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems it works on.
seealso:
  - module: community.general.kernel_blacklist
  - module: community.general.modprobe
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Keep rare file systems out
  goldsmith.images.kernel_modules:
    modules:
      - {name: cramfs, control: cis_1_1_1_1}
      - {name: usb-storage, control: cis_1_1_1_9}
"""

RETURN = r"""
results:
  description:
    - What became of each module, in the order of O(modules).
    - One that is built into the kernel is RV(results[].status=not_applicable). One that no kernel has is kept out all
      the same. One that is in use stays loaded, and is RV(results[].status=failed) until the machine starts anew.
  returned: always
  type: list
  elements: dict
  contains:
    control:
      description: The control that wants it.
      type: str
      returned: always
      sample: cis_1_1_1_1
    item:
      description: The module.
      type: str
      returned: always
      sample: cramfs
    status:
      description: V(compliant), V(changed), V(not_applicable) or V(failed).
      type: str
      returned: always
      sample: changed
    message:
      description: How it was before, or why it could not be unloaded.
      type: str
      returned: always
      sample: was loaded
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
from ansible_collections.goldsmith.images.plugins.module_utils._kernel_modules import KeptOut, Kernel
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import CONTROL, STRICT, conclude
from ansible_collections.goldsmith.images.plugins.module_utils._own_kernel import own_kernel


def run(module: AnsibleModule) -> None:
    """Do what the options say and end the module.

    Raises:
        Fault: What is wanted is no module, or a file cannot be changed.
    """
    wanted: dict[str, Any] = module.params
    live = own_kernel() if wanted["live"] == "auto" else wanted["live"] == "true"
    drafts = Drafts()
    kept_out = KeptOut(wanted["modules"], absolute(wanted["file"]), drafts, Kernel(live=live))
    kept_out.draft()
    changes = drafts.changes()

    def unload(name: str) -> str:
        rmmod = module.get_bin_path("rmmod")
        if rmmod is None:
            return "there is no rmmod. Install the package kmod"
        status, output, errors = module.run_command([rmmod, name])
        return (errors or output).strip() or f"rmmod ended with {status}" if status else ""

    if not module.check_mode:
        for change in changes:
            change.apply(module)
        kept_out.unload(unload)
    going = "".join(f"{name}\n" for name in kept_out.going)
    unloaded = {"before_header": "loaded", "after_header": "loaded", "before": going, "after": ""}
    conclude(
        module,
        kept_out.outcomes(),
        strict=wanted["strict"],
        changed=bool(changes or going),
        diff=[*differences(changes), *([unloaded] if going else [])],
        live=live,
    )


def main() -> None:
    """Run the module."""
    kernel_module = {"name": {"type": "str", "required": True}, "control": CONTROL}
    module = AnsibleModule(
        argument_spec={
            "modules": {"type": "list", "elements": "dict", "required": True, "options": kernel_module},
            "file": {"type": "path", "default": "/etc/modprobe.d/90-goldsmith.conf"},
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
