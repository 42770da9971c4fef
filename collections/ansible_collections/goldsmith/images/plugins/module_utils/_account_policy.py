# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks of accounts, in the order in which each can rely on those before."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils import (
    _account_homes,
    _account_integrity,
    _account_logins,
)
from ansible_collections.goldsmith.images.plugins.module_utils._account_checks import Check, Scene
from ansible_collections.goldsmith.images.plugins.module_utils._account_files import draft
from ansible_collections.goldsmith.images.plugins.module_utils._account_homes import Homes, Pending
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Change, Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._file_modes import Plan
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome
from ansible_collections.goldsmith.images.plugins.module_utils._owners import Owners
from ansible_collections.goldsmith.images.plugins.module_utils._places import Places

# What each is called in `policy`, what people read, and what does it.
CHECKS: dict[str, tuple[str, Check]] = {
    "shadowed_passwords": ("passwords are shadowed", _account_integrity.shadowed_passwords),
    "empty_passwords": ("no password is empty", _account_integrity.empty_passwords),
    "own_entries": ("every line is an account of this machine", _account_integrity.own_entries),
    "root_uid": ("only root has the number 0", _account_integrity.root_uid),
    "root_gid": ("only root has root's group", _account_integrity.root_gid),
    "root_group": ("only root's group has the number 0", _account_integrity.root_group),
    "unique_users": ("names of users are unique", _account_integrity.unique_users),
    "unique_groups": ("names of groups are unique", _account_integrity.unique_groups),
    "unique_uids": ("numbers of users are unique", _account_integrity.unique_uids),
    "unique_gids": ("numbers of groups are unique", _account_integrity.unique_gids),
    "known_groups": ("groups of users exist", _account_integrity.known_groups),
    "shadow_group": ("the group shadow is empty", _account_integrity.shadow_group),
    "root_password": ("root's password", _account_logins.root_password),
    "system_shells": ("shells of system accounts", _account_logins.system_shells),
    "locked_without_shell": ("accounts without a shell are locked", _account_logins.locked_without_shell),
    "hashes": ("hashes of passwords", _account_logins.hashes),
    "last_change": ("passwords were changed in the past", _account_logins.last_change),
    "max_days": ("greatest age of passwords", _account_logins.max_days),
    "root_max_days": ("greatest age of root's password", _account_logins.root_max_days),
    "min_days": ("least age of passwords", _account_logins.min_days),
    "warn_days": ("warning before passwords are too old", _account_logins.warn_days),
    "listed_shells": ("shells that let in", _account_logins.listed_shells),
    "inactive_days": ("accounts with passwords that are too old", _account_logins.inactive_days),
}
FILE_CHECKS: dict[str, tuple[str, Callable[[Homes, Mapping[str, Any]], Pending]]] = {
    "homes": ("home directories", _account_homes.homes),
    "dot_files": ("hidden files in homes", _account_homes.dot_files),
    "forbidden_files": ("files that let others in", _account_homes.forbidden_files),
    "root_path": ("root's search path", _account_homes.root_path),
}


# What a check has for its options unless it is told.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "hashes": {"allow": ["yescrypt", "gost-yescrypt", "sha512"]},
    "homes": {"at_most": "0750"},
    "dot_files": {"at_most": "0644", "names": [".netrc", ".*_history"]},
    "forbidden_files": {"action": "report", "names": [".forward", ".rhosts", ".shosts"]},
}


class Policy:
    """What is wanted of all accounts, and what is to become of them."""

    def __init__(
        self,
        wanted: Sequence[Mapping[str, Any]],
        scene: Scene,
        drafts: Drafts,
        path: str = "",
        *,
        root: Path = Path("/"),
        owners: Owners | None = None,
        trusted: int = 0,
    ) -> None:
        """Take what is wanted and where.

        Args:
            wanted: The checks.
            scene: The users and groups.
            drafts: The files, with what is to be written.
            path: The search path of root's login shell.
            root: The directory that is the machine's root.
            owners: Who knows the names of users and groups.
            trusted: Number of the user whose links are followed.

        Raises:
            Fault: Two controls want the same check in different ways.
        """
        self._wanted = wanted
        self._scene = scene
        self._drafts = drafts
        self._root = root
        self.homes = Homes(scene.accounts, Places(root, trusted), Plan(owners or Owners()), [], [])
        self._told: dict[str, Callable[[str | None, str], Outcome]] = {}
        self._options: dict[str, dict[str, Any]] = {}
        for check in wanted:
            name = check["check"]
            given = {key: value for key, value in check.items() if value is not None and key != "control"}
            options = {"action": "fix", "allow": [], "path": path, **_DEFAULTS.get(name, {}), **given}
            if self._options.setdefault(name, options) != options:
                raise Fault(f"two controls want {name} in different ways. Leave one of them, or make them alike.")

    def decide(self) -> list[Change]:
        """Run the checks of the accounts and return the changes of the files that hold them."""
        for name, (_item, check) in CHECKS.items():
            if name in self._options:
                self._told[name] = check(self._scene, self._options[name]).outcome
        return draft(self._scene.accounts, self._drafts, self._root)

    def decide_files(self) -> None:
        """Run the checks of homes and what lies in them.

        Raises:
            Fault: A mode is not octal.
        """
        for name, (_item, look) in FILE_CHECKS.items():
            if name in self._options:
                self._told[name] = look(self.homes, self._options[name]).outcome

    def apply_files(self) -> None:
        """Change homes and what lies in them; what fails is told by the outcomes."""
        self.homes.apply(self._root)

    def outcomes(self) -> list[Outcome]:
        """Return what became of the checks, in the order in which they are wanted."""
        items = {name: item for name, (item, _check) in [*CHECKS.items(), *FILE_CHECKS.items()]}
        return [self._told[check["check"]](check["control"], items[check["check"]]) for check in self._wanted]

    @property
    def difference(self) -> dict[str, str]:
        """What Ansible shows of the changes of homes and the files in them; empty when there are none."""
        homes, shown = self.homes, self.homes.plan.difference
        before = shown["before"] + "".join(f"{place.path}\n" for place in homes.removed)
        after = shown["after"] + "".join(f"{path} (new)\n" for path, _user, _mode in homes.made)
        return {"before": before, "after": after} if before or after else {}
