"""Numbers, times and tables as people read them, and records as programs do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


def document(record: Any) -> Any:
    """Return a record as plain data for JSON."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {field.name: document(getattr(record, field.name)) for field in dataclasses.fields(record)}
    if isinstance(record, Mapping):
        return {str(key): document(value) for key, value in record.items()}
    if isinstance(record, tuple | list):
        return [document(item) for item in record]
    return record.isoformat() if isinstance(record, datetime) else str(record) if isinstance(record, Path) else record


def size(number: int) -> str:
    """Return bytes for people: 1000 bytes are a kB (IEC 80000-13)."""
    amount = float(number)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def age(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago something was, for people."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    return f"{span(seconds)} ago" if seconds >= 60 else "just now"


def span(seconds: float) -> str:
    """Return a length of time in its largest unit."""
    units = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    unit, length = next((one for one in units if seconds >= one[1]), units[-1])
    number = int(seconds // length)
    return f"{number} {unit}{'' if number == 1 else 's'}"


def table(*columns: str) -> Table:
    """Return a table without rows."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def text(shown: Table) -> str:
    """Return a table as text."""
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())
