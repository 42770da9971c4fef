"""The Systems Manager in the lab: the public parameters that name the public images, and the agents of its machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import unix_time, utcnow
from moto.ec2.models import ec2_backends
from moto.ssm.models import Parameter
from moto.ssm.responses import SimpleSystemManagerResponse

from goldsmith.lab.bases import BASES
from goldsmith.lab.ec2.common import LabResponse


class LabSSM(SimpleSystemManagerResponse):
    """A call of the Systems Manager's API."""

    def get_parameter(self) -> ActionResult:
        """Return a parameter."""
        with self._public_parameters():
            return super().get_parameter()

    def get_parameters(self) -> ActionResult:
        """Return parameters."""
        with self._public_parameters():
            return super().get_parameters()

    def get_parameters_by_path(self) -> ActionResult:
        """Return the parameters below a path."""
        with self._public_parameters():
            return super().get_parameters_by_path()

    def describe_instance_information(self) -> ActionResult:
        """List the machines whose agent answers: those that run and have an instance profile."""
        wanted: set[str] = set()
        for one in self._get_param("Filters", []) or self._get_param("InstanceInformationFilterList", []):
            if one.get("Key", one.get("key")) == "InstanceIds":
                wanted |= set(one.get("Values", one.get("valueSet", [])))
        backend = ec2_backends[self.current_account][self.region]
        with LabResponse.cloud.lock:
            found = [
                _agent(instance)
                for instance in backend.all_instances()
                if instance.state == "running"
                and instance.id in backend.iam_instance_profile_associations
                and (not wanted or instance.id in wanted)
            ]
        return ActionResult({"InstanceInformationList": found})

    @contextmanager
    def _public_parameters(self) -> Iterator[None]:
        """Let there be the public parameters as long as they are asked for: nobody has them in his own list."""
        backend = ec2_backends[self.current_account][self.region]
        LabResponse.prepare(backend)
        ours = {image.name: image.id for image in list(backend.amis.values())}
        parameters = self.ssm_backend._parameters
        with LabResponse.cloud.lock:
            for base in BASES:
                parameters[base.parameter] = [_parameter(backend, base.parameter, ours[base.name])]
            try:
                yield
            finally:
                for base in BASES:
                    parameters.pop(base.parameter, None)


def _parameter(backend: Any, name: str, value: str) -> Any:
    return Parameter(
        account_id=backend.account_id,
        name=name,
        value=value,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=unix_time(utcnow()),
        version=1,
        data_type="aws:ec2:image",
    )


def _agent(instance: Any) -> dict[str, Any]:
    return {
        "InstanceId": instance.id,
        "PingStatus": "Online",
        "LastPingDateTime": datetime.now(UTC).replace(tzinfo=None),
        "AgentVersion": "3.3.0.0",
        "PlatformType": "Linux",
        "IPAddress": instance.private_ip_address,
        "ComputerName": instance.private_dns_name,
        "ResourceType": "EC2Instance",
    }
