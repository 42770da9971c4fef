#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_image_publish
short_description: Tag a Docker image and push it to its registry
version_added: "0.1.0"
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - Gives an image its references and, where asked, pushes them.
  - When the registry refuses, the image and its tags stay, and the message has the registry's reason and the commands
    that push again. Running the module again pushes what is missing.
options:
  image:
    description: Id or reference of the image.
    type: str
    required: true
  repository:
    description: Repository, such as V(web) or V(registry.example.com:5000/team/web), without a tag.
    type: str
    required: true
  tags:
    description: Tags. A tag that points to another image is moved.
    type: list
    elements: str
    default: [latest]
  push:
    description: Whether to push the references, with the credentials of the Docker configuration (C(docker login)).
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells the references that would be set, and those to push; registries are asked, not written to.
    support: full
  diff_mode:
    description: Shows which image each reference points to.
    support: full
  idempotent:
    description: A reference that the registry has with the digest of this image is not pushed again.
    support: full
seealso:
  - module: goldsmith.images.docker_image
"""

EXAMPLES = r"""
- name: Tag the image and push it
  goldsmith.images.docker_image_publish:
    image: "{{ captured.image.id }}"
    repository: localhost:5000/web
    tags: ["1.4", latest]
    push: true
  register: published

- name: Say where it is
  ansible.builtin.debug:
    msg: "{{ published.digests }}"
"""

RETURN = r"""
tags:
  description: The image's references, as asked for.
  returned: success
  type: list
  elements: str
  sample: ["localhost:5000/web:1.4", "localhost:5000/web:latest"]
digests:
  description: Digest of the manifest in the registry, by reference. Empty without O(push).
  returned: always, once the references are known to be valid
  type: dict
  sample: {"localhost:5000/web:1.4": "sha256:0b8bbd6ad2f1ff9d3dc9ea5cb7b7dd0f9b7d4d5a7d3b8a0d5a9ac3ec0f7e3d11"}
tagged:
  description: References set by this run, or in check mode those that would be.
  returned: always, once the references are known to be valid
  type: list
  elements: str
pushed:
  description: References pushed by this run, or in check mode those that would be.
  returned: always, once the references are known to be valid
  type: list
  elements: str
missing:
  description: References that the registry does not have, after a push that failed.
  returned: always, once the references are known to be valid
  type: list
  elements: str
replaced:
  description: Ids of the images that references pointed to before, by reference.
  returned: always, once the references are known to be valid
  type: dict
"""

from contextlib import suppress
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._capture import inspect_image
from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, patient, run
from ansible_collections.goldsmith.images.plugins.module_utils._publish import (
    RefusedError,
    published_digest,
    push,
    references,
    refusal,
)

with suppress(ImportError):  # _docker.run tells the user
    from docker.errors import ImageNotFound

OPTIONS: dict[str, Any] = {
    "image": {"type": "str", "required": True},
    "repository": {"type": "str", "required": True},
    "tags": {"type": "list", "elements": "str", "default": ["latest"]},
    "push": {"type": "bool", "default": False},
    **DOCKER_OPTIONS,
}


class Publication:
    """An image, the references it is to have, and what has been done about them."""

    def __init__(self, client: Any, module: AnsibleModule) -> None:
        """Look at the image and at what its references point to now."""
        self._api = client.api
        self._module = module
        self._references = references(module.params["repository"], module.params["tags"])
        self._image = inspect_image(client, module.params["image"], "the image to publish")
        before = {name: self._id_of(name) for name in self._references}
        self._to_tag = [name for name, image in before.items() if image != self._image["Id"]]
        self._before = before
        self._digests: dict[str, str] = {}
        self._pushed: list[str] = []

    def _id_of(self, reference: str) -> str | None:
        try:
            return str(self._api.inspect_image(reference)["Id"])
        except ImageNotFound:
            return None

    def publish(self) -> dict[str, Any]:
        """Set the references, push those that the registry lacks, and return the module's result."""
        if not self._module.check_mode:
            for reference in self._to_tag:
                repository, _colon, tag = reference.rpartition(":")
                self._api.tag(self._image["Id"], repository, tag)
        if self._module.params["push"]:
            for reference in self._references:
                self._push(reference)
        return self._result()

    def _push(self, reference: str) -> None:
        known = published_digest(self._api, reference, self._image)
        if known:
            self._digests[reference] = known
            return
        if not self._module.check_mode:
            try:
                self._digests[reference] = push(self._api, reference)
            except RefusedError as error:
                missing = [name for name in self._references if name not in self._digests]
                message = refusal(reference, str(error), self._image["Id"], self._references, missing)
                self._module.fail_json(msg=message, **{**self._result(), "missing": missing})
        self._pushed.append(reference)

    def _result(self) -> dict[str, Any]:
        after = dict.fromkeys(self._references, self._image["Id"])
        return {
            "changed": bool(self._to_tag or self._pushed),
            "tags": self._references,
            "digests": self._digests,
            "tagged": self._to_tag,
            "pushed": self._pushed,
            "missing": [],
            "replaced": {name: self._before[name] for name in self._to_tag if self._before[name]},
            "diff": {
                "before": {"references": self._before, "pushed": []},
                "after": {"references": after, "pushed": self._pushed},
            },
        }


def work(client: Any, module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    patient(client)
    return Publication(client, module).publish()


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    """Run the module."""
    run(module_class(argument_spec=OPTIONS, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
