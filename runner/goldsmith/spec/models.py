"""What a spec may say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, cast

from pydantic import BaseModel as PydanticModel
from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, SerializeAsAny, create_model, model_validator
from typing_extensions import TypedDict

from goldsmith.spec.types import Duration, Identifier, Model, Name, Scalar
from goldsmith.targets import Target

VERSION = r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$"
"""Pattern of a version."""


def _nothing_is_empty(value: Any) -> Any:
    """Take a key without a value for an empty mapping."""
    return {} if value is None else value


Variables = Annotated[
    dict[Identifier, JsonValue],
    BeforeValidator(_nothing_is_empty, json_schema_input_type=dict[Identifier, JsonValue] | None),
]
GossVariables = Annotated[
    dict[str, JsonValue], BeforeValidator(_nothing_is_empty, json_schema_input_type=dict[str, JsonValue] | None)
]


def _exactly_one(model: Model, *keys: str) -> None:
    if sum(getattr(model, key) is not None for key in keys) != 1:
        raise ValueError(f"give exactly one of: {', '.join(keys)}")


def _vars_are_for_goss(test: Test | Boot) -> None:
    if test.vars and test.goss is None:
        raise ValueError("'vars' are for goss, so they stand beside it")


class Layer(Model):
    """A step of the provisioning: a role or a file of tasks, with variables."""

    role: str | None = Field(None, description="Role: its name, its collection's name for it, or a path.")
    tasks: str | None = Field(None, description="File of Ansible tasks.")
    name: str | None = Field(None, description="What progress and errors call the layer.")
    vars: Variables = Field(
        {}, description="Variables of the layer; Ansible resolves them, and knows the spec's parameters."
    )
    cache: Annotated[bool, Field(description="Whether the layer may be kept in the layer cache.")] = True
    checkpoint: Annotated[
        bool, Field(description="Keep an AMI of it, from which later builds start. Other targets cache every layer.")
    ] = False

    @model_validator(mode="after")
    def _one_kind(self) -> Layer:
        _exactly_one(self, "role", "tasks")
        return self


class Boot(Model):
    """Tests of a fresh machine that was started from the image."""

    goss: str | None = Field(None, description="goss file.")
    testinfra: str | None = Field(None, description="File or folder of testinfra tests.")
    vars: GossVariables = Field({}, description="Variables for goss.")

    @model_validator(mode="after")
    def _any(self) -> Boot:
        if self.goss is None and self.testinfra is None:
            raise ValueError("give at least one of: goss, testinfra")
        _vars_are_for_goss(self)
        return self


class Test(Model):
    """A test: in the machine before it is captured, or of a fresh machine from the image."""

    __test__ = False  # for pytest, which takes any class of this name for tests

    goss: str | None = Field(None, description="goss file, run in the machine before it is captured.")
    testinfra: str | None = Field(None, description="File or folder of testinfra tests, run before capture.")
    boot: Boot | None = Field(None, description="Tests of a fresh machine from the image.")
    vars: GossVariables = Field({}, description="Variables for goss.")
    targets: list[str] = Field([], description="Only for builds of these targets; by default for all.")

    @model_validator(mode="after")
    def _one_kind(self) -> Test:
        _exactly_one(self, "goss", "testinfra", "boot")
        _vars_are_for_goss(self)
        return self


class Secret(Model):
    """Where a secret value is read from when a build starts."""

    env: str | None = Field(None, description="Environment variable.", min_length=1)
    vault: str | None = Field(None, description="File encrypted by ansible-vault: a mapping in YAML.")
    key: str | None = Field(None, description="Key in the vault file; by default the secret's name.")
    command: list[Scalar] | None = Field(
        None, description="Command whose output is the secret, without a shell.", min_length=1
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Secret:
        _exactly_one(self, "env", "vault", "command")
        if self.key is not None and self.vault is None:
            raise ValueError("'key' goes with 'vault'")
        return self


class Policy(Model):
    """When an image is to be built anew although nothing has changed."""

    max_age: Duration | None = Field(None, description="Age of the newest image at which it is, such as 30d.")


class Spec(Model):
    """A golden image: what it is made from, what is done to it, how it is tested, and what it becomes."""

    # `spec_model` derives the model that knows the sources and options of the targets.

    name: Name = Field(description="Name of the image.")
    description: str = Field("", description="What the image is for, in a line.")
    version: Scalar | None = Field(
        None,
        description="Version; by default builds are counted.",
        pattern=VERSION,
        max_length=128,
    )
    parameters: dict[Identifier, JsonValue] = Field(
        {}, description="Values used as {{ name }}; --set overrides them, and Ansible knows them as variables."
    )
    secrets: dict[Identifier, Secret] = Field({}, description="Secret values by name; variables for Ansible.")
    platforms: dict[Name, dict[str, SerializeAsAny[PydanticModel]]] = Field(
        description="Operating systems by name, each with a source per target.", min_length=1
    )
    layers: list[Layer] = Field([], description="What is done to the machine, in this order.")
    tests: list[Test] = Field([], description="What is tested.")
    targets: dict[str, SerializeAsAny[PydanticModel]] = Field(
        description="What the build ends in: options per target.", min_length=1
    )
    policy: Policy = Field(Policy(), description="When `goldsmith plan` asks for a new build.")

    @model_validator(mode="after")
    def _tests_have_targets(self) -> Spec:
        for test in self.tests:
            if unknown := [name for name in test.targets if name not in self.targets]:
                there = ", ".join(self.targets)
                raise ValueError(f"a test is for the target {unknown[0]}, which is not among: {there}")
        return self


def spec_model(targets: Mapping[str, Target]) -> type[Spec]:
    """Return the model of specs for these targets: each knows its sources and its options.

    Args:
        targets: Targets by name.
    """
    return _spec_model(tuple(sorted(targets.items(), key=lambda item: item[0])))


@lru_cache(maxsize=16)
def _spec_model(targets: tuple[tuple[str, Target], ...]) -> type[Spec]:
    sources: Any = _closed("Platform", {name: target.source for name, target in targets})
    options: Any = _closed("Targets", {name: target.options for name, target in targets})
    platforms: Any = dict[Name, sources]
    fields = Spec.model_fields
    return create_model(
        "Spec",
        __base__=Spec,
        __doc__=Spec.__doc__,
        platforms=(platforms, fields["platforms"]),
        targets=(options, fields["targets"]),
    )


def _closed(name: str, models: Mapping[str, type[PydanticModel]]) -> type[Any]:
    """Return the type of a dict that has a model per key, each key optional and no other allowed."""
    fields = {
        key: Annotated[model, BeforeValidator(_nothing_is_empty, json_schema_input_type=model | None)]
        for key, model in models.items()
    }
    # Made by call, since its keys are known only when the program runs; so no type checker can know it.
    make: Any = TypedDict
    kind: Any = make(name, fields, total=False)
    kind.__pydantic_config__ = ConfigDict(extra="forbid")
    return cast("type[Any]", kind)
