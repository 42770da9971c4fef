"""Instances: each is a machine, and takes its time."""

from __future__ import annotations

import base64
import copy
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.utils import filter_dict_attribute_mapping

from goldsmith.lab.ec2.common import LabResponse, refuse, returned
from goldsmith.lab.ec2.guest import Guest

filter_dict_attribute_mapping.update(
    {
        "client-token": "client_token",
        "hypervisor": "hypervisor",
        "instance-lifecycle": "lifecycle",
        "metadata-options.http-tokens": "metadata_options.http_tokens",
        "placement-group-name": "placement.group_name",
        "root-device-name": "root_device_name",
        "root-device-type": "root_device_type",
        "spot-instance-request-id": "spot_instance_request_id",
        "tenancy": "placement.tenancy",
        "virtualization-type": "virtualization_type",
    }
)
"""Filters of DescribeInstances that moto lacks, and where it keeps what they look at."""

_CONSOLE = 64 * 1024
"""Bytes of the console that EC2 tells."""


class Instances(LabResponse):
    """Actions on instances."""

    def start_instances(self) -> ActionResult:
        """Start machines that are stopped."""
        return returned(StartingInstances=self._change(Guest.start, "stopped", ("stopped", "pending", "running")))

    def stop_instances(self) -> ActionResult:
        """Shut machines down."""
        return returned(StoppingInstances=self._change(Guest.stop, "running", ("running", "stopping", "stopped")))

    def reboot_instances(self) -> ActionResult:
        """Reboot machines."""
        self._change(Guest.reboot, "running", ("running",))
        return EmptyResult()

    def terminate_instances(self) -> ActionResult:
        """Throw machines away."""
        for instance in self._instances():
            if instance.disable_api_termination is True:
                raise refuse(
                    "OperationNotPermitted",
                    f"The instance '{instance.id}' may not be terminated. Modify its 'disableApiTermination' instance "
                    "attribute and try again.",
                )
        return returned(TerminatingInstances=self._change(Guest.terminate, "pending running stopping stopped"))

    def get_console_output(self) -> ActionResult:
        """Return what a machine wrote to its console."""
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        guest = self.cloud.guests.get(instance.id)
        said = guest.machine.console()[-_CONSOLE:] if guest else b""
        output = base64.b64encode(said).decode("ascii")
        return returned(InstanceId=instance.id, Timestamp=datetime.now(UTC).replace(tzinfo=None), Output=output)

    def describe_instance_status(self) -> ActionResult:
        """Tell how instances are."""
        self.error_on_dryrun()
        wanted = self._get_param("InstanceIds", [])
        filters = self._filters_from_querystring()
        found = self.ec2_backend.all_instances()
        if wanted:
            found = self.ec2_backend.get_multi_instances_by_id(wanted)
        if not self._get_bool_param("IncludeAllInstances"):
            found = [instance for instance in found if instance.state == "running"]
        statuses = [self._status(instance) for instance in found]
        shown = [one for one in statuses if all(_of(one, name) in values for name, values in filters.items())]
        return returned(InstanceStatuses=shown)

    def _status(self, instance: Any) -> dict[str, Any]:
        guest = self.cloud.guests[instance.id]
        checked = guest.checked()
        details = [{"Name": "reachability", "Status": {"ok": "passed", "impaired": "failed"}.get(checked, checked)}]
        check = {"Status": checked, **({} if checked == "not-applicable" else {"Details": details})}
        system = check if checked != "impaired" else {"Status": "ok"}
        return {
            "AvailabilityZone": instance.placement.zone,
            "InstanceId": instance.id,
            "InstanceState": {"Code": instance.state_code, "Name": instance.state},
            "InstanceStatus": check,
            "SystemStatus": system,
        }

    def _instances(self) -> list[Any]:
        self.error_on_dryrun()
        wanted = self._get_param("InstanceIds", [])
        if not wanted:
            raise refuse("MissingParameter", "The request must contain the parameter InstanceIds")
        return list(self.ec2_backend.get_multi_instances_by_id(wanted))

    def _change(self, change: Any, sources: str, allowed: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Change the state of the instances that the call names.

        Args:
            change: Method of `Guest` that does it.
            sources: States that it is done in; in the other ones it is done already.
            allowed: States in which the call is not refused; by default all.
        """
        found = self._instances()
        for instance in found:
            if allowed and instance.state not in allowed:
                raise refuse(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which this can be done: {instance.state}.",
                )
        changes = []
        for instance in found:
            before = copy.copy(instance._state)
            if instance.state in sources.split():
                change(self.cloud.guests[instance.id])
            changes.append(
                {"InstanceId": instance.id, "CurrentState": copy.copy(instance._state), "PreviousState": before}
            )
        return changes


def _of(status: dict[str, Any], name: str) -> str:
    """Return what a filter of DescribeInstanceStatus looks at."""
    parts = {
        "availability-zone": ("AvailabilityZone",),
        "instance-state-name": ("InstanceState", "Name"),
        "instance-state-code": ("InstanceState", "Code"),
        "instance-status.status": ("InstanceStatus", "Status"),
        "system-status.status": ("SystemStatus", "Status"),
    }
    if name not in parts:
        raise refuse("InvalidParameterValue", f"The filter '{name}' is invalid")
    found: Any = status
    for part in parts[name]:
        found = found[part]
    return str(found)
