"""Files that a spec names: relative to the file that names them, and there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from goldsmith.errors import Problem
from goldsmith.spec.node import Node


def located(tree: Node, problems: list[Problem]) -> Node:
    """Return the spec with every path in it absolute.

    Args:
        tree: The spec, rendered.
        problems: Receives the paths at which there is nothing.
    """
    changes: dict[str, Node] = {}
    for key, locate in (("layers", _layer), ("tests", _test), ("secrets", _secret)):
        node = tree.get(key)
        if node is not None:
            changes[key] = _each(node, locate, problems)
    platforms = tree.get("platforms")
    if platforms is not None:
        changes["platforms"] = _each(platforms, _platform, problems)
    return tree.merged(changes)


def is_path(role: str) -> bool:
    """Tell whether a role is given by its path and not by its name."""
    return "/" in role


def _each(node: Node, locate: Callable[[Node, list[Problem]], Node], problems: list[Problem]) -> Node:
    if isinstance(node.value, list):
        return node.having([locate(item, problems) for item in node.value])
    if isinstance(node.value, dict):
        return node.having({key: locate(item, problems) for key, item in node.value.items()})
    return node


def _layer(layer: Node, problems: list[Problem]) -> Node:
    changes = dict(_absolute(layer, ("tasks",), os.path.isfile, "file of tasks", problems))
    role = layer.get("role")
    if role is not None and isinstance(role.value, str) and is_path(role.value):
        changes |= dict(_absolute(layer, ("role",), os.path.isdir, "role", problems))
    return layer.merged(changes) if changes else layer


def _test(test: Node, problems: list[Problem]) -> Node:
    changes = dict(_tests(test, problems))
    boot = test.get("boot")
    if boot is not None:
        changes["boot"] = boot.merged(dict(_tests(boot, problems))) if isinstance(boot.value, dict) else boot
    return test.merged(changes) if changes else test


def _platform(platform: Node, problems: list[Problem]) -> Node:
    disk = platform.get("disk")
    if disk is None or disk.get("file") is None:
        return platform
    image = disk.merged(dict(_absolute(disk, ("file",), os.path.isfile, "disk image", problems)))
    return platform.merged({"disk": image})


def _tests(node: Node, problems: list[Problem]) -> Iterator[tuple[str, Node]]:
    yield from _absolute(node, ("goss",), os.path.isfile, "goss file", problems)
    yield from _absolute(node, ("testinfra",), os.path.exists, "testinfra file or folder", problems)


def _secret(secret: Node, problems: list[Problem]) -> Node:
    changes = dict(_absolute(secret, ("vault",), os.path.isfile, "vault file", problems))
    command = secret.get("command")
    program = secret.get("command", 0)
    if command and program and isinstance(program.value, str) and "/" in program.value:
        words = Node({"command": program}, program.mark)
        ((_, path),) = _absolute(words, ("command",), os.path.isfile, "command", problems)
        changes["command"] = command.having([path, *command.value[1:]])
    return secret.merged(changes) if changes else secret


def _absolute(
    node: Node, keys: tuple[str, ...], there: Callable[[str], bool], what: str, problems: list[Problem]
) -> Iterator[tuple[str, Node]]:
    for key in keys:
        named = node.get(key)
        if named is None or not isinstance(named.value, str):
            continue
        folder = named.mark.file.parent
        path = os.path.abspath(folder / os.path.expanduser(named.value))  # noqa: PTH100, PTH111  take any text, NUL and all
        if not there(path):
            mark = named.mark
            message = f"no {what} {named.value!r}"
            problems.append(Problem(str(mark.file), mark.line, mark.column, message, named.value, f"looked for {path}"))
        yield key, named.having(path)
