# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk as EBS sees it: blocks of 512 KiB, of which those that are zero are not there.

Source: https://docs.aws.amazon.com/ebs/latest/userguide/ebsapi-elements.html
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Dict, Iterator, Mapping

BLOCK = 512 * 1024
"""Bytes of a block."""

GIB = 2**30

Digests = Dict[int, str]
"""SHA-256 of each block that holds anything, in hexadecimal, by its index."""

_ZERO = bytes(BLOCK)


class Disk:
    """A raw disk image that is read.

    Args:
        path: Its file; it may be sparse.

    Raises:
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.size = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    @property
    def gibibytes(self) -> int:
        """Size of the volume that it needs, in GiB."""
        return max(-(-self.size // GIB), 1)

    def block(self, index: int) -> bytes:
        """Return a block; what is behind the end of the file is zero. Threads may do so at the same time."""
        return os.pread(self._file.fileno(), BLOCK, index * BLOCK).ljust(BLOCK, b"\0")

    def digests(self) -> Digests:
        """Return the digests of all blocks that hold anything. Holes of the file are not read."""
        found = {}
        for index in self._written():
            data = self.block(index)
            if data != _ZERO:
                found[index] = hashlib.sha256(data).hexdigest()
        return found

    def _written(self) -> Iterator[int]:
        """Yield the blocks of which the file system has anything, in order."""
        descriptor, position, done = self._file.fileno(), 0, 0
        while position < self.size:
            try:
                start = os.lseek(descriptor, position, os.SEEK_DATA)
                position = os.lseek(descriptor, start, os.SEEK_HOLE)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole until the end
                    return
                raise
            for index in range(max(start // BLOCK, done), -(-position // BLOCK)):
                yield index
                done = index + 1


def to_write(wanted: Mapping[int, str], parent: Mapping[int, str]) -> list[int]:
    """Return the blocks in which a disk differs from its parent, those included that are zero now; in order. Pure."""
    return sorted(index for index in {*wanted, *parent} if wanted.get(index) != parent.get(index))


def dump(digests: Mapping[int, str]) -> str:
    """Return digests as text; the same digests give the same text. Pure."""
    return json.dumps({str(index): digests[index] for index in sorted(digests)})


def load(text: str) -> Digests:
    """Return digests that `dump` has written. Pure.

    Raises:
        ValueError: It has not.
    """
    return {int(index): str(digest) for index, digest in dict(json.loads(text)).items()}


def seal(text: str) -> str:
    """Return what tells that dumped digests are the ones that they were. Pure."""
    return hashlib.sha256(text.encode()).hexdigest()
