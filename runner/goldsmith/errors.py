"""Exceptions that carry their exit code and know how to show themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Problem:
    """One thing wrong in what the user wrote.

    Attributes:
        file: Name of the file, as the user would type it.
        line: Line, counted from 1; 0 when the problem has no place in the file.
        column: Column, counted from 1; 0 when the problem has no place in the file.
        message: What is wrong, with the value.
        hint: What to do about it, or empty.
    """

    file: str
    line: int
    column: int
    message: str
    value: Any = None
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class GoldsmithError(Exception):
    """What Goldsmith tells its user instead of a traceback: a build that failed, unless a subclass says otherwise."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class InputError(GoldsmithError):
    """What the user wrote is wrong: a spec, a file it names, an option."""

    exit_code = 2

    def __init__(self, message: str = "", hint: str = "", problems: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message or "\n".join(str(problem) for problem in self.problems), hint)


class EnvironmentFault(GoldsmithError):
    """What Goldsmith stands on is missing or refuses: the Docker engine, credentials, the registry."""

    exit_code = 3
