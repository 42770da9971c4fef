"""Images: made of machines, copied, and gone again. Their file systems are those of their snapshots."""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult

from goldsmith.lab.ec2.common import LabResponse, refuse, returned
from goldsmith.lab.ec2.resources import Image, Snapshot

_NAME = re.compile(r"^[A-Za-z0-9()\[\] ./\-'@_]{3,128}$")


class Images(LabResponse):
    """Actions on images."""

    def create_image(self) -> ActionResult:
        """Make an image of an instance."""
        backend = self.ec2_backend
        instance = backend.get_instance(self._get_param("InstanceId"))
        name = self._new_name()
        if instance.state not in ("running", "stopped", "stopping"):
            raise refuse(
                "IncorrectState",
                f"The instance '{instance.id}' is not in a state from which an image can be made: {instance.state}",
            )
        self.error_on_dryrun()
        guest = self.cloud.guests[instance.id]
        source = backend.amis.get(instance.image_id)
        image = Image(backend, name, description=self._get_param("Description", ""))
        image.source_instance_id = instance.id
        image.source_image_id, image.source_image_region = instance.image_id, backend.region_name
        image.root_device_name = instance.root_device_name
        if source is not None:
            image.imds_support, image.boot_mode, image.tpm_support = (
                source.imds_support,
                source.boot_mode,
                source.tpm_support,
            )
        for device, attached in instance.get_block_device_mapping:
            volume = backend.volumes[attached.volume_id]
            snapshot = Snapshot(
                backend,
                volume,
                f"Created by CreateImage({instance.id}) for {image.id}",
                encrypted=volume.encrypted,
                kms_key_id=volume.kms_key_id,
                image=image.id,
            )
            backend.snapshots[snapshot.id] = snapshot
            snapshot.add_tags(self._tags("snapshot"))
            image.block_device_mappings.append(
                {
                    "DeviceName": device,
                    "Ebs": {
                        "SnapshotId": snapshot.id,
                        "VolumeSize": volume.size,
                        "VolumeType": volume.volume_type,
                        "Iops": volume.iops,
                        "Throughput": volume.throughput,
                        "Encrypted": snapshot.encrypted,
                        "DeleteOnTermination": attached.delete_on_termination,
                    },
                }
            )
        image.add_tags(self._tags("image"))
        backend.amis[image.id] = image
        restart = instance.state == "running" and not self._get_bool_param("NoReboot")
        self.cloud.later(f"image {image.id}", self._capture, backend, image, guest, restart, self._fault == "fails")
        return returned(ImageId=image.id)

    def deregister_image(self) -> ActionResult:
        """Forget an image; its snapshots stay."""
        image = self._image(self._get_param("ImageId"))
        self.error_on_dryrun()
        self.ec2_backend.deregister_image(image.id)
        return returned(Return=True)

    def _image(self, identifier: str) -> Any:
        """Return an image of the region."""
        image = self.ec2_backend.amis.get(identifier)
        if image is not None:
            return image
        if identifier in self.ec2_backend.deleted_amis:
            raise refuse("InvalidAMIID.Unavailable", f"The image ID '{identifier}' is no longer available")
        if not re.match(r"^ami-[0-9a-f]{8,17}$", identifier):
            raise refuse("InvalidAMIID.Malformed", f'Invalid id: "{identifier}"')
        raise refuse("InvalidAMIID.NotFound", f"The image id '[{identifier}]' does not exist")

    def _new_name(self) -> str:
        """Return the name that the call gives to a new image."""
        name = str(self._get_param("Name") or "")
        if not _NAME.match(name):
            raise refuse(
                "InvalidAMIName.Malformed",
                "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', "
                "'[', ']', ' ', '.', '/', '-', ''', '@' and '_'",
            )
        backend = self.ec2_backend
        for image in backend.amis.values():
            if image.name == name and image.owner_id == backend.account_id:
                raise refuse(
                    "InvalidAMIName.Duplicate",
                    f"AMI name {name} is already in use by AMI {image.id}",
                )
        return name

    def _capture(self, backend: Any, image: Image, guest: Any, restart: bool, fails: bool) -> None:
        cloud = self.cloud
        try:
            if fails:
                raise RuntimeError("this image was to fail")
            if restart:
                guest.machine.stop()
            cloud.capture(guest.machine, image.root_snapshot, guest.boot.user)
        except Exception as error:
            cloud.wait("image")
            with cloud.lock:
                image.state = "failed"
                image.state_reason = {"Code": "Client.InternalError", "Message": f"Client.InternalError: {error}"}
                for one in image.snapshots:
                    backend.snapshots[one].status = "error"
            if not fails:
                raise
            return
        finally:
            if restart:
                guest._again()
        cloud.wait("image")
        with cloud.lock:
            image.state = "available"
            for one in image.snapshots:
                if one in backend.snapshots:
                    backend.snapshots[one].status = "completed"
            gone = image.root_snapshot not in backend.snapshots
        if gone:
            cloud.forget(image.root_snapshot)
