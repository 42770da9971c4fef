"""The target ``docker``: a container image in a Docker engine, pushed to a registry where asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from goldsmith.errors import EnvironmentFault
from goldsmith.spec.types import Command, Duration, Model, Scalar, StringMap
from goldsmith.targets import FROM, Base, Target

if TYPE_CHECKING:
    from docker import DockerClient


# The grammar of references: OCI distribution specification, "Pulling manifests"; a registry's host may stand before it.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*$"
_TAG = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"


class Debootstrap(Model):
    """A base made from the distribution's own packages by mmdebstrap, so that no registry is needed."""

    suite: str = Field(description="Release of the distribution, such as bookworm.")
    mirror: list[str] | None = Field(None, description="Archive URLs; by default those of this machine's own APT.")
    components: list[str] = Field(["main"], description="Archive components.")
    include: list[str] = Field([], description="Packages in addition to those of the variant.")
    variant: Literal["essential", "apt", "minbase", "buildd", "important", "standard"] = "minbase"
    architecture: str | None = Field(None, description="Debian architecture; by default this machine's.")


class DockerSource(Model):
    """Where a Docker image's operating system comes from: exactly one of `image`, `debootstrap` and `from`."""

    _sources: ClassVar[tuple[str, ...]] = ("image", "debootstrap", "from")

    image: str | None = Field(None, description="Image reference, such as debian:12 or debian@sha256:…")
    debootstrap: Debootstrap | None = None
    from_: str | None = Field(None, alias="from", description=FROM)
    pull: Literal["always", "missing", "never"] = Field("missing", description="When to ask the registry for `image`.")
    platform: str | None = Field(None, description="Platform of a multi-platform `image`, such as linux/arm64.")

    @model_validator(mode="after")
    def _one_source(self) -> DockerSource:
        given = [key for key in self._sources if getattr(self, "from_" if key == "from" else key) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of: {', '.join(self._sources)}")
        return self


class Healthcheck(Model):
    """How the engine tests that a container of the image is well."""

    test: Command = Field(description="Command; a list is run as it is, a string by the shell.")
    interval: Duration | None = None
    timeout: Duration | None = None
    start_period: Duration | None = None
    retries: int | None = Field(None, ge=1)


class ImageConfig(Model):
    """The image's configuration; what the base has is kept where a key is not given."""

    cmd: Command | None = None
    entrypoint: Command | None = None
    env: StringMap = {}
    workdir: str | None = None
    user: Scalar | None = None
    expose: list[Scalar] = Field([], description="Ports, such as 8080/tcp.")
    labels: StringMap = {}
    volumes: list[str] = []
    stop_signal: str | None = None
    healthcheck: Healthcheck | None = None
    onbuild: list[str] | None = None


class Machine(Model):
    """The temporary container that the layers run in. All of it is off by default; widen it only where a layer must."""

    privileged: bool = False
    capabilities: list[str] = Field([], description="Kernel capabilities added, such as NET_ADMIN.")
    devices: list[str] = []
    volumes: list[str] = []
    tmpfs: list[str] = []
    network: str | None = None
    env: StringMap = {}
    user: Scalar | None = None
    runtime: str | None = None
    command: list[str] | None = None


class DockerOptions(Model):
    """What the Docker image is to be like, and where it goes."""

    repository: str | None = Field(
        None, pattern=_REPOSITORY, description="Repository without a tag; by default the spec's name."
    )
    tags: list[Annotated[Scalar, Field(pattern=_TAG)]] = ["{{ version }}", "latest"]
    config: ImageConfig = ImageConfig()
    push: bool = False
    squash: Literal["base", "all", "none"] = Field(
        "base", description="base: one layer above the base; all: one layer; none: layers as they come."
    )
    author: str | None = None
    message: str | None = None
    pause: Annotated[bool, Field(description="Pause the machine while it is captured.")] = False
    save: str | None = Field(None, description="Also write the image to this tar file, relative to the output folder.")
    machine: Machine = Machine()


def engine() -> DockerClient:
    """Return a client of the Docker engine that the environment names.

    Raises:
        EnvironmentFault: No engine answers.
    """
    import docker  # noqa: PLC0415  a fifth of a second that `goldsmith --help` need not pay
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        where = os.environ.get("DOCKER_HOST", "the local socket")
        raise EnvironmentFault(
            f"no Docker engine answers at {where}: {error}", "Start it, or name it by DOCKER_HOST."
        ) from error
    return client


def _require() -> None:
    engine().close()


def newest(source: DockerSource, _options: object) -> Base | None:
    """Return the image that a name stands for: in the engine, or in the registry where a build would ask that."""
    from docker.errors import DockerException, ImageNotFound  # noqa: PLC0415

    if source.image is None:
        return None
    with closing(engine()) as client:
        try:
            if source.pull != "always":
                with suppress(ImageNotFound):
                    return Base(str(client.images.get(source.image).id))
            if source.pull == "never":
                return None
            return Base(None, str(client.images.get_registry_data(source.image).id))
        except DockerException as error:
            raise EnvironmentFault(
                f"what {source.image} is now cannot be found out: {error}", "Is the registry up? docker login may help."
            ) from error


def _there(identity: str, tags: Sequence[str], _region: str | None) -> bool:
    """Return whether the engine has an image, and all its tags still name it."""
    from docker.errors import DockerException, ImageNotFound  # noqa: PLC0415  only who asks needs it

    with closing(engine()) as client:
        try:
            return set(tags) <= set(client.images.get(identity).tags)
        except ImageNotFound:
            return False
        except DockerException as error:
            raise EnvironmentFault(f"the Docker engine does not say whether it has {identity}: {error}") from error


target = Target(
    name="docker",
    source=DockerSource,
    options=DockerOptions,
    playbook="goldsmith.images.docker",
    require=_require,
    newest=newest,
    there=_there,
    caches_layers=True,
    from_artifact=lambda identity: {"image": identity, "pull": "never"},
)
