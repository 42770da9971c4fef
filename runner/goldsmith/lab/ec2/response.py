"""The class that answers EC2's API: moto's, with the lab's actions before it."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.responses import EC2Response

from goldsmith.lab.ec2.common import refuse
from goldsmith.lab.ec2.groups import Groups
from goldsmith.lab.ec2.image_attributes import ImageAttributes
from goldsmith.lab.ec2.image_list import ImageList
from goldsmith.lab.ec2.images import Images
from goldsmith.lab.ec2.instances import Instances
from goldsmith.lab.ec2.interfaces import Interfaces
from goldsmith.lab.ec2.key_pairs import KeyPairs
from goldsmith.lab.ec2.launch import Launch
from goldsmith.lab.ec2.regions import Regions
from goldsmith.lab.ec2.snapshots import Snapshots
from goldsmith.lab.ec2.spot import Spot
from goldsmith.lab.ec2.tags import Tags


class LabEC2(
    Launch,
    Instances,
    Interfaces,
    Images,
    ImageList,
    ImageAttributes,
    Snapshots,
    KeyPairs,
    Groups,
    Spot,
    Regions,
    Tags,
    EC2Response,
):
    """EC2's API, one call at a time."""

    # moto's RunInstances answers that an instance is pending, whatever it is when a token brings it up again.
    RESPONSE_KEY_PATH_TO_TRANSFORMER = {
        path: change
        for path, change in EC2Response.RESPONSE_KEY_PATH_TO_TRANSFORMER.items()
        if not path.startswith("RunInstances.")
    }

    def call_action(self) -> Any:
        """Do the action, while no other one and nothing in the background changes resources."""
        with self.cloud.lock:
            if self.region not in ec2_backends[self.current_account]:
                # As in a region that the account has not enabled.
                text = "AWS was not able to validate the provided access credentials"
                return self.serialized(ActionResult(refuse("AuthFailure", text)))
            return super().call_action()
