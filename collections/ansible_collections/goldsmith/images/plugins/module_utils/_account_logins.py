# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in, and for how long a password is good."""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping

from ansible_collections.goldsmith.images.plugins.module_utils._account_checks import Scene, Verdict, fixes
from ansible_collections.goldsmith.images.plugins.module_utils._account_integrity import lock
from ansible_collections.goldsmith.images.plugins.module_utils._accounts import (
    INACTIVE_DAYS,
    LAST_CHANGE,
    MAX_DAYS,
    MIN_DAYS,
    SHELLS,
    WARN_DAYS,
    User,
)

# Programs that do one thing and end, or refuse; nobody works in them.
HARMLESS = frozenset(["nologin", "false", "true", "sync", "halt", "shutdown"])


def root_password(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have root's password set, locked, or one of both."""
    verdict = Verdict()
    wanted = options["state"]
    for user in scene.accounts.users:
        if user.uid != 0 or user.name != "root":
            continue
        if not user.password:
            verdict.failed.append("root has an empty password")
        elif wanted == "set" and user.is_locked:
            verdict.failed.append("root has no password; set one with passwd")
        elif wanted == "locked" and not user.is_locked:
            _lock(scene, options, user, verdict)
    return verdict


def system_shells(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have no account of the system with a shell to work in."""
    verdict = Verdict()
    for user in scene.accounts.users:
        if user.uid == 0 or user.name in options["allow"] or not scene.accounts.is_system(user):
            continue
        if user.shell.rpartition("/")[2] in HARMLESS:
            continue
        spared = scene.spared(user)
        if not fixes(options) or spared:
            verdict.failed.append(f"{user.name} has the shell {user.shell}" + (f" and {spared}" if spared else ""))
            continue
        verdict.changed.append(f"{user.name} had the shell {user.shell}")
        user.row[6] = options["shell"]
    return verdict


def locked_without_shell(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have every account that no shell lets in locked."""
    verdict = Verdict()
    for user in scene.accounts.users:
        if user.uid == 0 or user.name in options["allow"] or scene.accounts.can_log_in(user):
            continue
        if not user.is_locked:
            _lock(scene, options, user, verdict)
    return verdict


def hashes(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have no password kept in a way that is easily guessed."""
    kinds = [(user.name, user.hash) for user in scene.accounts.users if user.has_password]
    weak = [f"{name}: {kind}; have the password changed" for name, kind in kinds if kind not in options["allow"]]
    return Verdict(failed=weak)


def listed_shells(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have no program among the shells that lets nobody in."""
    text = scene.accounts.shells
    kept = re.sub(r"(?m)^[ \t]*/\S*/nologin[ \t]*(?:\n|\Z)", "", text)
    if kept == text:
        return Verdict()
    what = f"{SHELLS} has nologin"
    if not fixes(options):
        return Verdict(failed=[what])
    scene.accounts.shells = kept
    return Verdict(changed=[what])


def last_change(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have no password that was last changed in the future, which never becomes too old."""
    verdict = Verdict()
    for user in scene.accounts.users:
        ahead = (user.day(LAST_CHANGE) or 0) - scene.today
        if not user.has_password or ahead <= 0:
            continue
        what = f"{user.name}: changed in {ahead} days from now"
        if fixes(options):
            user.set_day(LAST_CHANGE, scene.today)
            verdict.changed.append(what)
        else:
            verdict.failed.append(what)
    return verdict


def max_days(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have every password too old after some days at most."""
    return _age(scene, options, MAX_DAYS, "is good", lambda has, wanted: has is not None and 0 < has <= wanted)


def root_max_days(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have root's password too old after some days at most, be it locked now."""
    root = [user for user in scene.accounts.users if user.name == "root"]
    return _age(
        scene, options, MAX_DAYS, "is good", lambda has, wanted: has is not None and 0 < has <= wanted, users=root
    )


def min_days(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have every password stay for some days at least."""
    return _age(scene, options, MIN_DAYS, "must stay", lambda has, wanted: has is not None and has >= wanted)


def warn_days(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have everybody warned some days before at least."""
    return _age(scene, options, WARN_DAYS, "is warned of", lambda has, wanted: has is not None and has >= wanted)


def inactive_days(scene: Scene, options: Mapping[str, Any]) -> Verdict:
    """Have an account closed some days at most after its password became too old."""
    return _age(
        scene, options, INACTIVE_DAYS, "outlasts its age", lambda has, wanted: has is not None and has <= wanted
    )


def _age(
    scene: Scene, options: Mapping[str, Any], day: int, does: str, enough: Any, *, users: Iterable[User] | None = None
) -> Verdict:
    verdict = Verdict()
    wanted = options["days"]
    if users is None:
        users = [user for user in scene.accounts.users if user.has_password]
    for user in users:
        has = user.day(day)
        if user.shadow is None or enough(has, wanted):
            continue
        what = f"{user.name}'s password {does} {'always' if has is None else f'{has} days'}"
        row = list(user.shadow)
        user.set_day(day, wanted)
        if not user.has_password and _is_over(user, scene.today):
            # The age of a password that nobody has begins now. Otherwise cron would run no jobs (pam_unix(8), account).
            user.set_day(LAST_CHANGE, scene.today)
        spared = _spared(scene, user, day)
        if not fixes(options) or spared:
            user.shadow[:] = row
            hint = f" and would be too old at once, and {user.name} {spared}; change it first" if spared else ""
            verdict.failed.append(what + hint)
        else:
            verdict.changed.append(what)
    return verdict


def _spared(scene: Scene, user: User, day: int) -> str:
    """Say why a user's password must not become too old now; empty when it does not, or may."""
    if day not in (MAX_DAYS, INACTIVE_DAYS) or not _is_over(user, scene.today):
        return ""
    # Whoever must change the password first has no jobs run by cron until then (pam_unix(8), account).
    return scene.spared(user) or ("runs the jobs of the system" if user.uid == 0 else "")


def _is_over(user: User, today: int) -> bool:
    """Tell whether a password must be changed before anything else can be done."""
    changed, days = user.day(LAST_CHANGE), user.day(MAX_DAYS)
    return changed == 0 or (changed is not None and days is not None and changed + days < today)


def _lock(scene: Scene, options: Mapping[str, Any], user: User, verdict: Verdict) -> None:
    spared = scene.spared(user)
    if not fixes(options) or spared:
        verdict.failed.append(f"{user.name} is not locked" + (f" and {spared}" if spared else ""))
        return
    lock(user)
    verdict.changed.append(f"{user.name} was not locked")
