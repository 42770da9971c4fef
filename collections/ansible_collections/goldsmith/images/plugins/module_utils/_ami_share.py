# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that publish an image in a region: who may use it, until when it is recommended, where its id is found."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Iterable

from ansible_collections.goldsmith.images.plugins.module_utils._ami_publication import Permission
from ansible_collections.goldsmith.images.plugins.module_utils._aws import AwsFault, call
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault
from ansible_collections.goldsmith.images.plugins.module_utils._wait import State, Waiter, wait

AMI = "aws:ec2:image"
_VALIDATION = 30.0
"""Seconds that SSM may take to look whether a value is the id of an image."""


def launch_permissions(client: Any, image: str) -> frozenset[Permission]:
    """Return who may start machines of an image."""
    return frozenset(pair for entry in _launch_permissions(client, image) or () for pair in entry.items())


@call("ask who may use the image")
def _launch_permissions(client: Any, image: str) -> list[dict[str, str]]:
    answer = client.describe_image_attribute(ImageId=image, Attribute="launchPermission")
    return list(answer.get("LaunchPermissions") or ())


def volume_permissions(client: Any, snapshot: str) -> frozenset[Permission]:
    """Return who may make volumes of a snapshot."""
    return frozenset(pair for entry in _volume_permissions(client, snapshot) or () for pair in entry.items())


@call("ask who may use the snapshot")
def _volume_permissions(client: Any, snapshot: str) -> list[dict[str, str]]:
    answer = client.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    return list(answer.get("CreateVolumePermissions") or ())


def share_image(client: Any, image: str, permissions: Iterable[Permission]) -> None:
    """Let these start machines of the image as well.

    Raises:
        Fault: EC2 refuses.
    """
    try:
        _share_image(client, image, [{kind: name} for kind, name in sorted(permissions)])
    except AwsFault as fault:
        raise _unshareable(fault) from fault


@call("share the image")
def _share_image(client: Any, image: str, permissions: list[dict[str, str]]) -> None:
    client.modify_image_attribute(ImageId=image, Attribute="launchPermission", LaunchPermission={"Add": permissions})


def share_snapshot(client: Any, snapshot: str, permissions: Iterable[Permission]) -> None:
    """Let these make volumes of the snapshot as well.

    Raises:
        Fault: EC2 refuses.
    """
    names: dict[str, list[str]] = {"UserId": [], "Group": []}
    for kind, name in sorted(permissions):
        names[kind].append(name)
    given = {"UserIds": names["UserId"], "GroupNames": names["Group"]}
    try:
        _share_snapshot(client, snapshot, {key: value for key, value in given.items() if value})
    except AwsFault as fault:
        raise _unshareable(fault) from fault


@call("share the snapshot")
def _share_snapshot(client: Any, snapshot: str, names: dict[str, list[str]]) -> None:
    client.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", **names
    )


def default_key_fault(where: str) -> Fault:
    """Return what to tell of an image that cannot be shared for the key that encrypts it.

    Args:
        where: The image, or the region of the copy.
    """
    return Fault(
        f"{where} is encrypted with the account's default key (aws/ebs), which nobody else can use. Have a key of your "
        f"own encrypt it, one that those others may use: root_volume.kms_key, and copy_to[].kms_key for each copy. Or "
        f"build it with root_volume.encrypted: false."
    )


def _unshareable(fault: AwsFault) -> Fault:
    # "Snapshots encrypted with the AWS Managed CMK can't be shared", "Encrypted snapshots with EBS default key cannot
    # be shared": the codes, InvalidParameter and OperationNotPermitted, have other meanings as well.
    if "AWS Managed CMK" in fault.detail or "EBS default key" in fault.detail:
        return Fault(f"{str(fault).partition(':')[0]}: {default_key_fault('it')}")
    return fault


def copies_default_key(client: Any) -> bool:
    """Return whether it is known that the account's default key encrypts copies for which none is named.

    Not everybody who builds may ask that, and nothing else needs it: where it is not told, sharing the copy will tell.
    """
    try:
        return str(_default_key(client)).endswith("alias/aws/ebs")
    except AwsFault:
        return False


@call("ask for the default key of EBS")
def _default_key(client: Any) -> str:
    return str(client.get_ebs_default_kms_key_id()["KmsKeyId"])


@call("set the time at which the image is deprecated")
def deprecate(client: Any, image: str, time: datetime) -> None:
    """Have EC2 show the image as deprecated from a point in time on."""
    client.enable_image_deprecation(ImageId=image, DeprecateAt=time)


@call("protect the image from being deregistered")
def protect(client: Any, image: str) -> None:
    """Have EC2 refuse to deregister the image until the protection is taken away."""
    client.enable_image_deregistration_protection(ImageId=image)


def parameter(client: Any, name: str) -> tuple[str, str]:
    """Return value and data type of an SSM parameter; empty where there is none."""
    found = _parameter(client, name) or {}
    return found.get("Value", ""), found.get("DataType", "")


@call("read the SSM parameter", missing=["ParameterNotFound"])
def _parameter(client: Any, name: str) -> dict[str, str]:
    return dict(client.get_parameter(Name=name)["Parameter"])


def set_parameter(client: Any, name: str, image: str, before: str, kind: str) -> None:
    """Have an SSM parameter hold the id of an image.

    SSM looks only after its answer whether there is such an image, and forgets the value if there is none.

    Args:
        client: SSM's client of the region.
        name: Name of the parameter.
        image: Id of the image.
        before: Its value until now; empty where there is none.
        kind: Its data type until now, likewise.

    Raises:
        Fault: SSM refuses, or does not take the value.
    """
    _put_parameter(client, name, image, kind or AMI)
    shown = Waiter(f"the SSM parameter {name}", image, ("", before), 5)
    if wait(shown, lambda: State(parameter(client, name)[0]), _VALIDATION).name != image:
        raise Fault(
            f"SSM took {image} for the parameter {name}, and does not show it after {_VALIDATION:.0f} s. It must be "
            f"allowed to look at the image: add ec2:DescribeImages to the policy of the user or role that builds."
        )


@call("set the SSM parameter")
def _put_parameter(client: Any, name: str, value: str, kind: str) -> None:
    # The data type of a parameter cannot be changed to or from that of images.
    client.put_parameter(Name=name, Value=value, Type="String", DataType=kind, Overwrite=True)
