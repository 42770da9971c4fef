"""What a YAML scalar without quotes means.

A spec is YAML 1.2: ``yes`` is text, and a number remembers how it was written, so that ``version: 1.10`` and
``MODE: 0644`` stay what they are where text is wanted. `parameters` and `vars` are Ansible's own, though, so
there a scalar means what it means to Ansible (YAML 1.1 as PyYAML reads it): ``yes`` is true, ``0644`` is octal.
"""

from __future__ import annotations

import math
import re
from typing import Any, Self

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"(?P<true>true|True|TRUE)|false|False|FALSE")
_BOOLEAN_ANSIBLE = re.compile(r"(?P<true>yes|Yes|YES|true|True|TRUE|on|On|ON)|no|No|NO|false|False|FALSE|off|Off|OFF")
_INTEGER = re.compile(r"(?P<decimal>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hex>[0-9a-fA-F]+)")
_INTEGER_ANSIBLE = re.compile(
    r"(?P<sign>[-+]?)(?:0b(?P<binary>[01_]*[01][01_]*)|0(?P<octal>[0-7_]*[0-7][0-7_]*)|0x(?P<hex>[0-9a-fA-F_]*[0-9a-fA-F][0-9a-fA-F_]*)"
    r"|(?P<decimal>0|[1-9][0-9_]*)|(?P<sixty>[1-9][0-9_]*(?::[0-5]?[0-9])+))"
)
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_FLOAT_ANSIBLE = re.compile(
    r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_BASES = {"binary": 2, "octal": 8, "decimal": 10, "hex": 16}


class WrittenInt(int):
    """A whole number that shows itself as it was written."""

    text: str

    @classmethod
    def of(cls, value: int, text: str) -> Self:
        """Return `value`, written as `text`."""
        number = cls(value)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).of, (int(self), self.text)


class WrittenFloat(float):
    """A number that shows itself as it was written."""

    text: str

    @classmethod
    def of(cls, value: float, text: str) -> Self:
        """Return `value`, written as `text`."""
        number = cls(value)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).of, (float(self), self.text)


def typed(text: str, *, ansible: bool) -> Any:
    """Return what a scalar without quotes means.

    Args:
        text: The scalar as written.
        ansible: Read it as Ansible does.

    Returns:
        None, a bool, a `WrittenInt`, a `WrittenFloat`, or `text` itself.

    Raises:
        ValueError: It is a number that JSON, and so Ansible, cannot hold.
    """
    if _NULL.fullmatch(text):
        return None
    if match := (_BOOLEAN_ANSIBLE if ansible else _BOOLEAN).fullmatch(text):
        return match["true"] is not None
    if match := (_INTEGER_ANSIBLE if ansible else _INTEGER).fullmatch(text):
        return WrittenInt.of(_integer(match), text)
    if (_FLOAT_ANSIBLE if ansible else _FLOAT).fullmatch(text):
        number = _float(text)
        if not math.isfinite(number):
            raise ValueError(f"{text} is no number that can be passed on")
        return WrittenFloat.of(number, text)
    return text


def _float(text: str) -> float:
    return float(re.sub(r"\.(?=inf|nan)", "", text.lower()).replace("_", ""))


def _integer(match: re.Match[str]) -> int:
    groups = {name: digits.replace("_", "") for name, digits in match.groupdict().items() if digits is not None}
    sign = -1 if groups.pop("sign", "") == "-" else 1
    ((base, digits),) = groups.items()
    if len(digits) > 1000:
        raise ValueError(f"a number of {len(digits)} digits is no number that can be passed on")
    if base == "sixty":
        value = 0
        for part in digits.split(":"):
            value = value * 60 + int(part)
        return sign * value
    return sign * int(digits, _BASES[base])
