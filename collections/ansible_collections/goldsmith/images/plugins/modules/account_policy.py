#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: account_policy
short_description: Hold users, groups, passwords and homes to a policy in one task
version_added: 0.1.0
description:
  - Looks at all accounts of the machine's own files, puts right what can be put right safely, and tells of the rest.
  - Nobody is locked out. A user of O(keep_access) keeps shell and password, and so does root as long as nobody else can
    become root; where a check wants otherwise, it is RV(results[].status=failed) and says so.
  - A password that would be too old at once is not touched when it is root's or that of a user of O(keep_access), as it
    would have to be changed before anything else can be done.
  - The files are locked, changed as a whole and backed up as C(passwd) does it. Users that come over the network are
    not looked at.
options:
  policy:
    description:
      - The checks. Where two controls want the same one, they must want it in the same way.
    type: list
    elements: dict
    required: true
    suboptions:
      check:
        description:
          - What must hold.
          - V(shadowed_passwords) - all hashes are in C(/etc/shadow), and every user has a line there.
          - V(empty_passwords) - nobody has an empty password. Who has is locked.
          - V(own_entries) - C(/etc/passwd) and C(/etc/group) have no lines but accounts, none that bring in others
            (V(+)) among them.
          - V(root_uid) - only root has the number 0.
          - V(root_gid) - only root has root's group as the own one; sync, shutdown, halt and operator may. Only root's
            own group is put right.
          - V(root_group) - only the group root has the number 0.
          - V(unique_users) - each user's name stands there once; and so V(unique_groups), V(unique_uids) and
            V(unique_gids).
          - V(known_groups) - the own groups of all users exist.
          - V(shadow_group) - nobody is in the group C(shadow).
          - V(root_password) - root's password is as O(policy[].state) says.
          - V(system_shells) - accounts of the system, with a number below C(UID_MIN) of C(/etc/login.defs) and other
            than 0, have no shell to work in. O(policy[].allow) names users that may have one, such as V(postgres) where
            jobs use C(su - postgres).
          - V(locked_without_shell) - accounts with a shell that lets nobody in, or that C(/etc/shells) does not list,
            are locked. O(policy[].allow) names users whose passwords are used otherwise, as by a mail server.
          - V(hashes) - passwords are kept as one of the kinds that O(policy[].allow) names, of V(yescrypt),
            V(gost-yescrypt), V(scrypt), V(sha512), V(sha256), V(bcrypt), V(md5), V(des). By default as the first two
            and V(sha512).
          - V(last_change) - no password was last changed in the future. One that was counts as changed today.
          - V(max_days) - passwords are good for O(policy[].days) at most.
          - V(root_max_days) - root's password is good for O(policy[].days) at most, and so is one that root is given
            when it is locked now.
          - V(min_days) - passwords stay for O(policy[].days) at least.
          - V(warn_days) - users are warned O(policy[].days) before at least.
          - V(inactive_days) - an account is closed O(policy[].days) at most after its password became too old.
          - V(listed_shells) - C(/etc/shells) does not list C(nologin).
          - V(homes) - root, and everybody with a number from C(UID_MIN) on and a shell, has a home that belongs to its
            user and is open to others no more than O(policy[].at_most), by default V(0750). One that is missing is
            made, and one of root's is given to its user. One of somebody else is only told of, and so is a directory of
            the system.
          - V(dot_files) - regular files below these homes whose names begin with a dot belong to their user and the own
            group, and have O(policy[].at_most), by default V(0644). Those of O(policy[].names), by default V(.netrc)
            and V(.*_history), are V(0600) at most. Only the same file system is looked at.
          - V(forbidden_files) - there are no files of O(policy[].names) below these homes, by default V(.forward),
            V(.rhosts) and V(.shosts).
          - V(root_path) - the search path of root's login shell has existing directories of root alone, which nobody
            else may write. Their modes are put right.
        type: str
        required: true
        choices:
          - shadowed_passwords
          - empty_passwords
          - own_entries
          - root_uid
          - root_gid
          - root_group
          - unique_users
          - unique_groups
          - unique_uids
          - unique_gids
          - known_groups
          - shadow_group
          - root_password
          - system_shells
          - locked_without_shell
          - hashes
          - last_change
          - max_days
          - root_max_days
          - min_days
          - warn_days
          - inactive_days
          - listed_shells
          - homes
          - dot_files
          - forbidden_files
          - root_path
      action:
        description:
          - V(fix) puts right what can be put right safely, V(report) only tells of it. By default V(fix), but for
            V(forbidden_files), where it deletes them.
        type: str
        choices: [fix, report]
      allow:
        description:
          - What is allowed, depending on O(policy[].check).
        type: list
        elements: str
      at_most:
        description:
          - Mode in octal, of which homes or files may have less but not more.
        type: str
      days:
        description:
          - Days, for the checks of ages.
        type: int
      names:
        description:
          - Names of files, depending on O(policy[].check). V(*), V(?) and V([...]) match as in a shell.
        type: list
        elements: str
      shell:
        description:
          - The shell that V(system_shells) gives.
        type: path
        default: /usr/sbin/nologin
      state:
        description:
          - What root's password is like. V(locked) locks it, if O(others_become_root). V(set) tells when there is none.
            V(either) is content with both, but not with an empty one.
        type: str
        choices: [either, locked, set]
        default: either
      control:
        description:
          - The control that wants it. Comes back in RV(results[].control).
        type: str
  keep_access:
    description:
      - Users who must be able to log in and to become root afterwards, such as the one who is connected.
    type: list
    elements: str
    default: []
  others_become_root:
    description:
      - Whether somebody else than root can become root, so that root's password may be locked.
    type: bool
    default: false
  strict:
    description:
      - Whether the task fails at the end when something is not as wanted and could not be put right.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns the difference of the files, without hashes.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems it works on.
seealso:
  - module: goldsmith.images.access_facts
  - module: ansible.builtin.user
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Hold the accounts to the policy, and keep the way in
  goldsmith.images.account_policy:
    policy:
      - {check: empty_passwords, control: no_empty_passwords}
      - {check: root_uid, control: only_root}
      - {check: system_shells, allow: [postgres], control: system_shells}
      - {check: max_days, days: 365, control: max_days}
      - {check: homes, at_most: "0700", control: homes}
    keep_access: [admin]
    others_become_root: true
"""

RETURN = r"""
results:
  description: What became of each check of O(policy), in its order.
  returned: always
  type: list
  elements: dict
  contains:
    control:
      description: The control that wants it.
      type: str
      returned: always
      sample: system_shells
    item:
      description: The check.
      type: str
      returned: always
      sample: shells of system accounts
    status:
      description: V(compliant), V(changed) or V(failed).
      type: str
      returned: always
      sample: changed
    message:
      description: What was put right, or what is wrong and why it stays so.
      type: str
      returned: always
      sample: lp had the shell /bin/sh
"""

import time
from contextlib import nullcontext
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._account_checks import Scene
from ansible_collections.goldsmith.images.plugins.module_utils._account_files import differences, locked
from ansible_collections.goldsmith.images.plugins.module_utils._account_policy import CHECKS, FILE_CHECKS, Policy
from ansible_collections.goldsmith.images.plugins.module_utils._accounts import Accounts
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import CONTROL, STRICT, conclude

_DAY = 86400
_LOGIN_PATH = ["timeout", "10", "env", "-i", "HOME=/root", "USER=root", "LOGNAME=root"]


_NAMES: dict[str, Any] = {"type": "list", "elements": "str"}
_CHECK: dict[str, Any] = {
    "check": {"type": "str", "required": True, "choices": [*CHECKS, *FILE_CHECKS]},
    "action": {"type": "str", "choices": ["fix", "report"]},
    "allow": _NAMES,
    "at_most": {"type": "str"},
    "days": {"type": "int"},
    "names": _NAMES,
    "shell": {"type": "path", "default": "/usr/sbin/nologin"},
    "state": {"type": "str", "choices": ["either", "locked", "set"], "default": "either"},
    "control": CONTROL,
}


def login_path(module: AnsibleModule, shell: str) -> str:
    """Return the search path of root's login shell.

    Raises:
        Fault: The shell does not tell.
    """
    status, output, complaint = module.run_command([*_LOGIN_PATH, shell, "-lc", 'printf "\\n%s" "$PATH"'])
    if status:
        raise Fault(
            f"root's login shell {shell} ends with {status}: {(complaint or output).strip()}. Nothing was "
            "changed. See what /etc/profile and root's own profile do, or leave out root_path."
        )
    # Whatever a profile prints stands before.
    return str(output).rpartition("\n")[2]


def run(module: AnsibleModule) -> None:
    """Do what the options say and end the module.

    Raises:
        Fault: An option cannot be meant, or a file cannot be changed.
    """
    wanted: dict[str, Any] = module.params
    checks = wanted["policy"]
    drafts = Drafts()
    root = Accounts(drafts.read).user("root")
    asked = any(check["check"] == "root_path" for check in checks)
    path = login_path(module, root.shell if root else "/bin/sh") if asked else ""
    with nullcontext() if module.check_mode else locked():
        accounts = Accounts(drafts.read)
        scene = Scene(
            accounts, int(time.time() // _DAY), frozenset(wanted["keep_access"]), wanted["others_become_root"]
        )
        policy = Policy(checks, scene, drafts, path)
        changes = policy.decide()
        if not module.check_mode:
            for change in changes:
                change.apply(module)
    policy.decide_files()
    difference = [*differences(changes), *([policy.difference] if policy.difference else [])]
    if not module.check_mode:
        policy.apply_files()
    conclude(module, policy.outcomes(), strict=wanted["strict"], changed=bool(difference), diff=difference)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "policy": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": _CHECK,
                "required_if": [("check", check, ["days"]) for check in CHECKS if check.endswith("_days")],
            },
            "keep_access": {**_NAMES, "default": []},
            "others_become_root": {"type": "bool", "default": False},
            "strict": STRICT,
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except Fault as fault:
        module.fail_json(msg=str(fault))


if __name__ == "__main__":
    main()
