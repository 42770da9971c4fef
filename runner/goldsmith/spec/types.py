"""Types that the models of specs and targets share."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

NAME = r"^[a-z0-9]+(?:[._-][a-z0-9]+)*$"
"""Pattern of a spec's and a platform's name: what every registry, tag and file system takes (OCI distribution spec)."""

_DURATION = re.compile(r"^(\d+)(ms|s|m|h|d|w)$")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Model(BaseModel):
    """Base of all models: unknown keys are errors, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _scalar(value: Any) -> Any:
    """Take a YAML number or boolean for the text it was written as."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (match := _DURATION.match(value)):
        return float(match[1]) * _SECONDS[match[2]]
    if isinstance(value, str):
        raise ValueError("give a number of seconds, or a number with ms, s, m, h, d or w, such as 30s")
    return value


_DurationText = Annotated[str, Field(pattern=_DURATION.pattern)]

Name = Annotated[str, Field(pattern=NAME, max_length=63)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an Ansible variable."""
Scalar = Annotated[str, BeforeValidator(_scalar, json_schema_input_type=str | int | float | bool)]
"""Text; a number or a boolean is taken as it was written."""
StringMap = dict[str, Scalar]
Command = list[Scalar] | str
Duration = Annotated[float, Field(ge=0), BeforeValidator(_duration, json_schema_input_type=float | _DurationText)]
"""Seconds, written as a number or as ``90s``, ``10m``, ``6h``, ``180d``."""

_BYTES = re.compile(r"^(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB|TiB)$")
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def _bytes(value: Any) -> Any:
    if isinstance(value, str) and (match := _BYTES.match(value)):
        return int(float(match[1]) * _UNITS[match[2]])
    if isinstance(value, str):
        raise ValueError("give a number of bytes, or a number with KiB, MiB, GiB or TiB, such as 4GiB")
    return value


_BytesText = Annotated[str, Field(pattern=_BYTES.pattern)]
Bytes = Annotated[int, Field(ge=1), BeforeValidator(_bytes, json_schema_input_type=int | _BytesText)]
"""Bytes, written as a number or as ``512MiB``, ``4GiB``."""
