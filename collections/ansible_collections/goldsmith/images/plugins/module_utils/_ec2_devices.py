# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block devices: as an option of modules, and as the API takes them. Pure."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

_VOLUME: dict[str, Any] = {
    "size": {"type": "int"},
    "type": {"type": "str"},
    "iops": {"type": "int"},
    "throughput": {"type": "int"},
    "encrypted": {"type": "bool"},
    "kms_key": {"type": "str", "no_log": False},
}
BLOCK_DEVICES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "device": {"type": "str", "required": True},
        "snapshot": {"type": "str"},
        "delete_on_termination": {"type": "bool"},
        "virtual_name": {"type": "str"},
        "no_device": {"type": "bool", "default": False},
        **_VOLUME,
    },
}
"""The option ``block_devices``."""

ROOT_VOLUME: dict[str, Any] = {
    "type": "dict",
    "apply_defaults": True,
    "options": {**_VOLUME, "type": {"type": "str", "default": "gp3"}, "encrypted": {"type": "bool", "default": True}},
}
"""The option ``root_volume``."""

_EBS = {
    "size": "VolumeSize",
    "type": "VolumeType",
    "iops": "Iops",
    "throughput": "Throughput",
    "encrypted": "Encrypted",
    "kms_key": "KmsKeyId",
    "snapshot": "SnapshotId",
    "delete_on_termination": "DeleteOnTermination",
}


def mappings(devices: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return devices as ``BlockDeviceMappings``; what is not given is left to EC2.

    Args:
        devices: As the option `BLOCK_DEVICES` holds them; sizes in GiB, throughput in MiB a second.
    """
    return [_mapping(device) for device in devices]


def _mapping(device: Mapping[str, Any]) -> dict[str, Any]:
    named = {"DeviceName": device["device"]}
    if device.get("no_device"):
        return {**named, "NoDevice": ""}
    if device.get("virtual_name"):
        return {**named, "VirtualName": device["virtual_name"]}
    return {**named, "Ebs": ebs(device)}


def ebs(volume: Mapping[str, Any]) -> dict[str, Any]:
    """Return a volume's wishes, such as those of a root volume, as ``Ebs`` of a mapping."""
    return {_EBS[key]: value for key, value in volume.items() if key in _EBS and value is not None}
