# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._xfs_proto import prototype


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "a tree"
    top.mkdir()
    top.chmod(0o755)
    return top


def owner() -> str:
    return f"{os.geteuid()} {os.getegid()}"


def test_a_tree_is_told_line_by_line_with_modes_and_owners(tree: Path) -> None:
    (tree / "run").mkdir(mode=0o700)
    (tree / "run/file").write_text("x")
    (tree / "run/file").chmod(0o4750)
    (tree / "run/group").write_text("x")
    (tree / "run/group").chmod(0o2711)
    os.mkfifo(tree / "pipe", 0o600)
    (tree / "link").symlink_to("..//nowhere/")
    (tree / "run").chmod(0o700)
    told = prototype(tree)
    assert told.text.decode().splitlines() == [
        "/",
        "0 0",
        f"d--755 {owner()}",
        f"link l--777 {owner()} ..//nowhere/",
        f"pipe p--600 {owner()}",
        f"run d--700 {owner()}",
        f"file -u-750 {owner()} run/file",
        f"group --g711 {owner()} run/group",
        "$",
        "$",
    ]
    assert told.modes == {}


def test_what_a_prototype_cannot_say_of_a_mode_is_told_beside_it(tree: Path) -> None:
    tree.chmod(0o1777)
    (tree / "mail").mkdir()
    (tree / "mail").chmod(0o2775)
    (tree / "mail/inherits").mkdir()
    (tree / "mail/inherits").chmod(0o750)
    (tree / "mail/passes-on").mkdir()
    (tree / "mail/passes-on").chmod(0o2750)
    (tree / "mail/file").write_text("")
    assert prototype(tree).modes == {"/": 0o41777, "/mail/inherits": 0o40750}


def blank(tree: Path) -> None:
    (tree / "a name").write_text("")


def colon(tree: Path) -> None:
    (tree / ":name").mkdir()


def blank_target(tree: Path) -> None:
    (tree / "name").symlink_to("a name")


def hard_link(tree: Path) -> None:
    (tree / "one").write_text("")
    (tree / "two").hardlink_to(tree / "one")


def a_socket(tree: Path) -> None:
    here = Path.cwd()
    os.chdir(tree)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
    os.chdir(here)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (blank, "'/a name': its name holds a blank"),
        (colon, "'/:name': its name holds a blank, a quote or a backslash, or begins with :"),
        (blank_target, "/name: what it links to holds a blank"),
        (hard_link, "/two: it is a hard link to /one"),
        (a_socket, "/socket: it is a socket"),
    ],
)
def test_what_a_prototype_cannot_hold_is_refused_by_its_name(
    make: Callable[[Path], None], told: str, tree: Path
) -> None:
    make(tree)
    with pytest.raises(Fault, match=told):
        prototype(tree)


def test_an_extended_attribute_is_refused_and_a_label_of_this_machine_passed_over(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "ping").write_text("")
    found = {"ping": ["security.capability", "security.selinux"]}
    monkeypatch.setattr(os, "listxattr", lambda path, **_: found.get(path.name, ["security.selinux"]))
    with pytest.raises(Fault, match=r"/ping: it has the extended attribute security\.capability"):
        prototype(tree)
    found.clear()
    assert prototype(tree).text


def test_of_many_the_first_are_named_and_the_others_counted(tree: Path) -> None:
    for number in range(5):
        (tree / f"a {number}").write_text("")
    with pytest.raises(Fault, match=r"^mkfs.xfs cannot fill .*'/a 2'.* and 2 more$"):
        prototype(tree)
