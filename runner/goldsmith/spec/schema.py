"""The JSON Schema of specs, by which editors check and complete them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldsmith.spec.models import spec_model
from goldsmith.targets import Target

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE = {"type": "string", "pattern": r"\{\{", "description": "An expression, such as {{ version }}."}
_AS_IT_IS = frozenset({"Layer", "Test", "Boot"})
_NESTED = ("properties", "patternProperties")
_ANNOTATIONS = ("title", "description", "default", "examples", "deprecated")


def json_schema(targets: Mapping[str, Target]) -> dict[str, Any]:
    """Return the JSON Schema, draft 2020-12, of a spec file.

    Unlike the model, it knows `extends`, leaves what a parent can say to the parent, and takes ``{{ … }}``.

    Args:
        targets: Targets by name.
    """
    schema: dict[str, Any] = _closed(spec_model(targets).model_json_schema(by_alias=True))
    definitions: dict[str, Any] = {
        name: definition if name in _AS_IT_IS else _templated(definition)
        for name, definition in schema.pop("$defs", {}).items()
    }
    definitions["Template"] = _TEMPLATE
    own: dict[str, Any] = schema.pop("properties")
    # pydantic gives a typed dict a smallest length, not a smallest number of properties.
    own["targets"] = {key: value for key, value in own["targets"].items() if key != "minLength"} | {"minProperties": 1}
    properties = {
        "extends": {"type": "string", "description": "Spec file to build upon, relative to this one."},
        **{key: _or_nothing(value) if key not in schema["required"] else value for key, value in own.items()},
    }
    return {
        "$schema": DIALECT,
        **schema,
        "title": "Goldsmith spec",
        "properties": properties,
        "required": [],
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": schema["required"]},
        "$defs": definitions,
    }


def _or_nothing(schema: dict[str, Any]) -> dict[str, Any]:
    outer = {key: schema[key] for key in _ANNOTATIONS if key in schema}
    inner = {key: value for key, value in schema.items() if key not in outer}
    choices = inner["anyOf"] if set(inner) == {"anyOf"} else [inner]
    nothing = {"type": "null"}
    return {**outer, "anyOf": [*(choice for choice in choices if choice != nothing), nothing]}


def _closed(schema: Any) -> Any:
    """Refuse keys that are no names, at every level, as the model does."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **closed} if "patternProperties" in closed else closed


def _templated(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a definition whose properties take templates, at every level."""
    changed = dict(definition)
    for key in _NESTED:
        if key in definition:
            changed[key] = {name: _value(schema) for name, schema in definition[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(definition.get(key), dict):
            changed[key] = _value(definition[key])
    if "anyOf" in definition:
        changed["anyOf"] = [_templated(choice) for choice in definition["anyOf"]]
    return changed


def _value(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "string" and not {"enum", "const", "pattern", "format", "maxLength"} & schema.keys():
        return schema
    outer = {key: schema[key] for key in _ANNOTATIONS if key in schema}
    inner = _templated({key: value for key, value in schema.items() if key not in outer})
    choices = inner["anyOf"] if set(inner) == {"anyOf"} else [inner]
    if {"type": "string"} in choices:
        return {**outer, "anyOf": choices}
    return {**outer, "anyOf": [*choices, {"$ref": "#/$defs/Template"}]}
