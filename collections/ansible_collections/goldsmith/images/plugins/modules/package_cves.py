#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: package_cves
short_description: Say which known vulnerabilities a change of packages fixed, and which remain
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
description:
  - Compares two lists of Debian packages with what Debian's security team publishes of vulnerabilities.
  - Meant to run on the controller, so that the data is fetched once for all machines and these need no way to it.
    What it holds of the release is kept for a while.
options:
  before:
    description:
      - The packages before, as M(goldsmith.images.installed_packages) lists them.
    type: list
    elements: dict
    required: true
  after:
    description:
      - The packages afterwards, likewise. By default, the same as before.
    type: list
    elements: dict
  release:
    description:
      - Codename of the release, such as V(bookworm).
    type: str
    required: true
  data:
    description:
      - Where the data lies, an address or the path of a file.
      - "One of Debian's formats, compressed or not: the data of C(debsecan) for the release, or the security tracker's
        JSON. The former is much smaller. It is the default, from C(security-tracker.debian.org)."
    type: str
    default: ""
  cache:
    description:
      - Directory to keep what was read in.
    type: path
    default: ~/.cache/goldsmith
  max_age:
    description:
      - Seconds for which fetched data is used again.
    type: int
    default: 3600
  timeout:
    description:
      - Seconds to wait for the server.
    type: int
    default: 60
attributes:
  check_mode:
    description: Can run in check mode and say what it would do, without doing it.
    support: full
    details: Nothing but the cache is ever changed.
  diff_mode:
    description: Returns what has changed.
    support: N/A
    details: Nothing is ever changed.
  idempotent:
    description: When run again, changes nothing that is as wanted.
    support: full
seealso:
  - module: goldsmith.images.package_upgrade
"""

EXAMPLES = r"""
- name: Say which vulnerabilities the upgrade fixed
  goldsmith.images.package_cves:
    before: "{{ upgrade.inventory.before }}"
    after: "{{ upgrade.inventory.after }}"
    release: bookworm
    data: /srv/mirror/debsecan/bookworm
  delegate_to: localhost
"""

RETURN = r"""
fixed:
  description: Vulnerabilities that are gone.
  returned: success
  type: list
  elements: dict
  contains: &row
    cve:
      description: Name.
      type: str
      sample: CVE-2026-0001
    source:
      description: Source package that has it.
      type: str
      sample: openssl
    version:
      description: The version that has it.
      type: str
      sample: 3.0.15-1~deb12u1
    packages:
      description: Installed packages that were built of it.
      type: list
      elements: str
      sample: [libssl3, openssl]
    fixed_in:
      description: The release's first version without it; empty if there is none yet.
      type: str
      sample: 3.0.20-1~deb12u2
    urgency:
      description: What Debian says of its urgency; may be empty.
      type: str
      sample: high
    note:
      description: Why there is no advisory, if Debian says so.
      type: str
      sample: Minor issue
remaining:
  description: Vulnerabilities that the packages have afterwards.
  returned: success
  type: list
  elements: dict
  contains: *row
fixable:
  description: Number of those that remain and that an upgrade would fix.
  returned: success
  type: int
"""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.goldsmith.images.plugins.module_utils._debian_cves import (
    Vulnerability,
    compared,
    read_vulnerabilities,
)
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._locks import Lock

DEBSECAN = "https://security-tracker.debian.org/tracker/debsecan/release/1/"
_FORMAT = 1


class Store:
    """What was read of the data, kept for the next machine and the next run.

    The security tracker's JSON is hundreds of megabytes in memory: it is read once, and for one release.
    """

    def __init__(self, directory: Path, max_age: float) -> None:
        self._directory = directory
        self._max_age = max_age

    def vulnerabilities(self, data: str, release: str, fetch: Callable[[str], bytes]) -> list[Vulnerability]:
        """Return what is known of a release.

        Args:
            data: Address or path.
            release: Codename.
            fetch: Returns the content of what lies at an address.

        Raises:
            Fault: The data cannot be had or read.
        """
        is_address = "://" in data
        path = Path(data)
        try:
            stamp = "" if is_address else f"{path.stat().st_mtime_ns} {path.stat().st_size}"
        except OSError as error:
            raise Fault(f"the vulnerabilities in {data} cannot be read: {error.strerror}") from error
        key = hashlib.sha256(f"{_FORMAT} {data} {stamp} {release}".encode()).hexdigest()[:24]
        kept = self._directory / f"cves-{release}-{key}.json"
        self._directory.mkdir(parents=True, exist_ok=True)
        # Machines are worked on side by side: one reads, the others wait for it.
        with Lock(kept.with_suffix(".lock")):
            if kept.exists() and (not is_address or time.time() - kept.stat().st_mtime < self._max_age):
                return [_vulnerability(row) for row in json.loads(kept.read_text("utf-8"))]
            try:
                found = read_vulnerabilities(fetch(data) if is_address else path.read_bytes(), release)
            except Fault as fault:
                raise Fault(f"the vulnerabilities in {data} cannot be read: {fault}") from fault
            except OSError as error:
                raise Fault(f"the vulnerabilities in {data} cannot be had: {error}. {_ADVICE}") from error
            part = kept.with_suffix(".part")
            part.write_text(json.dumps(found), "utf-8")
            part.replace(kept)
        return found


_ADVICE = "Give `data` the address of a mirror, or the path of a file."


def _vulnerability(row: list[Any]) -> Vulnerability:
    cve, package, fixed, safe, *others = row
    return Vulnerability(cve, package, fixed, tuple(safe), *others)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "before": {"type": "list", "elements": "dict", "required": True},
            "after": {"type": "list", "elements": "dict"},
            "release": {"type": "str", "required": True},
            "data": {"type": "str", "default": ""},
            "cache": {"type": "path", "default": "~/.cache/goldsmith"},
            "max_age": {"type": "int", "default": 3600},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    params = module.params
    after = params["before"] if params["after"] is None else params["after"]

    def fetch(address: str) -> bytes:
        with open_url(address, timeout=params["timeout"]) as answer:
            content: bytes = answer.read()
        return content

    try:
        store = Store(Path(params["cache"]), params["max_age"])
        data = params["data"] or f"{DEBSECAN}{params['release']}"
        fixed, remaining = compared(params["before"], after, store.vulnerabilities(data, params["release"], fetch))
    except Fault as fault:
        module.fail_json(msg=str(fault))
    except OSError as error:
        module.fail_json(msg=f"cannot keep what was read in {params['cache']}: {error}")
    fixable = sum(bool(row["fixed_in"]) for row in remaining)
    module.exit_json(changed=False, fixed=fixed, remaining=remaining, fixable=fixable)


if __name__ == "__main__":
    main()
