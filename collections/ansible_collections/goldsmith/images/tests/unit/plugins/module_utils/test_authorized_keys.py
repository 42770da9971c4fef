# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a key opens an account by SSH."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.goldsmith.images.plugins.module_utils._authorized_keys import files, is_trusted, usable

ME = os.geteuid()


def key(kind: str = "ssh-ed25519") -> str:
    word = kind.encode()
    blob = len(word).to_bytes(4, "big") + word + bytes(40)
    return f"{kind} {base64.b64encode(blob).decode()}"


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (key(), 1),
        (f"{key()} ann@desk", 1),
        (f"  {key('ecdsa-sha2-nistp256')}", 1),
        (key("sk-ssh-ed25519@openssh.com"), 1),
        (f'from="10.0.0.0/8,*.example.com",no-pty {key()}', 1),
        (f'environment="A=\\"x y\\"" {key()}', 1),
        (f"restrict,pty {key()}", 1),
        (f"no-port-forwarding,command=\"echo 'Please login as admin';sleep 10;exit 142\" {key()}", 0),
        (f'COMMAND="x" {key()}', 0),
        (f'expiry-time="20200101" {key()}', 0),
        (f"# {key()}", 0),
        ("ssh-ed25519 AAAA", 0),
        (f"ssh-rsa {key().split()[1]}", 0),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI=== x", 0),
        ("", 0),
    ],
)
def test_a_key_counts_when_it_opens_the_account_for_any_command(line: str, count: int) -> None:
    assert usable(f"{line}\n{line}") == 2 * count


@given(st.text(st.sampled_from('abAC3 ="\\,#\n')))
def test_anything_is_read_without_a_failure(text: str) -> None:
    assert usable(text) == 0


def test_files_are_named_with_tokens_and_from_the_home() -> None:
    found = files(".ssh/authorized_keys /etc/keys/%u %h/k/%U/%% none", "ann", 1000, "/home/ann")
    assert found == ["/home/ann/.ssh/authorized_keys", "/etc/keys/ann", "/home/ann/k/1000/%"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "home/ann/.ssh/authorized_keys"
    path.parent.mkdir(parents=True)
    path.touch(0o600)
    for folder in (tmp_path, *path.parents[: len(path.parents) - len(tmp_path.parents)]):
        folder.chmod(0o755)
    return path


def test_a_file_that_others_may_write_is_not_read(keys: Path, tmp_path: Path) -> None:
    def trusted(uid: int = ME, owner: int = ME) -> bool:
        return is_trusted("/home/ann/.ssh/authorized_keys", uid, "/home/ann", tmp_path, owner)

    assert trusted()
    assert not trusted(uid=ME + 1, owner=ME + 2)
    for path, mode in ((keys, 0o660), (keys.parent, 0o770), (keys.parents[1], 0o777)):
        before = path.stat().st_mode
        path.chmod(mode)
        assert not trusted()
        path.chmod(before)
    # What is above the home is none of sshd's business.
    (tmp_path / "home").chmod(0o777)
    assert trusted()
    keys.unlink()
    assert not trusted()


def test_a_file_outside_of_the_home_is_judged_up_to_the_root(tmp_path: Path) -> None:
    path = tmp_path / "etc/keys/ann"
    path.parent.mkdir(parents=True)
    path.touch(0o600)
    tmp_path.chmod(0o755)
    assert is_trusted("/etc/keys/ann", ME, "/home/ann", tmp_path, ME)
    path.parents[1].chmod(0o777)
    assert not is_trusted("/etc/keys/ann", ME, "/home/ann", tmp_path, ME)
