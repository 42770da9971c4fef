#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_source
short_description: Resolve what a Docker image is built on to an immutable image
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - Makes sure that the base of an image is in the engine, and says which image exactly it is.
  - The base is either an image, local or from a registry, or is made from Debian packages by mmdebstrap, which needs no
    registry.
  - A base made from packages is kept as C(goldsmith/base:suite-key) and used again as long as neither the options nor
    the archives' signed indexes (C(InRelease)) change. Several processes that need the same one make it once.
options:
  image:
    description: An image.
    type: dict
    suboptions:
      name:
        description: Name with a tag or a digest, or the ID of an image in the engine.
        type: str
        required: true
      pull:
        description:
          - When to ask the registry. V(missing) asks if the engine does not have the image, or not for
            O(image.platform).
          - Credentials are those of the Docker configuration on this machine (C(docker login), credential helpers).
        type: str
        choices: [always, missing, never]
        default: missing
      platform:
        description: Platform, such as V(linux/arm64). By default the engine's own.
        type: str
  debootstrap:
    description: A base made from Debian packages. Needs C(mmdebstrap) on this machine.
    type: dict
    suboptions:
      suite:
        description: Release, such as V(bookworm).
        type: str
        required: true
      mirror:
        description:
          - URLs of archives, or whole lines such as C(deb http://archive.example/debian bookworm main).
          - A URL of which a part of the path ends in C(security) serves security updates, any other the suite and its
            updates. No archive beyond the ones given is used.
          - By default the archives that this machine's own APT uses, with the suite asked for; if there are none, those
            that mmdebstrap itself knows.
          - They are also the package sources inside the image.
        type: list
        elements: str
      components:
        description: Components of the archives.
        type: list
        elements: str
        default: [main]
      include:
        description:
          - Packages in addition to those of the variant.
          - C(ca-certificates) is added when an archive is read by HTTPS, so that the image can update itself.
        type: list
        elements: str
        default: []
      variant:
        description: Which packages make the base. See C(mmdebstrap)'s manual.
        type: str
        choices: [minbase, essential, apt, buildd, important, standard]
        default: minbase
      architecture:
        description: Debian's name of the architecture, such as V(arm64). By default this machine's.
        type: str
  disk:
    description:
      - The root file system of a disk's image, for M(goldsmith.images.disk_image) with the same image as C(original).
        Without its boot menu, which that module writes anew.
      - It is taken out by debugfs, with owners, modes, hard links and capabilities; other extended attributes and
        devices are left out. Nothing is mounted. Needs root.
      - It has to be of ext4 in a partition, and to hold Debian or Ubuntu with GRUB, for x86-64.
    type: dict
    suboptions:
      path:
        description: The image, raw or qcow2. One that needs other files is refused, and so is an encrypted one.
        type: path
        required: true
      sha256:
        description: Its digest in hexadecimal digits. Another file is refused.
        type: str
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
    details: Where something would have to be pulled or made, RV(source.id) is null.
  diff_mode:
    description: Returns the image's ID before and after.
    support: full
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
    details: With O(image.pull=always) or O(debootstrap), as long as the registry or the archives have not changed.
requirements:
  - mmdebstrap (for O(debootstrap))
  - e2fsprogs, fdisk, qemu-utils (for O(disk))
notes:
  - E(SOURCE_DATE_EPOCH) clamps the times in a base made from packages, and is when it was created. Without it, the time
    of the archives' newest change takes its place, so that the same archives give the same image.
seealso:
  - module: goldsmith.images.docker_builder
  - module: goldsmith.images.docker_image
"""

EXAMPLES = r"""
- name: Build on Debian 12, made from packages
  goldsmith.images.docker_source:
    debootstrap:
      suite: bookworm
  register: base

- name: Build on an image from a registry
  goldsmith.images.docker_source:
    image:
      name: registry.example/debian:12-slim
      pull: always
  register: base
"""

RETURN = r"""
source:
  description: The base.
  returned: success
  type: dict
  contains:
    id:
      description: Immutable ID of the image in the engine. Null in check mode where there is no image yet.
      type: str
      sample: sha256:fef2254e30ded63d6425396e6adb95277f7ae72f31cd614e582dca4acf550f8d
    digest:
      description: Digest in the registry, with the repository; null for an image that never was in one.
      type: str
      sample: registry.example/debian@sha256:4c7f0a4a
    reference:
      description: The name asked for, or the tag of a base made from packages.
      type: str
      sample: goldsmith/base:bookworm-0a1b2c3d4e5f
    kind:
      description: V(image), V(debootstrap) or V(disk).
      type: str
      sample: debootstrap
    key:
      description: Digest of everything that decides what the base is like. With O(debootstrap) and O(disk).
      type: str
      sample: 0a1b2c3d4e5f
    sha256:
      description: SHA-256 of the disk's image. With O(disk).
      type: str
      sample: 5d5e1c4f
    inrelease:
      description: SHA-256 of the archives' signed indexes by URL. With O(debootstrap).
      type: dict
      sample: {"http://archive.example/debian/dists/bookworm/InRelease": "f0e1d2"}
    architecture:
      description: Architecture.
      type: str
      sample: amd64
    os:
      description: Operating system.
      type: str
      sample: linux
    config:
      description: The image's configuration.
      type: dict
      sample: {"Cmd": ["bash"]}
    layers:
      description: Digests of the layers' contents, lowest first.
      type: list
      elements: str
      sample: ["sha256:9f54eef4"]
    size:
      description: Size in bytes.
      type: int
      sample: 164024401
    created:
      description: Time of creation.
      type: str
      sample: "2026-11-20T00:12:41Z"
"""

import os
from pathlib import Path
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _source
from ansible_collections.goldsmith.images.plugins.module_utils._apt_archive import proxies
from ansible_collections.goldsmith.images.plugins.module_utils._base_recipe import Options, Recipe
from ansible_collections.goldsmith.images.plugins.module_utils._debootstrap import recipe
from ansible_collections.goldsmith.images.plugins.module_utils._disk_base import DiskRecipe, root_tar
from ansible_collections.goldsmith.images.plugins.module_utils._disk_source import need_programs, original
from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, run
from ansible_collections.goldsmith.images.plugins.module_utils._mmdebstrap import built


def from_image(client: Any, module: AnsibleModule) -> dict[str, Any]:
    name, policy, platform = (module.params["image"][key] for key in ("name", "pull", "platform"))
    found = _source.local(client, name)
    before = found["Id"] if found else None
    if _source.must_pull(found, name, policy, platform):
        if module.check_mode:
            return _result(_source.describe({"Id": None}, name, "image"), before, changed=True)
        found = _source.pull(client, name, platform)
    source = _source.describe(found or {}, name, "image")
    return _result(source, before, changed=source["id"] != before)


def from_packages(client: Any, module: AnsibleModule) -> dict[str, Any]:
    # For this process, which reads the archives' indexes, as for mmdebstrap.
    os.environ.update(proxies())
    wanted, warnings = recipe(
        Options(**module.params["debootstrap"]), os.environ.get("SOURCE_DATE_EPOCH"), min(module.params["timeout"], 30)
    )
    for warning in warnings:
        module.warn(warning)
    found = _source.base(client, wanted)
    before = found["Id"] if found else None
    made = found is None
    if found is None and not module.check_mode:
        found, made = _source.make_base(client, wanted, built)
    return _result(_described(found or {"Id": None}, wanted), before, changed=made)


def from_disk(client: Any, module: AnsibleModule) -> dict[str, Any]:
    need_programs()
    image = original(Path(module.params["disk"]["path"]), module.params["disk"]["sha256"])
    wanted = DiskRecipe(image)
    found = _source.base(client, wanted)
    before = found["Id"] if found else None
    made = found is None
    if found is None and not module.check_mode:
        found, made = _source.make_base(client, wanted, root_tar)
    source = _source.describe(found or {"Id": None}, wanted.reference, "disk")
    return _result({**source, "key": wanted.key, "sha256": image.sha256}, before, changed=made)


def _described(image: dict[str, Any], wanted: Recipe) -> dict[str, Any]:
    source = _source.describe(image, wanted.reference, "debootstrap")
    return {**source, "key": wanted.key, "inrelease": wanted.inrelease}


def _result(source: dict[str, Any], before: str | None, changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "source": source,
        "diff": {"before": {"id": before}, "after": {"id": source["id"]}},
    }


_KINDS = {"image": from_image, "debootstrap": from_packages, "disk": from_disk}


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    module = module_class(
        argument_spec={
            "image": {
                "type": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "pull": {"type": "str", "choices": ["always", "missing", "never"], "default": "missing"},
                    "platform": {"type": "str"},
                },
            },
            "debootstrap": {
                "type": "dict",
                "options": {
                    "suite": {"type": "str", "required": True},
                    "mirror": {"type": "list", "elements": "str"},
                    "components": {"type": "list", "elements": "str", "default": ["main"]},
                    "include": {"type": "list", "elements": "str", "default": []},
                    "variant": {
                        "type": "str",
                        "choices": ["minbase", "essential", "apt", "buildd", "important", "standard"],
                        "default": "minbase",
                    },
                    "architecture": {"type": "str"},
                },
            },
            "disk": {
                "type": "dict",
                "options": {"path": {"type": "path", "required": True}, "sha256": {"type": "str"}},
            },
            **DOCKER_OPTIONS,
        },
        mutually_exclusive=[tuple(_KINDS)],
        required_one_of=[tuple(_KINDS)],
        supports_check_mode=True,
    )
    run(module, next(resolve for kind, resolve in _KINDS.items() if module.params[kind]))


if __name__ == "__main__":
    main()
