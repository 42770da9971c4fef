"""What pydantic has to say, in the words of a spec and with the place in its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from goldsmith.errors import Problem
from goldsmith.spec.nearest import hint, nearest
from goldsmith.spec.node import Node, Steps

_EXPECTED = {
    "string_type": "text",
    "string_sub_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "typed_dict_type": "a mapping",
    "dataclass_type": "a mapping",
    "none_required": "nothing",
}
_PATTERNS = {
    "name": "lower-case letters and digits, with single '.', '_' or '-' between them",
    "identifier": "letters, digits and '_', not beginning with a digit",
    "version": "letters, digits and . _ + -, beginning with a letter, a digit or _",
}


def problems(error: ValidationError, tree: Node, model: type[BaseModel]) -> list[Problem]:
    """Translate what pydantic found.

    Args:
        error: What it found.
        tree: What was validated.
        model: What it was validated against.

    Returns:
        Problems in the order of the file; the branches of a union are one problem.
    """
    schema = _Schema(model)
    located = [_Finding(details, tree) for details in error.errors(include_url=False)]
    located.sort(key=lambda finding: finding.union)
    result: list[Problem] = []
    for _, group in groupby(located, key=lambda finding: finding.union):
        result.extend(_described(list(group), schema))
    return sorted(result, key=lambda problem: (problem.file, problem.line, problem.column))


class _Finding:
    """An error of pydantic and the value it is about.

    Attributes:
        steps: Way to the value; a missing key is its last step.
        union: Way to the value whose type is a choice, where there is one, else to the value itself, made sortable.
        branch: Which choice the error is about; empty when there is none.
    """

    def __init__(self, details: ErrorDetails, tree: Node) -> None:
        self.details = details
        self.kind = details["type"]
        self.branch = ""
        steps: Steps = ()
        union: Steps | None = None
        location = [step for step in details["loc"] if step != "[key]"]
        for index, step in enumerate(location):
            is_last = index == len(location) - 1
            if tree.get(*steps, step) is not None or (is_last and self.kind == "missing"):
                steps = (*steps, step)
            elif union is None:
                union, self.branch = steps, str(step)
        self.steps = steps
        self.at_key = "[key]" in details["loc"]
        self.parent = tree.get(*steps[:-1]) or tree
        self.node = tree.get(*steps) or self.parent
        self.union = tuple(str(step) for step in (steps if union is None else union)) + (("",) if self.at_key else ())

    def problem(self, message: str, advice: str = "", *, at_key: bool = False) -> Problem:
        mark = self.node.place if at_key or self.at_key else self.node.mark
        return Problem(str(mark.file), mark.line, mark.column, message, self.details["input"], advice)


def _described(findings: list[_Finding], schema: _Schema) -> Iterator[Problem]:
    deepest = max(findings, key=lambda finding: len(finding.steps))
    if deepest.branch and len(deepest.steps) > len(deepest.union):
        findings = [finding for finding in findings if finding.branch == deepest.branch]
    elif len(findings) > 1 and all(finding.kind in _EXPECTED for finding in findings):
        expected = " or ".join(sorted({_EXPECTED[finding.kind] for finding in findings}))
        yield findings[0].problem(f"{_name(findings[0].steps)} takes {expected}, not {_shown(findings[0])}")
        return
    for finding in findings:
        yield _one(finding, schema)


def _one(finding: _Finding, schema: _Schema) -> Problem:
    context = finding.details.get("ctx", {})
    name = _name(finding.steps)
    advice = ""
    at_key = False
    match finding.kind:
        case "extra_forbidden":
            return _unknown(finding, schema)
        case "missing":
            message, at_key = f"missing key {str(finding.steps[-1])!r}{_within(finding)}", True
        case kind if kind in _EXPECTED:
            message = f"{name} takes {_EXPECTED[kind]}, not {_shown(finding)}"
        case "literal_error" | "enum":
            choices = [choice.strip(" '") for choice in str(context["expected"]).replace(" or ", ", ").split(",")]
            message = f"{name} cannot be {_shown(finding)}"
            advice = hint(str(finding.details["input"]), choices, "one of")
        case "string_pattern_mismatch":
            message, advice = _pattern(finding, name)
        case "too_short" if context.get("actual_length") == 0:
            message, at_key = f"{name} is empty; give at least {context['min_length']}", True
        case "value_error" | "assertion_error":
            message, at_key = f"{name}: {context['error']}", True
        case _:
            said = finding.details["msg"].replace("Input should", "should").replace("String should", "should")
            message = f"{name}: {_shown(finding)} {said}"
    return finding.problem(message, advice, at_key=at_key)


def _unknown(finding: _Finding, schema: _Schema) -> Problem:
    key = str(finding.steps[-1])
    known = schema.keys(finding.steps[:-1])
    top, depth = finding.steps[0], len(finding.steps)
    if (top == "platforms" and depth == 3) or (top == "targets" and depth == 2):
        advice = hint(key, known, "installed targets") or "no target is installed"
        return finding.problem(f"unknown target {key!r}", advice, at_key=True)
    unused = [name for name in known if name not in finding.parent.value]
    candidates = known if nearest(key, unused) is None and nearest(key, known) is not None else unused
    return finding.problem(f"unknown key {key!r}{_within(finding)}", hint(key, candidates, "keys here"), at_key=True)


def _pattern(finding: _Finding, name: str) -> tuple[str, str]:
    pattern = str(finding.details.get("ctx", {}).get("pattern", ""))
    what = "identifier" if pattern.startswith("^[A-Za-z_]") else "version" if finding.steps == ("version",) else "name"
    if finding.at_key:
        return f"{finding.details['input']!r} cannot be a key in {_name(finding.steps[:-1])}", _PATTERNS[what]
    advice = _PATTERNS[what] if what != "name" or finding.steps == ("name",) else f"it must match {pattern}"
    return f"{name} cannot be {_shown(finding)}", advice


def _name(steps: Iterable[str | int]) -> str:
    """Return the way to a value as people write it: ``layers[2].role``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return f"'{text.removeprefix('.')}'" if text else "the spec"


def _within(finding: _Finding) -> str:
    return f" in {_name(finding.steps[:-1])}" if finding.steps[:-1] else ""


def _shown(finding: _Finding) -> str:
    value: Any = finding.details["input"]
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}…'"


class _Schema:
    """Looks up in a model's JSON Schema which keys a place has."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model
        self.root: Mapping[str, Any] = {}

    def keys(self, steps: Steps) -> list[str]:
        self.root = self.root or self.model.model_json_schema()
        places = self.resolved([self.root])
        for step in steps:
            places = self.resolved(self.below(place, step) for place in places)
        return list(dict.fromkeys(key for place in places for key in place.get("properties", {})))

    def resolved(self, places: Iterable[Any]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for place in places:
            if not isinstance(place, Mapping):
                continue
            if "$ref" in place:
                found += self.resolved([self.root["$defs"][place["$ref"].rpartition("/")[2]]])
            found.append(place)
            for combination in ("anyOf", "oneOf", "allOf"):
                found += self.resolved(place.get(combination, ()))
        return found

    @staticmethod
    def below(place: Mapping[str, Any], step: str | int) -> Any:
        if isinstance(step, int):
            return place.get("items")
        properties = place.get("properties", {})
        if step in properties:
            return properties[step]
        patterned = place.get("patternProperties", {})
        return next(iter(patterned.values()), None) or place.get("additionalProperties")
