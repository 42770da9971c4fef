#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_image
short_description: Capture a container as a Docker image, or discard such an image
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - Makes an image of a container's file system. The image's configuration is that of the base with what O(config)
    overrides; nothing of the container's own (command, user, environment, labels) comes into it.
  - By default all that happened above the base becomes one layer, so that nothing which was removed later stays below,
    while the base's own layers stay shared.
  - With O(state=absent) it removes images that it has captured.
options:
  state:
    description: V(present) captures, V(absent) discards.
    type: str
    choices: [present, absent]
    default: present
  container:
    description: Name or id of the container; it may run or be stopped. Required with O(state=present).
    type: str
  image:
    description: Id of the image to discard with O(state=absent). By default those that O(build_id) captured.
    type: str
  base:
    description: Image to build on, which is the container's image (the default) or has the lowest of its layers.
    type: str
  build_id:
    description: The build, for the label C(io.goldsmith.build). Required with O(state=present).
    type: str
  image_name:
    description: The image's name, for its labels. Required with O(state=present).
    type: str
  squash:
    description:
      - V(base) makes one layer of everything above O(base).
      - V(all) makes one layer of everything, O(base) included; the history begins anew.
      - V(none) adds one layer to those of the container's image.
    type: str
    choices: [base, all, none]
    default: base
  author:
    description: The image's author.
    type: str
  comment:
    description: Remark in the image's history.
    type: str
  pause:
    description: Pause the container meanwhile, so that no process writes.
    type: bool
    default: false
  created:
    description:
      - The image's time, in RFC 3339 or seconds since 1970. By default that of E(SOURCE_DATE_EPOCH), else now.
      - It is also the time of the history entry; files keep their own times.
    type: str
  tags:
    description: With O(state=absent), references set by this build, which go with the image.
    type: list
    elements: str
    default: []
  config:
    description: Changes to the base's configuration. What is not given stays; an empty list removes what the base has.
    type: dict
    default: {}
    suboptions:
      cmd:
        description: Command. A list is run as it is, a text by C(/bin/sh -c).
        type: raw
      entrypoint:
        description: Entry point, given like O(config.cmd). It drops the base's command.
        type: raw
      env:
        description: Environment variables, merged over the base's. One with the value null is removed.
        type: dict
      workdir:
        description: Working directory.
        type: str
      user:
        description: User, and group where wanted, such as V(www-data) or V(10001:10001).
        type: str
      expose:
        description: Ports added to the base's, such as V(8080/tcp), V(53/udp) or V(8000-8010).
        type: list
        elements: str
      labels:
        description: Labels, merged over the base's. Those named C(io.goldsmith.*) cannot be given.
        type: dict
      volumes:
        description: Paths of volumes added to the base's.
        type: list
        elements: str
      stop_signal:
        description: Signal that stops a container, such as V(SIGQUIT).
        type: str
      healthcheck:
        description: How the engine tests that a container is well. It replaces the base's.
        type: dict
        suboptions:
          test:
            description: Command, given like O(config.cmd). V(NONE) switches the base's check off.
            type: raw
            required: true
          interval:
            description: Seconds between tests.
            type: float
          timeout:
            description: Seconds that a test may take.
            type: float
          start_period:
            description: Seconds after the start in which failures do not count.
            type: float
          retries:
            description: Failures in a row after which a container is unhealthy.
            type: int
      onbuild:
        description: Dockerfile instructions for images built from this one. They replace the base's.
        type: list
        elements: str
  oci:
    description:
      - Values of labels C(org.opencontainers.image.*); those of the base, which tell of the base, are dropped.
      - Labels of the same names in O(config.labels) win.
    type: dict
    default: {}
    suboptions:
      source:
        description: URL of the source.
        type: str
      version:
        description: Version of the image.
        type: str
      revision:
        description: Revision of the source.
        type: str
      base_name:
        description: Reference of the base.
        type: str
      base_digest:
        description: Digest of the base.
        type: str
      title:
        description: Title. By default O(image_name).
        type: str
      description:
        description: Description.
        type: str
  marks:
    description: Values of further labels C(io.goldsmith.*), by what follows that, such as V(fingerprint).
    type: dict
    default: {}
attributes:
  check_mode:
    description: Returns the configuration that the image would have, and changes nothing.
    support: full
  diff_mode:
    description: Shows the base's configuration and the new one.
    support: full
  idempotent:
    description:
      - An image of this build with the same configuration is returned as it is, whatever the container has done since.
      - With another configuration a further image is captured.
    support: partial
notes:
  - A temporary image exists during the capture. Should the module be killed, C(goldsmith sweep) finds it by its labels.
  - O(squash=all), and several layers that become one, are spooled to E(TMPDIR) or C(/var/tmp).
seealso:
  - module: goldsmith.images.docker_image_publish
  - module: goldsmith.images.docker_image_archive
"""

EXAMPLES = r"""
- name: Capture the machine
  goldsmith.images.docker_image:
    container: goldsmith-20261122T093000-1a2b3c4d
    base: "{{ source.id }}"
    build_id: 20261122T093000-1a2b3c4d
    image_name: web
    config:
      cmd: [nginx, -g, "daemon off;"]
      user: www-data
      expose: [8080/tcp]
      healthcheck: {test: [curl, -f, "http://127.0.0.1:8080/"], interval: 30}
    oci:
      version: "1.4"
      base_name: "{{ source.reference }}"
  register: captured

- name: Discard it
  goldsmith.images.docker_image:
    state: absent
    image: "{{ captured.image.id }}"
"""

RETURN = r"""
image:
  description: The image. In check mode only C(config) and C(created) have values.
  returned: O(state=present)
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    digest:
      description: Always null; an image has a digest when it is published.
      type: str
    size:
      description: Bytes, unpacked, base included.
      type: int
    layers:
      description: Digests of its uncompressed layers, lowest first.
      type: list
      elements: str
    config:
      description: Its configuration, with the names that the engine uses.
      type: dict
    created:
      description: Its time, RFC 3339.
      type: str
    architecture:
      description: Processor architecture.
      type: str
    os:
      description: Operating system.
      type: str
removed:
  description: Ids of the images discarded.
  returned: O(state=absent)
  type: list
  elements: str
kept:
  description: Images that stay because tags that this build did not set point to them, each with C(id) and C(tags).
  returned: O(state=absent)
  type: list
  elements: dict
"""

import os
from datetime import datetime
from typing import Any, Callable, Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._capture import Capture, Request, layers_of
from ansible_collections.goldsmith.images.plugins.module_utils._discard import discard
from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, patient, run
from ansible_collections.goldsmith.images.plugins.module_utils._image_config import (
    OCI_KEYS,
    Identity,
    essential,
    timestamp,
)
from ansible_collections.goldsmith.images.plugins.module_utils._time import UTC

TEXT = {"type": "str"}
TEXTS = {"type": "list", "elements": "str"}
SECONDS = {"type": "float"}

HEALTHCHECK = {
    "test": {"type": "raw", "required": True},
    "interval": SECONDS,
    "timeout": SECONDS,
    "start_period": SECONDS,
    "retries": {"type": "int"},
}
CONFIG = {
    "cmd": {"type": "raw"},
    "entrypoint": {"type": "raw"},
    "env": {"type": "dict"},
    "workdir": TEXT,
    "user": TEXT,
    "expose": TEXTS,
    "labels": {"type": "dict"},
    "volumes": TEXTS,
    "stop_signal": TEXT,
    "healthcheck": {"type": "dict", "options": HEALTHCHECK},
    "onbuild": TEXTS,
}
OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **dict.fromkeys(("container", "image", "base", "build_id", "image_name", "author", "comment", "created"), TEXT),
    "squash": {"type": "str", "choices": ["base", "all", "none"], "default": "base"},
    "pause": {"type": "bool", "default": False},
    "tags": {"type": "list", "elements": "str", "default": []},
    "config": {"type": "dict", "default": {}, "options": CONFIG},
    "oci": {"type": "dict", "default": {}, "options": dict.fromkeys(OCI_KEYS, TEXT)},
    "marks": {"type": "dict", "default": {}},
    **DOCKER_OPTIONS,
}


def request_of(params: Mapping[str, Any], epoch: str | None) -> Request:
    """Return what the module's options ask for; ``epoch`` is the value of ``SOURCE_DATE_EPOCH``."""
    return Request(
        container=params["container"],
        base=params["base"],
        squash=params["squash"],
        pause=params["pause"],
        change=params["config"],
        fixed_time=bool(params["created"] or epoch),
        identity=Identity(
            build_id=params["build_id"],
            name=params["image_name"],
            created=timestamp(params["created"], epoch, datetime.now(UTC)),
            author=params["author"] or "",
            comment=params["comment"] or "",
            oci=params["oci"],
            marks=params["marks"],
        ),
    )


def capture(client: Any, module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result for ``state=present``."""
    request = request_of(module.params, os.environ.get("SOURCE_DATE_EPOCH"))
    patient(client)
    plan = Capture(client, request)
    image = plan.existing()
    if image:
        return {"changed": False, "image": described(image)}
    diff = {"before": plan.before, "after": plan.config}
    if module.check_mode:
        nothing = dict.fromkeys(("id", "digest", "size", "layers", "architecture", "os"))
        would = {**nothing, "config": plan.config, "created": request.identity.created}
        return {"changed": True, "image": would, "diff": diff}
    return {"changed": True, "image": described(plan.take()), "diff": diff}


def described(image: Mapping[str, Any]) -> dict[str, Any]:
    """Return an inspected image in the module's own words."""
    return {
        "id": image["Id"],
        "digest": None,
        "size": image["Size"],
        "layers": layers_of(image),
        "config": essential(image.get("Config")),
        "created": image["Created"],
        "architecture": image["Architecture"],
        "os": image["Os"],
    }


def work(client: Any, module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    if module.params["state"] == "present":
        return capture(client, module)
    return discard(
        client.api, module.params["image"], module.params["build_id"], module.params["tags"], module.check_mode
    )


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    """Run the module."""
    module = module_class(
        argument_spec=OPTIONS,
        supports_check_mode=True,
        required_if=[
            ("state", "present", ("container", "build_id", "image_name")),
            ("state", "absent", ("image", "build_id"), True),
        ],
    )
    run(module, work)


if __name__ == "__main__":
    main()
