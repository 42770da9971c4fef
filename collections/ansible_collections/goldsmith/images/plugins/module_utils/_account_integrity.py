# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the files of users and groups agree with themselves: each number and name once, and root alone is root."""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._account_checks import Scene, Verdict, fixes
from ansible_collections.goldsmith.images.plugins.module_utils._accounts import GROUP, PASSWD, SHADOW

# Accounts that Debian and Red Hat have had with root's group.
_ROOTS_GROUP = ("root", "sync", "shutdown", "halt", "operator")


def shadowed_passwords(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have all hashes in ``shadow``, which only root reads."""
    verdict = Verdict()
    count = Counter(user.name for user in scene.accounts.users)
    for user in scene.accounts.users:
        if user.is_shadowed and user.shadow is not None:
            continue
        what = "has no line in /etc/shadow" if user.is_shadowed else "has its password in /etc/passwd"
        # Both lines of a name that stands there twice would have one line in shadow.
        if not fixes(options) or count[user.name] > 1:
            verdict.failed.append(f"{user.name} {what}")
            continue
        if user.shadow is None:
            password = "!" if user.is_shadowed else user.row[1]
            user.shadow = [user.name, password, str(scene.today), "0", "99999", "7", "", "", ""]
            scene.accounts.tables[SHADOW].add(user.shadow)
        else:
            user.shadow[1] = user.row[1]
        user.row[1] = "x"
        verdict.changed.append(f"{user.name} {what.replace('has', 'had', 1)}")
    return verdict


def empty_passwords(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have nobody who needs no password."""
    verdict = Verdict()
    for user in scene.accounts.users:
        if user.password:
            continue
        spared = scene.spared(user)
        if not fixes(options) or spared:
            verdict.failed.append(f"{user.name} has an empty password" + (f" and {spared}" if spared else ""))
            continue
        lock(user)
        verdict.changed.append(f"{user.name} had an empty password")
    return verdict


def root_uid(scene: Scene, _options: Mapping[str, Any]) -> Verdict:
    """Have nobody else with the number 0."""
    others = [user.name for user in scene.accounts.users if user.uid == 0 and user.name != "root"]
    return Verdict(failed=[f"{name} has the number 0" for name in others])


def root_gid(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have nobody else with root's group as the own one, and root with it."""
    verdict = Verdict()
    for user in scene.accounts.users:
        if user.name == "root" and user.gid != 0:
            if fixes(options):
                verdict.changed.append(f"root had the group {user.row[3]}")
                user.row[3] = "0"
            else:
                verdict.failed.append(f"root has the group {user.row[3]}")
        elif user.gid == 0 and user.name not in _ROOTS_GROUP:
            verdict.failed.append(f"{user.name} has root's group")
    return verdict


def root_group(scene: Scene, _options: Mapping[str, Any]) -> Verdict:
    """Have no other group with the number 0."""
    others = [group.name for group in scene.accounts.groups if group.gid == 0 and group.name != "root"]
    return Verdict(failed=[f"the group {name} has the number 0" for name in others])


def unique_users(scene: Scene, _options: Mapping[str, Any]) -> Verdict:
    """Have each user's name once."""
    return _once(user.name for user in scene.accounts.users)


def unique_groups(scene: Scene, _options: Mapping[str, Any]) -> Verdict:
    """Have each group's name once."""
    return _once(group.name for group in scene.accounts.groups)


def unique_uids(scene: Scene, _options: Mapping[str, Any]) -> Verdict:
    """Have each user's number once."""
    return _once(user.row[2] for user in scene.accounts.users)


def unique_gids(scene: Scene, _options: Mapping[str, Any]) -> Verdict:
    """Have each group's number once."""
    return _once(group.row[2] for group in scene.accounts.groups)


def known_groups(scene: Scene, _options: Mapping[str, Any]) -> Verdict:
    """Have the groups of all users exist."""
    known = {group.gid for group in scene.accounts.groups}
    return Verdict(
        failed=[f"{one.name}: no group {one.row[3]}" for one in scene.accounts.users if one.gid not in known]
    )


def shadow_group(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have nobody in the group that reads ``shadow``."""
    verdict = Verdict()
    group = scene.accounts.group("shadow")
    if group is None:
        return verdict
    verdict.failed += [
        f"{one.name} has shadow as the own group" for one in scene.accounts.users if one.gid == group.gid
    ]
    if group.members and fixes(options):
        verdict.changed += [f"{name} was in the group shadow" for name in group.members]
        group.clear()
    else:
        verdict.failed += [f"{name} is in the group shadow" for name in group.members]
    return verdict


def own_entries(scene: Scene, _options: Mapping[str, Any]) -> Verdict:
    """Have no lines that bring in the accounts of a network (``+``), nor broken ones."""
    tables = scene.accounts.tables
    return Verdict(
        failed=[
            f"{path}: {line.split(':')[0]!r} is no entry" for path in (PASSWD, GROUP) for line in tables[path].others
        ]
    )


def lock(user: Any) -> None:
    """Let no password be right, in the way that ``passwd -l`` does."""
    if user.shadow is not None and user.is_shadowed:
        user.shadow[1] = f"!{user.shadow[1]}"
    else:
        user.row[1] = f"!{user.row[1]}"


def _once(names: Iterable[str]) -> Verdict:
    return Verdict(failed=[f"{name} stands there {count} times" for name, count in Counter(names).items() if count > 1])
