# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the kernel that runs is this system's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._own_kernel import own_kernel


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a machine."""
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/sys").mkdir()
    (tmp_path / "proc/1/environ").write_bytes(b"HOME=/\0TERM=linux\0")
    (tmp_path / "proc/1/root").symlink_to(tmp_path)
    return tmp_path


def test_a_machine_has_its_own_kernel(root: Path) -> None:
    assert own_kernel(root)


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv", "run/systemd/container"])
def test_a_container_that_says_so_has_not(root: Path, mark: str) -> None:
    (root / mark).parent.mkdir(parents=True, exist_ok=True)
    (root / mark).touch()
    assert not own_kernel(root)


def test_a_container_whose_first_process_says_so_has_not(root: Path) -> None:
    (root / "proc/1/environ").write_bytes(b"HOME=/\0container=lxc\0")
    assert not own_kernel(root)


def test_a_chroot_has_not(root: Path, tmp_path: Path) -> None:
    (root / "proc/1/root").unlink()
    (root / "proc/1/root").symlink_to("/")
    assert not own_kernel(root)


def test_a_system_without_proc_has_not(tmp_path: Path) -> None:
    assert not own_kernel(tmp_path)
