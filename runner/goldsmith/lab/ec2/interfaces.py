"""Network interfaces: one that is in use stays."""

from __future__ import annotations

from moto.core.responses import ActionResult

from goldsmith.lab.ec2.common import LabResponse, refuse


class Interfaces(LabResponse):
    """Actions on network interfaces."""

    def delete_network_interface(self) -> ActionResult:
        """Delete a network interface that no instance has."""
        identifier = self._get_param("NetworkInterfaceId")
        nic = self.ec2_backend.enis.get(identifier)
        if nic is not None and nic.instance is not None:
            raise refuse(
                "InvalidNetworkInterface.InUse", f"The interface {identifier} is currently in use and cannot be deleted"
            )
        result: ActionResult = super().delete_network_interface()
        return result
