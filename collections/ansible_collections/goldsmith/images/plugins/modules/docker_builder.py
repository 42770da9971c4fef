#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_builder
short_description: Start or remove the temporary container that an image is built in
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - Starts a container that layers are then applied to, and that M(goldsmith.images.docker_image) captures.
  - It bears the labels C(io.goldsmith.build), C(io.goldsmith.name), C(io.goldsmith.role) and C(io.goldsmith.expires)
    from the call that creates it, so that M(goldsmith.images.docker_sweep) finds it whatever happens.
  - Makes Python available inside for Ansible's sake, see O(bootstrap).
options:
  state:
    description:
      - V(present) means that the container runs. One of the same build that has stopped or has another image is
        replaced.
      - V(absent) means that it is gone, with its anonymous volumes.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Name of the container. Needed for O(state=present).
      - With O(state=absent) and without a name, all containers of O(build_id) are removed.
    type: str
  image:
    description: ID of the image, as M(goldsmith.images.docker_source) returns it. Needed for O(state=present).
    type: str
  build_id:
    description: Build that the container belongs to. Needed for O(state=present).
    type: str
  image_name:
    description: Name of the image that is being built, for the label.
    type: str
    default: ""
  role:
    description:
      - What the container is for. V(builder) is a machine that is built in, V(verify) one that a finished image is
        tested in.
      - The environment of a V(builder) has E(DPKG_FORCE=unsafe-io), as nothing in it need survive a power cut, and
        E(PYTHONDONTWRITEBYTECODE=1), so that Ansible leaves no bytecode behind.
    type: str
    choices: [builder, verify]
    default: builder
  expires_in:
    description: Seconds after which the default command ends and a sweep may remove the container.
    type: int
    default: 21600
  command:
    description:
      - Command as a list, without a shell. The image's entrypoint is not used.
      - By default a shell that waits for O(expires_in) seconds and reaps orphaned processes.
    type: list
    elements: str
  use_image_command:
    description: Run the image's own entrypoint and command. Excludes O(command).
    type: bool
    default: false
  user:
    description: User of the command. By default C(0); with O(use_image_command) the image's own.
    type: str
  env:
    description: Environment variables. They do not become part of the image.
    type: dict
    default: {}
  volumes:
    description: Mounts, each C(source:path) or C(source:path:ro), or a path alone for an anonymous volume.
    type: list
    elements: str
    default: []
  tmpfs:
    description: Directories in memory, each a path or C(path:options).
    type: list
    elements: str
    default: []
  devices:
    description: Devices of the host, each C(path), C(path:path in the container) or with C(:rwm) after these.
    type: list
    elements: str
    default: []
  capabilities:
    description: Kernel capabilities added to the engine's default set.
    type: list
    elements: str
    default: []
  cap_drop:
    description: Kernel capabilities taken from the engine's default set.
    type: list
    elements: str
    default: []
  privileged:
    description: Give the container every right on the host. Only for layers that cannot do without.
    type: bool
    default: false
  network:
    description: Name of a Docker network, or V(host) or V(none). By default the engine's default network.
    type: str
  platform:
    description: Platform, such as V(linux/arm64), where the image is for several.
    type: str
  runtime:
    description: OCI runtime, by a name that the engine knows.
    type: str
  hostname:
    description: Host name inside the container.
    type: str
  memory:
    description: Memory limit, such as V(512m).
    type: str
  bootstrap:
    description:
      - Make Python available inside, where it is missing (C(python3) and, with APT, C(python3-apt)), and hold services
        back by a C(policy-rc.d) where there is none.
      - Take it out again with M(goldsmith.images.docker_bootstrap) before the image is captured.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
  diff_mode:
    description: Returns the container's state before and after.
    support: full
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
notes:
  - With APT, the packages are installed as automatically installed ones, and a temporary APT configuration keeps
    C(autoremove) from removing them while the build runs.
seealso:
  - module: goldsmith.images.docker_source
  - module: goldsmith.images.docker_bootstrap
  - module: goldsmith.images.docker_image
  - module: goldsmith.images.docker_sweep
"""

EXAMPLES = r"""
- name: Start the builder
  goldsmith.images.docker_builder:
    name: goldsmith-{{ build }}
    image: "{{ base.source.id }}"
    build_id: "{{ build }}"
    image_name: web
  register: builder

- name: Remove all containers of a build
  goldsmith.images.docker_builder:
    state: absent
    build_id: "{{ build }}"
"""

RETURN = r"""
container:
  description: The container. Its ID is null in check mode, where it does not exist yet.
  returned: success
  type: dict
  sample: {"id": "9c3f8406", "name": "goldsmith-20261122T070000-0a1b2c3d", "image": "sha256:fef2", "state": "running"}
removed:
  description: Names of the containers removed.
  returned: O(state=absent)
  type: list
  elements: str
  sample: [goldsmith-20261122T070000-0a1b2c3d]
bootstrap:
  description: What is in the container for Ansible's sake, to be given to M(goldsmith.images.docker_bootstrap).
  returned: O(state=present)
  type: dict
  contains:
    packages:
      description: Packages installed.
      type: list
      elements: str
      sample: [python3, python3-apt]
    policy_rc_d:
      description: Whether services are held back by a C(policy-rc.d) that was not there before.
      type: bool
      sample: true
    interpreter:
      description: Path of the Python interpreter; empty with O(bootstrap=false).
      type: str
      sample: /usr/bin/python3
    manager:
      description: The package manager, V(apt), V(rpm) or V(apk), or empty where none was needed.
      type: str
      sample: apt
    base:
      description: Packages that were there before.
      type: list
      elements: str
      sample: [apt, dpkg]
    lists:
      description: Whether APT's package lists were fetched for this.
      type: bool
      sample: true
    absent:
      description: By-products of package managers that were not there before.
      type: list
      elements: str
      sample: [/var/cache/apt/pkgcache.bin]
    owners:
      description: Directories that APT gives to another user, with their owners before.
      type: list
      elements: str
      sample: ["0:0 /var/lib/apt/lists/partial"]
"""

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _bootstrap
from ansible_collections.goldsmith.images.plugins.module_utils._bootstrap import Bootstrap
from ansible_collections.goldsmith.images.plugins.module_utils._builder import DIRECT, Wanted, make, matches, remove
from ansible_collections.goldsmith.images.plugins.module_utils._container import find
from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, run


def present(client: Any, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    wanted = Wanted(
        **{key: params[key] for key in Wanted.__dataclass_fields__ if key not in ("machine", "env")},
        env={key: str(value) for key, value in params["env"].items()},
        machine={key: params[key] for key in DIRECT},
    )
    found = find(client, wanted.name)
    before = {"state": found["State"]["Status"], "image": found["Image"]} if found else {"state": "absent"}
    if found and matches(found, wanted):
        return _result(found, _brought_before(client, found, wanted), before, changed=False)
    if module.check_mode:
        planned = {"Id": None, "Name": wanted.name, "Image": wanted.image, "State": {"Status": "running"}}
        return _result(planned, Bootstrap(), before, changed=True)
    if found:
        remove(client, wanted.name, wanted.build_id)
    container, brought = make(client, wanted)
    return _result(container, brought, before, changed=True)


def _brought_before(client: Any, found: dict[str, Any], wanted: Wanted) -> Bootstrap:
    return (_bootstrap.recorded(client, found["Id"]) if wanted.bootstrap else None) or Bootstrap()


def _result(container: dict[str, Any], brought: Bootstrap, before: dict[str, Any], changed: bool) -> dict[str, Any]:
    state = container["State"]["Status"]
    return {
        "changed": changed,
        "container": {
            "id": container["Id"],
            "name": container["Name"].lstrip("/"),
            "image": container["Image"],
            "state": state,
        },
        "bootstrap": brought.as_dict(),
        "diff": {"before": before, "after": {"state": state, "image": container["Image"]}},
    }


def absent(client: Any, module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    removed = remove(client, params["name"], params["build_id"], dry=module.check_mode)
    return {
        "changed": bool(removed),
        "container": {"id": None, "name": params["name"], "image": None, "state": "absent"},
        "removed": removed,
        "diff": {"before": {"containers": removed}, "after": {"containers": []}},
    }


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    strings = {"type": "list", "elements": "str", "default": []}
    module = module_class(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "name": {"type": "str"},
            "image": {"type": "str"},
            "build_id": {"type": "str"},
            "image_name": {"type": "str", "default": ""},
            "role": {"type": "str", "choices": ["builder", "verify"], "default": "builder"},
            "expires_in": {"type": "int", "default": 21600},
            "command": {"type": "list", "elements": "str"},
            "use_image_command": {"type": "bool", "default": False},
            "user": {"type": "str"},
            "env": {"type": "dict", "default": {}},
            "volumes": strings,
            "tmpfs": strings,
            "devices": strings,
            "capabilities": strings,
            "cap_drop": strings,
            "privileged": {"type": "bool", "default": False},
            "network": {"type": "str"},
            "platform": {"type": "str"},
            "runtime": {"type": "str"},
            "hostname": {"type": "str"},
            "memory": {"type": "str"},
            "bootstrap": {"type": "bool", "default": True},
            **DOCKER_OPTIONS,
        },
        required_if=[
            ("state", "present", ("name", "image", "build_id")),
            ("state", "absent", ("name", "build_id"), True),
        ],
        mutually_exclusive=[("command", "use_image_command")],
        supports_check_mode=True,
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
