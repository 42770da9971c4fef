#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_image
short_description: Write a container's root file system as the image of a bootable disk
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment:
  - goldsmith.images.disk
  - goldsmith.images.docker
description:
  - Makes a disk with a GPT that starts by BIOS and by UEFI, of a container that holds a kernel, an init and GRUB.
  - Nothing is mounted and no loop device is used. File systems are written by C(mke2fs -d), C(mkfs.xfs -p)
    and mtools, GRUB by C(grub-mkimage) of the container's own modules, its menu by the container's own
    C(grub-mkconfig).
  - What a container has from its engine is written as a machine has it (C(/etc/hosts), C(/etc/hostname),
    C(/etc/resolv.conf)); C(/etc/fstab) gets those lines of the disk's file systems that are missing. The machine's id
    and its SSH host keys are left out; a machine makes its own at its first boot.
  - The image lies in a directory C(.goldsmith-BUILD) in O(directory) until M(goldsmith.images.disk_image_publish) gives
    it its place.
options:
  container:
    description: Name or id of the container. It has to run.
    type: str
    required: true
  directory:
    description: Directory that the image is going to be in. It is made when it is missing.
    type: path
    required: true
  name:
    description: Name of the file.
    type: str
    required: true
  build_id:
    description: Id of the build, for M(goldsmith.images.disk_sweep).
    type: str
    required: true
  format:
    description: Format of the file.
    type: str
    choices: [raw, qcow2, vmdk]
    default: raw
  hostname:
    description: Name of the machine.
    type: str
    required: true
  original:
    description:
      - The image that the container's base was taken from, by M(goldsmith.images.docker_source). The disk is a copy of
        it, with another root file system in the same place, which keeps its UUID and label.
      - O(firmware), O(partitions) and O(seed) are without meaning then. With O(size), its last partition grows, which
        has to be the root's.
    type: dict
    suboptions:
      path:
        description: The image, raw or qcow2.
        type: path
        required: true
      sha256:
        description: Its digest in hexadecimal digits. Another file is refused.
        type: str
attributes:
  check_mode:
    description: Says that it would write, and fails where it is known that it could not.
    support: full
  diff_mode:
    description: Shows the new file.
    support: full
  idempotent:
    description: Writes each time. With E(SOURCE_DATE_EPOCH), the same content gives the same file.
    support: none
requirements:
  - root, as only root may give files their owners
  - sfdisk, e2fsprogs, dosfstools, mtools, grub-common, qemu-utils, xfsprogs
notes:
  - E(SOURCE_DATE_EPOCH) is the time of all that is written; nothing in the image is younger.
seealso:
  - module: goldsmith.images.disk_layout
  - module: goldsmith.images.disk_image_publish
  - module: goldsmith.images.disk_sweep
"""

EXAMPLES = r"""
- name: Write the disk
  goldsmith.images.disk_image:
    container: goldsmith-20261122T070000-0a1b2c3d
    directory: /srv/images
    name: web-7.qcow2
    format: qcow2
    size: 4G
    seed: web
    hostname: web
    build_id: 20261122T070000-0a1b2c3d
  register: disk
"""

RETURN = r"""
image:
  description: The image; in check mode without what only its content tells.
  returned: success
  type: dict
  contains:
    path:
      description: The file, in the build's own directory.
      type: str
      sample: /srv/images/.goldsmith-20261122T070000-0a1b2c3d/web-7.qcow2
    format:
      description: Its format.
      type: str
      sample: qcow2
    size:
      description: Its size in bytes.
      type: int
      sample: 431947776
    virtual_size:
      description: Size of the disk in bytes.
      type: int
      sample: 4294967296
    partitions:
      description: Its partitions, as M(goldsmith.images.disk_layout) returns them.
      type: list
      elements: dict
      sample: []
    firmware:
      description: What it starts from.
      type: list
      elements: str
      sample: [bios, uefi]
"""

from pathlib import Path
from typing import Any, Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _disk_image, _disk_rewrite
from ansible_collections.goldsmith.images.plugins.module_utils._container import need_running
from ansible_collections.goldsmith.images.plugins.module_utils._disk_draft import draft
from ansible_collections.goldsmith.images.plugins.module_utils._disk_options import DISK_OPTIONS, epoch, wanted
from ansible_collections.goldsmith.images.plugins.module_utils._disk_source import need_programs, original
from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, patient, run
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


def work(client: Any, module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    patient(client)
    params = module.params
    if params["original"]:
        return rewritten(client, module)
    disk = wanted(params, params["format"], params["hostname"])
    disk.need_programs()
    layout = disk.layout()
    place = _place(params)
    container = need_running(client, params["container"])["Id"]
    image: dict[str, Any] = {
        "path": str(draft(place.directory, place.build_id) / place.name),
        "format": params["format"],
        "virtual_size": layout.size if params["size"] else None,
        "partitions": _disk_image.told(layout),
        "firmware": list(disk.firmware),
    }
    if not module.check_mode:
        image = _disk_image.write(client, container, disk, place)
    return _result(image)


def rewritten(client: Any, module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result for a disk that is made from another one."""
    need_programs()
    params = module.params
    place = _place(params)
    container = need_running(client, params["container"])["Id"]
    given = params["original"]
    disk = _disk_rewrite.Rewritten(
        original(Path(given["path"]), given["sha256"]), params["size"], params["format"], params["hostname"], epoch()
    )
    image: dict[str, Any] = {
        "path": str(draft(place.directory, place.build_id) / place.name),
        "format": params["format"],
        "virtual_size": params["size"],
    }
    if not module.check_mode:
        image = _disk_rewrite.rewrite(client, container, disk, place)
    return _result(image)


def _place(params: Mapping[str, Any]) -> _disk_image.Place:
    name = params["name"]
    if Path(name).name != name or name.startswith("."):
        raise Fault(f"{name!r} is not the name of a file; the directory is given by `directory`.")
    return _disk_image.Place(Path(params["directory"]), name, params["build_id"])


def _result(image: dict[str, Any]) -> dict[str, Any]:
    return {"changed": True, "image": image, "diff": {"before": {}, "after": {"path": image["path"]}}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "container": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "build_id": {"type": "str", "required": True},
            "format": {"type": "str", "choices": ["raw", "qcow2", "vmdk"], "default": "raw"},
            "hostname": {"type": "str", "required": True},
            "original": {
                "type": "dict",
                "options": {"path": {"type": "path", "required": True}, "sha256": {"type": "str"}},
            },
            **DISK_OPTIONS,
            **DOCKER_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
