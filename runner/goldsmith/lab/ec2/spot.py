"""Spot requests: made by the call that starts an instance, they end with it, or when they are cancelled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.spot_requests import SpotInstanceRequest
from moto.ec2.utils import random_spot_request_id

from goldsmith.lab.ec2.common import LabResponse, refuse, returned


class SpotRequest(SpotInstanceRequest):
    """The request that EC2 makes of a call that starts an instance on the spot market.

    Args:
        instance: The instance, which is there already.
        price: The most that is paid for an hour; None for the price on demand.
        tags: Its tags.
    """

    def __init__(self, instance: Any, price: str | None, tags: dict[str, str]) -> None:
        self._launched = instance
        self._created = datetime.now(UTC).replace(tzinfo=None)
        self.state: str = "open"
        super().__init__(
            instance.ec2_backend,
            random_spot_request_id(),
            price or "0.0228",
            instance.image_id,
            "one-time",
            *(None,) * 4,
            instance.key_name,
            [],
            None,
            instance.instance_type,
            *(None,) * 3,
            monitoring_enabled=False,
            subnet_id=instance.subnet_id,
            tags={"spot-instances-request": tags},
            spot_fleet_id=None,
            instance_interruption_behaviour=None,
        )

    def launch_instance(self) -> Any:
        """Return the instance."""
        return self._launched

    @property
    def create_time(self) -> datetime:
        """When it was made."""
        return self._created

    @property
    def status(self) -> dict[str, Any]:
        """Return what became of it."""
        return {"Code": self._status_code, "Message": "", "UpdateTime": self._created}

    def end(self, state: str, code: str) -> None:
        """Give the request its last state, unless it has one.

        Args:
            state: ``closed`` or ``cancelled``.
            code: Code of its status.
        """
        if self.state not in ("closed", "cancelled"):
            self.state, self._status_code = state, code


class Spot(LabResponse):
    """Actions on spot requests."""

    def cancel_spot_instance_requests(self) -> ActionResult:
        """Cancel requests; their instances run on."""
        known = self.ec2_backend.spot_instance_requests
        wanted = self._get_param("SpotInstanceRequestIds", [])
        for one in wanted:
            if one not in known:
                raise refuse(
                    "InvalidSpotInstanceRequestID.NotFound", f"The spot instance request ID '{one}' does not exist"
                )
        self.error_on_dryrun()
        for one in wanted:
            known[one].end("cancelled", "request-canceled-and-instance-running")
        return returned(
            CancelledSpotInstanceRequests=[{"SpotInstanceRequestId": one, "State": known[one].state} for one in wanted]
        )
