"""`extends`: a spec and its parents become one spec."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import InputError, Problem
from goldsmith.spec.document import MAX_BYTES, parse
from goldsmith.spec.node import Node

APPENDED = ("layers", "tests")
"""Lists at the top of a spec that a child adds to; any other list of a child replaces its parent's."""
_OPTIONAL = ("description", "version", "parameters", "secrets", "layers", "tests")


@dataclass(frozen=True)
class Family:
    """A spec and the parents it extends, as one.

    Attributes:
        tree: The merged spec, without `extends`. Every value knows the file it came from.
        files: The files read, the spec's own first.
    """

    tree: Node
    files: tuple[Path, ...]


def read(path: Path) -> Family:
    """Read a spec and the parents it extends.

    Raises:
        InputError: One of the files cannot be read, is no YAML mapping, or extends itself in the end.
    """
    if not path.is_file():
        what = "is a directory, not a spec" if path.is_dir() else "no such file"
        raise InputError(problems=[Problem(str(path), 0, 0, what)])
    return _read(path, ())


def merge(parent: Node, child: Node) -> Node:
    """Return a parent spec with what its child says: `layers` and `tests` appended, all else as `overlay` does."""
    appended = {
        key: child.value[key].having([*parent.value[key].value, *child.value[key].value])
        for key in APPENDED
        if _both_lists(parent.get(key), child.get(key))
    }
    return overlay(parent, child).merged(appended)


def overlay(parent: Node, child: Node) -> Node:
    """Return `parent` with what `child` says: mappings merged key by key, anything else replaced.

    A mapping that the child leaves empty (null) stays as its parent has it.
    """
    if not isinstance(parent.value, dict):
        return child
    if child.value is None:
        return parent
    if not isinstance(child.value, dict):
        return child
    changes = {
        key: overlay(parent.value[key], node) if key in parent.value else node for key, node in child.value.items()
    }
    return child.having({**parent.value, **changes})


def _both_lists(parent: Node | None, child: Node | None) -> bool:
    return parent is not None and child is not None and isinstance(parent.value, list) and isinstance(child.value, list)


def _read(path: Path, chain: Sequence[Path]) -> Family:
    tree = _parse(path)
    own = tree.having({key: node for key, node in tree.value.items() if key not in _OPTIONAL or node.value is not None})
    extends = own.value.pop("extends", None)
    if extends is None:
        return Family(own, (path,))
    parent = _read(_parent(extends, path, [*chain, path]), [*chain, path])
    return Family(merge(parent.tree, own), (path, *parent.files))


def _parse(path: Path) -> Node:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(problems=[Problem(str(path), 0, 0, f"cannot be read: {error.strerror}")]) from None
    return parse(content, path)


def _parent(extends: Node, path: Path, chain: Sequence[Path]) -> Path:
    """Return the file that `extends` names, relative to the file it stands in."""
    mark = extends.mark

    def refuse(message: str, hint: str = "") -> InputError:
        return InputError(problems=[Problem(str(mark.file), mark.line, mark.column, message, extends.plain(), hint)])

    if not isinstance(extends.value, str) or not extends.value:
        raise refuse("'extends' takes the path of one spec file", "such as 'extends: bases/hardened.yml'")
    parent = Path(os.path.normpath(path.parent / Path(extends.value).expanduser()))
    if not os.path.isfile(parent):  # noqa: PTH113  unlike Path.is_file it takes any text, NUL and all
        via = " -> ".join(str(file) for file in [*chain, parent])
        raise refuse(f"'extends' names {extends.value!r}, which is no file", f"looked for: {via}")
    identities = [os.path.realpath(file) for file in chain]
    if (identity := os.path.realpath(parent)) in identities:
        circle = " -> ".join(str(file) for file in [*chain[identities.index(identity) :], parent])
        raise refuse("'extends' goes round in a circle", circle)
    return parent
