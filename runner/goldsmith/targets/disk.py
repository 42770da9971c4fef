"""The target ``disk``: the image of a bootable disk, for bare metal and for virtual machines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from goldsmith.errors import EnvironmentFault, InputError
from goldsmith.spec.types import Bytes, Model, Scalar
from goldsmith.targets import Base, Ground, Target
from goldsmith.targets.docker import DockerSource, Machine, engine, newest

# systemd's hostname(5): labels of the domain name system, 64 characters in all.
_HOSTNAME = r"^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$"
PACKAGE = r"^[a-z0-9][a-z0-9+.-]+$"
# From xfsprogs 5.19 on.
_LEAST_XFS = 300 << 20
# A bootable system of Debian's smallest kind takes more than that.
_LEAST_SIZE = 512 << 20


class DiskSource(DockerSource):
    """Where a disk's operating system comes from: exactly one of `image`, `debootstrap`, `file` and `from`."""

    _sources: ClassVar[tuple[str, ...]] = (*DockerSource._sources, "file")

    kernel: str = Field(
        "linux-image-amd64",
        pattern=PACKAGE,
        description="Package of the kernel; linux-image-cloud-amd64 is smaller, and for virtual machines alone.",
    )
    file: str | None = Field(
        None,
        description="A raw or qcow2 image of a disk, such as a cloud image, relative to the spec; its partitions stay.",
    )
    sha256: str | None = Field(
        None, pattern="^[0-9a-fA-F]{64}$", description="SHA-256 that `file` has to have, in hexadecimal digits."
    )

    @model_validator(mode="after")
    def _of_a_file(self) -> DiskSource:
        if self.sha256 and self.file is None:
            raise ValueError("sha256 is that of a file, and there is none")
        if self.file is not None and (wrong := sorted({"kernel", "pull", "platform"} & self.model_fields_set)):
            raise ValueError(f"{wrong[0]} cannot be given with file: the system in the image has its own")
        return self


class Partition(Model):
    """A file system of its own."""

    mount: Annotated[str, Field(pattern=r"^/[^\s\"#,\\]+$", description="Mount point, such as /var.")]
    size: Annotated[Bytes, Field(description="Such as 2GiB.")]
    filesystem: Literal["ext4", "xfs"] = "ext4"

    @model_validator(mode="after")
    def _large_enough(self) -> Partition:
        if self.filesystem == "xfs" and self.size < _LEAST_XFS:
            raise ValueError("an xfs takes 300MiB at least: give it a larger size, or ext4")
        return self


def _distinct(partitions: list[Partition]) -> list[Partition]:
    mounts = [partition.mount.rstrip("/") for partition in partitions]
    if twice := sorted({mount for mount in mounts if mounts.count(mount) > 1}):
        raise ValueError(f"{twice[0]} is there twice")
    return partitions


def _root(filesystem: object) -> object:
    if filesystem == "xfs":
        raise ValueError(
            "the root file system is ext4: mkfs.xfs cannot write capabilities and hard links, which a system has. Give "
            "xfs to one of the partitions"
        )
    return filesystem


Partitions = Annotated[list[Partition], AfterValidator(_distinct)]
DiskSize = Annotated[Bytes, Field(ge=_LEAST_SIZE)]
Hostname = Annotated[Scalar, Field(pattern=_HOSTNAME, max_length=64)]


class DiskOptions(Model):
    """What the disk is to be like, and where its image goes."""

    format: Literal["raw", "qcow2", "vmdk"] = Field("raw", description="Format of the image's file; raw is sparse.")
    size: DiskSize | None = Field(
        None, description="Size of the disk, such as 4GiB; by default what the content needs and half a GiB more."
    )
    directory: str | None = Field(
        None, pattern="^/", description="Where the image goes, an absolute path; by default the build's output folder."
    )
    compress: Annotated[bool, Field(description="Compress the image by zstd; its name then ends in .zst")] = False
    checksum: Annotated[bool, Field(description="Write its SHA-256 beside it, as sha256sum -c reads it.")] = True
    firmware: Annotated[list[Literal["bios", "uefi"]], Field(min_length=1)] = Field(
        ["bios", "uefi"], description="What the machine starts from."
    )
    partitions: Partitions = Field(
        [], description="File systems of their own, mounted with the options of the CIS benchmark."
    )
    filesystem: Annotated[Literal["ext4"], BeforeValidator(_root)] = Field(
        "ext4", description="File system of the root partition."
    )
    hostname: Hostname | None = Field(None, description="Name of the machine; by default the spec's.")
    cloud_init: Annotated[bool, Field(description="Have cloud-init (NoCloud and EC2) and an SSH server in it.")] = True
    kernel_arguments: list[Scalar] = Field([], description="What the kernel is started with, beside its consoles.")
    verify: Annotated[
        bool, Field(description="Start the image in QEMU, with each firmware, before it is published.")
    ] = True
    machine: Machine = Field(Machine(), description="The container that the layers run in.")


def _there(identity: str, tags: Sequence[str], _region: str | None) -> bool:
    """Return whether the image's file is there, and has the digest that is recorded."""
    for name in tags:
        path = Path(name)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise EnvironmentFault(f"whether {path} is there cannot be found out: {error.strerror}") from error
        if f"sha256:{digest}" != identity:
            return False
    return bool(tags)


# What the image that a disk is made from decides.
_OF_THE_IMAGE = {
    "partitions": "its partitions stay as they are",
    "firmware": "it starts by what it has a boot loader for",
    "kernel_arguments": "a layer can write /etc/default/grub.d",
    "cloud_init": "it has it, or has not",
}


def _variant(source: DiskSource, options: DiskOptions) -> Target:
    """Return the target, where the options go with the source."""
    if source.file is not None:
        defaults = DiskOptions().model_dump()
        for key, why in _OF_THE_IMAGE.items():
            if options.model_dump()[key] != defaults[key]:
                raise ValueError(f"targets.disk.{key} does not go with a disk made from the image file: {why}")
    return target


def _newest(source: DiskSource, options: object) -> Base | None:
    """Return the base that was made of an image file, while there is one; else as for Docker images."""
    if source.file is None:
        return newest(source, options)
    from ansible_collections.goldsmith.images.plugins.module_utils import _source  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._disk_base import DiskRecipe  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._disk_source import original  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault  # noqa: PLC0415

    with closing(engine()) as client:
        try:
            found = _source.base(client, DiskRecipe(original(Path(source.file), source.sha256)))
        except Fault as fault:
            raise EnvironmentFault(str(fault)) from fault
    return Base(str(found["Id"])) if found else None


def _require() -> None:
    """See that an engine answers, that this is root, and that the programs are there that write every disk."""
    from ansible_collections.goldsmith.images.plugins.module_utils import _disk_tools  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault  # noqa: PLC0415

    try:
        _disk_tools.need_root()
        _disk_tools.need(("sfdisk", "mke2fs", "debugfs", "tar", "grub-mkimage"))
    except Fault as fault:
        raise EnvironmentFault(str(fault)) from fault
    engine().close()


def ground(source: Mapping[str, Any], options: Mapping[str, Any], seed: str) -> Ground:
    """Return what the layers of a disk stand on: what the playbook writes and installs before the first one.

    Args:
        source: A dumped `DiskSource`.
        options: Dumped `DiskOptions`.
        seed: What all identities of the disk follow from.

    Raises:
        InputError: The disk cannot be laid out.
    """
    if "file" in source:
        return Ground(source, options.get("machine") or {})
    from ansible_collections.goldsmith.images.plugins.module_utils import _disk_options  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._disk_fstab import fstab  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._disk_packages import packages  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault  # noqa: PLC0415

    defaults = {"size": None, "firmware": ["bios", "uefi"], "filesystem": "ext4", "partitions": []}
    try:
        wanted = _disk_options.wanted({**defaults, **options, "seed": seed})
        layout = wanted.layout()
    except Fault as fault:
        raise InputError(str(fault)) from fault
    bootstrap = source.get("debootstrap")
    suite = bootstrap["suite"] if bootstrap else ""
    cloud_init = options.get("cloud_init", True)
    added = packages(source["kernel"], suite, wanted.firmware, layout, cloud_init=cloud_init)
    if bootstrap:
        source = {**source, "debootstrap": {**bootstrap, "include": [*bootstrap.get("include", []), *added]}}
    return Ground(
        source,
        options.get("machine") or {},
        {
            "cloud_init": cloud_init,
            "fstab": fstab(layout),
            "kernel_arguments": options.get("kernel_arguments", []),
            "packages": added,
        },
        installs=not bootstrap,
    )


target = Target(
    name="disk",
    source=DiskSource,
    options=DiskOptions,
    playbook="goldsmith.images.disk",
    require=_require,
    newest=_newest,
    there=_there,
    caches_layers=True,
    ground=ground,
    starts_from="docker",
    from_artifact=lambda identity: {"image": identity, "pull": "never"},
    variant=_variant,
)
