#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: installed_packages
short_description: List the packages on a machine, and where more are fetched from
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
description:
  - Lists the packages that are installed on the machine where it runs, with the source packages they were built from,
    by which security advisories name them.
  - Reads the databases of dpkg and apk by itself, and asks C(rpm). Nothing else than Python is needed.
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
"""

from pathlib import Path
from typing import Callable, Iterator, Tuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._apt_sources import PLACES, described
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import (
    APK_INSTALLED,
    DPKG_PARTS,
    DPKG_STATUS,
    RPM_DATABASES,
    RPM_QUERY,
    Entry,
    apks,
    debs,
    in_order,
    rpms,
)


def packages(root: Path, ask_rpm: Callable[[], str]) -> list[Entry]:
    """Return the packages of a machine, sorted.

    Args:
        root: Its root directory.
        ask_rpm: Returns rpm's answer to `RPM_QUERY`; asked where rpm has a database.
    """
    found: list[Entry] = []
    for _name, text in _files(root, DPKG_STATUS):
        found.extend(debs(text))
    for name, text in _files(root, DPKG_PARTS):
        if not name.endswith(".md5sums"):
            found.extend(debs(text, needs_status=False))
    for _name, text in _files(root, APK_INSTALLED):
        found.extend(apks(text))
    if any(True for path in RPM_DATABASES for _file in _below(root, path)):
        found.extend(rpms(ask_rpm()))
    return in_order(found)


def _below(root: Path, path: str) -> Iterator[Path]:
    place = root / path.lstrip("/")
    if place.is_dir():
        yield from (file for file in sorted(place.iterdir()) if file.is_file())
    elif place.is_file():
        yield place


def _files(root: Path, path: str) -> Iterator[Tuple[str, str]]:
    for file in _below(root, path):
        yield file.name, file.read_text(encoding="utf-8", errors="replace")


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)

    def ask_rpm() -> str:
        program = module.get_bin_path("rpm")
        if program is None:
            return ""
        status, output, complaint = module.run_command([program, "-qa", "--qf", RPM_QUERY])
        if status != 0:
            module.fail_json(msg=f"rpm cannot list this machine's packages: {(complaint or output).strip()}")
        return str(output)

    try:
        found = packages(Path("/"), ask_rpm)
        sources = described({name: text for place in PLACES for name, text in _files(Path("/"), place)})
    except OSError as error:
        module.fail_json(msg=f"a package database cannot be read: {error}. Run this as root (become: true).")
    module.exit_json(changed=False, packages=found, sources=sources)


if __name__ == "__main__":
    main()
