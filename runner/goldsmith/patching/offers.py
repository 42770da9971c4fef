"""What an archive offers, kept so that of 60,000 packages only those that are asked for are read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from goldsmith.versions import newer

_END = b".\n"


class Candidate(NamedTuple):
    """A version of a package that an archive offers, with the source that it was built from."""

    version: str
    source: str
    source_version: str


class Offers(Mapping[str, Candidate]):
    """The packages of a list, by name.

    Args:
        content: What `packed` returned.

    Raises:
        ValueError: It is not whole.
    """

    def __init__(self, content: bytes) -> None:
        if not content.endswith(_END):
            raise ValueError("the list has no end")
        self._lines = content[: -len(_END)].split(b"\n")[:-1]

    def __getitem__(self, name: str) -> Candidate:
        start = f"{name}\t".encode()
        at = bisect_left(self._lines, start)
        if at == len(self._lines) or not self._lines[at].startswith(start):
            raise KeyError(name)
        return Candidate(*self._lines[at].decode().split("\t", 3)[1:])

    def __iter__(self) -> Iterator[str]:
        return (line.decode().partition("\t")[0] for line in self._lines)

    def __len__(self) -> int:
        return len(self._lines)


class Newest(Mapping[str, Candidate]):
    """The newest version of each package of several lists, by name.

    Args:
        lists: The lists.
    """

    def __init__(self, lists: Sequence[Mapping[str, Candidate]]) -> None:
        self._lists = lists

    def __getitem__(self, name: str) -> Candidate:
        best: Candidate | None = None
        for found in (offers[name] for offers in self._lists if name in offers):
            if best is None or newer(found.version, best.version):
                best = found
        if best is None:
            raise KeyError(name)
        return best

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for offers in self._lists for name in offers))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def packed(found: Mapping[str, Candidate]) -> bytes:
    """Return packages as they are kept: a line each, in order."""
    return b"".join(sorted("\t".join((name, *offered)).encode() + b"\n" for name, offered in found.items())) + _END
