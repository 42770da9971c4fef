"""Images and snapshots with all that EC2 tells of them; moto's own have a fixed size and are ready at once."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.elastic_block_store import Snapshot as MotoSnapshot
from moto.ec2.models.elastic_block_store import Volume
from moto.ec2.utils import random_ami_id, random_snapshot_id

from goldsmith.lab.bases import BASES, OWNER, Base

ROOT = "/dev/xvda"
BASE_SIZE = 8
"""GiB of a public image's root volume."""


class Snapshot(MotoSnapshot):
    """A snapshot whose state takes time.

    Args:
        backend: Region's backend of moto.
        volume: The volume that it is of.
        description: Description.
        encrypted: Whether it is encrypted.
        kms_key_id: ARN of the key that it is encrypted with.
        owner: Account that it belongs to; by default the user's.
        identifier: Id; by default a new one.
        image: Id of the image that it belongs to.
    """

    def __init__(
        self,
        backend: Any,
        volume: Any,
        description: str,
        *,
        encrypted: bool = False,
        kms_key_id: str | None = None,
        owner: str | None = None,
        identifier: str | None = None,
        image: str | None = None,
    ) -> None:
        super().__init__(
            backend, identifier or random_snapshot_id(), volume, description, encrypted, kms_key_id, owner, image
        )
        self.size = volume.size
        self.state_message: str | None = None
        self.status = "pending"

    @property
    def volume_size(self) -> int:
        """Size in GiB, which is the volume's of old."""
        return int(self.size)

    @property
    def progress(self) -> str:
        """How much of it is made, as EC2 writes it."""
        return {"completed": "100%", "error": "0%"}.get(self.status, "42%")


class Image(TaggedEC2Resource):
    """A machine image.

    Args:
        backend: Region's backend of moto.
        name: Name.
        identifier: Id; by default a new one.
        owner: Account that it belongs to; by default the user's.
        description: Description.
    """

    def __init__(
        self, backend: Any, name: str, *, identifier: str | None = None, owner: str | None = None, description: str = ""
    ) -> None:
        self.ec2_backend = backend
        self.id = identifier or random_ami_id()
        self.name = name
        self.owner_id = owner or backend.account_id
        self.description = description
        self.state = "pending"
        self.state_reason: dict[str, str] | None = None
        self.creation_date = datetime.now(UTC).replace(tzinfo=None)
        self.root_device_name = ROOT
        self.block_device_mappings: list[dict[str, Any]] = []
        self.architecture = "x86_64"
        self.boot_mode: str | None = None
        self.ena_support = True
        self.sriov_net_support: str | None = "simple"
        self.imds_support: str | None = None
        self.tpm_support: str | None = None
        self.deprecated_at: datetime | None = None
        self.deregistration_protection = "disabled"
        self.launch_permissions: list[dict[str, str]] = []
        self.source_instance_id: str | None = None
        self.source_image_id: str | None = None
        self.source_image_region: str | None = None
        self.last_launched: datetime | None = None
        self.platform: str | None = None
        self.virtualization_type = "hvm"
        self.hypervisor = "xen"
        self.image_type = "machine"
        self.root_device_type = "ebs"
        self.platform_details = "Linux/UNIX"
        self.usage_operation = "RunInstances"
        self.kernel_id: str | None = None
        self.product_codes: list[str] = []
        self.owner_alias: str | None = None

    def inherit(self, source: Any) -> None:
        """Take over from another image what belongs to the system in it."""
        for name in ("architecture", "boot_mode", "ena_support", "sriov_net_support", "imds_support", "tpm_support"):
            setattr(self, name, getattr(source, name))

    @property
    def deprecation_time(self) -> str | None:
        """When it is deprecated, as the API writes it."""
        return self.deprecated_at.strftime("%Y-%m-%dT%H:%M:%S.000Z") if self.deprecated_at else None

    @property
    def last_launched_time(self) -> str | None:
        """When an instance was last started from it, as the API writes it."""
        return self.last_launched.strftime("%Y-%m-%dT%H:%M:%S.000Z") if self.last_launched else None

    @property
    def image_location(self) -> str:
        """Owner and name."""
        return f"{self.owner_id}/{self.name}"

    @property
    def is_public(self) -> bool:
        """Whether everybody may start it."""
        return {"Group": "all"} in self.launch_permissions

    @property
    def public(self) -> bool:
        """Whether everybody may start it, as the API calls it."""
        return self.is_public

    @property
    def snapshots(self) -> list[str]:
        """Ids of its snapshots."""
        return [one["Ebs"]["SnapshotId"] for one in self.block_device_mappings if "SnapshotId" in one.get("Ebs", {})]

    @property
    def root_snapshot(self) -> str:
        """Id of the snapshot of its root volume; empty if it has none."""
        for one in self.block_device_mappings:
            if one["DeviceName"] == self.root_device_name:
                return str(one.get("Ebs", {}).get("SnapshotId", ""))
        return ""

    @property
    def is_deprecated(self) -> bool:
        """Whether its time of deprecation has come."""
        return self.deprecated_at is not None and self.deprecated_at <= datetime.now(UTC).replace(tzinfo=None)

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:  # noqa: ARG002  moto gives it
        """Return what a filter of DescribeImages looks at."""
        first: dict[str, Any] = next((one.get("Ebs", {}) for one in self.block_device_mappings), {})
        special = {
            "image-id": self.id,
            "is-public": self.is_public,
            "creation-date": self.creation_date.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "source-image-id": self.source_image_id,
            "source-image-region": self.source_image_region,
            "source-instance-id": self.source_instance_id,
            "manifest-location": self.image_location,
            "state-reason-code": (self.state_reason or {}).get("Code"),
            "block-device-mapping.snapshot-id": self.snapshots,
            "block-device-mapping.device-name": [one["DeviceName"] for one in self.block_device_mappings],
            "block-device-mapping.volume-type": first.get("VolumeType"),
            "block-device-mapping.encrypted": bool(first.get("Encrypted")),
            "owner-alias": self.owner_alias,
            "platform": self.platform,
            "product-code": self.product_codes,
        }
        if filter_name in special:
            return special[filter_name]
        return super().get_filter_value(filter_name, "DescribeImages")


def add_base(backend: Any, base: Base) -> Image:
    """Add a public image to a region."""
    seed = hashlib.sha256(f"{backend.region_name}/{base.name}".encode()).hexdigest()
    volume = Volume(backend, "vol-ffffffff", BASE_SIZE, None)
    image = Image(backend, base.name, identifier=f"ami-{seed[:17]}", owner=OWNER, description=base.description)
    snapshot = Snapshot(
        backend, volume, f"Snapshot of {base.name}", owner=OWNER, identifier=f"snap-{seed[17:34]}", image=image.id
    )
    snapshot.status = "completed"
    image.state = "available"
    image.launch_permissions.append({"Group": "all"})
    ebs = {
        "SnapshotId": snapshot.id,
        "VolumeSize": BASE_SIZE,
        "VolumeType": "gp3",
        "DeleteOnTermination": True,
        "Encrypted": False,
    }
    image.block_device_mappings.append({"DeviceName": ROOT, "Ebs": ebs})
    backend.snapshots[snapshot.id] = snapshot
    backend.amis[image.id] = image
    return image


def add_bases(backend: Any) -> dict[str, Base]:
    """Add the public images to a region, and return them by the ids of their snapshots."""
    # The newest has the newest release.
    found = {}
    for number, base in enumerate(BASES):
        image = add_base(backend, base)
        image.creation_date = image.creation_date.replace(
            year=2026, month=1, day=1 + number, hour=0, minute=0, second=0
        )
        found[image.root_snapshot] = base
    return found
