"""The target ``acme_file``: a text file. What a third party needs to write to add a target to Goldsmith."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from goldsmith.targets import Target


class Source(BaseModel):
    """What the file begins with."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(description="First line of the file.")


class Options(BaseModel):
    """What the file is called."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field("{{ name }}-{{ version }}.txt", description="The file, relative to the output folder.")
    copies: int = Field(1, ge=1, description="How many times its text is repeated.")


target = Target(name="acme_file", source=Source, options=Options, playbook="acme.artifacts.file")
