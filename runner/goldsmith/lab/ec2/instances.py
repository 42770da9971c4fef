"""Instances: each is a machine, and takes its time."""

from __future__ import annotations

import base64
import copy
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from goldsmith.lab.boot import Boot
from goldsmith.lab.ec2 import devices
from goldsmith.lab.ec2.common import LabResponse, refuse, returned
from goldsmith.lab.ec2.guest import Guest

_CONSOLE = 64 * 1024
"""Bytes of the console that EC2 tells."""


class Instances(LabResponse):
    """Actions on instances."""

    def run_instances(self) -> ActionResult:
        """Start machines from an image."""
        image = self._startable(self._get_param("ImageId"))
        name = self._get_param("KeyName")
        if name and name not in self.ec2_backend.key_pairs:
            raise refuse("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")
        asked = devices.combined(
            self.ec2_backend, image.block_device_mappings, self._get_param("BlockDeviceMappings", [])
        )
        self.params["BlockDeviceMappings"] = devices.creatable(asked)
        result: ActionResult = super().run_instances()
        for instance in result.result.instances:
            devices.finish(self.ec2_backend, instance, asked)
            self._guest(instance, image).launch()
        return result

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

    def _startable(self, identifier: str | None) -> Any:
        image = self.ec2_backend.amis.get(identifier)
        if image is None:
            raise refuse("InvalidAMIID.NotFound", f"The image id '[{identifier}]' does not exist")
        if image.state != "available":
            raise refuse("InvalidAMIID.Unavailable", f"The image ID '{identifier}' is not available")
        return image

    def _guest(self, instance: Any, image: Any) -> Guest:
        machine = self.cloud.new_machine(instance.id, reachable=self._fault != "unreachable")
        pair = self.ec2_backend.key_pairs.get(instance.key_name)
        boot = Boot(
            hostname=f"ip-{machine.address.replace('.', '-')}",
            user=self.cloud.contents[image.root_snapshot].user,
            keys=(_authorized(pair),) if pair else (),
        )
        public = instance.nics[0].public_ip is not None
        guest = Guest(self.cloud, instance, machine, image.root_snapshot, boot, public)
        self.cloud.guests[instance.id] = guest
        return guest

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


def _authorized(pair: Any) -> str:
    """Return a key pair's public half as EC2 gives it to instances: its comment is the pair's name."""
    kind, material = pair.material_public.decode().split()[:2]
    return f"{kind} {material} {pair.key_name}"
