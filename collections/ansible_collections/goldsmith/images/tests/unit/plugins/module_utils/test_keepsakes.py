# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build keeps on this machine: who may read it, whose it is, and that it goes."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._keepsakes import Keepsakes, discard, private_directory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("build_id", ["", "-b", "../b", "a/b", "a.b", "a b", "b" * 55, "b\n"])
def test_id_that_could_not_be_part_of_a_name_is_refused(build_id: str) -> None:
    with pytest.raises(Fault, match="cannot be part of resources' names"):
        Keepsakes(build_id)


def test_nothing_is_there_of_a_build_that_has_not_begun(tmp_path: Path) -> None:
    keepsakes = Keepsakes("b", tmp_path)

    assert (keepsakes.there, keepsakes.made_key, keepsakes.resources) == (False, None, [])
    assert list(tmp_path.iterdir()) == []


def test_what_is_noted_is_known_to_the_next_run(tmp_path: Path) -> None:
    Keepsakes("b", tmp_path).remember()
    Keepsakes("b", tmp_path).remember(tmp_path / "mine")
    Keepsakes("b", tmp_path).remember(resources=[("instance", "i-1", "builder")])
    Keepsakes("b", tmp_path).remember(resources=[("instance", "i-2", "verify")])

    found = Keepsakes("b", tmp_path)
    assert (found.there, found.made_key) == (True, tmp_path / "mine")
    assert found.resources == [("instance", "i-1", "builder"), ("instance", "i-2", "verify")]


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    keepsakes = Keepsakes("b", tmp_path)
    keepsakes.forget(["i-1"])
    assert not keepsakes.there

    keepsakes.remember(tmp_path / "mine", [("instance", "i-1", "builder"), ("key_pair", "key-1", "builder")])
    keepsakes.forget(["i-1"])

    assert keepsakes.resources == [("key_pair", "key-1", "builder")]
    assert keepsakes.made_key == tmp_path / "mine"


def test_only_this_user_may_read_it(tmp_path: Path) -> None:
    Keepsakes("b", tmp_path).remember()

    assert {mode(path) for path in tmp_path.iterdir()} == {0o600}


def test_discarding_takes_all_of_this_build_and_nothing_of_another(tmp_path: Path) -> None:
    other, own = Keepsakes("b-2", tmp_path), Keepsakes("b", tmp_path)
    key = tmp_path / "elsewhere"
    key.touch()
    other.remember()
    own.remember(key)
    (tmp_path / "goldsmith-b.key.12").touch()

    own.discard()
    own.discard()

    assert {path.name for path in tmp_path.iterdir()} == {"goldsmith-b-2.json", "goldsmith-b-2.key.known_hosts"}


def test_key_that_was_not_made_for_the_build_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    keepsakes = Keepsakes("b", tmp_path)
    keepsakes.remember()

    keepsakes.discard()

    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_files_go_with_the_build_that_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("named", "held", "expired", "running"):
        Keepsakes(name).remember()

    def of(build: str, kind: str) -> SimpleNamespace:
        return SimpleNamespace(kind=kind, build=build)

    # The machine that verified has expired, that of the build has not.
    removed = [of("expired", "key_pair"), of("running", "instance"), of("held", "key_pair")]
    discard(["named", "held", "../no build"], removed, [of("held", "instance")])

    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {"goldsmith-held", "goldsmith-running"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_note_of_somebody_else_tells_nothing(tmp_path: Path) -> None:
    Keepsakes("b", tmp_path).remember(tmp_path / "mine")
    os.chown(tmp_path / "goldsmith-b.json", 65534, 65534)

    assert Keepsakes("b", tmp_path).made_key is None


def test_host_keys_that_somebody_has_laid_there_are_refused(tmp_path: Path) -> None:
    keepsakes = Keepsakes("b", tmp_path)
    keepsakes.known_hosts.write_text("i-1 ssh-ed25519 AAAA\n")

    with pytest.raises(Fault, match="is there already and is not this build's"):
        keepsakes.remember()


def test_broken_note_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "goldsmith-b.json").write_text("{")

    assert not Keepsakes("b", tmp_path).there


def test_directory_in_memory_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert private_directory() == tmp_path

    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nonexistent")
    assert private_directory() != Path("/nonexistent")
