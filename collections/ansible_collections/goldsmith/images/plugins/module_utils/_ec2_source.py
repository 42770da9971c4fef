# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amazon machine images to build on: how they are asked for, why one is refused, who logs in to them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Iterable, Mapping, NamedTuple

from ansible_collections.goldsmith.images.plugins.module_utils._aws import TAG_USER, Aws, call, tags_of
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._time import moment

_ALIASES = {"amd64": "x86_64", "aarch64": "arm64"}
_UNKNOWN = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable")


class Wanted(NamedTuple):
    """Which image is asked for: exactly one of ``id``, ``ssm`` and ``owner``.

    Attributes:
        id: Id of the image.
        ssm: Name of an SSM parameter that holds the id.
        owner: Account number, or ``self``, ``amazon``, ``aws-marketplace``.
        name: Name of the image, with ``*`` and ``?``.
        filters: Filters of DescribeImages; each value one or several.
        architecture: What it must be built for.
        include_deprecated: Whether a deprecated one will do.
        reference: What to call it; by default what is asked for.
    """

    id: str | None = None
    ssm: str | None = None
    owner: str | None = None
    name: str | None = None
    filters: Mapping[str, Any] = {}
    architecture: str | None = None
    include_deprecated: bool = False
    reference: str | None = None

    @property
    def called(self) -> str:
        """What people call it."""
        asked = [f"{key}={_text(value)}" for key, value in self.filters.items()]
        named = "/".join(filter(None, (self.owner, self.name, *asked)))
        return self.reference or self.id or self.ssm or named


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


@call("read the SSM parameter", missing=["ParameterNotFound"])
def _parameter(client: Any, name: str) -> str:
    return str(client.get_parameter(Name=name)["Parameter"]["Value"]).strip()


@call("look for the image", missing=_UNKNOWN)
def _describe_images(client: Any, **asked: Any) -> list[dict[str, Any]]:
    return list(client.describe_images(**asked)["Images"])


def find(aws: Aws, wanted: Wanted, now: datetime) -> dict[str, Any]:
    """Return the image that is asked for, as EC2 describes it: of several the newest, of equally new ones the last id.

    One call, and one more with ``ssm``.

    Raises:
        Fault: There is none, or what there is cannot be built on.
    """
    if wanted.id or wanted.ssm:
        return _by_id(aws, wanted, wanted.id or _id_in_ssm(aws, str(wanted.ssm)), now)
    images = _search(aws, wanted, deprecated=wanted.include_deprecated)
    usable = [image for image in images if not refusal(image, wanted, now)]
    if usable:
        return newest(usable)
    if not images and not wanted.include_deprecated:
        # To tell a name that nothing bears from one that only deprecated images bear.
        images = _search(aws, wanted, deprecated=True)
    if not images:
        raise Fault(
            f"no image in {aws.region} answers to {wanted.called}. Look at owner, name and its wildcards, filters "
            "and region; images of other accounts are found only when they are public or shared with this one."
        )
    found = newest(images)
    raise Fault(
        f"none of the {len(images)} images that answer to {wanted.called} in {aws.region} can be built on. "
        f"The newest, {_named(found)}, {refusal(found, wanted, now)}"
    )


def _search(aws: Aws, wanted: Wanted, *, deprecated: bool) -> list[dict[str, Any]]:
    filters = {**({"name": wanted.name} if wanted.name else {}), **wanted.filters}
    listed = [
        {"Name": key, "Values": [str(one) for one in (value if isinstance(value, list) else [value])]}
        for key, value in filters.items()
    ]
    return _describe_images(aws.client(), Owners=[wanted.owner], Filters=listed, IncludeDeprecated=deprecated) or []


def _by_id(aws: Aws, wanted: Wanted, name: str, now: datetime) -> dict[str, Any]:
    images = _describe_images(aws.client(), ImageIds=[name])
    if not images:
        raise Fault(
            f"there is no image {name} in {aws.region}, or this account may not use it. An image's id is of one "
            "region; an image of another account must be public or shared with this one."
        )
    reason = refusal(images[0], wanted, now)
    if reason:
        raise Fault(f"the image {_named(images[0])} cannot be built on: it {reason}")
    return images[0]


def _id_in_ssm(aws: Aws, name: str) -> str:
    value = _parameter(aws.client("ssm"), name)
    if value is None:
        raise Fault(
            f"there is no SSM parameter {name} in {aws.region}. Public ones begin with /aws/service/; see "
            "aws ssm get-parameters-by-path --path /aws/service/debian/release --recursive"
        )
    if not re.match(r"^ami-[0-9a-f]+$", value):
        raise Fault(
            f"the SSM parameter {name} holds no image's id but {value[:60]!r}. Name the one that does; where it is a "
            "document, that is often the same name with /image_id."
        )
    return value


def newest(images: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the image that was made last; of those made at once the one with the last id."""
    return max(images, key=lambda image: (image.get("CreationDate") or "", image["ImageId"]))


def refusal(image: Mapping[str, Any], wanted: Wanted, now: datetime) -> str:
    """Return why an image cannot be built on and what to do, to follow *it*; empty if it can."""
    state = image.get("State") or "available"
    if state != "available":
        why = (image.get("StateReason") or {}).get("Message")
        return f"is {state}{f' ({why})' if why else ''}. Wait until it is available, or choose another."
    deprecated = moment(image.get("DeprecationTime") or "")
    if deprecated and deprecated <= now and not wanted.include_deprecated:
        return (
            f"has been deprecated since {image['DeprecationTime']}. Choose a newer one, or set include_deprecated "
            "if it must be this one."
        )
    architecture = image.get("Architecture") or ""
    asked = wanted.architecture and _ALIASES.get(wanted.architecture, wanted.architecture)
    if asked and asked != architecture:
        return f"is built for {architecture}, not for {asked}. Choose one that is, or change the architecture."
    if image.get("RootDeviceType") != "ebs":
        return "has its root on an instance store, which cannot be captured. Choose one whose root device is EBS."
    return ""


def _named(image: Mapping[str, Any]) -> str:
    return f"{image['ImageId']} ({image['Name']})" if image.get("Name") else str(image["ImageId"])


def describe(image: Mapping[str, Any], reference: str, region: str) -> dict[str, Any]:
    """Return an image as a module returns it."""
    tags = tags_of(image)
    return {
        "id": image["ImageId"],
        "reference": reference,
        "digest": None,
        "kind": "ami",
        "name": image.get("Name") or "",
        "owner": image.get("OwnerId") or "",
        "architecture": image.get("Architecture") or "",
        "os": "windows" if image.get("Platform") == "windows" else "linux",
        "root_device": image.get("RootDeviceName") or "",
        "block_devices": image.get("BlockDeviceMappings") or [],
        "created": image.get("CreationDate") or "",
        "deprecates": image.get("DeprecationTime"),
        "boot_mode": image.get("BootMode"),
        "ena": bool(image.get("EnaSupport")),
        "imds": image.get("ImdsSupport"),
        "user": tags.get(TAG_USER) or usual_user(image.get("Name") or "", image.get("OwnerId") or ""),
        "tags": tags,
        "region": region,
    }


_USERS_BY_OWNER = {
    "136693071363": "admin",  # Debian
    "099720109477": "ubuntu",
    "137112412989": "ec2-user",  # Amazon Linux
    "792107900819": "rocky",
    "764336703387": "ec2-user",  # AlmaLinux
    "309956199498": "ec2-user",  # Red Hat
    "013907871322": "ec2-user",  # SUSE
}
_USERS_BY_NAME = (
    (r"debian", "admin"),
    (r"ubuntu", "ubuntu"),
    (r"amzn|al20\d\d|amazon.?linux", "ec2-user"),
    (r"rocky", "rocky"),
    (r"alma", "ec2-user"),
    (r"rhel|red.?hat", "ec2-user"),
    (r"centos[ _-]?stream[ _-]?(9|[1-9]\d)", "ec2-user"),
    (r"centos", "centos"),
    (r"fedora", "fedora"),
    (r"suse|sles", "ec2-user"),
)


def usual_user(name: str, owner: str) -> str | None:
    """Return the user whom the makers of an image let log in, as far as name and owner tell; else None."""
    if owner in _USERS_BY_OWNER:
        return _USERS_BY_OWNER[owner]
    return next((user for pattern, user in _USERS_BY_NAME if re.search(pattern, name, re.IGNORECASE)), None)
