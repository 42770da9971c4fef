#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_bootstrap
short_description: Bring Python into a container for Ansible's sake, or take it out again
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - With O(state=present), makes Python usable by Ansible in a running container and holds its services back.
    M(goldsmith.images.docker_builder) has done this already to the containers that it makes.
  - With O(state=absent), takes out again what was brought, so that the image holds no Python that its base and layers
    did not want. The packages that came are purged, except those that another package came to depend on or that a
    layer asked for by name. Package lists, caches, by-products and Ansible's temporary files go too, and nothing of it
    is logged in the container.
  - Works through the container's own C(/bin/sh), so it needs no Python inside.
options:
  state:
    description: Whether what Ansible needs is there.
    type: str
    choices: [present, absent]
    default: present
  container:
    description: Name or ID of a running container.
    type: str
    required: true
  bootstrap:
    description:
      - For O(state=absent), what M(goldsmith.images.docker_builder) or O(state=present) returned as RV(bootstrap).
      - By default what was noted in the container itself.
    type: dict
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
    details: With O(state=present), check mode cannot know the packages that would come.
  diff_mode:
    description: Returns the packages before and after.
    support: full
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
notes:
  - A layer that leaves Python programs behind must install C(python3) itself, by name or as what its package depends
    on; a program that is only copied there cannot be seen to need it.
  - With dnf, what rpm lets go is erased, and so also a package that a layer asked for by name but that nothing depends
    on.
seealso:
  - module: goldsmith.images.docker_builder
  - module: goldsmith.images.docker_image
"""

EXAMPLES = r"""
- name: Take Ansible's Python out of the machine
  goldsmith.images.docker_bootstrap:
    state: absent
    container: "{{ builder.container.id }}"
    bootstrap: "{{ builder.bootstrap }}"
"""

RETURN = r"""
bootstrap:
  description: What is in the container for Ansible's sake, as M(goldsmith.images.docker_builder) describes it.
  returned: O(state=present)
  type: dict
  sample: {"interpreter": "/usr/bin/python3", "packages": ["python3", "python3-apt"], "policy_rc_d": true}
removed:
  description: Packages removed.
  returned: O(state=absent)
  type: list
  elements: str
  sample: [python3, python3-apt]
kept:
  description: Packages that came for Ansible's sake and stay, as something else needs them now.
  returned: O(state=absent)
  type: list
  elements: str
  sample: []
"""

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _bootstrap
from ansible_collections.goldsmith.images.plugins.module_utils._bootstrap import Bootstrap
from ansible_collections.goldsmith.images.plugins.module_utils._container import need_running
from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, run


def present(client: Any, module: AnsibleModule) -> dict[str, Any]:
    container = need_running(client, module.params["container"])["Name"].lstrip("/")
    if module.check_mode:
        noted = _bootstrap.recorded(client, container)
        brought, changed = noted or Bootstrap(), noted is None
    else:
        brought, changed = _bootstrap.present(client, container)
    diff = {"before": {"packages": [] if changed else brought.packages}, "after": {"packages": brought.packages}}
    return {"changed": changed, "bootstrap": brought.as_dict(), "diff": diff}


def absent(client: Any, module: AnsibleModule) -> dict[str, Any]:
    container = need_running(client, module.params["container"])["Name"].lstrip("/")
    noted = _bootstrap.recorded(client, container)
    given = module.params["bootstrap"]
    brought = Bootstrap.from_dict(given) if given else noted
    if brought is None:
        return {
            "changed": False,
            "removed": [],
            "kept": [],
            "diff": {"before": {"packages": []}, "after": {"packages": []}},
        }
    removed, kept = _bootstrap.absent(client, container, brought, dry=module.check_mode)
    return {
        "changed": noted is not None or bool(removed),
        "removed": removed,
        "kept": kept,
        "diff": {"before": {"packages": removed + kept}, "after": {"packages": kept}},
    }


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    module = module_class(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "container": {"type": "str", "required": True},
            "bootstrap": {"type": "dict"},
            **DOCKER_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
