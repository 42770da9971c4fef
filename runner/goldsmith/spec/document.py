"""Text of a spec file -> nodes. Whatever the bytes are, the outcome is nodes or an `InputError`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from goldsmith.errors import InputError, Problem
from goldsmith.spec.node import Mark, Node, Step, Steps, wrap
from goldsmith.spec.scalars import WrittenFloat, WrittenInt, typed

MAX_BYTES = 128 * 1024
"""Size of a spec file above which it is taken for something else."""
MAX_DEPTH = 40
"""Levels of nesting in a file."""
MAX_VALUES = 20_000
"""Values in a file when every alias is written out: what stops the "billion laughs"."""

_IMPLICIT = Tag(suffix="implicit")
_STANDARD = "tag:yaml.org,2002:"
_HINTS = {
    r"'\t' that cannot start any token": "indent with spaces; YAML forbids tabs there",
    "mapping values are not allowed": "a value that holds ': ' needs quotes; otherwise look at the indentation",
    "found unknown escape character": "a backslash in double quotes begins an escape; use single quotes",
    "expected a single document": "a spec is one document: remove the second '---'",
    "found unhashable key": "a text that begins with {{ needs quotes",
}


class _Untyped(VersionedResolver):
    """Leaves the meaning of scalars to us: it depends on where in a spec they stand."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Tag:  # noqa: ARG002  ruamel calls it with these
        return _IMPLICIT


def is_verbatim(steps: Steps) -> bool:
    """Tell whether `steps` lead to variables that Ansible or goss resolves, in which nothing is rendered here."""
    own = steps[2:] if steps[2:3] != ("boot",) else steps[3:]
    return steps[:1] in {("layers",), ("tests",)} and own[:1] == ("vars",)


def parse(content: bytes | str, file: Path, *, ansible: bool = False) -> Node:
    """Read the mapping that a spec file is.

    Args:
        content: The file's content.
        file: The file's name, for the places of values and for messages.
        ansible: Read all scalars as Ansible does, and not only those of variables.

    Raises:
        InputError: It is not one YAML mapping of plain data; `problems` say where and why.
    """
    text = _text(content, file)
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver = _Untyped
    yaml.max_depth = MAX_DEPTH
    try:
        yaml.composer.warn_double_anchors = False
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        raise _refusal(error, file) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        character = error.character if isinstance(error.character, int) else ord(error.character)
        raise _problem(f"the character U+{character:04X} is not allowed in YAML", Mark(file, line, column)) from None
    except RecursionError:
        raise _problem(f"nested deeper than {MAX_DEPTH} levels", Mark(file, 0, 0)) from None
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # ruamel.yaml answers some malformed texts with errors of its own workings.
        raise _problem(f"is not YAML that can be read: {error}", Mark(file, 0, 0)) from None
    if root is None or (isinstance(root, ScalarNode) and not root.value and root.style is None):
        raise _problem("is empty", Mark(file, 0, 0), "the smallest spec has a name, a platform and a target")
    if not isinstance(root, MappingNode):
        raise _problem("is not a mapping of keys to values", Mark(file, 1, 1), "a spec begins like this: 'name: web'")
    return _Reader(file, ansible=ansible).read(root)


def option(text: str, mark: Mark, *, scalar: bool) -> Node:
    """Read the value of an option of the command line, in Ansible's way.

    Args:
        text: The value.
        mark: Place that messages name.
        scalar: It is a scalar, whatever it looks like; otherwise it is any YAML value.

    Raises:
        InputError: It is not that.
    """
    if scalar and not (len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"):
        try:
            return Node(typed(text, ansible=True), mark)
        except ValueError as error:
            raise _problem(str(error), mark) from None
    try:
        root = parse(f"parameters:\n - {text}", mark.file).get("parameters")
    except InputError as error:
        raise InputError(problems=[replace(problem, line=0, column=0) for problem in error.problems]) from None
    if root is None or len(root.value) != 1:
        raise _problem("is not one YAML value", mark)
    return wrap(root.value[0].plain(), mark)


def _text(content: bytes | str, file: Path) -> str:
    if len(content) > MAX_BYTES:
        raise _problem(f"is larger than {MAX_BYTES // 1024} KiB, so it is no spec", Mark(file, 0, 0))
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise _problem(
            f"is not UTF-8 text: byte 0x{content[error.start]:02x}", Mark(file, line, column), "save it as UTF-8"
        ) from None


def _problem(message: str, mark: Mark, hint: str = "", value: Any = None) -> InputError:
    return InputError(problems=[Problem(str(mark.file), mark.line, mark.column, message, value, hint)])


def _refusal(error: MarkedYAMLError, file: Path) -> InputError:
    place = error.problem_mark or error.context_mark
    mark = Mark(file, place.line + 1, place.column + 1) if place else Mark(file, 0, 0)
    problem = " ".join(str(part) for part in (error.context, error.problem) if part) or "is not YAML that can be read"
    if problem.startswith("maximum depth"):
        return _problem(f"nested deeper than {MAX_DEPTH} levels", mark)
    hint = next((advice for sign, advice in _HINTS.items() if sign in problem), "")
    return _problem(problem.partition("\n")[0], mark, hint)


class _Reader:
    """Turns what ruamel.yaml composed into nodes, and gathers all that is wrong with it."""

    def __init__(self, file: Path, *, ansible: bool) -> None:
        self.file = file
        self.ansible = ansible
        self.problems: list[Problem] = []
        self.count = 0
        self.open: set[int] = set()

    def read(self, root: Any) -> Node:
        node = self.node(root, (), None)
        if self.problems:
            raise InputError(problems=self.problems)
        return node

    def node(self, composed: Any, steps: Steps, key: Mark | None) -> Node:
        mark = self.mark(composed)
        self.count += 1
        if self.count > MAX_VALUES:
            raise _problem(f"has more than {MAX_VALUES} values, with its aliases written out", mark)
        if id(composed) in self.open:
            raise _problem("an alias names what it stands in", mark, "a value cannot hold itself")
        self.tag(composed, mark)
        if isinstance(composed, ScalarNode):
            if key and not composed.value and composed.style is None:
                mark = key  # ruamel.yaml places an absent value at what comes next
            return Node(self.scalar(composed, steps, mark), mark, key)
        if len(steps) > MAX_DEPTH:
            raise _problem(f"nested deeper than {MAX_DEPTH} levels", mark)
        self.open.add(id(composed))
        content: Any
        if isinstance(composed, MappingNode):
            content = self.mapping(composed, steps)
        else:
            content = [self.node(item, (*steps, index), None) for index, item in enumerate(composed.value)]
        self.open.discard(id(composed))
        return Node(content, mark, key)

    def mapping(self, composed: Any, steps: Steps) -> dict[Step, Node]:
        own: dict[Step, Node] = {}
        base: dict[Step, Node] = {}
        for key, item in composed.value:
            mark = self.mark(key)
            if isinstance(key, ScalarNode) and key.value == "<<" and key.style is None:
                for part in self.bases(item, steps, mark):
                    base = {**part, **base}
                continue
            name = self.key(key, mark)
            node = self.node(item, (*steps, name), mark)
            if name in own:
                first = own[name].place
                self.report(f"key {name!r} is given twice", mark, f"first on line {first.line}")
            else:
                own[name] = node
        return {**base, **own}

    def bases(self, composed: Any, steps: Steps, mark: Mark) -> list[dict[Step, Node]]:
        """Return the mappings that a merge key ``<<`` names; the first one named wins."""
        items = [composed] if isinstance(composed, MappingNode) else composed.value
        if isinstance(composed, ScalarNode) or not all(isinstance(item, MappingNode) for item in items):
            self.report("'<<' needs a mapping or a list of mappings", mark, "such as '<<: *anchor'")
            return []
        found: list[dict[Step, Node]] = [self.node(item, steps, None).value for item in items]
        return found

    def key(self, composed: Any, mark: Mark) -> str:
        if not isinstance(composed, ScalarNode):
            self.report(
                "a key must be a word, not a list or a mapping", mark, "a text that begins with {{ needs quotes"
            )
            return ""
        self.tag(composed, mark)
        if composed.style is None and not isinstance(self.typed(composed.value, mark, ansible=False), str):
            self.report(f"key {composed.value or 'null'} is not text", mark, f"put it in quotes: '{composed.value}'")
        return str(composed.value)

    def scalar(self, composed: Any, steps: Steps, mark: Mark) -> Any:
        text = composed.value
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.report("half of a surrogate pair is no character", mark)
        tag = str(composed.ctag).removeprefix(_STANDARD)
        ansible = self.ansible or is_verbatim(steps) or steps[:1] == ("parameters",)
        if tag == "str" or (composed.style is not None and composed.ctag is _IMPLICIT):
            return text
        result = self.typed(text, mark, ansible=ansible)
        if tag == "float" and isinstance(result, WrittenInt):
            result = WrittenFloat.of(float(result), text)
        kinds = {"int": int, "float": float, "bool": bool, "null": type(None)}
        if tag in kinds and not isinstance(result, kinds[tag]):
            self.report(f"{text!r} is no {tag}", mark)
        return result

    def typed(self, text: str, mark: Mark, *, ansible: bool) -> Any:
        try:
            return typed(text, ansible=ansible)
        except ValueError as error:
            self.report(str(error), mark, "put it in quotes if it is meant as text")
            return text

    def tag(self, composed: Any, mark: Mark) -> None:
        if composed.ctag is _IMPLICIT:
            return
        tag = str(composed.ctag)
        kinds = ["str", "int", "float", "bool", "null"] if isinstance(composed, ScalarNode) else ["map", "seq"]
        if tag not in {_STANDARD + kind for kind in kinds}:
            hints = {
                "!vault": "name an ansible-vault file under 'secrets' instead",
                "!unsafe": "what stands under 'vars' goes to Ansible as it is; remove the tag",
            }
            shown = tag if tag.startswith("!") else f"!!{tag.removeprefix(_STANDARD)}"
            self.report(f"the tag {shown} is not allowed in a spec", mark, hints.get(tag, "a spec is plain data"))

    def mark(self, composed: Any) -> Mark:
        return Mark(self.file, composed.start_mark.line + 1, composed.start_mark.column + 1)

    def report(self, message: str, mark: Mark, hint: str = "") -> None:
        self.problems.append(Problem(str(mark.file), mark.line, mark.column, message, None, hint))
