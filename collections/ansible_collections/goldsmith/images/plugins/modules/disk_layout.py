#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_layout
short_description: Lay out a disk, and see that this machine can write it
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.disk
description:
  - Says where everything lies on a disk that M(goldsmith.images.disk_image) is going to write with the same options,
    what its C(/etc/fstab) says, and which packages make a machine of a base, so that one can be prepared for it.
  - Fails when the disk cannot be laid out so, or when programs that write it are missing on this machine.
options:
  kernel:
    description: Package of the kernel.
    type: str
    default: linux-image-amd64
  suite:
    description: Release of the distribution, such as V(bookworm), where it is known.
    type: str
    default: ""
  cloud_init:
    description: Whether the machine is set up by cloud-init, and entered by SSH.
    type: bool
    default: true
  format:
    description: Format of the disk's file.
    type: str
    choices: [raw, qcow2, vmdk]
    default: raw
  verify:
    description: Whether the disk is going to be started in QEMU, so that this must be here as well.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
seealso:
  - module: goldsmith.images.disk_image
"""

EXAMPLES = r"""
- name: Lay out the disk
  goldsmith.images.disk_layout:
    size: 4G
    partitions:
      - mount: /var
        size: 1G
    seed: web
  register: disk

- name: Have the machine's table of file systems say so
  ansible.builtin.copy:
    dest: /etc/fstab
    content: "{{ disk.fstab }}"
    mode: "0644"
"""

RETURN = r"""
fstab:
  description: The lines of C(/etc/fstab).
  returned: success
  type: str
  sample: "UUID=0f3f0a9c-5a0e-5d7e-9d0d-8f8c1f3a9b11 / ext4 defaults,x-systemd.growfs 0 1\n"
packages:
  description: The packages that make a machine of a base, with kernel, init and boot loader.
  returned: success
  type: list
  elements: str
  sample: [linux-image-amd64, systemd-sysv, grub2-common, grub-pc-bin]
partitions:
  description: The partitions, in their order on the disk.
  returned: success
  type: list
  elements: dict
  contains:
    number:
      description: Its number.
      type: int
      sample: 3
    name:
      description: Its name and the label of its file system.
      type: str
      sample: root
    mount:
      description: Mount point; empty where it has none.
      type: str
      sample: /
    filesystem:
      description: Kind of file system; empty where it has none.
      type: str
      sample: ext4
    start:
      description: First byte.
      type: int
      sample: 69206016
    size:
      description: Bytes. Of the root partition only a guess while O(size) is not given.
      type: int
      sample: 4224712704
    uuid:
      description: The partition's own identity.
      type: str
      sample: 0E30CCCE-B0F5-5D47-977F-5DBCE3F5AA69
    filesystem_uuid:
      description: Its file system's identity.
      type: str
      sample: 0f3f0a9c-5a0e-5d7e-9d0d-8f8c1f3a9b11
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._disk_fstab import fstab
from ansible_collections.goldsmith.images.plugins.module_utils._disk_image import told
from ansible_collections.goldsmith.images.plugins.module_utils._disk_options import DISK_OPTIONS, wanted
from ansible_collections.goldsmith.images.plugins.module_utils._disk_packages import KERNEL, packages
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import need
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "kernel": {"type": "str", "default": KERNEL},
            "suite": {"type": "str", "default": ""},
            "cloud_init": {"type": "bool", "default": True},
            "format": {"type": "str", "choices": ["raw", "qcow2", "vmdk"], "default": "raw"},
            "verify": {"type": "bool", "default": False},
            **DISK_OPTIONS,
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        disk = wanted(params, params["format"])
        disk.need_programs()
        if params["verify"]:
            need(["qemu-system-x86_64"])
        layout = disk.layout()
    except Fault as fault:
        module.fail_json(msg=str(fault))
    added = packages(params["kernel"], params["suite"], disk.firmware, layout, cloud_init=params["cloud_init"])
    module.exit_json(changed=False, fstab=fstab(layout), packages=added, partitions=told(layout))


if __name__ == "__main__":
    main()
