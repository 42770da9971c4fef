"""The class that answers EC2's API: moto's, with the lab's actions before it."""

from __future__ import annotations

from typing import Any

from moto.ec2.responses import EC2Response

from goldsmith.lab.ec2.images import Images
from goldsmith.lab.ec2.instances import Instances


class LabEC2(Instances, Images, EC2Response):
    """EC2's API, one call at a time."""

    def call_action(self) -> Any:
        """Do the action, while no other one and nothing in the background changes resources."""
        with self.cloud.lock:
            return super().call_action()
