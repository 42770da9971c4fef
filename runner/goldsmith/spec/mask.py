"""Keeps secret values out of what people and files get to see."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASKED = "********"
"""What is shown instead of a secret."""
_SHORTEST_LINE = 4
_SHORTEST_CODE = 6


class Mask:
    """Replaces secret values by asterisks, in all the forms in which they are likely to turn up.

    Known forms: the value itself and each of its lines (so that a stream may be masked line by line); escaped as JSON,
    YAML or Python do; quoted for a shell or a URL; in base64, also within a longer text such as ``user:password``.
    """

    def __init__(self, values: Iterable[str]) -> None:
        """Prepare the forms of `values`; empty values are left out."""
        self._values = frozenset(value for value in values if value.strip())
        forms = {form for value in self._values for form in _forms(value) if form.strip()}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def text(self, text: str) -> str:
        """Return `text` with every secret in it replaced."""
        hits = sorted(hit for form in self._forms for hit in _occurrences(form, text))
        parts: list[str] = []
        end = 0
        for start, stop in hits:
            # Where secrets overlap, what is left of one would give the other away: they go as one.
            if start >= end or not parts:
                parts += [text[end:start], MASKED]
            end = max(end, stop)
        return "".join(parts) + text[end:]

    def data(self, value: Any) -> Any:
        """Return nested data with every secret in its texts, keys and numbers replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.data(key): self.data(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.data(item) for item in value]
        if isinstance(value, tuple):
            return tuple(self.data(item) for item in value)
        if isinstance(value, int | float) and not isinstance(value, bool) and len(str(value)) >= _SHORTEST_LINE:
            return MASKED if str(value) in self._values else value
        return value


def _occurrences(form: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _forms(value: str) -> Iterator[str]:
    for part in _parts(value):
        yield part
        yield from _escaped(part)
        yield from _quoted(part)
    yield from _encoded(value.encode("utf-8", "surrogateescape"))
    yield from _encoded(value.strip().encode("utf-8", "surrogateescape"))


def _parts(value: str) -> Iterator[str]:
    yield value
    yield value.strip()
    yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= _SHORTEST_LINE)


def _escaped(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]  # JSON within JSON
        yield once.replace("/", "\\/")
    yield repr(value)[1:-1]
    yield repr(f"'{value}")[2:-1]  # as in a text that holds quotes of its own
    yield value.replace("'", "\\'")
    yield value.replace("'", "''")  # YAML, single quotes
    for kept in ("\x7f", "\uffff"):  # PyYAML keeps ASCII, or all of the first plane
        yield "".join(character if "\xa0" < character <= kept else _yaml_escape(character) for character in value)


def _yaml_escape(character: str) -> str:
    """Escape a character as YAML's double quotes do."""
    if character in '"\\':
        return f"\\{character}"
    if character.isascii() and character.isprintable():
        return character
    special = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e", "\0": "\\0", "\x85": "\\N", "\xa0": "\\_"}
    code = ord(character)
    if character in special:
        return special[character]
    return f"\\x{code:02X}" if code < 256 else f"\\u{code:04X}" if code < 65536 else f"\\U{code:08X}"


def _quoted(value: str) -> Iterator[str]:
    yield shlex.quote(value)
    yield value.replace("'", "'\"'\"'")
    yield value.replace("'", "'\\''")
    yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", value)
    yield re.sub(r'(["\\$`])', r"\\\1", value)
    data = value.encode("utf-8", "surrogateescape")
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _encoded(data: bytes) -> Iterator[str]:
    """Yield base64 of `data` wherever it begins within a longer text: what of the code depends on `data` alone."""
    for offset in range(3):
        code = base64.b64encode(b"\0" * offset + data).decode()
        begin = (0, 2, 3)[offset]
        whole = code[begin : (offset + len(data)) * 8 // 6]
        if len(whole) >= _SHORTEST_CODE or (offset == 0 and whole):
            yield whole
            yield whole.replace("+", "-").replace("/", "_")
    code = base64.b64encode(data).decode()
    yield code
    for width in (64, 76):  # as PEM files and the command base64 break lines
        lines = [code[start : start + width] for start in range(0, len(code), width)]
        yield from (line for line in lines if len(line) >= _SHORTEST_CODE)
