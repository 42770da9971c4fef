#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pam_settings
short_description: Hold PAM's stacks, the arguments of its modules and lines of services in one task
version_added: 0.1.0
description:
  - On Debian's family, modules enter the stacks that all services share by profiles of C(pam-auth-update). So packages
    that bring PAM modules go on to be put in and taken out, and upgrades keep what was set. Arguments are changed in
    the stacks, where C(pam-auth-update) keeps them as well.
  - What C(pam-auth-update) would make of it is tried on a copy before anything is changed.
  - Where the stacks were changed by hand, so that C(pam-auth-update) leaves them alone, so does this module, and says
    so.
  - On Red Hat's family, features of C(authselect) take part instead.
options:
  profiles:
    description:
      - Profiles that take part in the shared stacks, or do not. One without lines is a package's own.
      - Where other lines of a stack call the same modules already, a profile is not needed and not added.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of its file in C(/usr/share/pam-configs).
        type: str
        required: true
      title:
        description:
          - What C(pam-auth-update) shows of it. By default its name.
        type: str
      priority:
        description:
          - Its place. The profile with the greatest number comes first; that of C(pam_unix.so) has 256.
        type: int
        default: 0
      block:
        description:
          - V(primary) is where the answer is found, with jumps to V(end) for a success; V(additional) is what is called
            besides.
        type: str
        choices: [primary, additional]
        default: primary
      auth:
        description:
          - Its lines for authentication, each with control, module and arguments, such as
            V(requisite pam_faillock.so preauth).
        type: list
        elements: str
        default: []
      account:
        description:
          - Its lines for accounts.
        type: list
        elements: str
        default: []
      password:
        description:
          - Its lines for new passwords.
        type: list
        elements: str
        default: []
      session:
        description:
          - Its lines for sessions.
        type: list
        elements: str
        default: []
      state:
        description:
          - Whether it takes part.
        type: str
        choices: [enabled, disabled]
        default: enabled
      feature:
        description:
          - The feature of C(authselect) that is enabled instead, such as V(with-faillock).
        type: str
      control:
        description:
          - The control that wants it. Comes back in RV(results[].control).
        type: str
  arguments:
    description:
      - Arguments that a module has wherever it is called. Their order does not matter.
    type: list
    elements: dict
    default: []
    suboptions:
      module:
        description:
          - The module, such as V(pam_unix.so).
        type: str
        required: true
      types:
        description:
          - The types of lines that are meant. By default all.
        type: list
        elements: str
        choices: [auth, account, password, session]
        default: []
      services:
        description:
          - Names of files in C(/etc/pam.d); wildcards as in a shell.
        type: list
        elements: str
        default: ["*"]
      match:
        description:
          - Arguments that a line must have to be meant, such as V(preauth).
        type: list
        elements: str
        default: []
      set:
        description:
          - Arguments with their values; V(true) for one without a value.
        type: dict
        default: {}
      remove:
        description:
          - Names of arguments that go, with whatever value.
        type: list
        elements: str
        default: []
      feature:
        description:
          - The feature of C(authselect) that is enabled where the line is of a file that C(authselect) makes, such as
            V(without-nullok).
        type: str
      control:
        description:
          - The control that wants it.
        type: str
  rules:
    description:
      - Lines that a service has, or has not. A service that does not exist is left alone.
      - A line that is there but for flag and arguments is replaced, and a comment that holds it is made a line.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description:
          - Name of the file in C(/etc/pam.d).
        type: str
        required: true
      type:
        description:
          - The type of line.
        type: str
        choices: [auth, account, password, session]
        required: true
      flag:
        description:
          - What becomes of the module's answer, which C(pam.conf\(5\)) calls the control, such as V(required).
        type: str
        required: true
      module:
        description:
          - The module, such as V(pam_wheel.so).
        type: str
        required: true
      arguments:
        description:
          - All arguments that it has. Those that a line has at least, for one that is V(absent).
        type: list
        elements: str
        default: []
      after:
        description:
          - Module behind which a new line is put. Otherwise it becomes the first of its type.
        type: str
      state:
        description:
          - Whether the line is there.
        type: str
        choices: [present, absent]
        default: present
      control:
        description:
          - The control that wants it.
        type: str
  expected:
    description:
      - Modules that come with packages that an earlier task would have installed. In check mode their absence is no
        failure.
    type: list
    elements: str
    default: []
  strict:
    description:
      - Whether the task fails at the end when something could not be done. All the rest is done in any case.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns the difference of files.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems it works on.
seealso:
  - module: community.general.pamd
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Lock accounts after failed logins, remember passwords, and let the admins alone use su
  goldsmith.images.pam_settings:
    profiles:
      - name: goldsmith-faillock-preauth
        priority: 1024
        auth: [requisite pam_faillock.so preauth]
        account: [required pam_faillock.so]
        feature: with-faillock
        control: faillock
      - name: goldsmith-faillock-authfail
        auth: ["[default=die] pam_faillock.so authfail"]
        feature: with-faillock
        control: faillock
      - name: goldsmith-pwhistory
        priority: 1023
        password: [requisite pam_pwhistory.so remember=24 enforce_for_root try_first_pass use_authtok]
        feature: with-pwhistory
        control: pwhistory
      - {name: pwquality, control: pwquality}
    arguments:
      - {module: pam_unix.so, remove: [nullok], feature: without-nullok, control: no_empty_passwords}
      - {module: pam_unix.so, types: [password], services: [common-password], set: {use_authtok: true}, control: hashes}
      - {module: pam_pwhistory.so, types: [password], set: {remember: 24}, control: pwhistory}
    rules:
      - service: su
        type: auth
        flag: required
        module: pam_wheel.so
        arguments: [use_uid, group=sudo]
        after: pam_rootok.so
        control: su
"""

RETURN = r"""
results:
  description: What became of each of O(profiles), O(arguments) and O(rules), in this order.
  returned: always
  type: list
  elements: dict
  contains:
    control:
      description: The control that wants it.
      type: str
      returned: always
      sample: no_empty_passwords
    item:
      description: The profile, the module and its arguments, or the service and its line.
      type: str
      returned: always
      sample: pam_unix.so nullok
    status:
      description: V(compliant), V(changed), V(not_applicable) where a service does not exist, or V(failed).
      type: str
      returned: always
      sample: changed
    message:
      description: How it was before, or why it failed.
      type: str
      returned: always
      sample: common-auth had nullok
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils import _authselect
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts, differences
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import CONTROL, STRICT, conclude
from ansible_collections.goldsmith.images.plugins.module_utils._pam_profiles import update
from ansible_collections.goldsmith.images.plugins.module_utils._pam_settings import Pam
from ansible_collections.goldsmith.images.plugins.module_utils._pam_text import TYPES

_TEXT: dict[str, Any] = {"type": "str"}
_NEEDED: dict[str, Any] = {"type": "str", "required": True}
_LIST: dict[str, Any] = {"type": "list", "elements": "str", "default": []}

_PROFILE: dict[str, Any] = {
    "name": _NEEDED,
    "title": _TEXT,
    "priority": {"type": "int", "default": 0},
    "block": {"type": "str", "choices": ["primary", "additional"], "default": "primary"},
    **{kind: {**_LIST, "no_log": False} for kind in TYPES},  # the type `password` holds lines of a stack, no secret
    "state": {"type": "str", "choices": ["enabled", "disabled"], "default": "enabled"},
    "feature": _TEXT,
    "control": CONTROL,
}
_ARGUMENTS: dict[str, Any] = {
    "module": _NEEDED,
    "types": {**_LIST, "choices": list(TYPES)},
    "services": {"type": "list", "elements": "str", "default": ["*"]},
    "match": _LIST,
    "set": {"type": "dict", "default": {}},
    "remove": _LIST,
    "feature": _TEXT,
    "control": CONTROL,
}
_RULE: dict[str, Any] = {
    "service": _NEEDED,
    "type": {**_NEEDED, "choices": list(TYPES)},
    "flag": _NEEDED,
    "module": _NEEDED,
    "arguments": _LIST,
    "after": _TEXT,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "control": CONTROL,
}


def run(module: AnsibleModule) -> None:
    """Do what the options say and end the module.

    Raises:
        Fault: What is wanted contradicts itself, or a file cannot be changed.
    """

    def command(line: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
        status, output, complaint = module.run_command(line, environ_update=environment)
        return int(status), str(output), str(complaint)

    drafts = Drafts()
    pam = Pam(module.params, drafts, command, check=module.check_mode)
    pam.decide_profiles()
    pam.decide_lines()
    shown = differences(drafts.changes())
    if not module.check_mode:
        for change in drafts.changes():
            if change.name in pam.files:
                change.apply(module)
        if pam.profiles:
            update(pam.profiles, command)
        for feature, why in _authselect.enable(list(pam.features), lambda line: command(line, {})).items():
            pam.refused(feature, why)
        # Arguments and lines come last, in what was made just now.
        for change in drafts.changes():
            change.apply(module)
    conclude(
        module,
        pam.outcomes,
        strict=module.params["strict"],
        changed=bool(shown or pam.features or pam.profiles),
        diff=shown,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "profiles": {"type": "list", "elements": "dict", "default": [], "options": _PROFILE},
            "arguments": {"type": "list", "elements": "dict", "default": [], "options": _ARGUMENTS},
            "rules": {"type": "list", "elements": "dict", "default": [], "options": _RULE},
            "expected": _LIST,
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
