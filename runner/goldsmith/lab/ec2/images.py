"""Images: made of machines, copied, and gone again. Their file systems are those of their snapshots."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends

from goldsmith.lab.ec2 import devices
from goldsmith.lab.ec2.common import LabResponse, idempotent, refuse, returned
from goldsmith.lab.ec2.guest import Guest
from goldsmith.lab.ec2.resources import Image, Snapshot

_NAME = re.compile(r"^[A-Za-z0-9()\[\] ./\-'@_]{3,128}$")


class Images(LabResponse):
    """Actions that make images, and do away with them."""

    def create_image(self) -> ActionResult:
        """Make an image of an instance."""
        backend = self.ec2_backend
        instance = backend.get_instance(self._get_param("InstanceId"))
        name = self._new_name()
        if instance.state not in ("running", "stopping", "stopped"):
            raise refuse(
                "IncorrectState",
                f"The instance '{instance.id}' is not in a state from which an image can be made: {instance.state}",
            )
        own = [
            {"DeviceName": device, "Ebs": _of_volume(backend.volumes[attached.volume_id], attached)}
            for device, attached in instance.get_block_device_mapping
        ]
        asked = devices.combined(backend, own, self._get_param("BlockDeviceMappings", []))
        self.error_on_dryrun()
        image = Image(backend, name, description=self._get_param("Description", ""))
        source = backend.amis.get(instance.image_id)
        if source is not None:
            image.inherit(source)
        image.root_device_name = instance.root_device_name
        image.source_instance_id = instance.id
        image.source_image_id, image.source_image_region = instance.image_id, backend.region_name
        for one in asked:
            one["Ebs"].pop("KmsKeyId", None)
            attached = instance.block_device_mapping.get(one["DeviceName"])
            if attached is not None:
                one["Ebs"]["SnapshotId"] = self._snapshot_of(image, backend.volumes[attached.volume_id], instance.id)
        image.block_device_mappings = asked
        self._add(image)
        self._make(image, "image", self._capture(image, self.cloud.guests[instance.id]))
        return returned(ImageId=image.id)

    @idempotent
    def copy_image(self) -> ActionResult:
        """Copy an image, from this region or another one."""
        origin = ec2_backends[self.current_account][self._get_param("SourceRegion")]
        self.prepare(origin)
        source = self._image(self._get_param("SourceImageId"), origin)
        name = self._new_name()
        if source.state != "available":
            raise refuse("InvalidAMIID.Unavailable", f"The image ID '{source.id}' is not available")
        key, encrypted = self._get_param("KmsKeyId"), self._get_bool_param("Encrypted")
        if key and not encrypted:
            raise refuse("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted")
        self.error_on_dryrun()
        image = Image(self.ec2_backend, name, description=self._get_param("Description") or source.description)
        image.inherit(source)
        image.root_device_name = source.root_device_name
        image.source_image_id, image.source_image_region = source.id, origin.region_name
        copies = {}
        for one in source.block_device_mappings:
            old = origin.snapshots[one["Ebs"]["SnapshotId"]]
            new = self._copied(old, image, self._key(old, key, encrypted=bool(encrypted)))
            copies[old.id] = new.id
            ebs = {**one["Ebs"], "SnapshotId": new.id, "Encrypted": new.encrypted}
            image.block_device_mappings.append({"DeviceName": one["DeviceName"], "Ebs": ebs})
        if self._get_bool_param("CopyImageTags"):
            own = origin.tags.get(source.id, {})
            image.add_tags({key: value for key, value in own.items() if not key.startswith("aws:")})
        self._add(image)

        def copy() -> None:
            for old, new in copies.items():
                if old in self.cloud.contents:
                    self.cloud.copy(old, new)

        self._make(image, "copy", copy)
        return returned(ImageId=image.id)

    def register_image(self) -> ActionResult:
        """Make an image of snapshots."""
        backend = self.ec2_backend
        name = self._new_name()
        image = Image(backend, name, description=self._get_param("Description", ""))
        image.root_device_name = self._get_param("RootDeviceName") or "/dev/sda1"
        image.block_device_mappings = devices.combined(backend, [], self._get_param("BlockDeviceMappings", []))
        if not image.root_snapshot:
            raise refuse("InvalidBlockDeviceMapping", "No root snapshot specified in device mapping")
        for one in image.snapshots:
            if backend.snapshots[one].status != "completed":
                raise refuse("IncorrectState", f"Snapshot '{one}' is not completed")
        if image.root_snapshot not in self.cloud.contents:
            raise refuse("InvalidBlockDeviceMapping", f"Snapshot '{image.root_snapshot}' holds no file system to boot")
        self.error_on_dryrun()
        image.architecture = self._get_param("Architecture") or "i386"
        image.virtualization_type = self._get_param("VirtualizationType") or "paravirtual"
        image.boot_mode = self._get_param("BootMode")
        image.tpm_support = self._get_param("TpmSupport")
        image.imds_support = self._get_param("ImdsSupport")
        image.sriov_net_support = self._get_param("SriovNetSupport")
        image.ena_support = bool(self._get_bool_param("EnaSupport"))
        self._add(image)
        self._make(image, "image", lambda: None)
        return returned(ImageId=image.id)

    def deregister_image(self) -> ActionResult:
        """Forget an image; its snapshots stay, unless they are to go with it."""
        backend = self.ec2_backend
        image = self._own_image(self._get_param("ImageId"))
        if image.deregistration_protection != "disabled":
            raise refuse(
                "OperationNotPermitted",
                f"The image '{image.id}' may not be deregistered. Disable its deregistration protection and try again.",
            )
        self.error_on_dryrun()
        backend.deregister_image(image.id)
        results = []
        if self._get_bool_param("DeleteAssociatedSnapshots"):
            for one in image.snapshots:
                used = any(one in other.snapshots for other in backend.amis.values())
                results.append({"SnapshotId": one, "ReturnCode": "skipped" if used else "success"})
                if not used:
                    backend.snapshots.pop(one, None)
                    self.cloud.later(f"delete {one}", self.cloud.forget, one)
        return returned(Return=True, DeleteSnapshotResults=results)

    def _new_name(self) -> str:
        """Return the name that the call gives to a new image."""
        name = str(self._get_param("Name") or "")
        if not _NAME.match(name):
            raise refuse(
                "InvalidAMIName.Malformed",
                "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', "
                "'[', ']', ' ', '.', '/', '-', ''', '@' and '_'",
            )
        for image in self.ec2_backend.amis.values():
            if image.name == name and image.owner_id == self.ec2_backend.account_id:
                raise refuse("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")
        return name

    def _snapshot_of(self, image: Image, volume: Any, instance: str) -> str:
        """Add the snapshot of a volume that belongs to a new image, and return its id."""
        text = f"Created by CreateImage({instance}) for {image.id}"
        key = volume.kms_key_id if volume.encrypted else None
        snapshot = Snapshot(self.ec2_backend, volume, text, kms_key_id=key, image=image.id)
        self.ec2_backend.snapshots[snapshot.id] = snapshot
        snapshot.add_tags(self._tags("snapshot"))
        return str(snapshot.id)

    def _copied(self, old: Any, image: Image, key: str | None) -> Snapshot:
        """Add the copy of a snapshot that belongs to a new image."""
        text = (
            f"Copied for DestinationAmi {image.id} from SourceAmi {image.source_image_id} for SourceSnapshot {old.id}."
        )
        snapshot = Snapshot(self.ec2_backend, old.volume, text, kms_key_id=key, image=image.id)
        snapshot.size = old.volume_size
        self.ec2_backend.snapshots[snapshot.id] = snapshot
        snapshot.add_tags(self._tags("snapshot"))
        return snapshot

    def _key(self, old: Any, key: str | None, *, encrypted: bool) -> str | None:
        """Return the ARN of the key that the copy of a snapshot is encrypted with, or None."""
        if not (encrypted or old.encrypted):
            return None
        return devices.key_arn(self.ec2_backend, key)

    def _add(self, image: Image) -> None:
        image.add_tags(self._tags("image"))
        self.ec2_backend.amis[image.id] = image

    def _capture(self, image: Image, guest: Guest) -> Callable[[], None]:
        """Begin to capture a machine, stopped meanwhile unless that is not wanted, and return what waits for it."""
        if not image.root_snapshot:
            raise refuse("InvalidBlockDeviceMapping", "No root snapshot specified in device mapping")
        restart = guest.instance.state == "running" and not self._get_bool_param("NoReboot")
        if restart:
            guest.machine.stop()
        finish = self.cloud.capture(guest.machine, image.root_snapshot, guest.boot.user)
        if restart:
            guest.again()
        return finish

    def _make(self, image: Image, delay: str, work: Callable[[], None]) -> None:
        """Do in the background what makes an image, and let it have its state then.

        Args:
            image: The image, which is pending.
            delay: What it takes time like.
            work: Fills its snapshots.
        """
        cloud, backend, fails = self.cloud, self.ec2_backend, self._fault == "fails"
        pause = cloud.pause(delay)

        def make() -> None:
            reason = "An internal error has occurred" if fails else ""
            try:
                if not fails:
                    work()
            except Exception as error:
                reason = str(error)
                raise
            finally:
                pause()
                with cloud.lock:
                    _finish(backend, image, reason)
                    gone = [one for one in image.snapshots if one not in backend.snapshots]
                for one in gone:
                    cloud.forget(one)

        cloud.later(f"make {image.id}", make)


def _finish(backend: Any, image: Image, reason: str) -> None:
    """Give a new image, and its snapshots, the state in which they stay."""
    image.state = "failed" if reason else "available"
    if reason:
        image.state_reason = {"Code": "Client.InternalError", "Message": f"Client.InternalError: {reason}"}
    for one in image.snapshots:
        snapshot = backend.snapshots.get(one)
        if snapshot is not None and snapshot.status == "pending":
            snapshot.status = "error" if reason else "completed"


def _of_volume(volume: Any, attached: Any) -> dict[str, Any]:
    """Return what an image says of a volume that it is made of."""
    return {
        "VolumeSize": volume.size,
        "VolumeType": volume.volume_type,
        "Iops": volume.iops,
        "Throughput": volume.throughput,
        "Encrypted": volume.encrypted,
        "DeleteOnTermination": attached.delete_on_termination,
    }
