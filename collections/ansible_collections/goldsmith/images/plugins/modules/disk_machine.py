#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_machine
short_description: Start or end a virtual machine that a disk image is tested in
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
description:
  - Starts QEMU from a disk image, which is not changed, waits until it has booted, and tells how it is entered by SSH,
    with a key that is made for it on this machine.
  - The key reaches the image by cloud-init's data source NoCloud, and root also by systemd's credential
    C(ssh.authorized_keys.root), which systemd knows from version 252 on. Where sshd does not let root in, it is the
    user C(goldsmith) who enters, and C(sudo) is needed.
  - KVM is used where a virtual machine really runs with it, else software emulation.
  - A boot that does not come to its end is a failure that shows the end of the serial console.
  - The machine's network leads nowhere but from this machine to its SSH. It ends by itself, see O(expires_in), and
    M(goldsmith.images.disk_machine_sweep) finds it.
options:
  state:
    description:
      - V(present) means that the machine runs and has booted.
      - V(absent) means that no machine of O(build_id) runs, and that keys and all else that was made for it are gone.
    type: str
    choices: [present, absent]
    default: present
  build_id:
    description: Build that the machine belongs to. Up to 54 letters, digits, C(_) and C(-).
    type: str
    required: true
  image:
    description: The disk image. Needed for O(state=present).
    type: path
  format:
    description: Format of the disk image. Needed for O(state=present).
    type: str
    choices: [raw, qcow2, vmdk]
  firmware:
    description: Firmware that starts the image. With O(state=absent), machines of all of them end.
    type: str
    choices: [bios, uefi]
    default: bios
  enter:
    description:
      - Whether it must be possible to enter the machine by SSH.
      - If not, it has booted when it asks for a login on its serial console, C(console=ttyS0).
    type: bool
    default: true
  console:
    description:
      - File that takes what the machine writes to its serial console, and stays.
      - By default one that goes with the machine.
    type: path
  cpus:
    description: Processors of the machine.
    type: int
    default: 2
  memory:
    description: Memory of the machine, in MiB.
    type: int
    default: 1024
  timeout:
    description: Seconds until it must have booted. A hardened system takes minutes on an emulated, busy processor.
    type: int
    default: 900
  shutdown_timeout:
    description:
      - With O(state=absent), seconds that it may take to shut down by itself, before it is ended. V(0) ends it at once.
    type: int
    default: 120
  expires_in:
    description: Seconds after which the machine is ended, whatever became of what started it.
    type: int
    default: 3600
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
  diff_mode:
    description: Returns the machines before and after.
    support: full
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
    details: The machine is known again by build ID and firmware.
requirements:
  - QEMU (C(qemu-system-x86_64)), for O(firmware=uefi) OVMF
  - OpenSSH's client
  - GNU coreutils
notes:
  - Images for the processor architecture x86-64 can be started.
seealso:
  - module: goldsmith.images.disk_machine_sweep
  - module: goldsmith.images.goss
"""

EXAMPLES = r"""
- name: Start a machine of the image
  goldsmith.images.disk_machine:
    build_id: 20261122T070000-0a1b2c3d
    image: /srv/images/web.qcow2
    format: qcow2
    firmware: uefi
  register: started

- name: Make it known
  ansible.builtin.add_host:
    name: web
    ansible_host: "{{ started.ssh.address }}"
    ansible_port: "{{ started.ssh.port }}"
    ansible_user: "{{ started.ssh.user }}"
    ansible_ssh_private_key_file: "{{ started.ssh.key_file }}"
    ansible_ssh_common_args: "{{ started.ssh.args }}"

- name: See that an image without SSH boots
  goldsmith.images.disk_machine:
    build_id: 20261122T070000-0a1b2c3d
    image: /srv/images/appliance.raw
    format: raw
    enter: false

- name: Shut it down
  goldsmith.images.disk_machine:
    state: absent
    build_id: 20261122T070000-0a1b2c3d
"""

RETURN = r"""
machine:
  description: The machine.
  returned: success, and O(state=present)
  type: dict
  contains:
    id:
      description: Its name, which is also in the arguments of its process.
      type: str
      sample: goldsmith-20261122T070000-0a1b2c3d-verify-bios
    firmware:
      description: Firmware.
      type: str
      sample: bios
    accelerator:
      description: V(kvm), or V(tcg) for software emulation.
      type: str
      sample: kvm
    console:
      description: File with what it wrote to its serial console.
      type: str
      sample: /run/user/1000/goldsmith-20261122T070000-0a1b2c3d-verify-bios/console.log
    python:
      description: Path of Python in it; null if there is none, or nobody entered.
      type: str
      sample: /usr/bin/python3
ssh:
  description: How it is entered; null with O(enter=false) and in check mode.
  returned: success, and O(state=present)
  type: dict
  contains:
    user:
      description: User.
      type: str
      sample: root
    port:
      description: TCP port.
      type: int
      sample: 40022
    address:
      description: Address.
      type: str
      sample: 127.0.0.1
    key_file:
      description: File of the private key.
      type: str
      sample: /run/user/1000/goldsmith-20261122T070000-0a1b2c3d-verify-bios/key
    known_hosts:
      description: File with the machine's host key.
      type: str
      sample: /run/user/1000/goldsmith-20261122T070000-0a1b2c3d-verify-bios/key.known_hosts
    args:
      description: All further arguments that C(ssh) needs, for C(ansible_ssh_common_args).
      type: str
      sample: -o StrictHostKeyChecking=accept-new
ended:
  description: The machines that were ended, in check mode those that would be.
  returned: O(state=absent)
  type: list
  elements: dict
  contains:
    id:
      description: Name.
      type: str
      sample: goldsmith-20261122T070000-0a1b2c3d-verify-bios
    clean:
      description: Whether it shut down by itself in time. Null in check mode.
      type: bool
      sample: true
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _disk_machine, _qemu
from ansible_collections.goldsmith.images.plugins.module_utils._disk_machine import Machine, Note
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC


def present(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    name = _disk_machine.name_of(params["build_id"], params["firmware"])
    image = Path(params["image"])
    if not image.is_file():
        raise Fault(f"there is no disk image {image}: build it first.")
    _qemu.need_qemu()
    uefi = _qemu.uefi_firmware() if params["firmware"] == "uefi" else ()
    found = next((one for one in _disk_machine.machines([params["build_id"]]) if one.note.name == name), None)
    if found and found.runs() and (found.note.user or not params["enter"]):
        return _result(found, changed=False)
    accelerator = "kvm" if _qemu.kvm_works() else "tcg"
    if module.check_mode:
        note = Note(name, params["build_id"], "", params["firmware"], accelerator, params["console"] or "", 0)
        return _result(Machine(Path(), note), changed=True)
    if found:
        _disk_machine.stop(found, 0)
    machine = _start(params, image, name, uefi, accelerator)
    if machine.note.cloud_init == 1:
        module.warn(f"cloud-init ended with errors in {name}: see its console, and /var/log/cloud-init.log there.")
    return _result(machine, changed=True)


def _start(params: dict[str, Any], image: Path, name: str, uefi: tuple[str, ...], accelerator: str) -> Machine:
    directory, public = _disk_machine.prepare(name)
    console = Path(params["console"] or directory / "console.log")
    note = Note(name, params["build_id"], "", params["firmware"], accelerator, str(console), _qemu.free_port())
    machine = Machine(directory, note)
    try:
        guest = _qemu.Guest(
            name=name,
            image=str(image.resolve()),
            format=params["format"],
            uefi=uefi,
            accelerator=accelerator,
            cpus=params["cpus"],
            memory=params["memory"],
            port=note.port,
            public_key=public,
            seed=directory / "seed",
            console=console,
            control=directory / "qmp",
        )
        machine = _disk_machine.start(guest, directory, note, params["expires_in"], datetime.now(UTC))
        return _disk_machine.boot(machine, params["timeout"], enter=params["enter"])
    except BaseException:
        # Interrupted too: nobody would know of it.
        _disk_machine.stop(machine, 0)
        raise


def _result(machine: Machine, *, changed: bool) -> dict[str, Any]:
    before = "absent" if changed else "running"
    return {
        "changed": changed,
        **_disk_machine.as_result(machine),
        "diff": {"before": {"state": before}, "after": {"state": "running"}},
    }


def absent(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    _disk_machine.name_of(params["build_id"], params["firmware"])
    found = _disk_machine.machines([params["build_id"]])
    ended = []
    for machine in found:
        clean = None if module.check_mode else _disk_machine.stop(machine, params["shutdown_timeout"])
        ended.append({"id": machine.note.name, "clean": clean})
    names = [one["id"] for one in ended]
    return {"changed": bool(found), "ended": ended, "diff": {"before": {"machines": names}, "after": {"machines": []}}}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "build_id": {"type": "str", "required": True},
            "image": {"type": "path"},
            "format": {"type": "str", "choices": ["raw", "qcow2", "vmdk"]},
            "firmware": {"type": "str", "choices": ["bios", "uefi"], "default": "bios"},
            "enter": {"type": "bool", "default": True},
            "console": {"type": "path"},
            "cpus": {"type": "int", "default": 2},
            "memory": {"type": "int", "default": 1024},
            "timeout": {"type": "int", "default": 900},
            "shutdown_timeout": {"type": "int", "default": 120},
            "expires_in": {"type": "int", "default": 3600},
        },
        required_if=[("state", "present", ["image", "format"])],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**(present if module.params["state"] == "present" else absent)(module))
    except Fault as fault:
        module.fail_json(msg=str(fault))


if __name__ == "__main__":
    main()
