#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_image_publish
short_description: Give the image of a disk its place
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
description:
  - Compresses an image that M(goldsmith.images.disk_image) wrote where asked, and moves it to the directory above its
    own. It comes into being there whole, or not at all.
options:
  path:
    description: The image, in its build's directory.
    type: path
    required: true
  compress:
    description: Whether to compress it by zstd; the name gets C(.zst) at its end.
    type: bool
    default: false
  checksum:
    description: Whether to write a file C(.sha256) beside it, as C(sha256sum -c) reads it.
    type: bool
    default: true
attributes:
  check_mode:
    description: Says where the image would be.
    support: full
  diff_mode:
    description: Shows the image's place.
    support: full
  idempotent:
    description: An image that is moved is not there to be moved again.
    support: none
requirements:
  - zstd (for O(compress))
seealso:
  - module: goldsmith.images.disk_image
"""

EXAMPLES = r"""
- name: Publish the image
  goldsmith.images.disk_image_publish:
    path: "{{ disk.image.path }}"
    compress: true
"""

RETURN = r"""
path:
  description: The image.
  returned: success
  type: str
  sample: /srv/images/web-7.qcow2.zst
size:
  description: Its size in bytes; null in check mode.
  returned: success
  type: int
sha256:
  description: Its digest; null in check mode.
  returned: success
  type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._disk_draft import PREFIX
from ansible_collections.goldsmith.images.plugins.module_utils._disk_publish import place_of, publish
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


def work(module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result.

    Raises:
        Fault: There is no such image, or it cannot be moved.
    """
    params = module.params
    image = Path(params["path"])
    if not image.parent.name.startswith(PREFIX):
        raise Fault(f"{image} is not in the directory of a build ({PREFIX}…), from which it could be published.")
    if not image.is_file():
        raise Fault(f"there is no image {image}; was it swept? Build again.")
    place = place_of(image, compress=params["compress"])
    told = {"changed": True, "path": str(place), "size": None, "sha256": None}
    if not module.check_mode:
        told.update(publish(image, place, compress=params["compress"], checksum=params["checksum"]))
    return {**told, "diff": {"before": {"path": str(image)}, "after": {"path": str(place)}}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "compress": {"type": "bool", "default": False},
            "checksum": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        result = work(module)
    except Fault as fault:
        module.fail_json(msg=str(fault))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
