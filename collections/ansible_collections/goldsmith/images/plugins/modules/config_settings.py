#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config_settings
short_description: Hold many settings of many configuration files in one task
version_added: 0.1.0
description:
  - Takes the settings of all files as data and knows how each kind of file is read, so that what is wanted is what
    holds, whichever of several lines and files has the last word.
  - A setting is changed where it stands, or where it stands as a comment, or else added. Comments, order and the lines
    of others stay. A line that would overrule what is wanted becomes a comment that begins with C(# goldsmith:).
  - With O(files[].drop_in), the main file is left alone, and a file of its own holds all that is wanted.
options:
  files:
    description:
      - The files. The same path may stand there several times, when all but the settings is the same.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - The main file.
        type: path
        required: true
      format:
        description:
          - How it is written and read.
          - V(space) is a key of one or several words, blanks and a value, such as C(/etc/login.defs). The last line
            holds.
          - V(equals) is a key, V(=) and a value, or a key alone, such as C(/etc/security/pwquality.conf) or the files
            in C(/etc/default). The last line holds.
          - V(ini) has sections, such as C(/etc/systemd/journald.conf). The last line holds, drop-ins come after the
            main file, and those that packages bring are known and overridden in C(/etc).
          - V(directive) is C(/etc/ssh/sshd_config) with its C(Include) and C(Match). The first line holds. Keywords of
            which every line counts, such as C(AllowUsers), are left with the one that is wanted.
          - V(limits) is C(/etc/security/limits.conf), whose key is domain, type and item. The last line holds, and
            C(limits.d) comes after the main file.
          - V(sudoers) is the C(Defaults) of C(/etc/sudoers) and what it includes. The last one holds.
        type: str
        choices: [space, equals, ini, directive, limits, sudoers]
        required: true
      separator:
        description:
          - What stands between key and value on a line that is new. By default V(=) with a blank on each side for the
            format V(equals), V(=) for V(ini), and a blank for the others. A file that a shell reads needs V(=).
        type: str
      settings:
        description:
          - What is to be set.
        type: list
        elements: dict
        required: true
        suboptions:
          key:
            description:
              - What is set. In the format V(sudoers), the name of a parameter of C(Defaults), or V(NOPASSWD), the tag.
            type: str
            required: true
          value:
            description:
              - Its value, as the file is to hold it. Empty for a key of the format V(equals) that is on by being there.
              - V(true) and V(false) are written C(yes) and C(no) in the formats V(ini) and V(directive), and set or
                negate a parameter of the format V(sudoers).
            type: raw
          absent:
            description:
              - Whether it is not to be set at all, in any of the files. In the format V(sudoers), for no user either.
            type: bool
            default: false
          section:
            description:
              - Its section, in the format V(ini).
            type: str
          match:
            description:
              - The criteria of the C(Match) block it belongs to, such as V(User backup), in the format V(directive).
            type: str
          keep:
            description:
              - Users and groups, as they stand in C(/etc/sudoers), for whom it may stay with
                O(files[].settings[].absent). Those who have no password could not become root without V(NOPASSWD).
            type: list
            elements: str
            default: []
          control:
            description:
              - The control that wants it. Comes back in RV(results[].control).
            type: str
      drop_in:
        description:
          - The file that is to hold all the settings, and nothing else. When the main file does not include it, a line
            is added that does.
        type: path
      also:
        description:
          - Patterns of further files that are read after it, sorted by name, such as V(/etc/rsyslog.d/*.conf). Needed
            for what the format does not know of. Wildcards may stand in the last part only.
        type: list
        elements: str
        default: []
      validate:
        description:
          - Command that is run on each new content before any file is changed, with V(%s) for the file that holds it.
            When it fails, this path and what belongs to it stay as they are.
        type: str
      mode:
        description:
          - Mode in octal of the file that is written, such as V('0600'). By default as it is, and V('0644') for a new
            one, V('0440') in the format V(sudoers).
        type: str
      owner:
        description:
          - Name of the user that the file that is written belongs to. By default as it is.
        type: str
      group:
        description:
          - Name of the group that the file that is written belongs to. By default as it is.
        type: str
      create:
        description:
          - Whether to make the file when there is no main file. Otherwise its settings do not apply.
        type: bool
        default: false
  strict:
    description:
      - Whether the task fails at the end when a setting could not be made. All the others are made in any case.
    type: bool
    default: false
notes:
  - Files that a main file reads by other means than its format's are not known, such as C(/etc/pam.d).
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns the difference of all files.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: posix
    description: Systems it works on.
seealso:
  - module: ansible.builtin.lineinfile
  - module: community.general.ini_file
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Hold settings of accounts, the journal, sudo and the SSH server
  goldsmith.images.config_settings:
    files:
      - path: /etc/login.defs
        format: space
        settings:
          - {key: UMASK, value: "027", control: umask}
          - {key: PASS_MAX_DAYS, value: 365, control: cis_5_4_1_1}
      - path: /etc/systemd/journald.conf
        format: ini
        drop_in: /etc/systemd/journald.conf.d/90-goldsmith.conf
        settings:
          - {section: Journal, key: Storage, value: persistent}
      - path: /etc/sudoers
        format: sudoers
        drop_in: /etc/sudoers.d/90-goldsmith
        validate: visudo -cf %s
        settings:
          - {key: use_pty, value: true}
          - {key: logfile, value: /var/log/sudo.log}
          - {key: authenticate, absent: true}
      - path: /etc/ssh/sshd_config
        format: directive
        drop_in: /etc/ssh/sshd_config.d/00-goldsmith.conf
        mode: "0600"
        validate: /usr/sbin/sshd -t -f %s
        settings:
          - {key: PermitRootLogin, value: false}
          - {key: PasswordAuthentication, value: false}
          - {key: PasswordAuthentication, value: true, match: Address 10.0.0.0/8}
"""

RETURN = r"""
results:
  description: What became of each setting, in the order of O(files) and their settings.
  returned: always
  type: list
  elements: dict
  contains:
    control:
      description: The control that wants it.
      type: str
      returned: always
      sample: umask
    item:
      description: File and key.
      type: str
      returned: always
      sample: "/etc/login.defs: UMASK"
    status:
      description: V(compliant), V(changed), V(not_applicable) when there is no such file, or V(failed).
      type: str
      returned: always
      sample: changed
    message:
      description: How it was before, for whom it is still otherwise, or why it could not be made.
      type: str
      returned: always
      sample: was 022
paths:
  description: Files that were changed.
  returned: always
  type: list
  elements: str
  sample: [/etc/login.defs]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._config_settings import FORMATS, take
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import differences
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import CONTROL, STRICT, conclude


def run(module: AnsibleModule) -> None:
    """Do what the options say and end the module.

    Raises:
        Fault: What is wanted contradicts itself.
    """
    files = take(module.params["files"])
    for file in files:
        file.plan()
        file.validate(module.run_command)
    changes = [change for file in files for change in (file.changes if module.check_mode else file.apply(module))]
    outcomes = {number: outcome for file in files for number, outcome in file.outcomes.items()}
    conclude(
        module,
        [outcomes[number] for number in sorted(outcomes)],
        strict=module.params["strict"],
        changed=bool(changes),
        diff=differences(changes),
        paths=[change.name for change in changes],
    )


def main() -> None:
    """Run the module."""
    text: dict[str, Any] = {"type": "str"}
    flag: dict[str, Any] = {"type": "bool", "default": False}
    setting: dict[str, Any] = {
        "key": {"type": "str", "required": True, "no_log": False},
        "value": {"type": "raw"},
        "absent": flag,
        "section": text,
        "match": text,
        "keep": {"type": "list", "elements": "str", "default": []},
        "control": CONTROL,
    }
    file: dict[str, Any] = {
        "path": {"type": "path", "required": True},
        "format": {"type": "str", "choices": list(FORMATS), "required": True},
        "separator": text,
        "settings": {"type": "list", "elements": "dict", "required": True, "options": setting},
        "drop_in": {"type": "path"},
        "also": {"type": "list", "elements": "str", "default": []},
        "validate": text,
        "mode": text,
        "owner": text,
        "group": text,
        "create": flag,
    }
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True, "options": file},
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
