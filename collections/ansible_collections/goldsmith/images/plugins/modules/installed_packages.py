#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: installed_packages
short_description: List the packages and libraries on a machine, and where more are fetched from
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
description:
  - Lists the packages that are installed on the machine where it runs, with the source packages they were built from,
    by which security advisories name them.
  - Reads the databases of dpkg and apk by itself, and asks C(rpm). Nothing else than Python is needed.
  - Metadata of libraries, and licences, are looked for by the machine's own C(find), where it has one.
  - Returns what M(goldsmith.images.docker_packages) returns of a container that is read from outside.
options: {}
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
  - module: goldsmith.images.docker_packages
  - module: ansible.builtin.package_facts
"""

EXAMPLES = r"""
- name: List what is in the machine
  goldsmith.images.installed_packages:
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

from pathlib import Path
from typing import Iterator, Tuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._inventory import inventory
from ansible_collections.goldsmith.images.plugins.module_utils._software import Findings
from ansible_collections.goldsmith.images.plugins.module_utils._software_search import search


class LocalDisk:
    """The disk of the machine where this runs."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def files(self, path: str) -> Iterator[Tuple[str, str]]:
        """Yield name and text of a file, or of each file in a directory; nothing if there is no such path."""
        for file in _below(Path(path)):
            yield file.name, file.read_text(encoding="utf-8", errors="replace")

    def rpm(self, query: str) -> str:
        """Return what rpm answers about all packages; nothing where it is not there.

        Raises:
            Fault: It cannot read its database.
        """
        program = self._module.get_bin_path("rpm")
        if program is None:
            return ""
        status, output, complaint = self._module.run_command([program, "-qa", "--qf", query])
        if status != 0:
            raise Fault(f"rpm cannot list this machine's packages: {(complaint or output).strip()}")
        return str(output)

    def walk(self, findings: Findings) -> None:
        """Hand over the files worth reading."""
        if self._module.get_bin_path("find") is None:
            return
        # Its status tells of files that went while it looked.
        _status, output, _complaint = self._module.run_command(
            search(one_file_system=False, filters=False), errors="surrogateescape"
        )
        for path in map(Path, output.splitlines()):
            try:
                if path.is_symlink():
                    findings.link(str(path), str(path.readlink()))
                else:
                    findings.later(str(path), path.read_bytes)
            except OSError:
                continue


def _below(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from (file for file in sorted(place.iterdir()) if file.is_file())
    elif place.is_file():
        yield place


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        found = inventory(LocalDisk(module))
    except Fault as fault:
        module.fail_json(msg=str(fault))
    except OSError as error:
        module.fail_json(msg=f"a package database cannot be read: {error}. Run this as root (become: true).")
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
