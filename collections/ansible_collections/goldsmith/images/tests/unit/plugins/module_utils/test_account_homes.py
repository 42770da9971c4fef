# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Home directories and what lies hidden in them, held on a made-up root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._account_checks import Scene
from ansible_collections.goldsmith.images.plugins.module_utils._account_policy import Policy
from ansible_collections.goldsmith.images.plugins.module_utils._accounts import Accounts
from ansible_collections.goldsmith.images.plugins.module_utils._drafts import Drafts
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._outcome import Outcome

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

PASSWD = """root:x:0:0::/root:/bin/bash
lp:x:7:7::/etc:/usr/sbin/nologin
ann:x:4711:4711::/home/ann:/bin/bash
bob:x:4712:4712::/home/bob:/bin/bash
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    for name, owner in (("root", 0), ("home/ann", 4711), ("home/bob", 4712)):
        put(tmp_path, name + "/.profile", 0o644, owner)
        (tmp_path / name).chmod(0o700)
        os.chown(tmp_path / name, owner, owner)
    return tmp_path


def put(root: Path, name: str, mode: int, owner: int) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path


def seen(path: Path) -> str:
    status = path.stat()
    return f"{status.st_uid}:{status.st_gid} {status.st_mode & 0o7777:o}"


def hold(root: Path, check: str, *, dry: bool = False, path: str = "", **wanted: Any) -> Outcome:
    drafts = Drafts(root)
    scene = Scene(Accounts(drafts.read), 20000)
    policy = Policy([{"check": check, "control": None, **wanted}], scene, drafts, path, root=root)
    policy.decide_files()
    if not dry:
        policy.apply_files()
    return policy.outcomes()[0]


def once(root: Path, check: str, **wanted: Any) -> Outcome:
    """Hold a check; see that a report and check mode change nothing, and a second run neither."""
    before = {path: seen(path) for path in root.rglob("*") if not path.is_symlink()}
    assert hold(root, check, **{**wanted, "action": "report"}).status == "failed"
    said = hold(root, check, dry=True, **wanted)
    assert {path: seen(path) for path in root.rglob("*") if not path.is_symlink()} == before
    done = hold(root, check, **wanted)
    assert said == done
    assert hold(root, check, **wanted).status == ("failed" if done.status == "failed" else "compliant")
    return done


@pytest.mark.parametrize("check", ["homes", "dot_files", "forbidden_files", "root_path"])
def test_sound_homes_are_compliant(machine: Path, check: str) -> None:
    assert hold(machine, check, path="/root").status == "compliant"


def test_a_missing_home_is_made_for_its_user_alone(machine: Path) -> None:
    (machine / "home/ann/.profile").unlink()
    (machine / "home/ann").rmdir()
    assert once(machine, "homes").message == "/home/ann was missing"
    assert seen(machine / "home/ann") == "4711:4711 700"


def test_a_home_that_is_open_or_roots_is_put_right(machine: Path) -> None:
    (machine / "home/ann").chmod(0o2775)
    os.chown(machine / "home/bob", 0, 0)
    assert once(machine, "homes").status == "changed"
    assert seen(machine / "home/ann") == "4711:4711 2750"
    assert seen(machine / "home/bob") == "4712:0 700"


@pytest.mark.parametrize(
    ("home", "told"),
    [
        ("/", "ann's home / belongs to root"),
        ("/etc", "ann's home /etc belongs to root"),
        ("/usr/lib/ann", "ann's home /usr/lib/ann is no directory"),
        ("/home/bob", "ann's home /home/bob belongs to bob"),
        ("home", "ann's home home is no directory"),
        ("", "ann's home (none) is no directory"),
        ("/nowhere/ann", "ann's home /nowhere/ann is no directory"),
        ("/root/.profile", "ann's home /root/.profile is no directory"),
    ],
)
def test_what_cannot_be_ones_own_home_is_only_told_of(machine: Path, home: str, told: str) -> None:
    (machine / "etc/passwd").write_text(PASSWD.replace("/home/ann", home))
    before = {path: seen(path) for path in machine.rglob("*")}
    assert (hold(machine, "homes").status, hold(machine, "homes").message) == ("failed", told)
    assert {path: seen(path) for path in machine.rglob("*")} == before


def test_two_users_of_a_home_of_root_do_not_both_get_it(machine: Path) -> None:
    (machine / "etc/passwd").write_text(PASSWD.replace("/home/bob", "/home/ann"))
    os.chown(machine / "home/ann", 0, 0)
    outcome = hold(machine, "homes")
    assert outcome.message.startswith("bob shares the home /home/ann with somebody else; put right: /home/ann was ")
    assert seen(machine / "home/ann") == "4711:0 700"


def test_hidden_files_are_their_users_and_private_ones_nobody_elses(machine: Path) -> None:
    files = [
        put(machine, "home/ann/.bashrc", 0o666, 4711),
        put(machine, "home/ann/.bash_history", 0o644, 4711),
        put(machine, "home/ann/deep/er/.netrc", 0o640, 0),
        put(machine, "home/ann/visible", 0o666, 4712),
    ]
    (machine / "home/ann/.link").symlink_to("/home/bob/.profile")
    assert once(machine, "dot_files").status == "changed"
    assert [seen(path) for path in files] == ["4711:4711 644", "4711:4711 600", "4711:4711 600", "4712:4712 666"]
    assert seen(machine / "home/bob/.profile") == "4712:4712 644"


def test_another_name_of_a_file_of_the_system_does_not_become_ones_own(machine: Path) -> None:
    secret = put(machine, "etc/secret", 0o600, 0)
    os.link(secret, machine / "home/ann/.mine")
    outcome = hold(machine, "dot_files")
    assert (outcome.status, seen(secret)) == ("failed", "0:0 600")
    assert "/home/ann/.mine was root:root 0600 and has other names elsewhere" in outcome.message


def test_forbidden_files_are_told_of_and_deleted_only_on_demand(machine: Path) -> None:
    path = put(machine, "home/ann/.rhosts", 0o600, 4711)
    assert hold(machine, "forbidden_files").message == "/home/ann/.rhosts is there"
    assert path.exists()
    assert once(machine, "forbidden_files", action="fix").message == "/home/ann/.rhosts was there"
    assert not path.exists()


def test_roots_search_path_leads_where_root_alone_writes(machine: Path) -> None:
    for name in ("usr/bin", "opt/bin"):
        (machine / name).mkdir(parents=True)
    (machine / "usr/bin").chmod(0o775)
    os.chown(machine / "opt/bin", 4711, 0)
    (machine / "bin").symlink_to("usr/bin")
    outcome = hold(machine, "root_path", path="/bin:/opt/bin::.:/missing")
    assert outcome.message == (
        "/opt/bin is 4711:root 0755, root's PATH has an empty part, which is the working directory, "
        "root's PATH has '.', which is the working directory, /missing in root's PATH is no directory; "
        "put right: /usr/bin was root:root 0775"
    )
    assert seen(machine / "usr/bin") == "0:0 755"
    assert hold(machine, "root_path", path="/bin").status == "compliant"


def test_a_mode_that_is_not_octal_is_refused(machine: Path) -> None:
    with pytest.raises(Fault, match="homes: 'rwx' is not a mode"):
        hold(machine, "homes", at_most="rwx")


def test_what_fails_is_told(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "home/ann/.profile").unlink()
    (machine / "home/ann").rmdir()
    put(machine, "home/bob/.rhosts", 0o600, 4712)

    def refuse(*_rest: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(os, "unlink", refuse)
    assert hold(machine, "homes").message == "/home/ann: Operation not permitted"
    assert hold(machine, "forbidden_files", action="fix").message == "/home/bob/.rhosts: Operation not permitted"
