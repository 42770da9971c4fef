"""``{{ … }}`` in the values of a spec: Jinja2 expressions, nothing else of Jinja2.

``{%`` and ``{#`` are ordinary text here, since shell commands hold them (``${#array[@]}``). A value that is one
expression as a whole keeps the expression's type: ``"{{ nginx_port }}"`` is a number when the parameter is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from goldsmith.errors import Problem
from goldsmith.spec.nearest import hint
from goldsmith.spec.node import Node, wrap

_WHOLE = re.compile(r"\{\{[-+]?(.*?)[-+]?\}\}", re.DOTALL)
_LITERAL = "literal braces are written {{ '{{' }}"
_LARGEST = 100_000


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2 without statements and comments, and without arithmetic that never ends."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            block_start_string="\0{%",
            block_end_string="%}\0",
            comment_start_string="\0{#",
            comment_end_string="#}\0",
        )
        self.globals.clear()
        del self.filters["random"]

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        both = (left, right)
        small = all(not isinstance(side, int | float) or abs(side) <= _LARGEST for side in both)
        if operator == "**" and not (small and isinstance(right, int | float) and abs(right) <= 64):
            raise SecurityError("the power is too large")
        if operator == "*" and not small and not all(isinstance(side, int | float) for side in both):
            raise SecurityError("the repetition is too long")
        return super().call_binop(context, operator, left, right)


@dataclass(frozen=True)
class Names:
    """The names that an expression may use, and what is to be said about some that it may not.

    Attributes:
        known: Value of each name.
        unusable: Names that mean something, but not here, and why not.
    """

    known: Mapping[str, Any]
    unusable: Mapping[str, str] = field(default_factory=dict)

    def and_also(self, **more: Any) -> Names:
        """Return these names and `more`."""
        return Names({**self.known, **more}, {name: why for name, why in self.unusable.items() if name not in more})


@dataclass(frozen=True)
class _Template:
    uses: frozenset[str]
    result: Callable[[Mapping[str, Any]], Any]


def has_template(value: Any) -> bool:
    """Tell whether `value` is text with an expression in it."""
    return isinstance(value, str) and "{{" in value


def render(node: Node, names: Names, problems: list[Problem]) -> Node:
    """Return `node` with every expression in its values replaced by its result.

    Args:
        node: Any node; the keys of mappings are left as they are.
        names: What expressions may use.
        problems: Receives what is wrong; the value it is wrong with stays as it was.
    """
    if isinstance(node.value, dict):
        return node.having({key: render(item, names, problems) for key, item in node.value.items()})
    if isinstance(node.value, list):
        return node.having([render(item, names, problems) for item in node.value])
    if not has_template(node.value):
        return node
    found = len(problems)
    problems.extend(
        Problem(str(node.mark.file), node.mark.line, node.mark.column, message, node.value, advice)
        for message, advice in _faults(node.value, names)
    )
    if len(problems) > found:
        return node
    try:
        result = _plain(_compiled(node.value).result(names.known))
    except (RecursionError, MemoryError):
        message = "is too large to render"
    except TemplateError as error:
        message = str(error.message)
    except Exception as error:  # noqa: BLE001  filters and operators raise whatever Python raises for a wrong type
        message = str(error) or type(error).__name__
    else:
        return wrap(result, node.mark, node.key)
    mark = node.mark
    problems.append(Problem(str(mark.file), mark.line, mark.column, f"{node.value!r}: {message}", node.value))
    return node


def _faults(text: str, names: Names) -> Iterator[tuple[str, str]]:
    """Find what is wrong with a template before it is rendered: message and hint of each."""
    try:
        uses = _compiled(text).uses
    except TemplateSyntaxError as error:
        advice = "Jinja2's own filters only; Ansible's work under 'vars'" if "filter" in str(error) else _LITERAL
        yield f"{text!r} cannot be read as a template: {error.message}", advice
        return
    except RecursionError:
        yield f"{text[:60]!r}… cannot be read as a template: it is nested too deep", ""
        return
    for name in sorted(uses - names.known.keys()):
        if name in names.unusable:
            yield f"{name!r} cannot be used here", names.unusable[name]
        else:
            yield f"undefined name {name!r}", hint(name, names.known, "known names")


@lru_cache(maxsize=1024)
def _compiled(text: str) -> _Template:
    tree = _ENVIRONMENT.parse(text)
    uses = frozenset(meta.find_undeclared_variables(tree))
    whole = _WHOLE.fullmatch(text)
    if whole and _is_one_expression(tree):
        expression = _ENVIRONMENT.compile_expression(whole[1].strip(), undefined_to_none=False)
        return _Template(uses, lambda known: expression(**known))
    template = _ENVIRONMENT.from_string(text)
    return _Template(uses, lambda known: template.render(**known))


def _is_one_expression(tree: nodes.Template) -> bool:
    parts = [part for output in tree.body if isinstance(output, nodes.Output) for part in output.nodes]
    return len(tree.body) == len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)


def _plain(value: Any) -> Any:
    """Return a result as plain data.

    Raises:
        TypeError: It is none.
    """
    if isinstance(value, Undefined):
        str(value)  # raises with the name of what is missing
    if value is None or isinstance(value, str | int | float):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise TypeError(f"the result is {type(value).__name__}, which is no plain data")


_ENVIRONMENT = _Environment()
