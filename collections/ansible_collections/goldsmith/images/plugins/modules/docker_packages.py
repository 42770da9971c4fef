#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_packages
short_description: List the packages and libraries in a container, and where more are fetched from
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
extends_documentation_fragment: goldsmith.images.docker
description:
  - Lists the packages that are installed in a container, with the source packages they were built from, by which
    security advisories name them.
  - Debian's and Alpine's databases are read from outside, so neither a shell nor a running container is needed.
    For rpm, the container must run and hold C(rpm).
  - Metadata of libraries, and licences, are looked for by the container's own C(find) and C(tar); where it has none or
    does not run, all of its disk is read through the engine.
options:
  container:
    description: Name or ID of the container.
    type: str
    required: true
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
    details: Nothing is ever changed.
  diff_mode:
    description: Returns what has changed.
    support: N/A
    details: Nothing is ever changed.
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
seealso:
  - module: goldsmith.images.docker_image
  - module: ansible.builtin.package_facts
"""

EXAMPLES = r"""
- name: List what is in the machine
  goldsmith.images.docker_packages:
    container: "{{ builder.container.id }}"
  register: inventory
"""

RETURN = r"""
packages:
  description: The packages, sorted; empty where there is no package database that is known.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name.
      type: str
      sample: libc6
    version:
      description: Version, with the epoch if it has one.
      type: str
      sample: 2.36-9+deb12u13
    arch:
      description: Architecture in the distribution's own words.
      type: str
      sample: amd64
    source:
      description: Name of the source package.
      type: str
      sample: glibc
    source_version:
      description: Version of the source package.
      type: str
      sample: 2.36-9+deb12u13
    type:
      description: V(deb), V(rpm) or V(apk).
      type: str
      sample: deb
sources:
  description:
    - Where APT fetches packages from, a suite at an address each; empty where there is no APT.
    - Without the name and the password that an address may hold.
  returned: success
  type: list
  elements: dict
  contains:
    uri:
      description: Address of the archive.
      type: str
      sample: http://deb.example/debian
    suite:
      description: Suite.
      type: str
      sample: bookworm-security
    components:
      description: Components.
      type: list
      elements: str
      sample: [main]
    check_valid_until:
      description: Whether an index of it runs out on the day that it names.
      type: bool
software:
  description:
    - What else the disk says of the software on it. A library that came in a package is told of as that package, as a
      distribution mends faults without a new version of the library.
  returned: success
  type: dict
  contains:
    os:
      description: The variables of os-release(5); empty where there is none.
      type: dict
      sample: {"ID": "debian", "VERSION_ID": "12"}
    databases:
      description: The package databases that are there, V(apk), V(dpkg), V(rpm).
      type: list
      elements: str
      sample: [dpkg]
    licenses:
      description:
        - Licences by type and name of a package, as the distribution writes them.
        - Debian's are read where a package's copyright file is there and machine-readable.
      type: dict
      sample: {"deb dash": ["BSD-3-clause", "Expat"]}
    libraries:
      description: Libraries and programs of Python, Node, Java and Go that tell of themselves and are in no package.
      type: list
      elements: dict
      contains:
        type:
          description: Type of a package URL, V(pypi), V(npm), V(maven), V(golang).
          type: str
          sample: pypi
        name:
          description: Name, with the group or the scope where it has one.
          type: str
          sample: flask
        version:
          description: Version.
          type: str
          sample: 3.1.0
        path:
          description: The file that tells.
          type: str
          sample: /opt/app/lib/python3.11/site-packages/flask-3.1.0.dist-info/METADATA
        licenses:
          description: Licences as the metadata name them.
          type: list
          elements: str
          sample: [BSD-3-Clause]
        hashes:
          description:
            - Hashes by algorithm, where they are known, of the archive it was installed from, or of the jar it is.
            - C(h1) is Go's own of a module.
          type: dict
          sample: {}
"""

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._container import find
from ansible_collections.goldsmith.images.plugins.module_utils._docker import DOCKER_OPTIONS, run
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._inventory import inventory
from ansible_collections.goldsmith.images.plugins.module_utils._packages import ContainerDisk


def work(client: Any, module: AnsibleModule) -> dict[str, Any]:
    container = module.params["container"]
    found = find(client, container)
    if found is None:
        raise Fault(f"there is no container {container} in this engine: it was never made, or somebody removed it.")
    return {"changed": False, **inventory(ContainerDisk(client, found["Id"], found["State"]["Running"]))}


def main(module_class: Callable[..., Any] = AnsibleModule) -> None:
    module = module_class(
        argument_spec={"container": {"type": "str", "required": True}, **DOCKER_OPTIONS},
        supports_check_mode=True,
    )
    run(module, work)


if __name__ == "__main__":
    main()
