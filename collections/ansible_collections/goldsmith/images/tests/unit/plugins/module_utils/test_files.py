# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large file comes into being whole, or not at all."""

from __future__ import annotations

import errno
import gzip
import hashlib
import stat
from pathlib import Path
from typing import IO

import pytest

from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._files import write_whole


def test_the_file_has_its_content_mode_size_and_digest(tmp_path: Path) -> None:
    dest = tmp_path / "image.tar"
    written = write_whole(dest, lambda file: file.write(b"content"), 7)
    assert dest.read_bytes() == b"content"
    assert stat.S_IMODE(dest.stat().st_mode) == 0o644
    assert (written.size, written.digest) == (7, "sha256:" + hashlib.sha256(b"content").hexdigest())


@pytest.mark.parametrize("name", ["image.tar.gz", "image.tgz"])
def test_a_name_that_says_so_is_compressed_the_same_each_time(tmp_path: Path, name: str) -> None:
    dest = tmp_path / name
    first = write_whole(dest, lambda file: file.write(b"content" * 1000), 7)
    again = write_whole(tmp_path / ("other-" + name), lambda file: file.write(b"content" * 1000), 7)
    assert gzip.decompress(dest.read_bytes()) == b"content" * 1000
    assert first.size == dest.stat().st_size
    assert first.digest == again.digest


@pytest.mark.parametrize("failure", [ValueError("the engine is gone"), KeyboardInterrupt(), ConnectionError()])
def test_a_failure_leaves_what_was_there(tmp_path: Path, failure: BaseException) -> None:
    dest = tmp_path / "image.tar"
    dest.write_text("before")

    def fill(file: IO[bytes]) -> None:
        file.write(b"half")
        raise failure

    with pytest.raises(type(failure)):
        write_whole(dest, fill, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["image.tar"]
    assert dest.read_text() == "before"


def test_no_room_is_told_with_the_bytes_needed(tmp_path: Path) -> None:
    def fill(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(Fault, match=r"no room for .*image.tar: up to 12345 bytes are needed, \d+ are free"):
        write_whole(tmp_path / "image.tar", fill, 12345)
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"there is no directory .*/missing\. Create it"):
        write_whole(tmp_path / "missing" / "image.tar", lambda file: file.write(b""), 1)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Fault, match=r"file/image.tar cannot be written: Not a directory"):
        write_whole(tmp_path / "file" / "image.tar", lambda file: file.write(b""), 1)
