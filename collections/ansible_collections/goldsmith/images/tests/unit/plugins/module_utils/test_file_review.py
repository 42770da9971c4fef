# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk over all files, and what becomes of what it finds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._file_modes import Demand, Plan
from ansible_collections.goldsmith.images.plugins.module_utils._file_review import Review, Walk
from ansible_collections.goldsmith.images.plugins.module_utils._mounts import Mount
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome
from ansible_collections.goldsmith.images.plugins.module_utils._owners import Owners
from ansible_collections.goldsmith.images.plugins.module_utils._places import Places

ME, MINE = os.geteuid(), os.getegid()
ROOT = Mount("/", "/dev/sda1", "ext4", (), "8:1 /")


def _known(number: int) -> str:
    if number in (ME, MINE):
        return "me"
    raise KeyError(number)


OWNERS = Owners(_known, _known, {"me": ME}.__getitem__, {"me": MINE}.__getitem__)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    modes = {"usr/bin/su": 0o4755, "usr/bin/wall": 0o2755, "srv/open": 0o666, "srv/fine": 0o644, "proc/x": 0o4777}
    modes |= {"home/app/su": 0o4755, "var/lib/docker/su": 0o4755, "etc/hosts": 0o666}
    for name, mode in modes.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    for name, mode in (("tmp", 0o1777), ("srv/drop", 0o777)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (tmp_path / "srv/link").symlink_to("/srv/fine")
    return tmp_path


def review(
    root: Path, *, mounts: list[Mount] | None = None, one_file_system: bool = False, check: bool = False, **asked: Any
) -> tuple[list[Outcome], dict[str, list[str]], Plan]:
    wanted: dict[str, Any] = {"suid": None, "world_writable": None, "unowned": None}
    for kind, given in asked.items():
        wanted[kind] = {"allow": [], "action": "report", "control": kind, "owner": "me", "group": "me", **given}
    walk = Walk(root, OWNERS, mounts or [ROOT], exclude=["/var/lib/docker"], one_file_system=one_file_system)
    judged = Review(wanted, walk.run(), OWNERS)
    plan = Plan(OWNERS)
    tell = judged.plan(plan)
    if not check:
        plan.apply(Places(root))
    return tell(), judged.found(), plan


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o7777:o}"


def test_a_report_names_what_is_not_allowed_and_changes_nothing(tree: Path) -> None:
    outcomes, found, _rest = review(tree, suid={"allow": ["/usr/bin/s*"]}, world_writable={})
    assert found == {
        "suid": ["/home/app/su", "/usr/bin/wall"],
        "world_writable": ["/etc/hosts", "/srv/open", "/srv/drop"],
        "unowned": [],
    }
    assert [(one.control, one.status) for one in outcomes] == [("suid", "failed"), ("world_writable", "failed")]
    assert outcomes[0].message == "2 found: /home/app/su me:me 4755, /usr/bin/wall me:me 2755"
    assert mode(tree / "usr/bin/wall") == "2755"


def test_what_is_allowed_below_usr_may_lie_beside_it(tree: Path) -> None:
    (tree / "bin").mkdir()
    (tree / "bin/su").touch()
    (tree / "bin/su").chmod(0o4755)
    allow = ["/usr/bin/*", "/home/app/su"]
    assert review(tree, suid={"allow": allow})[1]["suid"] == []
    assert review(tree, suid={"allow": [*allow[1:], "/bin/wall"]})[1]["suid"] == [
        "/bin/su",
        "/usr/bin/su",
        "/usr/bin/wall",
    ]


def test_bits_are_taken_away_once(tree: Path) -> None:
    asked = {"suid": {"allow": ["/usr/bin/su"], "action": "remove"}, "world_writable": {"action": "remove"}}
    said, _rest, _rest = review(tree, check=True, **asked)
    assert mode(tree / "home/app/su") == "4755"
    done, _rest, _rest = review(tree, **asked)
    assert said == done and [one.status for one in done] == ["changed", "changed"]
    names = ("usr/bin/su", "usr/bin/wall", "home/app/su", "srv/open", "srv/drop", "tmp")
    assert [mode(tree / name) for name in names] == ["4755", "755", "755", "664", "1777", "1777"]
    again, found, plan = review(tree, **asked)
    assert [one.status for one in again] == ["compliant", "compliant"]
    assert found == {"suid": [], "world_writable": [], "unowned": []} and not list(plan.changes())


def test_directories_get_the_sticky_bit_and_files_are_told_of(tree: Path) -> None:
    (outcome,), _rest, _rest = review(tree, world_writable={"action": "sticky", "allow": ["/etc/hosts"]})
    assert (outcome.status, outcome.message) == ("failed", "1 found: /srv/open me:me 0666")
    assert (mode(tree / "srv/drop"), mode(tree / "srv/open")) == ("1777", "666")


def test_what_an_item_puts_right_is_not_found(tree: Path) -> None:
    judged = Review(
        {"suid": {"allow": [], "action": "report", "control": None}, "world_writable": None, "unowned": None},
        Walk(tree, OWNERS, [ROOT], exclude=["/home", "/var"], one_file_system=True).run(),
        OWNERS,
    )
    plan = Plan(OWNERS)
    for place in Places(tree).find("/usr/bin/*"):
        plan.demand(place, Demand(never=0o6000), "an item")
    (outcome,) = judged.plan(plan)()
    assert (outcome.status, judged.found()["suid"]) == ("compliant", [])


@pytest.mark.skipif(ME != 0, reason="only root gives files away")
def test_what_nobody_owns_gets_what_it_lacks(tree: Path) -> None:
    os.chown(tree / "srv/fine", 4711, MINE)
    os.chown(tree / "srv/drop", ME, 4711)
    (outcome,), found, _rest = review(tree, unowned={})
    assert (outcome.status, found["unowned"]) == ("failed", ["/srv/drop", "/srv/fine"])
    (outcome,), _rest, plan = review(tree, unowned={"action": "chown"})
    assert outcome.status == "changed"
    assert plan.difference["before"] == "/srv/drop me:4711 0777\n/srv/fine 4711:me 0644\n"
    assert review(tree, unowned={})[0][0].status == "compliant"


def test_another_name_for_nobody_leaves_the_file_and_says_so(tree: Path) -> None:
    if ME == 0:
        os.chown(tree / "srv/fine", 4711, MINE)
        (outcome,), _rest, _rest = review(tree, unowned={"action": "chown", "owner": "nobody-knows"})
        assert outcome.status == "failed" and (tree / "srv/fine").stat().st_uid == 4711


@pytest.mark.parametrize(
    ("mount", "one_file_system", "walked"),
    [
        (Mount("/home", "/dev/sdb1", "ext4", (), "8:2 /"), False, True),
        (Mount("/home", "/dev/sdb1", "ext4", (), "8:2 /"), True, False),
        (Mount("/home", "server:/home", "nfs4", (), "0:50 /"), False, False),
        (Mount("/home", "overlay", "overlay", (), "0:51 /"), False, False),
        (Mount("/home", "/dev/sda1", "ext4", (), "8:1 /srv/home"), False, False),
        (Mount("/home", "/dev/sda1", "btrfs", (), "0:22 /@home"), False, True),
    ],
    ids=["another disk", "only the root", "network", "overlay", "directory seen twice", "subvolume"],
)
def test_other_file_systems_are_walked_when_they_are_disks_of_this_machine(
    tree: Path, mount: Mount, one_file_system: bool, walked: bool
) -> None:
    root = Mount("/", "/dev/sda1", "btrfs", (), "0:22 /@") if mount.type == "btrfs" else ROOT
    hosts = Mount("/etc/hosts", "/dev/sda1", "ext4", (), "8:1 /var/lib/docker/hosts")
    mounts = [root, hosts, mount]
    _rest, found, _rest = review(tree, mounts=mounts, one_file_system=one_file_system, suid={}, world_writable={})
    assert ("/home/app/su" in found["suid"]) is walked
    # What a container's engine put there is a mount point, too.
    assert ("/etc/hosts" in found["world_writable"]) is (mount.type == "btrfs")
