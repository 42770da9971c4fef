# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance is to be captured as, and how that is told to the API. Pure.

CreateImage takes over how the instance starts from the image that it was started from. Another boot mode, ENA or a TPM
can only be given to RegisterImage, which makes an image of snapshots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Optional, Sequence

from ansible_collections.goldsmith.images.plugins.module_utils._aws import tag_specifications
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault


@dataclass(frozen=True)
class Request:
    """What is to be captured, and as what.

    Attributes:
        instance: Id of the instance.
        build_id: The build; it makes one image.
        name: The image's name, which no other image of the account may have in the region.
        description: Its description.
        tags: Tags of the image and its snapshots, those of the ledger included.
        stop: Whether the instance is stopped first; otherwise files that are being written may be torn.
        devices: Changes to the block devices, as the API takes them.
        boot_mode: ``legacy-bios``, ``uefi`` or ``uefi-preferred``; None leaves it as the instance has it, as below.
        ena: Whether instances of the image have enhanced networking.
        tpm: ``v2.0`` for instances with a TPM.
        imds: ``v2.0`` if instances of the image are to take metadata tokens only.
        terminate: Whether the instance goes as soon as the image is available.
    """

    instance: str
    build_id: str
    name: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    stop: bool = True
    devices: Sequence[Mapping[str, Any]] = ()
    boot_mode: Optional[str] = None
    ena: Optional[bool] = None
    tpm: Optional[str] = None
    imds: Optional[str] = None
    terminate: bool = False

    @property
    def particular(self) -> bool:
        """Whether it has wishes that CreateImage may not fulfil."""
        return bool(self.boot_mode or self.ena is not None or self.tpm)


def check(request: Request) -> None:
    """Refuse what EC2 would refuse after the machine was stopped.

    Raises:
        Fault: A TPM is wanted for a boot mode that has none.
    """
    if request.tpm and request.boot_mode != "uefi":
        given = f"boot_mode is {request.boot_mode}" if request.boot_mode else "no boot_mode is given"
        raise Fault(f"tpm {request.tpm} needs boot_mode: uefi, and {given}. Set it, or leave the TPM out.")


def must_register(request: Request, instance: Mapping[str, Any]) -> bool:
    """Return whether CreateImage would not make the image that is wanted of this instance."""
    return (
        request.boot_mode not in (None, instance.get("BootMode"))
        or request.ena not in (None, bool(instance.get("EnaSupport")))
        or request.tpm not in (None, instance.get("TpmSupport"))
    )


def creation(request: Request) -> dict[str, Any]:
    """Return the parameters of CreateImage."""
    given = {"Description": request.description, "BlockDeviceMappings": list(request.devices)}
    return {
        "InstanceId": request.instance,
        "Name": request.name,
        "NoReboot": not request.stop,
        "TagSpecifications": tag_specifications(["image", "snapshot"], request.tags),
        **{key: value for key, value in given.items() if value},
    }


def volumes(request: Request, instance: Mapping[str, Any]) -> dict[str, str]:
    """Return the volumes that take part in an image: ids, by device name."""
    left_out = {device["DeviceName"] for device in request.devices if "NoDevice" in device}
    return {name: volume for name, volume in _attached(instance).items() if name not in left_out}


def _attached(instance: Mapping[str, Any]) -> dict[str, str]:
    devices = instance.get("BlockDeviceMappings") or ()
    return {device["DeviceName"]: device["Ebs"]["VolumeId"] for device in devices if device.get("Ebs")}


def snapshotting(request: Request, instance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of CreateSnapshots."""
    wanted = volumes(request, instance)
    excluded = [volume for name, volume in _attached(instance).items() if name not in wanted]
    return {
        "InstanceSpecification": {
            "InstanceId": request.instance,
            **({"ExcludeDataVolumeIds": excluded} if excluded else {}),
        },
        "Description": request.description or request.name,
        "TagSpecifications": tag_specifications(["snapshot"], request.tags),
    }


def newest(snapshots: Iterable[Mapping[str, Any]], wanted: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return the newest snapshot of each wanted volume that has one, by volume.

    CreateSnapshots has no client token: when an answer was lost there are two sets, and the second one is whole.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for snapshot in sorted(snapshots, key=lambda one: (one["StartTime"], one["SnapshotId"])):
        if snapshot["VolumeId"] in wanted:
            found[snapshot["VolumeId"]] = snapshot
    return found


def registration(
    request: Request,
    instance: Mapping[str, Any],
    snapshots: Mapping[str, Mapping[str, Any]],
    details: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the parameters of RegisterImage.

    Args:
        request: What is wanted.
        instance: As described.
        snapshots: As described, by volume.
        details: The volumes as described, by id.
    """
    changes = {device["DeviceName"]: device for device in request.devices if "NoDevice" not in device}
    devices = []
    for name, volume in volumes(request, instance).items():
        wished = changes.pop(name, {}).get("Ebs") or {}
        ebs = {**_like(details[volume]), "SnapshotId": snapshots[volume]["SnapshotId"], **wished}
        devices.append({"DeviceName": name, "Ebs": ebs})
    given = {
        "Description": request.description,
        "BootMode": request.boot_mode or instance.get("BootMode"),
        "TpmSupport": request.tpm or instance.get("TpmSupport"),
        "ImdsSupport": request.imds,
    }
    return {
        "Name": request.name,
        "Architecture": instance["Architecture"],
        "RootDeviceName": instance["RootDeviceName"],
        "VirtualizationType": "hvm",
        "EnaSupport": bool(instance.get("EnaSupport")) if request.ena is None else request.ena,
        "BlockDeviceMappings": [*devices, *changes.values()],
        "TagSpecifications": tag_specifications(["image"], request.tags),
        **{key: value for key, value in given.items() if value},
    }


def _like(volume: Mapping[str, Any]) -> dict[str, Any]:
    """Return a volume's kind as ``Ebs`` of a mapping, without what only EC2 chooses for that kind."""
    chosen = ["Iops", "Throughput"] if volume.get("VolumeType") in ("gp3", "io1", "io2") else []
    kept = {key: volume.get(key) for key in ("VolumeType", *chosen)}
    size = {"VolumeSize": volume["Size"], "DeleteOnTermination": True}
    return {**size, **{key: value for key, value in kept.items() if value is not None}}
