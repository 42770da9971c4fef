"""A spec as one build sees it: rendered, located and validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined, to_jsonable_python

from goldsmith.errors import Problem
from goldsmith.spec import messages
from goldsmith.spec.document import is_verbatim
from goldsmith.spec.files import located
from goldsmith.spec.node import Mark, Node, Steps, wrap
from goldsmith.spec.parameters import names
from goldsmith.spec.template import Names, has_template, render
from goldsmith.targets import Target

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Source:
    """A spec as it was read, `--set` in it and its parameters rendered; the rest is rendered per build.

    Attributes:
        tree: The merged files.
        parameters: The rendered parameters.
        targets: Targets by name.
    """

    tree: Node
    parameters: Mapping[str, Node] = field(repr=False)
    targets: Mapping[str, Target] = field(repr=False)

    @property
    def names(self) -> Names:
        """The names that are the same for every build."""
        return names(self.tree, self.parameters)

    def pairs(self) -> list[tuple[str, str]]:
        """Return platform and target of each build, in the order they are written; what is malformed is left out."""
        targets = [str(key) for key, _ in self._children("targets")]
        return [
            (str(platform), target)
            for platform, sources in self._children("platforms")
            for target in targets
            if sources.get(target) is not None
        ]

    def rendered(self, platform: str, target: str, version: str, problems: list[Problem]) -> Node:
        """Return the spec as the build of one platform and target sees it, with absolute paths.

        Args:
            platform: Platform of the build.
            target: Target of the build.
            version: Version that the build gets.
            problems: Receives what is wrong.
        """
        build = self.names.and_also(platform=platform, target=target)
        changes: dict[str, Node] = {"parameters": self._parameters()} if self.parameters else {}
        for key, node in self.tree.value.items():
            if key in {"name", "parameters"}:
                continue
            if key in {"layers", "tests"}:
                changes[key] = _steps(node, build, problems, (key,))
            elif key == "platforms":
                changes[key] = self._platforms(node, problems)
            elif key == "targets" and isinstance(node.value, dict):
                changes[key] = node.having(
                    {name: self._options(name, item, platform, version, problems) for name, item in node.value.items()}
                )
            else:
                changes[key] = render(node, self.names, problems)
        return located(self.tree.merged(changes), problems)

    def options(self, platform: str, target: str, version: str, problems: list[Problem]) -> Node:
        """Return ``targets.<target>`` as the build of one platform sees it."""
        node = self.tree.get("targets", target) or wrap({}, self.tree.mark)
        return self._options(target, node, platform, version, problems)

    def _children(self, key: str) -> list[tuple[Any, Node]]:
        node = self.tree.get(key)
        return list(node.children()) if node and isinstance(node.value, dict) else []

    def _parameters(self) -> Node:
        return self.tree.value["parameters"].having(dict(self.parameters))  # type: ignore[no-any-return]  # Node.value is any

    def _platforms(self, node: Node, problems: list[Problem]) -> Node:
        if not isinstance(node.value, dict):
            return node
        platforms = {}
        for platform, sources in node.value.items():
            if isinstance(sources.value, dict):
                rendered = {
                    target: render(source, self.names.and_also(platform=platform, target=target), problems)
                    for target, source in sources.value.items()
                }
                platforms[platform] = sources.having(rendered)
            else:
                platforms[platform] = sources
        return node.having(platforms)

    def _options(self, target: str, node: Node, platform: str, version: str, problems: list[Problem]) -> Node:
        if target in self.targets:
            node = _with_defaults(node, self.targets[target].options, node.place)
        return render(node, self.names.and_also(platform=platform, target=target, version=version), problems)


def validated(model: type[M], node: Node, problems: list[Problem]) -> M | None:
    """Return `node` as `model`, or None when it is not one.

    Args:
        model: The model.
        node: Rendered data.
        problems: Receives why it is not one; a value that could not be rendered has its problem already.
    """
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        known = {(problem.file, problem.line, problem.column) for problem in problems}
        found = messages.problems(error, node, model)
        problems.extend(problem for problem in found if (problem.file, problem.line, problem.column) not in known)
        return None


def _steps(node: Node, usable: Names, problems: list[Problem], way: Steps) -> Node:
    """Render layers or tests, but not their variables: those are resolved by Ansible, or by goss."""
    if is_verbatim(way):
        return node
    if isinstance(node.value, dict):
        return node.having({key: _steps(item, usable, problems, (*way, key)) for key, item in node.value.items()})
    if isinstance(node.value, list):
        return node.having([_steps(item, usable, problems, (*way, step)) for step, item in enumerate(node.value)])
    return render(node, usable, problems)


def _with_defaults(node: Node, model: type[BaseModel], mark: Mark) -> Node:
    """Put in the defaults that hold expressions, so that they are rendered like what the user wrote."""
    if node.value is not None and not isinstance(node.value, dict):
        return node
    given: dict[str, Node] = dict(node.value or {})
    for name, info in model.model_fields.items():
        key = name if name in given else info.alias or name
        if key in given:
            if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
                given[key] = _with_defaults(given[key], info.annotation, mark)
        elif info.default is not PydanticUndefined:
            default = to_jsonable_python(info.default, by_alias=True)
            if _holds_template(default):
                given[key] = wrap(default, mark)
    return node.having(given)


def _holds_template(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_holds_template(item) for item in (value.values() if isinstance(value, dict) else value))
    return has_template(value)
