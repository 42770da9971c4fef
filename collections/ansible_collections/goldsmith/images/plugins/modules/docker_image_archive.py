#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_image_archive
short_description: Write a Docker image, or its root file system, to a file
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - Writes an image as C(docker load) takes it, or its flat root file system.
  - The file comes into being whole or not at all; it is written beside O(dest), put on the disk and renamed.
options:
  image:
    description: Id or reference of the image.
    type: str
    required: true
  dest:
    description: The file, with mode 0644. Its directory must exist. V(.gz) and V(.tgz) at its end compress it.
    type: path
    required: true
  format:
    description:
      - V(image) is the archive of C(docker save), with the tags that the image has in the engine.
      - V(rootfs) is a tar of the image's files, without its configuration.
    type: str
    choices: [image, rootfs]
    default: image
  force:
    description: Whether to write the file when O(dest) exists. What it has is not looked at.
    type: bool
    default: true
attributes:
  check_mode:
    description: Tells whether the file would be written.
    support: full
  diff_mode:
    description: Shows size and checksum of the file.
    support: full
  idempotent:
    description: Only with O(force=false), which keeps a file that is there.
    support: partial
notes:
  - With O(format=rootfs) the image's layers are spooled to E(TMPDIR) or C(/var/tmp).
seealso:
  - module: goldsmith.images.docker_image
"""

EXAMPLES = r"""
- name: Save the image
  goldsmith.images.docker_image_archive:
    image: "{{ captured.image.id }}"
    dest: /srv/images/web.tar.gz

- name: Write its root file system
  goldsmith.images.docker_image_archive:
    image: "{{ captured.image.id }}"
    dest: /srv/images/web-rootfs.tar
    format: rootfs
"""

RETURN = r"""
dest:
  description: The file.
  returned: success
  type: str
  sample: /srv/images/web.tar.gz
size:
  description: Its size in bytes; null when it was not written.
  returned: success
  type: int
checksum:
  description: Its sha256; null when it was not written.
  returned: success
  type: str
  sample: 0b8bbd6ad2f1ff9d3dc9ea5cb7b7dd0f9b7d4d5a7d3b8a0d5a9ac3ec0f7e3d11
image:
  description: Id of the image.
  returned: success
  type: str
"""

from functools import partial
from pathlib import Path
from typing import IO, Any, Iterable, Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._archive import CHUNK, read_layers, whole
from ansible_collections.goldsmith.images.plugins.module_utils._capture import inspect_image, layers_of
from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, patient, run
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._files import write_whole
from ansible_collections.goldsmith.images.plugins.module_utils._layers import merge

OPTIONS: dict[str, Any] = {
    "image": {"type": "str", "required": True},
    "dest": {"type": "path", "required": True},
    "format": {"type": "str", "choices": ["image", "rootfs"], "default": "image"},
    "force": {"type": "bool", "default": True},
    **DOCKER_OPTIONS,
}


def write_image(api: Any, image: Mapping[str, Any], target: IO[bytes]) -> None:
    """Write what ``docker save`` writes, with all the image's tags, for which the SDK's own call has no way to ask."""
    names = image.get("RepoTags") or [image["Id"]]
    response = api.get(f"{api.base_url}/v{api.api_version}/images/get", params={"names": names}, stream=True)
    copy(whole(response.iter_content(CHUNK)), target)


def copy(chunks: Iterable[bytes], target: IO[bytes]) -> None:
    """Write chunks to a file."""
    for chunk in chunks:
        target.write(chunk)


def write_root(api: Any, image: Mapping[str, Any], target: IO[bytes]) -> None:
    """Write the files of the image's layers.

    The engine's own export is of a container: it has the engine's mounts, such as an empty /etc/hosts, in place of the
    image's files.
    """
    layers = layers_of(image)
    with read_layers(api.get_image(image["Id"]), layers) as parts:
        merge([parts[layer] for layer in layers], target, bottom=True)


def work(client: Any, module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    patient(client)
    dest = Path(module.params["dest"])
    image = inspect_image(client, module.params["image"], "the image to write")
    if dest.is_dir():
        raise Fault(f"{dest} is a directory; give the path of a file, such as {dest / 'image.tar'}.")
    result = {"changed": False, "dest": str(dest), "image": image["Id"], "size": None, "checksum": None}
    if dest.exists() and not module.params["force"]:
        return result
    result["changed"] = True
    if module.check_mode:
        return result
    before = {"size": dest.stat().st_size} if dest.exists() else {}
    fill = write_image if module.params["format"] == "image" else write_root
    written = write_whole(dest, partial(fill, client.api, image), image["Size"])
    facts = {"size": written.size, "checksum": written.digest.partition(":")[2]}
    return {**result, **facts, "diff": {"before": before, "after": facts}}


def main() -> None:
    """Run the module."""
    run(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
