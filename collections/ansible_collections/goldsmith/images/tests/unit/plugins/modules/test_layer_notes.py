# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine is told to remember, what it knows of its archives, and whether another could start from its disk."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.modules.layer_notes import FILE, archives, refusal, take, write

MODULE = SimpleNamespace(check_mode=False)


def put(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / FILE).parent.mkdir(parents=True)
    return tmp_path


def test_notes_are_roots_alone_and_gone_once_they_were_taken(root: Path) -> None:
    left = {"variables": {"answer": 42}, "facts": {"packages": {}}}
    assert write(MODULE, root, left) == {"changed": True, "archives": {}, "refused": ""}
    assert (root / FILE).stat().st_mode & 0o777 == 0o600
    assert not write(MODULE, root, left)["changed"]
    assert take(MODULE, root) == {"changed": True, **left}
    assert not (root / FILE).exists()
    assert take(MODULE, root) == {"changed": False, "variables": {}, "facts": {}}


def test_a_machine_that_cannot_write_keeps_nothing_and_does_not_fail(tmp_path: Path) -> None:
    told = write(MODULE, tmp_path, {"variables": {}, "facts": {}})
    assert not told["changed"]
    assert "No such file or directory" in told["refused"]


def test_the_index_that_the_machine_has_fetched_is_told_of_each_archive(root: Path) -> None:
    put(root, "etc/apt/sources.list", "deb http://deb.example/debian bookworm main\n")
    put(root, "etc/apt/sources.list.d/more.sources", "Types: deb\nURIs: http://more.example/\nSuites: x/\n")
    put(root, "etc/apt/sources.list.d/old.list.save", "deb http://old.example bookworm main\n")
    put(root, "var/lib/apt/lists/deb.example_debian_dists_bookworm_InRelease", "signed")
    assert archives(root) == {
        "deb http://deb.example/debian bookworm main": hashlib.sha256(b"signed").hexdigest(),
        "deb http://more.example/ x/": "",
    }


def test_a_list_of_mirrors_stands_for_its_first(root: Path) -> None:
    put(root, "etc/apt/mirrors/debian.list", "# mirrors\nhttps://cdn.example/debian\tpriority:1\nhttp://other/debian\n")
    put(
        root,
        "etc/apt/sources.list.d/debian.sources",
        "Types: deb deb-src\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm\nComponents: main\n",
    )
    put(root, "var/lib/apt/lists/_etc_apt_mirrors_debian.list_dists_bookworm_InRelease", "signed")
    assert archives(root) == {
        "deb https://cdn.example/debian bookworm main": hashlib.sha256(b"signed").hexdigest(),
    }


def test_the_password_of_an_archive_is_not_written_down(root: Path) -> None:
    put(root, "etc/apt/sources.list", "deb https://me:secret@deb.example/debian bookworm main\n")
    with pytest.raises(Fault, match="holds a name or a password"):
        archives(root)
    assert "password" in write(MODULE, root, {"variables": {}, "facts": {}})["refused"]
    assert not (root / FILE).exists()


def test_a_machine_that_would_not_do_what_it_is_told_at_its_start_is_refused(root: Path) -> None:
    assert refusal(root) == "", "another program than cloud-init has served it"
    (root / "run/cloud-init").mkdir(parents=True)
    assert refusal(root).startswith("cloud-init is gone")
    put(root, "usr/bin/cloud-init", "").chmod(0o755)
    assert refusal(root) == ""
    put(root, "etc/cloud/cloud-init.disabled", "")
    assert refusal(root).startswith("cloud-init is switched off")
