"""What `goldsmith plan --json` and `goldsmith fleet --json` found out, for pages to show beside the record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from goldsmith.errors import InputError
from goldsmith.fleet.survey import Survey


@dataclass(frozen=True)
class Reason:
    """Why an image must be built anew, in words."""

    text: str


@dataclass(frozen=True)
class Update:
    """A newer version of a package that an image holds."""

    package: str
    installed: str
    candidate: str
    security: bool
    cves: Sequence[str] = ()


@dataclass(frozen=True)
class Packages:
    """How many packages are out of date, of how many, and how many of these have a security update."""

    judged: int
    outdated: int
    security: int
    updates: Sequence[Update] = ()


@dataclass(frozen=True)
class Verdict:
    """Whether an image must be built anew; see `goldsmith.patching.verdict.Verdict`."""

    build: str
    state: str
    reasons: Sequence[Reason] = ()
    notes: Sequence[str] = ()
    faults: Sequence[str] = ()
    packages: Packages | None = None


_PLAN = TypeAdapter(tuple[Verdict, ...])
_FLEET = TypeAdapter(Survey)
_Found = TypeVar("_Found")


def read_plan(path: Path) -> dict[str, Verdict]:
    """Return verdicts by label.

    Raises:
        InputError: The file cannot be read, or holds something else.
    """
    return {verdict.build: verdict for verdict in _read(_PLAN, path, "goldsmith plan --json")}


def read_fleet(path: Path) -> Survey:
    """Return what was found to run.

    Raises:
        InputError: The file cannot be read, or holds something else.
    """
    return _read(_FLEET, path, "goldsmith fleet --json")


def _read(adapter: TypeAdapter[_Found], path: Path, command: str) -> _Found:
    try:
        return adapter.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path} is not what {command} prints: {where + ': ' if where else ''}{first['msg']}",
            f"Write it anew: {command} > {path}",
        ) from error
