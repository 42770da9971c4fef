"""The target ``ec2``: an Amazon Machine Image, copied, shared and retired as the spec says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from goldsmith.errors import EnvironmentFault
from goldsmith.targets import Base, Target
from goldsmith.targets.disk import ground
from goldsmith.targets.docker import DockerSource, engine, newest
from goldsmith.targets.ec2_options import OF_DISKS, OF_INSTANCES, Ec2Options, Ec2Source


def _regions(options: Ec2Options) -> list[str]:
    # The environment may be another one when it is swept.
    return [*filter(None, [options.region or _default_region()]), *(copy.region for copy in options.copy_to)]


def _default_region() -> str | None:
    """Return the region that the modules take where the spec names none: see `_aws.Aws`."""
    if named := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        return named
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415  a tenth of a second that specs with a region need not pay
    from botocore.session import Session  # noqa: PLC0415

    try:
        region: str | None = Session().get_config_variable("region")
    except BotoCoreError:
        return None
    return region


def _require() -> None:
    """Ask AWS once who is calling, so that a build does not begin with credentials that it cannot end with."""
    import boto3  # noqa: PLC0415  half a second that `goldsmith --help` need not pay
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from ansible_collections.goldsmith.images.plugins.module_utils._aws import explain  # noqa: PLC0415

    config = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
    region = _default_region() or "us-east-1"
    try:
        boto3.client("sts", region_name=region, config=config).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise EnvironmentFault(
            f"AWS cannot be used: {explain(error)}", "No account? Try goldsmith build --lab."
        ) from error


def _newest(source: Ec2Source, options: Ec2Options) -> Base | None:
    """Return the image that owner and name, or a parameter, stand for."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from ansible_collections.goldsmith.images.plugins.module_utils._aws import Aws, explain  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._ec2_source import Wanted, find  # noqa: PLC0415
    from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault  # noqa: PLC0415

    if source.from_ is not None:
        return None
    if source.id is not None:
        return Base(source.id)
    asked = source.ami.model_dump() if source.ami else {"ssm": source.ssm}
    wanted = Wanted(**asked | {"architecture": asked.get("architecture") or source.architecture})
    try:
        return Base(str(find(Aws(region=options.region), wanted, datetime.now(UTC))["ImageId"]))
    except Fault as fault:
        raise EnvironmentFault(f"what {wanted.called} is now cannot be found out: {fault}") from fault
    except (ClientError, BotoCoreError) as error:
        raise EnvironmentFault(f"what {wanted.called} is now cannot be found out: {explain(error)}") from error


def _there(identity: str, _tags: Sequence[str], region: str | None) -> bool:
    """Return whether EC2 has an image, and it can be used."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  only who asks needs it

    from ansible_collections.goldsmith.images.plugins.module_utils._aws import Aws, explain  # noqa: PLC0415  only who asks needs it
    from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault  # noqa: PLC0415  only who asks needs it

    try:
        found = Aws(region=region).client("ec2").describe_images(Owners=["self"], ImageIds=[identity])["Images"]
    except Fault as fault:
        raise EnvironmentFault(f"whether {identity} is there cannot be found out: {fault}") from fault
    except ClientError as error:
        if error.response["Error"]["Code"].startswith("InvalidAMIID"):
            return False
        raise EnvironmentFault(f"whether {identity} is there cannot be found out: {explain(error)}") from error
    except BotoCoreError as error:
        raise EnvironmentFault(f"whether {identity} is there cannot be found out: {explain(error)}") from error
    return any(image["State"] == "available" for image in found)


def _require_both() -> None:
    engine().close()
    _require()


def _variant(source: Ec2Source, options: Ec2Options) -> Target:
    """Return the target whose builds import a disk, where that is wanted."""
    if options.strategy == "instance":
        if wrong := [key for key in (*OF_DISKS, "kernel") if getattr(source, key) is not None]:
            raise ValueError(
                f"{wrong[0]} is what a disk is made of: it needs targets.ec2.strategy: direct. An instance is started "
                "from ami, id, ssm or from"
            )
        return target
    if wrong := [key for key in (*OF_INSTANCES, "architecture") if getattr(source, key) is not None]:
        raise ValueError(
            f"{wrong[0]} is what an instance is started from, and targets.ec2.strategy is direct: give debootstrap, "
            "image or from"
        )
    return _direct


target = Target(
    name="ec2",
    source=Ec2Source,
    options=Ec2Options,
    playbook="goldsmith.images.ec2",
    require=_require,
    newest=_newest,
    there=_there,
    caches_layers=True,
    checkpoints=True,
    publish="goldsmith.images.ec2_publish",
    regions=_regions,
    from_artifact=lambda identity: {"id": identity},
    variant=_variant,
)

_direct = replace(
    target,
    playbook="goldsmith.images.ec2_direct",
    require=_require_both,
    newest=lambda source, _options: newest(DockerSource(image=source.image), None) if source.image else None,
    # As the playbook says it.
    ground=lambda source, options, seed: ground(
        {"kernel": "linux-image-cloud-amd64", **source}, options.get("disk") or {}, seed
    ),
    checkpoints=False,
    starts_from="docker",
    from_artifact=lambda identity: {"image": identity},
)
