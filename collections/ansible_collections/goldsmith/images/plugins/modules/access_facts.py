#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: access_facts
short_description: Find out who can enter a machine and become root, and what there is on it
version_added: 0.1.0
description:
  - Takes the one look at a machine that must come before it is hardened, so that nobody is locked out and nothing is
    done in vain.
  - Only what is plain counts as a way in. A right that sudo grants but for some commands, a key that runs one command,
    or a file of keys that sshd would not read, is none.
  - Returns what it found, and sets no facts. Users that come over the network are not looked at.
options:
  paths:
    description:
      - Paths and patterns to look for. Within a part, V(*), V(?) and V([...]) match as in a shell.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
    details: Nothing is ever changed.
  diff_mode:
    support: N/A
    description: Returns what has changed.
    details: Nothing is ever changed.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems it works on.
seealso:
  - module: goldsmith.images.account_policy
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Look who can enter
  goldsmith.images.access_facts:
    paths: [/usr/sbin/auditd, "/boot/vmlinuz-*"]
  register: look

- name: Have somebody left who becomes root
  ansible.builtin.assert:
    that: look.users | rejectattr('uid', 'eq', 0) | selectattr('keys') | selectattr('sudo') | count > 0
"""

RETURN = r"""
users:
  description: Those who are root, who have an account that a person uses, or who become root by sudo.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the user.
      type: str
      sample: admin
    uid:
      description: Number of the user.
      type: int
      sample: 1000
    groups:
      description: Names of all groups of the user.
      type: list
      elements: str
      sample: [admin, sudo]
    home:
      description: Home directory.
      type: str
      sample: /home/admin
    shell:
      description: Login shell.
      type: str
      sample: /bin/bash
    login:
      description: Whether the shell lets in and the account is not closed.
      type: bool
      sample: true
    ssh:
      description: Whether there is an SSH server whose lists of users and groups let this one in.
      type: bool
      sample: true
    keys:
      description: Whether a key opens the account by SSH, for whatever command.
      type: bool
      sample: true
    password:
      description: Whether there is a password that can be typed, and that need not be changed first.
      type: bool
      sample: false
    stale:
      description: Whether the password must be changed before anything else, which a key does not spare.
      type: bool
      sample: false
    sudo:
      description:
        - V(nopasswd) or V(password) when sudo allows all commands as root, and empty when not.
        - Where another password than the user's is asked for, it is empty, too.
      type: str
      sample: nopasswd
    exempt:
      description: Whether sudo asks for no password because of the option C(!authenticate), and not of a rule's tag.
      type: bool
      sample: false
groups:
  description: Names of the groups that the machine's own files have, in their order.
  returned: success
  type: list
  elements: str
  sample: [root, sudo]
connected:
  description: The user whose SSH connection this run came by; empty when it came otherwise.
  returned: success
  type: str
  sample: admin
sshd:
  description:
    - Settings of the SSH server by keyword in small letters, without what C(Match) blocks set. Empty without a server.
    - Where C(sshd -T) does not answer, as without host keys, only those that decide who can log in.
  returned: success
  type: dict
  sample: {permitrootlogin: prohibit-password, passwordauthentication: "no"}
paths:
  description: Those of O(paths) that are there, be they links to nowhere.
  returned: success
  type: list
  elements: str
  sample: [/usr/sbin/auditd]
packages:
  description: Names of the packages that dpkg or rpm has installed, sorted.
  returned: success
  type: list
  elements: str
  sample: [adduser, apt]
mounts:
  description: Where file systems are mounted, or are to be at boot, sorted.
  returned: success
  type: list
  elements: str
  sample: [/, /home]
boot_loader:
  description: Files that hold a boot loader's menu and password.
  returned: success
  type: list
  elements: str
  sample: [/boot/grub/grub.cfg]
apparmor:
  description: What the kernel that runs says of AppArmor.
  returned: success
  type: dict
  contains:
    enabled:
      description: Whether it is enabled.
      type: bool
      sample: true
    enforce:
      description: Profiles that are enforced.
      type: list
      elements: str
      sample: [man_filter]
    complain:
      description: Profiles that are only told of.
      type: list
      elements: str
      sample: []
"""

import pwd
import socket
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _sshd_effective, _system_look
from ansible_collections.goldsmith.images.plugins.module_utils._access import Access, connected
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._places import Places

_ROOT = Path("/")
_DAY = 86400


def run(module: AnsibleModule) -> None:
    """Look and end the module.

    Raises:
        Fault: A path is not absolute, or a file cannot be read.
    """

    def command(line: list[str]) -> tuple[int, str, str]:
        status, output, complaint = module.run_command(line)
        return int(status), str(output), str(complaint)

    def ask_rpm() -> str:
        program = module.get_bin_path("rpm")
        return command([program, *_system_look.RPM_NAMES])[1] if program else ""

    drafts, places = Drafts(), Places()
    sshd = _sshd_effective.settings(drafts, command)
    access = Access(drafts, sshd, host=socket.gethostname(), today=int(time.time() // _DAY))
    user = connected()
    try:
        name = "" if user is None else pwd.getpwuid(user).pw_name
    except KeyError:
        name = ""
    module.exit_json(
        changed=False,
        users=access.users(),
        groups=access.groups(),
        connected=name,
        sshd=sshd,
        paths=_system_look.present(module.params["paths"], places),
        packages=_system_look.packages(drafts, _ROOT, ask_rpm),
        boot_loader=_system_look.boot_loader(places),
        apparmor=_system_look.apparmor(_ROOT),
        mounts=_system_look.mounts(_ROOT),
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"paths": {"type": "list", "elements": "str", "default": []}}, supports_check_mode=True
    )
    try:
        run(module)
    except Fault as fault:
        module.fail_json(msg=str(fault))


if __name__ == "__main__":
    main()
