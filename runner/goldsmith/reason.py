"""Why an image is to be built anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

Kind = Literal[
    "new",
    "spec",
    "parameter",
    "variable",
    "role",
    "tasks",
    "file",
    "collection",
    "test",
    "base",
    "parent",
    "revoked",
    "packages",
    "age",
]


@dataclass(frozen=True)
class Reason:
    """Why an image is to be built anew.

    Attributes:
        kind: What differs.
        text: It in words, such as ``role nginx: tasks/main.yml changed``.
        details: It as data, for programs; what is there depends on the kind.
    """

    kind: Kind
    text: str
    details: Mapping[str, JsonValue] = field(default_factory=dict)
