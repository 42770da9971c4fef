#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: package_upgrade
short_description: Upgrade a machine's packages and say what that changed
version_added: 0.1.0
author: Goldsmith contributors (@goldsmith)
description:
  - Upgrades the packages of the machine where it runs, in one step from fetching the package lists to cleaning the
    cache, and returns as data what became of every package.
  - Asks nothing. A configuration file that was changed on the machine is kept.
  - All that is set up for the time of the upgrade (holds, other sources, a C(policy-rc.d)) is taken away again when it
    ends, however it ends. After a run that was killed, the next one does it.
  - An interrupted upgrade is finished first, unless O(mode) is V(none).
  - Needs Python and the distribution's own package tools, and no bindings to them.
options:
  manager:
    description:
      - The package tool; V(auto) takes the one that is there.
    type: str
    choices: [auto, apt, dnf]
    default: auto
  mode:
    description:
      - What to upgrade.
      - V(full) upgrades everything, and installs or removes other packages where an upgrade needs it.
      - V(security) upgrades to what security updates bring. What these newly need may come from other archives.
      - V(snapshot) upgrades to what the distribution's archives held on O(snapshot_date).
      - V(none) changes no package, and removes old kernels where O(kernels) says so.
    type: str
    choices: [full, security, snapshot, none]
    default: full
  hold:
    description:
      - Packages to put on hold, which stay so. Those that are on hold already are left so, here and always.
      - With dnf, this needs its plugin C(versionlock).
      - Names as shell patterns; those that are not installed mean nothing.
    type: list
    elements: str
    default: []
  exclude:
    description:
      - Packages that this run leaves as they are. Names as shell patterns.
    type: list
    elements: str
    default: []
  security_archives:
    description:
      - What tells an archive of security updates, as C(Pin:\ release) takes it in apt_preferences(5). With APT only.
    type: list
    elements: str
    default: ["l=Debian-Security", "n=*-security", "a=*-security"]
  snapshot_date:
    description:
      - The day of the snapshot, such as V(2026-01-31), or the point in time, such as V(20260131T120000Z), in UTC.
    type: str
    default: ""
  snapshot_url:
    description:
      - Address of the snapshot. C({date}) stands in it for the date as V(20260131T120000Z), C({day}) for V(2026-01-31).
        With APT, C({archive}) stands for V(debian), V(debian-security) or V(ubuntu), and C({suite}) for the suite; with
        dnf, C({repo}) for the name of the repository.
      - Empty means Debian's own, V(https://snapshot.debian.org/archive/{archive}/{date}). dnf needs one, or O(release).
      - Sources of others than the distribution have no past to go back to, and take no part; see RV(left_out).
    type: str
    default: ""
  snapshot_downgrade:
    description:
      - Also go back to the snapshot's version where a newer one is installed. With APT only.
    type: bool
    default: false
  release:
    description:
      - With dnf, the release that repositories are asked for (C(--releasever)), such as V(2023.6.20241010).
    type: str
    default: ""
  mirror:
    description:
      - Address of a mirror to fetch from this once, in place of the distribution's own archive.
      - With APT, that of the archive, such as V(https://mirror.example/debian). With dnf, that of a repository, with
        C({repo}) for its name.
    type: str
    default: ""
  security_mirror:
    description:
      - The same for the archive of security updates. With APT only.
    type: str
    default: ""
  proxy:
    description:
      - Address of a proxy to fetch by this once, such as V(http://proxy.example:3128).
    type: str
    default: ""
  retries:
    description:
      - How often to try again when a mirror fails. What trying again cannot help, such as a signature by an unknown
        key, fails at once.
    type: int
    default: 2
  retry_delay:
    description:
      - Seconds between two tries.
    type: int
    default: 5
  lock_timeout:
    description:
      - Seconds to wait for other programs that hold the package database.
    type: int
    default: 300
  cache_valid_time:
    description:
      - Seconds for which package lists that are there count as fresh enough. V(0) fetches them every time.
    type: int
    default: 0
  autoremove:
    description:
      - Also remove packages that were installed for another one's sake and that nothing needs any more.
    type: bool
    default: false
  clean:
    description:
      - Delete the cached packages at the end.
    type: bool
    default: true
  hold_services:
    description:
      - Keep packages from starting services, by a C(policy-rc.d) that is removed at the end. One that is there already
        is left alone. With APT only.
    type: bool
    default: false
  live:
    description:
      - Whether the machine has a kernel of its own that runs, and is no container and no directory. Without it,
        RV(reboot), RV(services) and O(kernels) mean nothing.
    type: bool
    default: false
  kernels:
    description:
      - How many kernels stay; older ones are removed with their headers and modules. The one that runs and the newest
        one always stay. V(0) removes none.
    type: int
    default: 0
  inventory:
    description:
      - Also return all packages, before and afterwards.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing it.
    support: full
    details: The package lists are fetched all the same, to a place of their own, so that what is new is seen.
  diff_mode:
    description: Returns the packages that changed.
    support: full
  idempotent:
    description: When run again, changes nothing as long as the archives do not.
    support: full
notes:
  - APT is used and tested on Debian 12 and 13. Ubuntu is written for and not tested. dnf is tested with repositories of
    the test's own, and not on a system of the Red Hat family.
seealso:
  - module: goldsmith.images.package_cves
  - module: goldsmith.images.installed_packages
"""

EXAMPLES = r"""
- name: Upgrade everything but the database
  goldsmith.images.package_upgrade:
    exclude: ["postgresql-*"]
  register: upgrade

- name: Upgrade an image to the state of a day
  goldsmith.images.package_upgrade:
    mode: snapshot
    snapshot_date: "2026-01-31"
    hold_services: true
"""

RETURN = r"""
before:
  description: Number of packages before.
  returned: success
  type: int
  sample: 121
after:
  description: Number of packages afterwards.
  returned: success
  type: int
  sample: 122
upgraded:
  description: Packages of another version now.
  returned: success
  type: list
  elements: dict
  contains: &moved
    name:
      description: Name.
      type: str
      sample: openssl
    arch:
      description: Architecture in the distribution's own words.
      type: str
      sample: amd64
    from:
      description: Version before.
      type: str
      sample: 3.0.15-1~deb12u1
    to:
      description: Version now.
      type: str
      sample: 3.0.20-1~deb12u2
downgraded:
  description: Packages of an older version now.
  returned: success
  type: list
  elements: dict
  contains: *moved
installed:
  description: Packages that were not there.
  returned: success
  type: list
  elements: dict
  contains: &there
    name:
      description: Name.
      type: str
      sample: linux-image-6.1.0-43-amd64
    arch:
      description: Architecture.
      type: str
      sample: amd64
    version:
      description: Version.
      type: str
      sample: 6.1.162-1
removed:
  description: Packages that are there no more.
  returned: success
  type: list
  elements: dict
  contains: *there
held_back:
  description: Packages that there is another version of, and that were not upgraded, as they are on hold or excluded.
  returned: success
  type: list
  elements: str
  sample: [postgresql-15]
held:
  description: Packages that were put on hold to stay so.
  returned: success
  type: list
  elements: str
kept_files:
  description: Configuration files that were changed on the machine, of which the packages have another version.
  returned: success
  type: list
  elements: str
  sample: [/etc/ssh/sshd_config]
left_out:
  description: Sources that took no part, as address and suite.
  returned: success
  type: list
  elements: str
indexes:
  description:
    - SHA-256 of the archives' signed indexes (C(InRelease)) by address, by which it is known later whether the archives
      have changed.
    - Of APT's; empty with O(mode=none).
  returned: success
  type: dict
  sample: {"http://archive.example/debian/dists/bookworm/InRelease": "f0e1d2"}
repaired:
  description: Packages that an interrupted run had left, and that were set up first.
  returned: success
  type: list
  elements: str
freed:
  description: Bytes of packages in the cache from before that were deleted.
  returned: success
  type: int
reboot:
  description: Whether the machine must be started anew.
  returned: success
  type: dict
  contains:
    needed:
      description: Whether it must.
      type: bool
    reasons:
      description: Why.
      type: list
      elements: str
      sample: [the kernel 6.1.0-43-amd64 is installed, and 6.1.0-41-amd64 runs]
services:
  description: Units of systemd that still run what was replaced, until they are started anew.
  returned: success
  type: list
  elements: str
  sample: [nginx.service]
cves:
  description: The vulnerabilities that the repositories' advisories name, C(fixed) and C(remaining).
  returned: with dnf
  type: dict
inventory:
  description: The packages C(before) and C(after), each as M(goldsmith.images.installed_packages) lists them.
  returned: when O(inventory) is true
  type: dict
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._apt_session import ENVIRONMENT
from ansible_collections.goldsmith.images.plugins.module_utils._apt_upgrade import upgrade as apt_upgrade
from ansible_collections.goldsmith.images.plugins.module_utils._commands import Commands
from ansible_collections.goldsmith.images.plugins.module_utils._dnf_upgrade import upgrade as dnf_upgrade
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._package_diff import difference
from ansible_collections.goldsmith.images.plugins.module_utils._package_lists import in_order
from ansible_collections.goldsmith.images.plugins.module_utils._package_request import MODES, Request, result

SECURITY_ARCHIVES = ["l=Debian-Security", "n=*-security", "a=*-security"]


def argument_spec() -> dict[str, Any]:
    text = {"type": "str", "default": ""}
    names = {"type": "list", "elements": "str", "default": []}
    off, on = {"type": "bool", "default": False}, {"type": "bool", "default": True}
    return {
        "manager": {"type": "str", "choices": ["auto", "apt", "dnf"], "default": "auto"},
        "mode": {"type": "str", "choices": list(MODES), "default": "full"},
        "hold": names,
        "exclude": names,
        "security_archives": {**names, "default": SECURITY_ARCHIVES},
        "snapshot_date": text,
        "snapshot_url": text,
        "snapshot_downgrade": off,
        "release": text,
        "mirror": text,
        "security_mirror": text,
        "proxy": text,
        "retries": {"type": "int", "default": 2},
        "retry_delay": {"type": "int", "default": 5},
        "lock_timeout": {"type": "int", "default": 300},
        "cache_valid_time": {"type": "int", "default": 0},
        "autoremove": off,
        "clean": on,
        "hold_services": off,
        "live": off,
        "kernels": {"type": "int", "default": 0},
        "inventory": off,
    }


def manager(asked: str) -> str:
    """Return the package tool to use.

    Raises:
        Fault: There is none that is known.
    """
    for name, program in (("apt", "apt-get"), ("dnf", "dnf")):
        if asked in ("auto", name) and shutil.which(program):
            return name
    wanted = "neither apt-get nor dnf" if asked == "auto" else f"no {asked}"
    raise Fault(f"this machine has {wanted}, so that its packages cannot be upgraded. Nothing was changed.")


def check_snapshot(request: Request, tool: str) -> None:
    """Refuse a snapshot that is not said which one it is.

    Raises:
        Fault: It is not.
    """
    if request.mode != "snapshot" or (tool == "dnf" and request.release):
        return
    if not request.snapshot_date:
        raise Fault("the mode snapshot needs `snapshot_date`, such as 2026-01-31. Nothing was changed.")
    if tool == "dnf" and not request.snapshot_url:
        raise Fault("with dnf, the mode snapshot needs `snapshot_url` or `release`. Nothing was changed.")


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    named: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in params.items()}
    tool = manager(named.pop("manager"))
    with_inventory = named.pop("inventory")
    request = Request(check=module.check_mode, **named)
    check_snapshot(request, tool)
    if os.geteuid() != 0:
        raise Fault("packages can be upgraded by root alone. Run this as root (become: true).")
    descriptor, log = tempfile.mkstemp(prefix="package-upgrade-", dir=module.tmpdir)
    os.close(descriptor)
    with Commands(Path(log), ENVIRONMENT) as commands:
        outcome = (apt_upgrade if tool == "apt" else dnf_upgrade)(request, commands)
    found = result(outcome, difference(outcome.before, outcome.after))
    if with_inventory:
        found["inventory"] = {"before": in_order(outcome.before), "after": in_order(outcome.after)}
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
    )
    password = urlsplit(module.params["proxy"]).password
    if password:
        module.no_log_values.add(password)
    try:
        module.exit_json(**work(module))
    except Fault as fault:
        module.fail_json(msg=str(fault))
    except OSError as error:
        module.fail_json(msg=f"cannot work with {error.filename or 'the package tool'}: {error.strerror or error}")


if __name__ == "__main__":
    main()
