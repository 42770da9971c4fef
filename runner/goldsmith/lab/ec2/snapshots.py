"""Snapshots: of a root volume, they hold the machine's file system, from which an image can be registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import ec2_backends
from moto.ec2.utils import generic_filter

from goldsmith.lab.ec2 import devices
from goldsmith.lab.ec2.common import LabResponse, page, refuse, returned
from goldsmith.lab.ec2.image_attributes import changes
from goldsmith.lab.ec2.resources import Snapshot


class Snapshots(LabResponse):
    """Actions on snapshots."""

    def create_snapshot(self) -> ActionResult:
        """Make a snapshot of a volume."""
        volume = self.ec2_backend.get_volume(self._get_param("VolumeId"))
        self.error_on_dryrun()
        return ActionResult(self._new_snapshot(volume, self._get_param("Description") or ""))

    def create_snapshots(self) -> ActionResult:
        """Make snapshots of the volumes of an instance, all of the same moment."""
        wanted = self._get_param("InstanceSpecification", {})
        instance = self.ec2_backend.get_instance(wanted.get("InstanceId"))
        excluded = set(wanted.get("ExcludeDataVolumeIds", []))
        self.error_on_dryrun()
        made = []
        for device, attached in instance.get_block_device_mapping:
            if attached.volume_id in excluded:
                continue
            if device == instance.root_device_name and wanted.get("ExcludeBootVolume"):
                continue
            volume = self.ec2_backend.volumes[attached.volume_id]
            made.append(self._new_snapshot(volume, self._get_param("Description") or ""))
        return returned(Snapshots=[_info(snapshot) for snapshot in made])

    def copy_snapshot(self) -> ActionResult:
        """Copy a snapshot, from this region or another one."""
        origin = ec2_backends[self.current_account][self._get_param("SourceRegion")]
        self.prepare(origin)
        old = origin.get_snapshot(self._get_param("SourceSnapshotId"))
        if old.status != "completed":
            raise refuse("IncorrectState", f"Snapshot '{old.id}' is not completed")
        self.error_on_dryrun()
        key = None
        if old.encrypted or self._get_bool_param("Encrypted"):
            key = devices.key_arn(self.ec2_backend, self._get_param("KmsKeyId"))
        new = Snapshot(self.ec2_backend, old.volume, self._get_param("Description") or "", kms_key_id=key)
        new.size = old.volume_size
        self.ec2_backend.snapshots[new.id] = new
        new.add_tags(self._tags("snapshot"))

        def copy() -> None:
            if old.id in self.cloud.contents:
                self.cloud.copy(old.id, new.id)

        self._complete(new, "copy", copy)
        return returned(SnapshotId=new.id, Tags=new.tag_list)

    def delete_snapshot(self) -> ActionResult:
        """Delete a snapshot, unless an image needs it."""
        snapshot = self.ec2_backend.get_snapshot(self._get_param("SnapshotId"))
        for image in self.ec2_backend.amis.values():
            if snapshot.id in image.snapshots:
                raise refuse("InvalidSnapshot.InUse", f"The snapshot {snapshot.id} is currently in use by {image.id}")
        self.error_on_dryrun()
        del self.ec2_backend.snapshots[snapshot.id]
        self.cloud.later(f"delete {snapshot.id}", self.cloud.forget, snapshot.id)
        return EmptyResult()

    def describe_snapshots(self) -> ActionResult:
        """List snapshots that the caller may use."""
        self.error_on_dryrun()
        account = self.ec2_backend.account_id
        found = self.ec2_backend.describe_snapshots(snapshot_ids=self._get_param("SnapshotIds", []))
        owners = {account if owner == "self" else owner for owner in self._get_param("OwnerIds", [])}
        if owners:
            found = [one for one in found if one.owner_id in owners]
        found = generic_filter(self._filters_from_querystring(), found)
        shown, token = page(found, self._get_int_param("MaxResults"), self._get_param("NextToken"))
        return returned(Snapshots=shown, NextToken=token)

    def modify_snapshot_attribute(self) -> ActionResult:
        """Change who may use a snapshot."""
        snapshot = self.ec2_backend.get_snapshot(self._get_param("SnapshotId"))
        added, removed = changes(self, "CreateVolumePermission")
        if added and snapshot.encrypted and snapshot.kms_key_id == self.ec2_backend.default_kms_key_id:
            raise refuse("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
        if snapshot.encrypted and {"Group": "all"} in added:
            raise refuse("OperationNotPermitted", "Encrypted snapshots cannot be shared publicly")
        self.error_on_dryrun()
        for permissions, change in (
            (added, self.ec2_backend.add_create_volume_permission),
            (removed, self.ec2_backend.remove_create_volume_permission),
        ):
            users = [one["UserId"] for one in permissions if "UserId" in one]
            groups = [one["Group"] for one in permissions if "Group" in one]
            if permissions:
                change(snapshot.id, user_ids=users, groups=groups)
        return EmptyResult()

    def reset_snapshot_attribute(self) -> ActionResult:
        """Make a snapshot private."""
        snapshot = self.ec2_backend.get_snapshot(self._get_param("SnapshotId"))
        self.error_on_dryrun()
        snapshot.create_volume_permission_userids.clear()
        snapshot.create_volume_permission_groups.clear()
        return EmptyResult()

    def get_ebs_default_kms_key_id(self) -> ActionResult:
        """Return the key of volumes and copies for which none is named."""
        self.error_on_dryrun()
        return returned(KmsKeyId="alias/aws/ebs")

    def _new_snapshot(self, volume: Any, description: str) -> Snapshot:
        key = volume.kms_key_id if volume.encrypted else None
        snapshot = Snapshot(self.ec2_backend, volume, description, kms_key_id=key)
        self.ec2_backend.snapshots[snapshot.id] = snapshot
        snapshot.add_tags(self._tags("snapshot"))
        attachment = volume.attachment
        instance = attachment.instance if attachment else None
        guest = self.cloud.guests.get(instance.id) if instance else None
        capture: Callable[[], None] = lambda: None  # noqa: E731  only a root volume has a file system here
        if instance is not None and guest is not None and attachment.device == instance.root_device_name:
            capture = self.cloud.capture(guest.machine, snapshot.id, guest.boot.user)
        self._complete(snapshot, "image", capture)
        return snapshot

    def _complete(self, snapshot: Snapshot, delay: str, work: Callable[[], None]) -> None:
        """Do in the background what fills a snapshot, and let it be completed then."""
        cloud, backend, pause = self.cloud, self.ec2_backend, self.cloud.pause(delay)

        def complete() -> None:
            status = "error"
            try:
                work()
                status = "completed"
            finally:
                pause()
                with cloud.lock:
                    snapshot.status = status
                    gone = snapshot.id not in backend.snapshots
                if gone:
                    cloud.forget(snapshot.id)

        cloud.later(f"fill {snapshot.id}", complete)


def _info(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot as CreateSnapshots answers, where the state has another name."""
    return {
        "SnapshotId": snapshot.id,
        "VolumeId": snapshot.volume_id,
        "VolumeSize": snapshot.volume_size,
        "State": snapshot.status,
        "StartTime": snapshot.start_time,
        "Progress": snapshot.progress,
        "OwnerId": snapshot.owner_id,
        "Description": snapshot.description,
        "Encrypted": snapshot.encrypted,
        "Tags": snapshot.tag_list,
    }
