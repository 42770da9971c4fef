"""What a YAML file says, with the place of every value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Step = str | int
Steps = tuple[Step, ...]
"""Way from the top of a file to a value: keys and list positions."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Place in a file.

    Attributes:
        file: The file, named as the user would.
        line: Line, counted from 1; 0 for what has no place in a file, such as an option of the command line.
        column: Column, counted from 1; 0 likewise.
    """

    file: Path
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place.

    Attributes:
        value: A scalar, or a dict or list of nodes.
        mark: Where the value begins.
        key: Where the key begins that the value belongs to; None for items of lists and the top.
    """

    value: Any
    mark: Mark
    key: Mark | None = None

    @property
    def place(self) -> Mark:
        """Where a reader looks for this value: at its key, if it has one."""
        return self.key or self.mark

    def plain(self) -> Any:
        """Return the value without places: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def children(self) -> Iterator[tuple[Step, Node]]:
        """Iterate over keys or positions and what stands there; nothing for a scalar."""
        if isinstance(self.value, dict):
            yield from self.value.items()
        elif isinstance(self.value, list):
            yield from enumerate(self.value)

    def get(self, *steps: Step) -> Node | None:
        """Return the node at the end of `steps`, or None where there is none."""
        node = self
        for step in steps:
            below = dict(node.children()).get(step)
            if below is None:
                return None
            node = below
        return node

    def having(self, value: Any) -> Node:
        """Return a node of another value at the same place."""
        return Node(value, self.mark, self.key)

    def merged(self, changes: dict[str, Node]) -> Node:
        """Return this mapping with `changes` put in, each at its key's place in the order."""
        return self.having({**self.value, **changes})


def wrap(value: Any, mark: Mark, key: Mark | None = None) -> Node:
    """Make nodes of plain data, all of them at one place."""
    if isinstance(value, dict):
        return Node({name: wrap(item, mark) for name, item in value.items()}, mark, key)
    if isinstance(value, list | tuple):
        return Node([wrap(item, mark) for item in value], mark, key)
    return Node(value, mark, key)
