#!/usr/bin/python
# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: file_modes
short_description: Hold owners and modes of many files, and review the whole file system, in one task
version_added: 0.1.0
description:
  - Holds what patterns match to its owner, group and mode.
  - O(review) looks at every file of the machine in one walk, for programs that run with another's rights, for what all
    may write, and for what nobody owns.
  - A file is changed only as it was looked at. Symbolic links of other users than root are never followed, so that no
    user can lead a change astray.
  - Where dpkg would give a program its old mode back with the next upgrade of its package, an override is registered
    with C(dpkg-statoverride). Other package managers know no such thing.
options:
  items:
    description:
      - Files as they are wanted. A file that several of them match must satisfy all; where that cannot be, nothing is
        changed and the task fails.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Absolute path or pattern. Within a part, V(*), V(?) and V([...]) match as in a shell, and names that start
            with a dot are matched too. The part V(**) stands for any number of directories, none included, and as the
            last part for everything below.
          - What is not there is left alone.
        type: str
        required: true
      mode:
        description:
          - Mode in octal, such as V('0644').
          - Mutually exclusive with O(items[].at_most).
        type: str
      at_most:
        description:
          - Mode in octal, of which it may have less but not more. What it has beyond is taken away, so V('0777') takes
            away the SUID, SGID and sticky bits alone.
        type: str
      owner:
        description:
          - Names or numbers of the users it may belong to. When it belongs to another, the first one that exists gets
            it. Without any, it may belong to everybody.
        type: list
        elements: str
        default: []
      group:
        description:
          - The same of groups.
        type: list
        elements: str
        default: []
      kind:
        description:
          - Whether regular files, directories or both are meant. Anything else is always left alone.
        type: str
        choices: [file, dir, any]
        default: any
      recurse:
        description:
          - Whether everything below a directory that matches is meant as well, on the same file system.
        type: bool
        default: false
      exclude:
        description:
          - Patterns of what is not meant, with everything below.
        type: list
        elements: str
        default: []
      control:
        description:
          - The control that wants it. Comes back in RV(results[].control).
        type: str
  review:
    description:
      - What to look for on the whole root file system. V(/proc), V(/sys), V(/dev) and V(/run) are left out, and so is
        what is mounted from the network, in memory, or from nowhere.
    type: dict
    suboptions:
      suid:
        description:
          - Programs with the SUID or SGID bit.
        type: dict
        suboptions:
          allow:
            description:
              - Patterns of those that may be so.
            type: list
            elements: str
            default: []
          action:
            description:
              - V(report) only tells of the others. V(remove) takes the bits away from them.
            type: str
            choices: [report, remove]
            default: report
          control:
            description:
              - The control that wants it.
            type: str
      world_writable:
        description:
          - Files that all may write, and directories that all may write without the sticky bit.
        type: dict
        suboptions:
          allow:
            description:
              - Patterns of those that may be so.
            type: list
            elements: str
            default: []
          action:
            description:
              - V(report) only tells of the others. V(sticky) gives such directories the sticky bit. V(remove) does so,
                too, and takes from files that all may write them.
            type: str
            choices: [report, remove, sticky]
            default: report
          control:
            description:
              - The control that wants it.
            type: str
      unowned:
        description:
          - Files and directories whose user or group does not exist.
        type: dict
        suboptions:
          action:
            description:
              - V(report) only tells of them. V(chown) gives them to a user and a group, as far as they have none.
            type: str
            choices: [report, chown]
            default: report
          owner:
            description:
              - Who gets what has no user.
            type: str
            default: root
          group:
            description:
              - Which group gets what has none.
            type: str
            default: root
          control:
            description:
              - The control that wants it.
            type: str
      exclude:
        description:
          - Patterns of what is left out with everything below. By default the files of containers, which are not this
            machine's.
        type: list
        elements: str
        default:
          - /snap
          - /var/lib/containerd
          - /var/lib/containers
          - /var/lib/docker
          - /var/lib/kubelet
          - /var/lib/lxc
          - /var/snap
      one_file_system:
        description:
          - Whether everything that is mounted below the root is left out. Meant for containers, where what is mounted
            comes from outside.
          - If V(false), the other file systems of this machine's disks are walked as well.
        type: bool
        default: false
  persist:
    description:
      - Whether dpkg is told of the mode of a package's file that was changed, so that upgrades keep it.
    type: bool
    default: true
  strict:
    description:
      - Whether the task fails at the end when something could not be done, or was found and only told of.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in check mode and say what would change, without changing it.
  diff_mode:
    support: full
    description: Returns the difference of owners, groups and modes.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems it works on.
seealso:
  - module: goldsmith.images.file_set
  - module: ansible.builtin.file
author:
  - Goldsmith contributors (@goldsmith)
"""

EXAMPLES = r"""
- name: Guard the accounts, the jobs and the logs, and look for what stands open
  goldsmith.images.file_modes:
    items:
      - {path: /etc/shadow, at_most: "0640", owner: [root], group: [shadow, root], control: shadow_mode}
      - {path: "/etc/cron.*", kind: dir, at_most: "0700", owner: [root], group: [root], control: cron_modes}
      - path: /var/log
        recurse: true
        kind: file
        at_most: "0640"
        exclude: [/var/log/wtmp, /var/log/lastlog]
        control: log_modes
    review:
      suid:
        allow: [/usr/bin/su, /usr/bin/sudo, /usr/bin/passwd]
        action: remove
        control: suid
      world_writable: {action: remove, control: world_writable}
      unowned: {control: unowned}
"""

RETURN = r"""
results:
  description: What became of each of O(items), in their order, and then of what O(review) asks for.
  returned: always
  type: list
  elements: dict
  contains:
    control:
      description: The control that wants it.
      type: str
      returned: always
      sample: shadow_mode
    item:
      description: The path or pattern, or what was looked for.
      type: str
      returned: always
      sample: /etc/shadow
    status:
      description:
        - V(compliant), V(changed), V(not_applicable) where nothing of that path is there, or V(failed).
        - What O(review) found and only tells of is V(failed).
      type: str
      returned: always
      sample: changed
    message:
      description: How it was before, or why it failed, for the first few files.
      type: str
      returned: always
      sample: /etc/shadow was root:root 0644
paths:
  description: Files and directories that were changed.
  returned: always
  type: list
  elements: str
  sample: [/etc/shadow]
review:
  description:
    - What O(review) found, as it was found, and what O(items) did not already put right. Empty for what it was not
      asked for.
  returned: always
  type: dict
  contains:
    suid:
      description: Programs with the SUID or SGID bit that are not allowed.
      type: list
      elements: str
      returned: always
      sample: [/usr/bin/chfn]
    world_writable:
      description: Files and directories that all may write, and that are not allowed.
      type: list
      elements: str
      returned: always
      sample: [/srv/drop]
    unowned:
      description: Files and directories whose user or group does not exist.
      type: list
      elements: str
      returned: always
      sample: [/opt/app]
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._file_modes import Item, Plan, State
from ansible_collections.goldsmith.images.plugins.module_utils._file_review import Findings, Review, Walk
from ansible_collections.goldsmith.images.plugins.module_utils._mounts import mounted
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import CONTROL, STRICT, conclude
from ansible_collections.goldsmith.images.plugins.module_utils._owners import Owners
from ansible_collections.goldsmith.images.plugins.module_utils._places import Places
from ansible_collections.goldsmith.images.plugins.module_utils._stat_overrides import PROGRAM, override, packaged

_NOTHING: dict[str, Any] = {"suid": None, "world_writable": None, "unowned": None}

_NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
_ITEM: dict[str, Any] = {
    "path": {"type": "str", "required": True},
    "mode": {"type": "str"},
    "at_most": {"type": "str"},
    "owner": _NAMES,
    "group": _NAMES,
    "kind": {"type": "str", "choices": ["file", "dir", "any"], "default": "any"},
    "recurse": {"type": "bool", "default": False},
    "exclude": _NAMES,
    "control": CONTROL,
}
_CONTAINERS = [
    "/snap",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/lib/lxc",
    "/var/snap",
]


def _action(*choices: str) -> dict[str, Any]:
    return {"type": "str", "choices": ["report", *choices], "default": "report"}


_REVIEW: dict[str, Any] = {
    "suid": {"type": "dict", "options": {"allow": _NAMES, "action": _action("remove"), "control": CONTROL}},
    "world_writable": {
        "type": "dict",
        "options": {"allow": _NAMES, "action": _action("remove", "sticky"), "control": CONTROL},
    },
    "unowned": {
        "type": "dict",
        "options": {
            "action": _action("chown"),
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "root"},
            "control": CONTROL,
        },
    },
    "exclude": {"type": "list", "elements": "str", "default": _CONTAINERS},
    "one_file_system": {"type": "bool", "default": False},
}


def keep(module: AnsibleModule, states: dict[str, State], owners: Owners) -> None:
    """Have dpkg keep what was changed of its packages' programs."""
    if not module.get_bin_path(PROGRAM):
        return
    for path in packaged(states):
        # A path may be known without the /usr in front.
        state = states.get(path) or states[f"/usr{path}"]
        user = owners.name("user", state.uid) or f"#{state.uid}"
        group = owners.name("group", state.gid) or f"#{state.gid}"
        complaint = override(path, user, group, state.mode, module.run_command)
        if complaint:
            module.warn(f"an upgrade may undo the mode of {path}: {complaint}")


def run(module: AnsibleModule) -> None:
    """Do what the options say and end the module.

    Raises:
        Fault: What is wanted contradicts itself or cannot be meant. Nothing was changed.
    """
    wanted: dict[str, Any] = module.params
    owners, places = Owners(), Places()
    plan = Plan(owners)
    items = [Item(entry, owners) for entry in wanted["items"]]
    wrong = [item.plan(places, plan) for item in items]
    review = wanted["review"] or _NOTHING
    findings = Findings()
    if wanted["review"]:
        exclude, one = review["exclude"], review["one_file_system"]
        findings = Walk(Path("/"), owners, mounted(), exclude=exclude, one_file_system=one).run()
    judged = Review(review, findings, owners)
    told = judged.plan(plan)
    difference = plan.difference
    states = {place.path: state for place, state in plan.changes()}
    paths = list(states) if module.check_mode else plan.apply(places)
    if not module.check_mode and wanted["persist"]:
        files = {place.path: state for place, state in plan.changes() if place.is_file}
        keep(module, files, owners)
    conclude(
        module,
        [*(item.outcome(plan, one) for item, one in zip(items, wrong)), *told()],
        strict=wanted["strict"],
        changed=bool(paths),
        diff=difference,
        paths=paths,
        review=judged.found(),
    )


def main() -> None:
    """Run the module."""
    entry = {"type": "list", "elements": "dict", "default": [], "options": _ITEM}
    module = AnsibleModule(
        argument_spec={
            "items": {**entry, "mutually_exclusive": [("mode", "at_most")]},
            "review": {"type": "dict", "options": _REVIEW},
            "persist": {"type": "bool", "default": True},
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
