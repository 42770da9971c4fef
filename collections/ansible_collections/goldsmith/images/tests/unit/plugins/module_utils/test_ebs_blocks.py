# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk in blocks: whatever lies in it, and wherever, comes back from what is sent."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._ebs_blocks import (
    BLOCK,
    Digests,
    Disk,
    dump,
    load,
    seal,
    to_write,
)

SIZE = 9 * BLOCK + 1234


def sparse(path: Path, seed: int, size: int = SIZE, change: Path | None = None) -> Path:
    """Write a file with pieces of data here and there, zeros that are written among them."""
    chance = random.Random(seed)
    if change:
        path.write_bytes(change.read_bytes())
    with path.open("r+b" if change else "wb") as file:
        file.truncate(size)
        for _piece in range(chance.randrange(6)):
            file.seek(chance.randrange(size - 1))
            length = min(chance.choice([1, 511, 4096, BLOCK, 2 * BLOCK]), size - file.tell())
            file.write(bytes(length) if chance.random() < 0.3 else chance.randbytes(length))
    return path


def put_together(disk: Disk, indexes: list[int], parent: bytes, size: int) -> bytes:
    """Return what EBS has when these blocks were written over a parent's."""
    content = bytearray(parent.ljust(disk.gibibytes and size + BLOCK, b"\0"))
    for index in indexes:
        content[index * BLOCK : (index + 1) * BLOCK] = disk.block(index)
    return bytes(content[:size])


@pytest.mark.parametrize("seed", range(15))
def test_any_sparse_file_comes_back_from_the_blocks_that_are_sent(tmp_path: Path, seed: int) -> None:
    first = sparse(tmp_path / "first", seed)
    with Disk(first) as disk:
        digests = disk.digests()
        assert put_together(disk, to_write(digests, {}), b"", SIZE) == first.read_bytes()
        assert all(disk.block(index) != bytes(BLOCK) for index in digests)
    second = sparse(tmp_path / "second", seed + 1000, change=first)
    with Disk(second) as disk:
        changed = to_write(disk.digests(), digests)
        assert put_together(disk, changed, first.read_bytes(), SIZE) == second.read_bytes()
        whole = [
            first.read_bytes()[at : at + BLOCK] != second.read_bytes()[at : at + BLOCK] for at in range(0, SIZE, BLOCK)
        ]
        assert changed == [index for index, differs in enumerate(whole) if differs]


def test_nothing_is_sent_of_an_empty_disk_nor_of_one_that_is_as_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.touch()
    with Disk(path) as disk:
        assert (disk.gibibytes, disk.digests()) == (1, {})
    with path.open("wb") as file:
        file.truncate(2**30 + 1)
    with Disk(path) as disk:
        assert (disk.gibibytes, disk.digests()) == (2, {})
    with Disk(sparse(path, 3)) as disk:
        assert to_write(disk.digests(), disk.digests()) == []


def test_what_is_zero_now_is_written_over_the_parent() -> None:
    assert to_write({1: "a"}, {0: "x", 1: "a", 7: "y"}) == [0, 7]


def test_digests_are_noted_and_their_note_is_sealed() -> None:
    digests: Digests = {10: "aa", 2: "bb"}
    text = dump(digests)
    assert load(text) == digests
    assert text == dump({2: "bb", 10: "aa"})
    assert seal(text) == seal(dump(digests)) != seal(dump({2: "bb"}))
    with pytest.raises(ValueError, match=r"."):
        load("nonsense")
