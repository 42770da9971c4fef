"""What a spec says of an AMI: where its system comes from, what it is to be like, and where it goes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from goldsmith.spec.types import Duration, Model, Scalar, StringMap
from goldsmith.targets import FROM
from goldsmith.targets.disk import PACKAGE, DiskSize, Hostname, Partitions
from goldsmith.targets.docker import Debootstrap

Region = Annotated[str, Field(pattern=r"^[a-z]{2,}(?:-[a-z]+)+-\d+$")]
Account = Annotated[Scalar, Field(pattern=r"^\d{12}$", description="Account number: twelve digits, quoted in YAML.")]
Gibibytes = Annotated[int, Field(ge=1, le=65536)]
OneOrMore = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
# CreateImage: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html
_IMAGE_NAME = r"^[A-Za-z0-9()\[\] ./'@_-]{3,128}$"

OF_INSTANCES = ("ami", "id", "ssm")
"""Keys of sources that an instance is started from."""

OF_DISKS = ("debootstrap", "image")
"""Keys of sources that a disk is made of."""


class Ami(Model):
    """The newest image of an owner that has a name and answers to filters."""

    owner: Scalar = Field(description="Account number, or amazon or self: without it anybody's image could be taken.")
    name: str | None = Field(None, description="Name, with * and ? as wildcards.")
    filters: StringMap = Field({}, description="Filters of DescribeImages, such as virtualization-type: hvm.")
    architecture: str | None = Field(None, description="Such as x86_64 or arm64; another one is refused.")
    include_deprecated: bool = False

    @model_validator(mode="after")
    def _narrowed(self) -> Ami:
        if self.name is None and not self.filters:
            raise ValueError("give a name or filters")
        return self


class Ec2Source(Model):
    """Where an AMI's operating system comes from: exactly one of `ami`, `id`, `ssm`, `debootstrap`, `image` and `from`.

    The three first are what an instance is started from. `debootstrap` and `image` are for ``strategy: direct``, where
    `from` means a Docker image, too.
    """

    ami: Ami | None = None
    id: str | None = Field(None, pattern=r"^ami-[0-9a-f]{8,17}$", description="One image, for ever.")
    ssm: str | None = Field(None, description="Public SSM parameter that holds an image's id, such as /aws/service/…")
    debootstrap: Debootstrap | None = None
    image: str | None = Field(None, description="Docker image, such as debian:12, that becomes a machine's system.")
    from_: str | None = Field(None, alias="from", description=FROM)
    architecture: str | None = Field(None, description="Such as x86_64 or arm64; another one is refused.")
    kernel: str | None = Field(
        None, pattern=PACKAGE, description="Package of the kernel, of a disk; by default linux-image-cloud-amd64."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Ec2Source:
        given = [key for key in (*OF_INSTANCES, *OF_DISKS, "from_") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of: ami, id, ssm, debootstrap, image, from")
        return self


class Ssh(Model):
    """How the machine is reached by SSH."""

    port: int = Field(22, ge=1, le=65535)
    address: Literal["auto", "public", "private"] = Field("auto", description="auto: public where there is one.")
    args: str = Field("", description="Arguments of ssh, such as -o ProxyJump=admin@bastion.example.com")
    timeout: Duration = Field(300, description="How long the machine may take to answer.")


class Ssm(Model):
    """What the session manager's connection needs (amazon.aws.aws_ssm)."""

    bucket: str = Field(description="S3 bucket that files pass through.")
    timeout: Duration = 300


class Volume(Model):
    """A volume; what is not given stays as it is in the base."""

    size: Gibibytes | None = Field(None, description="GiB.")
    type: Literal["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"] | None = None
    iops: int | None = Field(None, ge=100)
    throughput: int | None = Field(None, ge=125, description="MiB a second, of gp3.")
    encrypted: bool | None = None
    kms_key: str | None = Field(None, description="Key that encrypts; by default the account's own for EBS.")


class RootVolume(Volume):
    """The root volume, of the machine and so of the image."""

    encrypted: bool = True


class BlockDevice(Volume):
    """A further volume."""

    device: str = Field(pattern=r"^(?:/dev/)?[a-z0-9]+$", description="Device name, such as /dev/sdf.")
    snapshot: str | None = None
    virtual_name: str | None = Field(None, description="Instance store volume, such as ephemeral0.")
    no_device: Annotated[bool, Field(description="Leave out a device that the base has.")] = False
    delete_on_termination: bool = True


class SecurityGroup(Model):
    """The group of the temporary machine."""

    ids: list[str] = Field([], description="Groups that exist; then none is made.")
    cidrs: list[str] = Field([], description="Networks that may connect; by default the address of this machine.")


class Subnet(Model):
    """Where the temporary machine is started."""

    ids: list[str] = Field([], description="Subnets, tried in order while one has no capacity.")
    filters: StringMap = Field({}, description="Filters of DescribeSubnets, such as tag:Name: build.")

    @model_validator(mode="after")
    def _agrees(self) -> Subnet:
        if self.ids and self.filters:
            raise ValueError("give ids or filters, not both")
        return self


class Spot(Model):
    """Spot capacity for the temporary machine."""

    max_price: Scalar | None = Field(None, description="US dollars an hour; by default the on-demand price.")
    fallback: Annotated[bool, Field(description="Build on demand when there is no spot capacity.")] = True


class Machine(Model):
    """The temporary machine that the layers run in."""

    user: str | None = Field(None, description="Login user of the base; by default what its maker is known to use.")
    connection: Literal["ssh", "ssm"] = "ssh"
    ssh: Ssh = Ssh()
    ssm: Ssm | None = None
    subnet: Subnet = Subnet()
    public_ip: bool | None = Field(None, description="By default as the subnet says.")
    security_group: SecurityGroup = SecurityGroup()
    instance_profile: str | None = Field(None, description="Name of an instance profile that exists.")
    instance_policy: dict[str, Any] | None = Field(None, description="Policy of a temporary instance profile.")
    user_data: str | None = None
    block_devices: list[BlockDevice] = []
    spot: Spot | None = None
    tenancy: Literal["default", "dedicated", "host"] | None = None
    availability_zone: str | None = None
    placement_group: str | None = None
    host_id: str | None = None
    ebs_optimized: bool | None = None
    enclave: bool = False
    cpu_credits: Literal["standard", "unlimited"] | None = None
    timeout: Duration = Field(600, description="How long the machine may take to run, and to stop.")

    @model_validator(mode="after")
    def _agrees(self) -> Machine:
        if self.connection == "ssm" and self.ssm is None:
            raise ValueError("connection: ssm needs ssm: {bucket: …}")
        if self.connection == "ssm" and not (self.instance_profile or self.instance_policy):
            raise ValueError("connection: ssm needs an instance_profile that lets the agent register")
        if self.instance_profile is not None and self.instance_policy is not None:
            raise ValueError("give instance_profile or instance_policy, not both")
        return self


class Image(Model):
    """What the image is to be like, where that is not as in the base."""

    name: Annotated[
        str | None,
        Field(pattern=_IMAGE_NAME, description="Unique in account and region: end it with {{ version }} at least."),
    ] = None
    description: str | None = Field(None, max_length=255)
    boot_mode: Literal["legacy-bios", "uefi", "uefi-preferred"] | None = None
    ena: bool | None = None
    tpm: Literal["v2.0"] | None = None
    imds: Literal["v2.0"] | None = Field(None, description="v2.0: machines of the image take metadata tokens only.")
    stop: Annotated[bool, Field(description="Stop the machine for the capture; otherwise files may be torn.")] = True
    block_devices: list[BlockDevice] = Field([], description="What is to differ from the machine's.")

    @property
    def registered(self) -> bool:
        """Whether it has wishes that only an image of snapshots fulfils."""
        return bool(self.boot_mode or self.ena is not None or self.tpm)

    @model_validator(mode="after")
    def _agrees(self) -> Image:
        if self.tpm and self.boot_mode != "uefi":
            raise ValueError("tpm needs boot_mode: uefi")
        return self


class Copy(Model):
    """A copy in another region."""

    region: Region
    kms_key: str | None = Field(None, description="Key of that region; by default the account's own for EBS.")


class ShareWith(Model):
    """Who else may start machines of the image."""

    accounts: list[Account] = []
    organizations: list[str] = Field([], description="ARNs.")
    organizational_units: list[str] = Field([], description="ARNs.")
    groups: list[Literal["all"]] = Field([], description="all: everybody.")
    snapshots: Annotated[bool, Field(description="The accounts may also copy the snapshots.")] = False

    @property
    def anybody(self) -> bool:
        """Whether it names anybody at all."""
        return bool(self.accounts or self.organizations or self.organizational_units or self.groups)


class Retire(Model):
    """What becomes of older images of this name, once the new one is published."""

    keep: int = Field(ge=1, description="The newest ones, this one included, are kept in any case.")
    older_than: Duration = Field(0, description="Younger ones are kept as well.")
    action: Literal["deprecate", "disable", "deregister"] = "deprecate"


class Ec2Disk(Model):
    """The disk of an image that is imported."""

    size: DiskSize | None = Field(None, description="Such as 4GiB; by default what the content needs.")
    partitions: Partitions = Field([], description="File systems of their own, such as /var, with the CIS options.")
    hostname: Hostname | None = Field(
        None, description="Until EC2 gives a machine its own; by default the spec's name."
    )
    kernel_arguments: list[Scalar] = Field([], description="What the kernel is started with, beside its consoles.")


class Ec2Options(Model):
    """What the AMI is to be like, and where it goes."""

    strategy: Annotated[
        Literal["instance", "direct"],
        Field(
            description="instance: build in a temporary instance, and capture it. direct: build a disk on this "
            "machine, in the Docker engine, and import it; an instance is started for boot tests only."
        ),
    ] = "instance"
    disk: Ec2Disk = Field(Ec2Disk(), description="The disk, with strategy: direct.")
    region: Region | None = Field(None, description="By default that of the environment or the AWS profile.")
    instance_type: Annotated[list[str], OneOrMore, Field(min_length=1)] = Field(
        ["t3.small"], description="One, or several that are tried in order while one has no capacity."
    )
    machine: Machine = Machine()
    image: Image = Image()
    root_volume: RootVolume = RootVolume()
    copy_to: list[
        Annotated[Copy, BeforeValidator(lambda value: {"region": value} if isinstance(value, str) else value)]
    ] = []
    share_with: ShareWith = ShareWith()
    ssm_parameter: str | None = Field(None, pattern=r"^/?[A-Za-z0-9_./-]+$", description="Is set to the image's id.")
    deprecate_after: Duration | None = Field(None, description="Age at which EC2 shows the image as deprecated.")
    deregistration_protection: bool = False
    retire: Retire | None = None
    tags: StringMap = Field({}, description="Of everything that is made, in addition to Goldsmith's own.")

    @model_validator(mode="after")
    def _agrees(self) -> Ec2Options:
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html, "Considerations"
        if self.share_with.anybody and self.root_volume.encrypted and not self.root_volume.kms_key:
            raise ValueError(
                "share_with needs root_volume.kms_key, a key that those accounts may use, or root_volume.encrypted: "
                "false: what the account's own key encrypts cannot be shared"
            )
        # EC2 stops spot machines of persistent requests only; CreateImage shuts down any for the capture by itself.
        if self.machine.spot is not None and self.image.registered and self.image.stop:
            raise ValueError("a spot machine cannot be stopped, which boot_mode, ena and tpm need: image.stop: false")
        if regions := [copy.region for copy in self.copy_to if copy.region == self.region]:
            raise ValueError(f"copy_to names {regions[0]}, the region that the image is made in")
        if self.strategy == "direct":
            self._imported()
        elif self.disk != Ec2Disk():
            raise ValueError("disk is of strategy: direct; an instance's is described by root_volume")
        if reserved := [key for key in self.tags if key.startswith(("goldsmith:", "aws:"))]:
            raise ValueError(f"the tag {reserved[0]} is not yours to set")
        return self

    def _imported(self) -> None:
        """See that nothing is wanted that a disk does not have.

        Raises:
            ValueError: Something is.
        """
        if self.image.block_devices or self.machine.block_devices:
            raise ValueError("strategy: direct imports one disk: block_devices are of strategy: instance")
        if not self.image.stop:
            raise ValueError("image.stop is of strategy: instance; nothing is stopped for an import")
        key = self.root_volume.kms_key
        if key and not key.startswith("arn:"):
            raise ValueError(
                "strategy: direct needs root_volume.kms_key as an ARN: the EBS direct API takes no other name"
            )
