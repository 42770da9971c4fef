# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of accounts, held on a made-up /etc."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._account_checks import Scene
from ansible_collections.goldsmith.images.plugins.module_utils._account_policy import CHECKS, FILE_CHECKS, Policy
from ansible_collections.goldsmith.images.plugins.module_utils._accounts import Accounts
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome

MODULE: Any = SimpleNamespace(atomic_move=os.replace)
TODAY = 20000

FILES = {
    "passwd": """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin
ann:x:1000:1000::/home/ann:/bin/bash
bob:x:1001:1001::/home/bob:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
""",
    "shadow": """root:$y$j9T$salt$root:19900:1:365:7:30::
daemon:*:19000:0:99999:7:::
sync:*:19000:0:99999:7:::
lp:*:19000:0:99999:7:::
ann:$y$j9T$salt$ann:19950:1:365:7:30::
bob:!:19000:0:99999:7:::
nobody:*:19000:0:99999:7:::
""",
    "group": "root:x:0:\ndaemon:x:1:\nlp:x:7:\nshadow:x:42:\nann:x:1000:\nbob:x:1001:\nnogroup:x:65534:\n",
    "gshadow": "root:*::\nshadow:*::\n",
    "shells": "/bin/sh\n/bin/bash\n",
    "login.defs": "UID_MIN 1000\n",
}
# The checks that the files above satisfy.
SOUND = [check for check in CHECKS if not check.endswith("_days")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    for name, text in FILES.items():
        (tmp_path / "etc" / name).write_text(text)
    return tmp_path


def edit(root: Path, name: str, before: str, after: str) -> None:
    path = root / "etc" / name
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


def hold(
    root: Path,
    *checks: dict[str, Any],
    check: bool = False,
    keep: tuple[str, ...] = (),
    others: bool = False,
    today: int = TODAY,
) -> list[Outcome]:
    drafts = Drafts(root)
    scene = Scene(Accounts(drafts.read), today, frozenset(keep), others)
    none = {"action": None, "allow": None, "at_most": None, "days": None, "names": None}
    defaults = {**none, "shell": "/usr/sbin/nologin", "state": "either", "control": None}
    policy = Policy([{**defaults, **one} for one in checks], scene, drafts, root=root, trusted=os.geteuid())
    changes = policy.decide()
    if not check:
        for change in changes:
            change.apply(MODULE)
    return policy.outcomes()


def line(root: Path, file: str, name: str) -> str:
    return next(one for one in (root / "etc" / file).read_text().split("\n") if one.startswith(f"{name}:"))


def test_sound_accounts_are_compliant_and_nothing_is_written(root: Path) -> None:
    outcomes = hold(root, *({"check": check, "control": check} for check in SOUND))
    assert [(one.control, one.status, one.message) for one in outcomes] == [(one, "compliant", "") for one in SOUND]
    assert {path.name: path.read_text() for path in (root / "etc").iterdir()} == FILES


FLAWS = [
    # check, file, before, after, what is told, what the line is then
    ("shadowed_passwords", "passwd", "lp:x:", "lp:$6$a$b:", "lp had its password in /etc/passwd", "lp:x:7"),
    ("shadowed_passwords", "shadow", "lp:*:19000:0:99999:7:::\n", "", "lp had no line in /etc/shadow", "lp:x:7"),
    ("empty_passwords", "shadow", "bob:!:", "bob::", "bob had an empty password", "bob:!:"),
    ("root_gid", "passwd", "root:x:0:0:", "root:x:0:7:", "root had the group 7", "root:x:0:0:"),
    ("shadow_group", "group", "shadow:x:42:", "shadow:x:42:ann,lp", "ann was in the group shadow", "shadow:x:42:"),
    (
        "system_shells",
        "passwd",
        "lpd:/usr/sbin/nologin",
        "lpd:/bin/sh",
        "lp had the shell /bin/sh",
        "lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin",
    ),
    (
        "system_shells",
        "passwd",
        "lpd:/usr/sbin/nologin",
        "lpd:",
        "lp had the shell /bin/sh",
        "lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin",
    ),
    ("locked_without_shell", "shadow", "lp:*:", "lp:$6$a$b:", "lp was not locked", "lp:!$6$a$b:"),
    (
        "last_change",
        "shadow",
        "ann:19950:",
        "ann:20003:",
        "ann: changed in 3 days from now",
        "ann:$y$j9T$salt$ann:20000:",
    ),
    ("listed_shells", "shells", "/bin/bash\n", "/bin/bash\n/usr/sbin/nologin\n", "/etc/shells has nologin", "/bin/"),
]


@pytest.mark.parametrize(("check", "file", "before", "after", "told", "then"), FLAWS)
def test_a_flaw_is_told_without_change_and_put_right_once(
    root: Path, check: str, file: str, before: str, after: str, told: str, then: str
) -> None:
    edit(root, file, before, after)
    flawed = {path.name: path.read_text() for path in (root / "etc").iterdir()}

    (reported,) = hold(root, {"check": check, "action": "report"})
    said = hold(root, {"check": check}, check=True)
    assert reported.status == "failed"
    assert {path.name: path.read_text() for path in (root / "etc").iterdir()} == flawed

    assert said == hold(root, {"check": check})
    assert said[0].status == "changed" and told in said[0].message
    place = {"shadowed_passwords": "passwd"}.get(check, file)
    assert then in (root / "etc" / place).read_text()
    if before in FILES[place] and check not in ("last_change", "locked_without_shell", "listed_shells"):
        assert after not in (root / "etc" / place).read_text() or after in FILES[place]
    assert hold(root, {"check": check})[0].status == "compliant"


@pytest.mark.parametrize(
    ("check", "file", "before", "after", "told"),
    [
        ("own_entries", "passwd", "lp:x:7", "+::::::\nlp:x:7", "/etc/passwd: '+' is no entry"),
        ("root_uid", "passwd", "lp:x:7", "lp:x:0", "lp has the number 0"),
        ("root_gid", "passwd", "lp:x:7:7", "lp:x:7:0", "lp has root's group"),
        ("root_group", "group", "lp:x:7", "lp:x:0", "the group lp has the number 0"),
        ("unique_users", "passwd", "lp:x:7", "ann:x:7", "ann stands there 2 times"),
        ("unique_uids", "passwd", "lp:x:7", "lp:x:1000", "1000 stands there 2 times"),
        ("unique_groups", "group", "lp:x:7", "ann:x:7", "ann stands there 2 times"),
        ("unique_gids", "group", "lp:x:7", "lp:x:1000", "1000 stands there 2 times"),
        ("known_groups", "passwd", "lp:x:7:7", "lp:x:7:8", "lp: no group 8"),
        ("shadow_group", "passwd", "lp:x:7:7", "lp:x:7:42", "lp has shadow as the own group"),
        ("hashes", "shadow", "ann:$y$j9T", "ann:$1$j9T", "ann: md5; have the password changed"),
        ("root_password", "shadow", "root:$y$j9T$salt$root", "root:", "root has an empty password"),
    ],
)
def test_what_only_a_person_can_put_right_is_told(
    root: Path, check: str, file: str, before: str, after: str, told: str
) -> None:
    edit(root, file, before, after)
    (outcome,) = hold(root, {"check": check}, others=True)
    assert (outcome.status, outcome.message) == ("failed", told)


def test_a_password_in_passwd_moves_to_shadow(root: Path) -> None:
    edit(root, "passwd", "lp:x:", "lp:$6$a$b:")
    edit(root, "passwd", "bob:x:", "bob::")
    edit(root, "shadow", "bob:!:19000:0:99999:7:::\n", "")
    first, second = hold(root, {"check": "shadowed_passwords"}, {"check": "empty_passwords"})
    assert (first.status, second.message) == ("changed", "bob had an empty password")
    assert line(root, "shadow", "lp") == "lp:$6$a$b:19000:0:99999:7:::"
    assert line(root, "shadow", "bob") == "bob:!:20000:0:99999:7:::"


def test_exceptions_are_left_alone(root: Path) -> None:
    edit(root, "passwd", "/var/spool/lpd:/usr/sbin/nologin", "/var/spool/lpd:/bin/sh")
    edit(root, "shadow", "nobody:*:", "nobody:$6$a$b:")
    outcomes = hold(
        root, {"check": "system_shells", "allow": ["lp"]}, {"check": "locked_without_shell", "allow": ["nobody"]}
    )
    assert [one.status for one in outcomes] == ["compliant", "compliant"]


@pytest.mark.parametrize(
    ("state", "password", "others", "status", "then"),
    [
        ("either", "$6$a$b", False, "compliant", "$6$a$b"),
        ("either", "*", False, "compliant", "*"),
        ("set", "*", False, "failed", "*"),
        ("set", "$6$a$b", False, "compliant", "$6$a$b"),
        ("locked", "$6$a$b", True, "changed", "!$6$a$b"),
        ("locked", "$6$a$b", False, "failed", "$6$a$b"),
        ("locked", "*", False, "compliant", "*"),
    ],
)
def test_roots_password_is_locked_only_when_others_become_root(
    root: Path, state: str, password: str, others: bool, status: str, then: str
) -> None:
    edit(root, "shadow", "root:$y$j9T$salt$root:", f"root:{password}:")
    (outcome,) = hold(root, {"check": "root_password", "state": state}, others=others)
    assert outcome.status == status
    assert line(root, "shadow", "root").split(":")[1] == then


def test_whoever_is_needed_to_get_in_keeps_shell_and_password(root: Path) -> None:
    edit(root, "passwd", "bob:x:1001:1001::/home/bob:/bin/bash", "bob:x:101:101::/home/bob:/bin/bash")
    edit(root, "shadow", "bob:!:", "bob::")
    edit(root, "passwd", "/home/ann:/bin/bash", "/home/ann:/bin/odd")
    before = {path.name: path.read_text() for path in (root / "etc").iterdir()}
    checks = ["system_shells", "empty_passwords", "locked_without_shell"]
    outcomes = hold(root, *({"check": check} for check in checks), keep=("ann", "bob"))
    assert [one.status for one in outcomes] == ["failed", "failed", "failed"]
    assert all("is needed to get in" in one.message for one in outcomes)
    assert {path.name: path.read_text() for path in (root / "etc").iterdir()} == before


@pytest.mark.parametrize(
    ("check", "days", "field", "has", "enough"),
    [
        ("max_days", 365, 4, ["", "-1", "0", "366", "99999"], ["365", "1"]),
        ("min_days", 1, 3, ["", "0"], ["1", "7"]),
        ("warn_days", 7, 5, ["", "6"], ["7", "14"]),
        ("inactive_days", 30, 6, ["", "-1", "31"], ["30", "0"]),
    ],
)
def test_ages_are_brought_to_the_policy_and_stricter_ones_stay(
    root: Path, check: str, days: int, field: int, has: list[str], enough: list[str]
) -> None:
    for value in has + enough:
        fields = FILES["shadow"].split("\n")[4].split(":")
        fields[field] = value
        (root / "etc/shadow").write_text(FILES["shadow"].replace(FILES["shadow"].split("\n")[4], ":".join(fields)))
        (outcome,) = hold(root, {"check": check, "days": days})
        assert outcome.status == ("changed" if value in has else "compliant"), value
        assert line(root, "shadow", "ann").split(":")[field] == (str(days) if value in has else value)
        # Without a password there is nothing that could become too old.
        assert line(root, "shadow", "bob") == "bob:!:19000:0:99999:7:::"


def test_a_password_does_not_become_too_old_at_once_for_root_and_those_who_are_needed(root: Path) -> None:
    for name in ("root:$y$j9T$salt$root:19900", "ann:$y$j9T$salt$ann:19950"):
        edit(root, "shadow", name, name[:-5] + "19000")
    wanted = {"check": "max_days", "days": 90}
    (outcome,) = hold(root, wanted, keep=("ann",), others=True)
    assert outcome.status == "failed"
    assert "root's password is good 365 days and would be too old at once, and root runs the jobs" in outcome.message
    assert "ann's password is good 365 days and would be too old at once, and ann is needed" in outcome.message
    assert line(root, "shadow", "ann").split(":")[4] == line(root, "shadow", "root").split(":")[4] == "365"
    (outcome,) = hold(root, wanted, others=True)
    assert "put right: ann's password is good 365 days" in outcome.message
    assert line(root, "shadow", "ann").split(":")[4] == "90"


@pytest.mark.parametrize("changed", ["19900", "19000"])
def test_a_password_that_root_does_not_have_gets_an_age_that_begins_in_time(root: Path, changed: str) -> None:
    edit(root, "shadow", "root:$y$j9T$salt$root:19900", f"root:*:{changed}")
    wanted = {"check": "root_max_days", "days": 90}
    assert [hold(root, wanted)[0].status, hold(root, wanted)[0].status] == ["changed", "compliant"]
    fields = line(root, "shadow", "root").split(":")
    assert fields[4] == "90" and int(fields[2]) + 90 >= TODAY
    assert line(root, "shadow", "ann").split(":")[4] == "365"


def test_the_same_check_for_two_controls_is_told_to_both_and_must_be_the_same(root: Path) -> None:
    edit(root, "shadow", "bob:!:", "bob::")
    outcomes = hold(root, *({"check": "empty_passwords", "control": control} for control in "ab"))
    assert [(one.control, one.status) for one in outcomes] == [("a", "changed"), ("b", "changed")]
    with pytest.raises(Fault, match="two controls want max_days in different ways"):
        hold(root, {"check": "max_days", "days": 365}, {"check": "max_days", "days": 90})


ANY_USER = st.tuples(
    st.sampled_from(["root", "ann", "bob", "lp", "x"]),
    st.sampled_from(["x", "", "*", "$6$a$b"]),
    st.sampled_from(["0", "7", "1000", "65534", "no"]),
    st.sampled_from(["0", "42", "1000", "9"]),
    st.sampled_from(["/bin/bash", "/usr/sbin/nologin", "", "/bin/odd"]),
)
ANY_SHADOW = st.tuples(
    st.sampled_from(["root", "ann", "bob", "lp"]),
    st.sampled_from(["", "!", "*", "$6$a$b", "!$1$a$b"]),
    st.sampled_from(["", "0", "19000", "20009"]),
    st.sampled_from(["", "-1", "99999", "10"]),
)


@given(
    st.lists(ANY_USER, max_size=5),
    st.lists(ANY_SHADOW, max_size=5),
    st.sets(st.sampled_from(["ann", "bob", "root", "lp"])),
    st.booleans(),
)
def test_whatever_the_accounts_are_nobody_needed_is_locked_out_and_a_second_run_changes_nothing(
    users: list[tuple[str, ...]], shadows: list[tuple[str, ...]], keep: set[str], others: bool
) -> None:
    files = {
        "/etc/passwd": "".join(f"{name}:{word}:{uid}:{gid}::/home:{shell}\n" for name, word, uid, gid, shell in users),
        "/etc/shadow": "".join(f"{name}:{word}:{day}:0:{most}:7:::\n" for name, word, day, most in shadows),
        "/etc/group": "root:x:0:\nshadow:x:42:ann\n",
    }
    checks = [
        {"check": check, "days": 30, "state": "locked", "shell": "/x/nologin", "control": None} for check in CHECKS
    ]

    def run() -> list[str]:
        scene = Scene(Accounts(files.get), TODAY, frozenset(keep), others)
        before = {id(user): (user.has_password, user.shell) for user in scene.accounts.users}
        policy = Policy(checks, scene, Drafts(Path("/nonexistent")))
        policy.decide()
        for user in scene.accounts.users:
            if user.name in keep or (user.uid == 0 and not others):
                assert (user.has_password, user.shell) == before[id(user)]
        files.update({path: table.text for path, table in scene.accounts.tables.items() if table.text})
        return [outcome.status for outcome in policy.outcomes()]

    run()
    once = dict(files)
    assert "changed" not in run()
    assert files == once


def test_every_check_is_one_of_accounts_or_of_files() -> None:
    assert not CHECKS.keys() & FILE_CHECKS.keys()
