"""How a version of an image is named: ``web``, ``web@12`` or ``web:production``. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from goldsmith.errors import InputError

# A channel's name may become part of a tag, so it is a word that Docker and EC2 take.
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Reference:
    """A version of an image by one of its names; the newest one where neither version nor channel is given.

    Attributes:
        image: Name of the image.
        version: Its sequence number or its label, or empty.
        channel: Name of a channel that points at it, or empty.
    """

    image: str
    version: str = ""
    channel: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what ``NAME``, ``NAME@VERSION`` or ``NAME:CHANNEL`` means.

        Raises:
            InputError: It is none of them.
        """
        name, mark, rest = re.fullmatch(r"([^@:]*)([@:]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]  # it always matches
        if not name or (mark and not rest):
            raise InputError(f"{text!r} names no image", "Write NAME, NAME@VERSION or NAME:CHANNEL.")
        return cls(name, rest if mark == "@" else "", channel(rest) if mark == ":" else "")

    @property
    def pinned(self) -> bool:
        """Whether it says which version, be it by a channel."""
        return bool(self.version or self.channel)

    def __str__(self) -> str:
        return f"{self.image}@{self.version}" if self.version else ":".join(filter(None, (self.image, self.channel)))


def channel(name: str) -> str:
    """Return a channel's name, when it can be one.

    Raises:
        InputError: It cannot.
    """
    if not _CHANNEL.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a channel",
            "Take a word such as production: small letters, digits, and . _ - after the first.",
        )
    return name
