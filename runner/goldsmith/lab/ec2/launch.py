"""Starting instances: what EC2 refuses, and what moto leaves out of what it makes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.utils import filter_iam_instance_profiles

from goldsmith.lab.boot import Boot
from goldsmith.lab.ec2 import devices
from goldsmith.lab.ec2.common import LabResponse, idempotent, refuse
from goldsmith.lab.ec2.guest import Guest
from goldsmith.lab.ec2.spot import SpotRequest

USER_DATA = 16384
"""Bytes of user data that EC2 takes."""


class Launch(LabResponse):
    """The action that starts instances."""

    @idempotent
    def run_instances(self) -> ActionResult:
        """Start machines from an image."""
        backend = self.ec2_backend
        image = self._startable(self._get_param("ImageId") or self._from_template("image_id"))
        self._check_type(image)
        name = self._get_param("KeyName")
        if name and name not in backend.key_pairs:
            raise refuse("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")
        data = base64.b64decode(self._get_param("UserData") or b"")
        if len(data) > USER_DATA:
            raise refuse("InvalidParameterValue", f"User data is limited to {USER_DATA} bytes")
        self._check_profile()
        asked = devices.combined(backend, image.block_device_mappings, self._get_param("BlockDeviceMappings", []))
        self.params["BlockDeviceMappings"] = devices.creatable(asked)
        self.params["MinCount"] = self._get_param("MaxCount") or self._get_param("MinCount") or 1
        result: ActionResult = super().run_instances()
        image.last_launched = datetime.now(UTC).replace(tzinfo=None)
        for instance in result.result.instances:
            devices.finish(backend, instance, asked)
            self._fill_in(instance, image)
            self._guest(instance, image, data).launch()
        return result

    def _from_template(self, attribute: str) -> Any:
        """Return what the launch template that the call names says, or None."""
        template = self._get_param("LaunchTemplate")
        return getattr(self.ec2_backend._get_template_from_args(template), attribute, None) if template else None

    def _startable(self, identifier: str | None) -> Any:
        if not identifier:
            raise refuse("MissingParameter", "The request must contain the parameter ImageId")
        image = self._image(identifier)
        if image.state != "available":
            raise refuse("InvalidAMIID.Unavailable", f"The image ID '{identifier}' is not available")
        return image

    def _check_type(self, image: Any) -> None:
        name = self._get_param("InstanceType") or self._from_template("instance_type")
        if name is None:
            return
        if name not in INSTANCE_TYPES:
            raise refuse("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
        architectures = INSTANCE_TYPES[name].get("ProcessorInfo", {}).get("SupportedArchitectures", [])
        if architectures and image.architecture not in architectures:
            raise refuse(
                "InvalidParameterValue",
                f"The architecture '{','.join(architectures)}' of the specified instance type does not match the "
                f"architecture '{image.architecture}' of the specified AMI. Specify an instance type and an AMI that "
                "have matching architectures, and try again.",
            )

    def _fill_in(self, instance: Any, image: Any) -> None:
        """Give a new instance what moto leaves out."""
        instance.ena_support, instance.boot_mode = image.ena_support, image.boot_mode
        instance.platform_details, instance.usage_operation = image.platform_details, image.usage_operation
        instance.disable_api_termination = bool(self._get_bool_param("DisableApiTermination"))
        instance.enclave_options = {"Enabled": bool(self._get_bool_param("EnclaveOptions.Enabled"))}
        instance.placement.tenancy = self._get_param("Placement.Tenancy") or "default"
        instance.placement.group_name = self._get_param("Placement.GroupName") or ""
        if image.imds_support == "v2.0" and self._get_param("MetadataOptions.HttpTokens") is None:
            instance.metadata_options.http_tokens = "required"
        given = {int(one.get("DeviceIndex", 0)): one for one in self._get_param("NetworkInterfaces", [])}
        for index, nic in instance.nics.items():
            one = given.get(index, {})
            if "NetworkInterfaceId" not in one:
                nic.delete_on_termination = one.get("DeleteOnTermination", True)
                nic.add_tags(self._tags("network-interface"))
        if self._get_param("InstanceMarketOptions.MarketType") == "spot":
            price = self._get_param("InstanceMarketOptions.SpotOptions.MaxPrice")
            request = SpotRequest(instance, price, self._tags("spot-instances-request"))
            self.ec2_backend.spot_instance_requests[request.id] = request
            instance.spot_instance_request_id = request.id

    def _check_profile(self) -> None:
        profile = self._get_param("IamInstanceProfile", {})
        try:
            if profile:
                filter_iam_instance_profiles(
                    self.current_account, self.partition, profile.get("Arn"), profile.get("Name")
                )
        except Exception as error:
            kind, value = next(iter(profile.items()))
            raise refuse(
                "InvalidParameterValue",
                f"Value ({value}) for parameter iamInstanceProfile.{kind.lower()} is invalid. Invalid IAM Instance "
                f"Profile {kind.lower()}",
            ) from error

    def _guest(self, instance: Any, image: Any, data: bytes) -> Guest:
        """Add the machine of a new instance."""
        reachable = self._fault != "unreachable"
        machine = self.cloud.new_machine(instance.id, reachable=reachable)
        pair = self.ec2_backend.key_pairs.get(instance.key_name)
        boot = Boot(
            name=instance.id,
            hostname=f"ip-{machine.address.replace('.', '-')}",
            user=self.cloud.contents[image.root_snapshot].user,
            keys=(_authorized(pair),) if pair else (),
            data=data,
        )
        guest = Guest(
            self.cloud,
            instance,
            machine,
            image.root_snapshot,
            boot,
            public=instance.nics[0].public_ip is not None,
            reachable=reachable,
        )
        self.cloud.guests[instance.id] = guest
        return guest


def _authorized(pair: Any) -> str:
    """Return a key pair's public half as EC2 gives it to instances: its comment is the pair's name."""
    kind, material = pair.material_public.decode().split()[:2]
    return f"{kind} {material} {pair.key_name}"
