"""The EBS direct API in the lab: snapshots are written and read block by block, and checked as EBS checks them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ebs.responses import EBSResponse
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_block_store import Volume

from goldsmith.lab.disks import BLOCK, Disk
from goldsmith.lab.ec2 import devices
from goldsmith.lab.ec2.common import LabResponse, page
from goldsmith.lab.ec2.resources import Snapshot

_GIB = 2**30
_NO_VOLUME = "vol-ffffffff"
"""What EC2 tells for snapshots that are of no volume."""


class Refusal(ServiceException):
    """An error that EBS answers; of its own classes moto would ask for the service that their module is named after."""


class LabEBS(EBSResponse):
    """A call of the EBS direct API."""

    @property
    def _cloud(self) -> Any:
        return LabResponse.cloud

    @property
    def _ec2(self) -> Any:
        backend = ec2_backends[self.current_account][self.region]
        LabResponse.prepare(backend)
        return backend

    def start_snapshot(self) -> ActionResult:
        """Begin a snapshot."""
        size, parent = int(self._get_param("VolumeSize")), self._get_param("ParentSnapshotId")
        encrypted, key = self._get_param("Encrypted"), self._get_param("KmsKeyArn")
        with self._cloud.lock:
            token = self._get_param("ClientToken")
            known = ("ebs", self.region, token)
            given = repr((size, parent, encrypted, key, self._get_param("Description"), self._get_param("Tags")))
            if token and known in self._cloud.tokens:
                before, result = self._cloud.tokens[known]
                if before != given:
                    raise _refuse("ConflictException", "The request uses the same client token as a previous one.")
                return ActionResult(result)
            old = None
            if parent:
                if encrypted is not None or key:
                    raise _refuse("ValidationException", "Encrypted cannot be specified with ParentSnapshotId")
                old = self._snapshot(parent, "completed")
                if size < old.volume_size:
                    raise _refuse("ValidationException", "The volume size is smaller than that of the parent snapshot")
                key = old.kms_key_id if old.encrypted else None
            elif encrypted or key:
                if not encrypted:
                    raise _refuse("ValidationException", "KmsKeyArn requires Encrypted")
                key = devices.key_arn(self._ec2, key)
            volume = Volume(self._ec2, _NO_VOLUME, size, None)
            snapshot = Snapshot(self._ec2, volume, self._get_param("Description") or "", kms_key_id=key)
            self._ec2.snapshots[snapshot.id] = snapshot
            tags = self._get_param("Tags") or []
            snapshot.add_tags({tag["Key"]: tag.get("Value", "") for tag in tags})
            path = self._cloud.disk_path(snapshot.id)
            self._cloud.disks[snapshot.id] = Disk.create(path, size * _GIB, self._cloud.disks.get(parent))
            result = {
                "SnapshotId": snapshot.id,
                "OwnerId": snapshot.owner_id,
                "Status": "pending",
                "StartTime": snapshot.start_time,
                "VolumeSize": size,
                "BlockSize": BLOCK,
                "Tags": tags,
                "ParentSnapshotId": parent,
                "KmsKeyArn": key,
                "Description": snapshot.description,
            }
            if token:
                self._cloud.tokens[known] = (given, result)
        return ActionResult(result)

    def put_snapshot_block(self) -> ActionResult:
        """Write a block."""
        snapshot = self._snapshot(self._get_param("SnapshotId"), "pending")
        index, data = int(self._get_param("BlockIndex")), self._get_param("BlockData") or b""
        if (
            self._get_param("DataLength") != BLOCK
            or len(data) != BLOCK
            or not 0 <= index * BLOCK < self._bytes(snapshot)
        ):
            raise _refuse("ValidationException", f"Block {index} is not {BLOCK} bytes within the volume")
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        if self._get_param("ChecksumAlgorithm") != "SHA256" or self._get_param("Checksum") != checksum:
            raise _refuse("ValidationException", f"The checksum of block {index} does not match its data")
        with self._cloud.lock:
            self._cloud.disks[snapshot.id].write(index, data)
        return ActionResult({"Checksum": checksum, "ChecksumAlgorithm": "SHA256"})

    def complete_snapshot(self) -> ActionResult:
        """Seal a snapshot, which is completed a while later."""
        cloud, snapshot = self._cloud, self._snapshot(self._get_param("SnapshotId"), "pending")
        pause = cloud.pause("image")

        def complete() -> None:
            status = "error"
            try:
                cloud.find_system(snapshot.id)
                status = "completed"
            finally:
                pause()
                with cloud.lock:
                    snapshot.status = status

        cloud.later(f"complete {snapshot.id}", complete)
        return ActionResult({"Status": "pending"})

    def get_snapshot_block(self) -> ActionResult:
        """Read a block."""
        snapshot = self._snapshot(self._get_param("SnapshotId"), "completed")
        index = int(self._get_param("BlockIndex"))
        if self._get_param("BlockToken") != _token(snapshot.id, index):
            raise _refuse("ValidationException", "The block token is invalid")
        data = self._cloud.disks[snapshot.id].read(index)
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        return ActionResult(
            {"DataLength": len(data), "BlockData": data, "Checksum": checksum, "ChecksumAlgorithm": "SHA256"}
        )

    def list_snapshot_blocks(self) -> ActionResult:
        """List the blocks of a snapshot."""
        snapshot = self._snapshot(self._get_param("SnapshotId"), "completed")
        found = sorted(self._cloud.disks[snapshot.id].indexes)
        shown, more = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        blocks = [{"BlockIndex": index, "BlockToken": _token(snapshot.id, index)} for index in shown]
        return ActionResult({"Blocks": blocks, **_size(snapshot), "NextToken": more})

    def list_changed_blocks(self) -> ActionResult:
        """List the blocks in which two snapshots differ."""
        first = self._snapshot(self._get_param("FirstSnapshotId"), "completed")
        second = self._snapshot(self._get_param("SecondSnapshotId"), "completed")
        one, two = self._cloud.disks[first.id], self._cloud.disks[second.id]
        found = [index for index in sorted(one.indexes | two.indexes) if one.read(index) != two.read(index)]
        shown, more = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        blocks = [
            {
                "BlockIndex": index,
                "FirstBlockToken": _token(first.id, index) if index in one.indexes else None,
                "SecondBlockToken": _token(second.id, index) if index in two.indexes else None,
            }
            for index in shown
        ]
        return ActionResult({"ChangedBlocks": blocks, **_size(second), "NextToken": more})

    def _snapshot(self, name: str, status: str) -> Any:
        with self._cloud.lock:
            snapshot = self._ec2.snapshots.get(name)
            if snapshot is None or name not in self._cloud.disks:
                raise _refuse("ResourceNotFoundException", f"The snapshot '{name}' does not exist.")
            if snapshot.status != status:
                raise _refuse("ValidationException", f"The snapshot '{name}' is not {status}, but {snapshot.status}.")
            return snapshot

    @staticmethod
    def _bytes(snapshot: Snapshot) -> int:
        return snapshot.volume_size * _GIB


def _size(snapshot: Snapshot) -> dict[str, int]:
    return {"VolumeSize": snapshot.volume_size, "BlockSize": BLOCK}


def _token(snapshot: str, index: int) -> str:
    return base64.b64encode(f"{snapshot}/{index}".encode()).decode()


def _refuse(code: str, message: str) -> Refusal:
    return Refusal(code, message)
