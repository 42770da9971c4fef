"""Block devices: what an image says and what a call asks for, together, and the volumes that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from moto.kms import kms_backends

from goldsmith.lab.ec2.common import refuse

_KEYS = ("SnapshotId", "VolumeSize", "VolumeType", "Iops", "Throughput", "Encrypted", "KmsKeyId", "DeleteOnTermination")


def combined(
    backend: Any, own: Iterable[Mapping[str, Any]], asked: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the block devices of an image with what a call asks for instead or in addition.

    Args:
        backend: Region's backend of moto.
        own: The image's devices.
        asked: The call's. One with ``NoDevice`` takes a device away.

    Returns:
        Devices with an EBS volume, with all that is known of it.

    Raises:
        EC2ClientError: A volume would be smaller than its snapshot, or has no size.
    """
    found: dict[str, dict[str, Any]] = {one["DeviceName"]: dict(one["Ebs"]) for one in own if "Ebs" in one}
    for one in asked:
        name = one.get("DeviceName", "")
        if one.get("NoDevice") is not None:
            found.pop(name, None)
        elif "Ebs" in one:
            given = {key: value for key, value in one["Ebs"].items() if key in _KEYS and value is not None}
            had = found.get(name, {})
            if given.get("VolumeType", had.get("VolumeType")) != had.get("VolumeType"):
                # What one type of volume can do, another one may not.
                had = {key: value for key, value in had.items() if key not in ("Iops", "Throughput")}
            found[name] = {"VolumeType": "gp2", **had, **given}
    return [{"DeviceName": name, "Ebs": _complete(backend, name, ebs)} for name, ebs in found.items()]


def key_arn(backend: Any, key: str | None) -> str:
    """Return the ARN of a key.

    Args:
        backend: Region's backend of moto.
        key: Its id, alias or ARN; None for the one that EBS uses by default. One that KMS does not know passes, too.
    """
    if key is None:
        return str(backend.default_kms_key_id or backend._create_default_encryption_key())
    kms = kms_backends[backend.account_id][backend.region_name]
    try:
        return str(kms.describe_key(key).arn)
    except Exception:  # noqa: BLE001  moto has several ways to say that there is none
        name = key if key.startswith("alias/") else f"key/{key}"
        return key if key.startswith("arn:") else f"arn:aws:kms:{backend.region_name}:{backend.account_id}:{name}"


def _complete(backend: Any, name: str, ebs: dict[str, Any]) -> dict[str, Any]:
    size = ebs.get("VolumeSize")
    if ebs.get("SnapshotId"):
        snapshot = backend.get_snapshot(ebs["SnapshotId"])
        size = size or snapshot.volume_size
        if size < snapshot.volume_size:
            raise refuse(
                "InvalidBlockDeviceMapping",
                f"Volume of size {size}GB is smaller than snapshot '{snapshot.id}', expect size >= "
                f"{snapshot.volume_size}GB",
            )
        if snapshot.encrypted:
            ebs = {"KmsKeyId": snapshot.kms_key_id, **ebs, "Encrypted": True}
    if ebs.get("Encrypted") or backend.ebs_encryption_by_default:
        ebs = {**ebs, "Encrypted": True, "KmsKeyId": key_arn(backend, ebs.get("KmsKeyId"))}
    elif ebs.get("KmsKeyId"):
        raise refuse("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted")
    if not size:
        raise refuse("MissingParameter", f"The request must contain the parameter size or snapshotId for {name}")
    ebs = {"DeleteOnTermination": True, "Encrypted": False, **ebs, "VolumeSize": size}
    return {key: value for key, value in ebs.items() if value is not None}


def creatable(devices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return devices as moto takes them: it knows no IOPS here, and wants them for some types of volumes."""
    return [
        {
            **one,
            "Ebs": {key: value for key, value in one["Ebs"].items() if key not in ("VolumeType", "Iops", "Throughput")},
        }
        for one in devices
    ]


def finish(backend: Any, instance: Any, devices: list[dict[str, Any]]) -> None:
    """Give the volumes of a new instance what moto left out."""
    for one in devices:
        volume = backend.volumes[instance.block_device_mapping[one["DeviceName"]].volume_id]
        ebs = one["Ebs"]
        volume.volume_type = ebs.get("VolumeType", "gp2")
        volume.iops = ebs.get("Iops") or (3000 if volume.volume_type == "gp3" else None)
        volume.throughput = ebs.get("Throughput") or (125 if volume.volume_type == "gp3" else None)
