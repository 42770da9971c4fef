# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of accounts share: what they look at, whom they must not lock out, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils import _outcome
from ansible_collections.goldsmith.images.plugins.module_utils._accounts import Accounts, User
from ansible_collections.goldsmith.images.plugins.module_utils._file_modes import listed
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome


@dataclass
class Scene:
    """What a check looks at.

    Attributes:
        accounts: The users and groups, with the changes of the checks before.
        today: Days since 1970-01-01, as ``shadow`` counts them.
        keep: Names of those who must be able to get in and to become root afterwards.
        others_become_root: Whether somebody else than root can become root.
    """

    accounts: Accounts
    today: int
    keep: frozenset[str] = frozenset()
    others_become_root: bool = False

    def spared(self, user: User) -> str:
        """Say why a user must not be locked out; empty when nothing speaks against it."""
        if user.name in self.keep:
            return "is needed to get in (keep_access)"
        # Where a name stands there twice, both share the line in shadow.
        is_root = any(one.uid == 0 for one in self.accounts.users if one.name == user.name)
        if is_root and not self.others_become_root:
            return "is the only one who can become root (others_become_root)"
        return ""


@dataclass
class Verdict:
    """What a check found.

    Attributes:
        changed: What it put right, such as ``lp: shell was /bin/sh``.
        failed: What it could not, or was not to.
    """

    changed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def outcome(self, control: str | None, item: str) -> Outcome:
        """Return it as an outcome."""
        if self.failed:
            message = listed(self.failed) + (f"; put right: {listed(self.changed)}" if self.changed else "")
            return Outcome(control, item, _outcome.FAILED, message)
        if self.changed:
            return Outcome(control, item, _outcome.CHANGED, listed(self.changed))
        return Outcome(control, item, _outcome.COMPLIANT)


# Looks at the scene and, unless it is only to report, changes it; the options are those of the check.
Check = Callable[[Scene, Mapping[str, Any]], Verdict]


def fixes(options: Mapping[str, Any]) -> bool:
    """Tell whether a check is to put right what it finds."""
    return bool(options["action"] == "fix")
