"""The class that answers EC2's API: moto's, with the lab's actions before it."""

from __future__ import annotations

from typing import Any

from moto.ec2.responses import EC2Response

from goldsmith.lab.ec2.image_attributes import ImageAttributes
from goldsmith.lab.ec2.image_list import ImageList
from goldsmith.lab.ec2.images import Images
from goldsmith.lab.ec2.instances import Instances
from goldsmith.lab.ec2.key_pairs import KeyPairs
from goldsmith.lab.ec2.snapshots import Snapshots
from goldsmith.lab.ec2.tags import Tags


class LabEC2(Instances, Images, ImageList, ImageAttributes, Snapshots, KeyPairs, Tags, EC2Response):
    """EC2's API, one call at a time."""

    def call_action(self) -> Any:
        """Do the action, while no other one and nothing in the background changes resources."""
        with self.cloud.lock:
            return super().call_action()
